package commands

import (
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

func (u *users) batch(args []string) error {
	return dispatch("userconfig", args, []subcommand{
		{"list", 0, 0, func([]string) error { return u.list() }},
		{"new", 3, 4, u.batchCreate},
		{"edit", 3, -1, u.named(u.batchEdit)},
		{"delete", 1, 1, u.named(func(name string, _ []string) error { return u.remove(name) })},
		{"role", 0, 2, u.batchRole},
		{"status", 1, 2, u.named(u.batchStatus)},
		{"passphrase", 1, 2, u.named(u.batchPassphrase)},
		{"twofactor", 2, 2, u.named(u.batchTwoFactor)},
		{"policy", 1, -1, u.batchPolicy},
	})
}

// named takes the user's name off the words.
func (u *users) named(do func(name string, rest []string) error) func([]string) error {
	return func(args []string) error {
		name, err := u.known(args[0])
		if err != nil {
			return err
		}
		return do(name, args[1:])
	}
}

// newUserDocument is what --json prints of a user that was made, or whose passphrase was.
type newUserDocument struct {
	Name       string  `json:"name" doc:"the account"`
	Passphrase *string `json:"passphrase" doc:"null unless it was generated"`
}

func generated(pass string, yes bool) *string {
	if yes {
		return &pass
	}
	return nil
}

// wantsGenerated reads the word generate where it is there.
func wantsGenerated(words []string) (bool, error) {
	if len(words) == 0 {
		return false, nil
	}
	if !strings.EqualFold(words[0], "generate") {
		return false, shell.Usage("Invalid word: only generate may stand there; a passphrase on the command line could be read by others.")
	}
	return true, nil
}

func (u *users) batchCreate(args []string) error {
	name, full := args[0], args[2]
	if err := u.fresh(name); err != nil {
		return err
	}
	role, err := parseRole(args[1])
	if err != nil {
		return err
	}
	generate, err := wantsGenerated(args[3:])
	if err != nil {
		return err
	}
	if err := u.add(name, role, full); err != nil {
		return err
	}
	return u.finish(name, generate)
}

func (u *users) batchEdit(name string, words []string) error {
	return change(u.s, func(c *config.Config) error {
		user := c.Users[name]
		return applySettings(words, []setting{
			{"full_name", func(v string) error { user.FullName = v; return checkFullName(v) }},
			{"role", func(v string) (err error) { user.Role, err = parseRole(v); return err }},
			{"must_change", func(v string) (err error) { user.MustChange, err = switched("must_change", v); return err }},
		})
	})
}

func (u *users) batchRole(args []string) error {
	switch len(args) {
	case 0:
		return u.printRoles()
	case 1:
		return shell.Usage("Invalid command: userconfig role takes a user and a role, or nothing.")
	}
	name, err := u.known(args[0])
	if err != nil {
		return err
	}
	role, err := parseRole(args[1])
	if err != nil {
		return err
	}
	return u.setRole(name, role)
}

func (u *users) batchStatus(name string, words []string) error {
	if len(words) == 0 {
		if u.s.JSON {
			return u.s.PrintJSON(u.document(name))
		}
		u.printStatus(name)
		return nil
	}
	word, err := oneOf("status", words[0], "lock", "unlock")
	if err != nil {
		return err
	}
	return u.setLocked(name, word == "lock")
}

func (u *users) batchPassphrase(name string, words []string) error {
	generate, err := wantsGenerated(words)
	if err != nil {
		return err
	}
	return u.renew(name, generate)
}

func (u *users) batchTwoFactor(name string, words []string) error {
	on, err := switched("value", words[0])
	if err != nil {
		return err
	}
	return u.twoFactor(name, on)
}
