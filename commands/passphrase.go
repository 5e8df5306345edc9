package commands

import (
	"cmp"
	"context"
	"time"

	"posthouse/config"
	"posthouse/internal/passhash"
	"posthouse/shell"
)

func passphrase(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "passphrase",
		Aliases: []string{"passwd"},
		Summary: "Change your passphrase.",
		Roles:   shell.Everyone,
		Batch:   []string{"passphrase (the old one, the new one and the new one again on standard input, a line each)"},
		Help: `A passphrase has at least 8 characters, more where "userconfig policy" says so, and neither holds the user name nor is
one that everybody tries. It is kept as an argon2id hash. The old one holds until commit; of a user whose role does not
permit commit, and where the passphrase has to be changed at the login, the new one holds at once.

A passphrase that is lost is set anew at the console of the machine's owner, which does not ask for the old one:
posthouse console.`,
		Commit: true,
		Documents: []shell.Document{
			shell.Says("passphrase"),
		},
		Redact: func(args []string) []string {
			for i := range args {
				args[i] = "..." // somebody has typed it on the line
			}
			return args
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			if len(args) > 0 {
				return shell.Usage("Invalid command: passphrase takes no words; a passphrase on the command line could be read by others.")
			}
			return changePassphrase(ctx, a, s)
		},
	}
}

func changePassphrase(ctx context.Context, a *Appliance, s *shell.Session) error {
	if s.Candidate().Users[s.User()] == nil {
		return shell.Fail("Error: there is no user %q.", s.User())
	}
	// At the console a lost passphrase is set anew: whoever owns the machine could change it in any case.
	if !s.Console() {
		if err := askOldPassphrase(a, s); err != nil {
			return err
		}
	}
	fresh, err := s.AskSecret("New Passphrase:", func(text string) error {
		if err := checkPassphrase(a, s.Candidate(), s.User(), text); err != nil {
			return err
		}
		refused, err := retyped(s, text)
		return cmp.Or(err, refused)
	})
	if err != nil {
		return err
	}
	if mustChange(a, s) || !s.MayRun("commit") {
		return commitPassphrase(ctx, a, s, fresh)
	}
	return change(s, func(c *config.Config) error { return setOwnPassphrase(a, c, s.User(), fresh) })
}

func askOldPassphrase(a *Appliance, s *shell.Session) error {
	hash, err := a.Config.Vault().Get(s.Candidate().Refs[config.PassphraseRef(s.User())])
	if err != nil {
		return shell.Fail("Unable to read the present passphrase of %q.", s.User())
	}
	old, err := s.Secret("Old Passphrase:")
	if err != nil {
		return err
	}
	if !passhash.Verify(string(hash), old) {
		return shell.Fail("Invalid passphrase: that is not the present one.")
	}
	return nil
}

// setOwnPassphrase gives a user a passphrase that the user has chosen.
func setOwnPassphrase(a *Appliance, c *config.Config, user, fresh string) error {
	c.Users[user].MustChange = false
	return storePassphrase(a, c, user, fresh, time.Now())
}

// commitPassphrase puts a new passphrase of the session's user in force, and nothing else of the session's candidate.
func commitPassphrase(ctx context.Context, a *Appliance, s *shell.Session, fresh string) error {
	candidate := a.Config.Candidate()
	if candidate.Config.Users[s.User()] == nil {
		return shell.Fail("Error: there is no user %q.", s.User())
	}
	if err := setOwnPassphrase(a, candidate.Config, s.User(), fresh); err != nil {
		return err
	}
	const comment = "a new passphrase"
	if _, err := a.Config.Commit(ctx, candidate, s.Author(), comment, true); err != nil {
		return refusal(err)
	}
	if a.Committed != nil {
		a.Committed(s.User(), comment)
	}
	s.Println("Your passphrase is changed.")
	return nil
}
