package commands

import (
	"maps"
	"reflect"
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
	if candidate.Base == nil || !sameRights(candidate.Base.Config, candidate.Config, c.s.User()) {
		return shell.Fail("Error: your role does not permit changes to users, their rights and the way in.")
	}
	return nil
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
}

func rightsOf(c *config.Config, user string) rightsPart {
	c = c.Clone()
	c.Normalize()
	part := rightsPart{map[string]config.User{}, map[string]string{}, c.Passphrases, c.Shell}
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
