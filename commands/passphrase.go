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
one that everybody tries. It is kept as an argon2id hash. A wrong old one counts as a wrong one at the login does, and may
lock you out for a while; the right one forgets the wrong ones, as there. The old one holds until commit; of a user whose
role does not permit commit, who can change it five times a day, and where the passphrase has to be changed at the login,
the new one holds at once.

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
	must := mustChange(a, s)
	atOnce := must || !s.MayRun("commit")
	c := s.Candidate()
	if atOnce { // the candidate may be older than the present passphrase and the rules
		c = a.Config.Running().Config
	}
	if c.Users[s.User()] == nil {
		return shell.Fail("Error: there is no user %q.", s.User())
	}
	if atOnce && !must && changedOften(a, c, s.User(), time.Now()) {
		return shell.Fail("Error: a passphrase can be changed %d times a day; try again tomorrow, or ask an administrator.", changesADay)
	}
	// At the console a lost passphrase is set anew: whoever owns the machine could change it in any case.
	if !s.Console() {
		if err := askOldPassphrase(a, s, c); err != nil {
			return err
		}
	}
	fresh, err := s.AskSecret("New Passphrase:", func(text string) error {
		if err := checkPassphrase(a, c, s.User(), text); err != nil {
			return err
		}
		refused, err := retyped(s, text)
		return cmp.Or(err, refused)
	})
	if err != nil {
		return err
	}
	if atOnce {
		return commitPassphrase(ctx, a, s, fresh)
	}
	return change(s, func(c *config.Config) error { return setOwnPassphrase(a, c, s.User(), fresh) })
}

// changesADay is how often a user who may not commit can change the passphrase: each time is a commit, and fifty of them
// would leave nothing else to look at or to go back to.
const changesADay = 5

// changedOften says whether a user's passphrase was changed as often as that within the last day.
func changedOften(a *Appliance, c *config.Config, user string, now time.Time) bool {
	list := passphrasesOf(a, c, user)
	return len(list) >= changesADay && now.Sub(list[changesADay-1].set) < day
}

// askOldPassphrase asks for the passphrase that the session's user has in c.
func askOldPassphrase(a *Appliance, s *shell.Session, c *config.Config) error {
	hash, err := a.Config.Vault().Get(c.Refs[config.PassphraseRef(s.User())])
	if err != nil {
		return shell.Fail("Unable to read the present passphrase of %q.", s.User())
	}
	old, err := s.Secret("Old Passphrase:")
	if err != nil {
		return err
	}
	return s.TryPassphrase(func() bool { return passhash.Verify(string(hash), old) })
}

// setOwnPassphrase gives a user a passphrase that the user has chosen.
func setOwnPassphrase(a *Appliance, c *config.Config, user, fresh string) error {
	c.Users[user].MustChange = false
	return storePassphrase(a, c, user, fresh, time.Now())
}

// commitPassphrase puts a new passphrase of the session's user in force, and nothing else of the session's candidate. What
// it replaces is not offered for rollback: nobody goes back to an old passphrase alone. What waits for its confirmation
// neither hinders it nor is confirmed by it.
func commitPassphrase(ctx context.Context, a *Appliance, s *shell.Session, fresh string) error {
	candidate := a.Config.Candidate()
	if candidate.Config.Users[s.User()] == nil {
		return shell.Fail("Error: there is no user %q.", s.User())
	}
	if err := setOwnPassphrase(a, candidate.Config, s.User(), fresh); err != nil {
		return err
	}
	const comment = "a new passphrase"
	if _, err := a.Config.CommitBeside(ctx, candidate, s.Author(), comment, false); err != nil {
		return refusal(err)
	}
	if a.Committed != nil {
		a.Committed(s.User(), comment)
	}
	s.Say("Your passphrase is changed.")
	return nil
}
