package commands

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

// rights refuses a commit that gives what only an administrator may give, however the change came into the candidate:
// users and what they may, the rules for passphrases, and the way in. One's own passphrase is one's own.
func (c *committing) rights() error {
	if c.s.MayRun("userconfig", "new") {
		return nil
	}
	candidate := c.s.Uncommitted()
	if candidate.Base != nil {
		if err := mayMove(c.s, candidate.Base.Config.SSHPorts(), candidate.Config.SSHPorts()); err != nil {
			return err
		}
	}
	if candidate.Base == nil || !sameRights(candidate.Base.Config, candidate.Config, c.s.User()) {
		return shell.Fail("Error: your role does not permit changes to users, their rights and the way in.")
	}
	return nil
}

// mayMove refuses another way in to those who may not change it.
func mayMove(s *shell.Session, before, after map[string]config.SSHPort) error {
	var moved []string
	for place, p := range before {
		if _, stays := after[place]; !stays {
			moved = append(moved, p.String())
		}
	}
	for place, p := range after {
		if _, known := before[place]; !known {
			moved = append(moved, p.String())
		}
	}
	if len(moved) == 0 || s.MayRun("interfaceconfig", "edit", "NAME", "ssh") {
		return nil
	}
	slices.Sort(moved)
	return shell.Fail("Error: your role does not permit changes to the way in: %s.", strings.Join(slices.Compact(moved), ", "))
}

// mayCancel refuses to cancel what the user could not have planned: who may not give rights may not hold them back either.
func (c *committing) mayCancel(planned int) error {
	if c.s.MayRun("userconfig", "new") {
		return nil
	}
	upon, own, err := c.a.Config.PlannedFor(planned)
	if err != nil || sameRights(upon, own, c.s.User()) {
		return nil // what is not planned is not found either when it is to be cancelled
	}
	return shell.Fail("Error: planned commit %d changes users, their rights or the way in; only an administrator may cancel it.", planned)
}

// mayConfirm refuses to confirm what the user could not have committed, somebody else's or one's own from before a demotion.
func (c *committing) mayConfirm(w config.Waiting) error {
	if c.s.MayRun("userconfig", "new") {
		return nil
	}
	for _, r := range w.Revisions {
		before, err := c.a.Config.Load(r.Number - 1)
		after, afterErr := c.a.Config.Load(r.Number)
		if err != nil || afterErr != nil || !sameRights(before, after, c.s.User()) {
			return shell.Fail("Error: %s changes users, their rights or the way in; it waits until %s, and only an administrator may confirm it.",
				told(r), stamp(w.Until))
		}
	}
	return nil
}

// howConfirmed says how what waits can be confirmed, as far as this user is concerned.
func (c *committing) howConfirmed(w config.Waiting) string {
	if c.mayConfirm(w) != nil {
		return "only an administrator may confirm it"
	}
	return "a commit of nothing confirms it"
}

// sameRights says whether two configurations let the same people in to do the same, the passphrase of one user apart.
func sameRights(old, new *config.Config, user string) bool {
	return reflect.DeepEqual(rightsOf(old, user), rightsOf(new, user))
}

type rightsPart struct {
	users       map[string]config.User
	refs        map[string]string
	passphrases config.Passphrases
	shell       config.Shell
	ssh         []string
}

func rightsOf(c *config.Config, user string) rightsPart {
	c = c.Clone()
	c.Normalize()
	part := rightsPart{map[string]config.User{}, map[string]string{}, c.Passphrases, c.Shell, slices.Sorted(maps.Keys(c.SSHPorts()))}
	for name, u := range c.Users {
		if name == user {
			u.MustChange = false
		}
		part.users[name] = *u
	}
	maps.Copy(part.refs, c.Refs)
	maps.DeleteFunc(part.refs, func(ref, _ string) bool {
		return !strings.HasPrefix(ref, "users.") || ref == config.PassphraseRef(user) || ref == config.PassphraseHistoryRef(user)
	})
	return part
}
