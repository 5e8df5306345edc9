package commands

import (
	"context"
	"errors"
	"time"

	"posthouse/config"
	"posthouse/shell"
)

// mustChange says whether the session's user has to choose a new passphrase before anything else: one that an
// administrator has set, or that is too old. Who came with a key or to the console did not use it.
func mustChange(a *Appliance, s *shell.Session) bool {
	c := a.Config.Running().Config
	u := c.Users[s.User()]
	if u == nil || !s.ByPassphrase() {
		return false
	}
	return u.MustChange || passphraseTooOld(a, c, s.User(), time.Now())
}

// passphraseTooOld says whether the rules demand a new one. One whose age is not known counts as too old.
func passphraseTooOld(a *Appliance, c *config.Config, user string, now time.Time) bool {
	if c.Passphrases.MaxAge == 0 {
		return false
	}
	list := passphrasesOf(a, c, user)
	return len(list) == 0 || now.Sub(list[0].set) > time.Duration(c.Passphrases.MaxAge)*day
}

// Gate keeps a user who has to choose a new passphrase from every command but those that do it; see shell.Options.
func Gate(a *Appliance) func(*shell.Session, *shell.Command) error {
	return func(s *shell.Session, cmd *shell.Command) error {
		switch cmd.Name {
		case "passphrase", "exit", "help":
			return nil
		}
		if mustChange(a, s) {
			return shell.Fail("Error: your passphrase must be changed first: log in at a terminal, or enter passphrase.")
		}
		return nil
	}
}

// passphraseTries is how often a new passphrase may be refused before the session ends.
const passphraseTries = 5

// Greet asks a user who has to change it for a new passphrase before the first prompt; see shell.Options.
func Greet(a *Appliance) func(context.Context, *shell.Session) error {
	return func(ctx context.Context, s *shell.Session) error {
		if !mustChange(a, s) {
			return nil
		}
		s.Say("\nYour passphrase must be changed before you go on.")
		for range passphraseTries {
			fresh, refused, err := tryPassphrase(a, s, a.Config.Running().Config)
			switch {
			case errors.Is(err, shell.ErrInterrupted):
				return notChanged()
			case err != nil:
				return err
			case refused == nil:
				return commitPassphrase(ctx, a, s, fresh)
			}
			s.Say("%s", refused)
		}
		return notChanged()
	}
}

func notChanged() error {
	return shell.Fail("Error: the passphrase was not changed; the session ends.")
}

// tryPassphrase asks once for a new passphrase that the rules of c take. What is wrong with it is no failure to ask.
func tryPassphrase(a *Appliance, s *shell.Session, c *config.Config) (fresh string, refused, err error) {
	if fresh, err = s.Secret("New Passphrase:"); err != nil {
		return "", nil, err
	}
	if refused = checkPassphrase(a, c, s.User(), fresh); refused != nil {
		return "", refused, nil
	}
	refused, err = retyped(s, fresh)
	return fresh, refused, err
}

// retyped asks for a new passphrase once more.
func retyped(s *shell.Session, fresh string) (refused, err error) {
	again, err := s.Secret("Retype new Passphrase:")
	if err == nil && again != fresh {
		refused = shell.Fail("Invalid passphrase: the two new ones differ.")
	}
	return refused, err
}
