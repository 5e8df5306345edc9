package commands

import (
	"context"
	"unicode"
	"unicode/utf8"

	"posthouse/config"
	"posthouse/internal/passhash"
	"posthouse/shell"
)

// The bounds of a passphrase. The upper one keeps a pasted file from being hashed.
const (
	passphraseLeast = 8    // characters
	passphraseMost  = 1024 // bytes
)

func passphrase(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "passphrase",
		Aliases: []string{"passwd"},
		Summary: "Change your passphrase.",
		Batch:   []string{"passphrase (the old one, the new one and the new one again on standard input, a line each)"},
		Help: `A passphrase has at least 8 characters. It is kept as an argon2id hash. The old one holds until commit.

A passphrase that is lost is set anew at the console of the machine's owner, which does not ask for the old one:
posthouse console.`,
		Commit: true,
		Documents: []shell.Document{
			shell.Says("passphrase"),
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			if len(args) > 0 {
				return shell.Usage("Invalid command: passphrase takes no words; a passphrase on the command line could be read by others.")
			}
			return changePassphrase(a, s)
		},
	}
}

func changePassphrase(a *Appliance, s *shell.Session) error {
	// At the console a lost passphrase is set anew: whoever owns the machine could change it in any case.
	if !s.Console() {
		if err := askOldPassphrase(a, s); err != nil {
			return err
		}
	}
	fresh, err := s.Secret("New Passphrase:")
	if err != nil {
		return err
	}
	if err := checkPassphrase(fresh); err != nil {
		return err
	}
	again, err := s.Secret("Retype new Passphrase:")
	if err != nil {
		return err
	}
	if again != fresh {
		return shell.Fail("Invalid passphrase: the two new ones differ.")
	}
	id, err := a.Config.Vault().Put("passphrase", []byte(passhash.Hash(fresh)))
	if err != nil {
		return shell.Fail("Failed to store the passphrase: %w.", err)
	}
	return change(s, func(c *config.Config) error {
		if c.Refs == nil {
			c.Refs = map[string]string{}
		}
		c.Refs[config.PassphraseRef(s.User())] = id
		return nil
	})
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

// checkPassphrase refuses what is too short, too long, or could not be typed again. It never shows what was typed.
func checkPassphrase(text string) error {
	switch {
	case utf8.RuneCountInString(text) < passphraseLeast:
		return shell.Fail("Invalid passphrase: at least %d characters are needed.", passphraseLeast)
	case len(text) > passphraseMost:
		return shell.Fail("Invalid passphrase: at most %d bytes are accepted.", passphraseMost)
	}
	for _, r := range text {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return shell.Fail("Invalid passphrase: control characters are not accepted.")
		}
	}
	return nil
}
