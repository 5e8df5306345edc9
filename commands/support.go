package commands

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"posthouse/config"
	"posthouse/shell"
)

const (
	supportLogs    = 5   // megabytes of each log where it is not said
	supportLogMost = 100 // megabytes
	supportConfirm = "INCLUDE SECRETS"
	supportPhrase  = 12       // characters of the passphrase at least
	supportMailMax = 32 << 20 // bytes of a bundle that is sent by mail
)

func supportRequest(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "supportrequest",
		Summary: "Collect what is needed to find out what is wrong.",
		Batch:   []string{"supportrequest file [MEGABYTES]", "supportrequest mail ADDRESS[,ADDRESS] [MEGABYTES]"},
		Help: `Writes one file in /configuration, and sends it by mail as well where that is wished: the configuration without secrets, the list of
revisions, state, counters, destinations, listeners, alerts, certificates without keys, the last MEGABYTES of each log (5 where
it is not said), what the spool takes, and what the program is doing. Addresses of mail stand in the logs. Nothing of messages is in it.

Private keys and other secrets are included for an administrator who asks for them at a terminal and confirms it in words. The
file is encrypted to a passphrase then; age -d FILE | tar xz opens it (https://age-encryption.org).`,
		Documents: []shell.Document{{For: "supportrequest", Value: supportDocument{}}},
		Roles:     shell.Operators | shell.Technician,
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			want, err := supportWanted(a, s, args)
			if err != nil {
				return err
			}
			return want.run(ctx, a, s)
		},
		Complete: func(_ *shell.Session, args []string) []string {
			if len(args) > 1 {
				return nil
			}
			return startingWith(args, []string{"file", "mail"})
		},
	}
}

// supporting is what a bundle is to be.
type supporting struct {
	to     []string // whom it is mailed to; empty: nobody
	logs   int64    // bytes of each log
	phrase string   // secrets are in it, and it is encrypted to this; empty: no secrets
}

// supportDocument is what supportrequest --json prints.
type supportDocument struct {
	File      string   `json:"file" doc:"its name in the folder configuration"`
	Size      int64    `json:"size" doc:"bytes"`
	Encrypted bool     `json:"encrypted" doc:"secrets are in it"`
	MailedTo  []string `json:"mailed_to" doc:"addresses"`
}

func supportWanted(a *Appliance, s *shell.Session, args []string) (*supporting, error) {
	if len(args) == 0 {
		return askSupport(a, s)
	}
	want := &supporting{logs: supportLogs << 20}
	megabytes := func(args []string) error {
		if len(args) == 0 {
			return nil
		}
		n, err := number("number of megabytes", args[0], 0, supportLogMost)
		want.logs = int64(n) << 20
		return err
	}
	err := dispatch("supportrequest", args, []subcommand{
		{"file", 0, 1, megabytes},
		{"mail", 1, 2, func(args []string) (err error) {
			if want.to, err = mailAddresses(s, args[0]); err != nil {
				return err
			}
			return megabytes(args[1:])
		}},
	})
	return want, err
}

func askSupport(a *Appliance, s *shell.Session) (*supporting, error) {
	want := &supporting{}
	address, err := s.Ask(shell.Question{
		Text: "The bundle is written to a file in /configuration, and sent by mail where an address is given.\n" +
			"Please enter the email address to which you want to send the bundle. Separate multiple addresses with commas.",
		Check: func(answer string) error { _, err := mailAddresses(s, answer); return err },
	})
	if err != nil {
		return nil, err
	}
	if address != "" {
		if want.to, err = mailAddresses(s, address); err != nil {
			return nil, err
		}
	}
	n, err := s.AskInt(shell.Question{
		Text:    "Enter the number of megabytes of each log to include.",
		Default: strconv.Itoa(supportLogs),
	}, 0, supportLogMost)
	if err != nil {
		return nil, err
	}
	want.logs = int64(n) << 20
	if s.Interactive() && isAdministrator(a, s) {
		want.phrase, err = askSecrets(s)
	}
	return want, err
}

// isAdministrator says whether the operator may have secrets out of the appliance.
func isAdministrator(a *Appliance, s *shell.Session) bool {
	u := a.Config.Running().Config.Users[s.User()]
	return s.Console() || u != nil && u.Role == config.RoleAdministrator
}

// askSecrets asks whether secrets are to be included and returns the passphrase for them; empty: not.
func askSecrets(s *shell.Session) (string, error) {
	yes, err := s.YesNo("Do you want to include private keys and other secrets?", false)
	if err != nil || !yes {
		return "", err
	}
	words, err := s.Ask(shell.Question{
		Text: "Whoever has the bundle and its passphrase can pretend to be this appliance.\nType " + supportConfirm + " to confirm:",
	})
	if err != nil {
		return "", err
	}
	if words != supportConfirm {
		return "", shell.Fail("Error: this was not confirmed; nothing is written.")
	}
	return s.AskSecret("Enter a passphrase for the bundle:", func(phrase string) error {
		if len([]rune(phrase)) < supportPhrase {
			return shell.Fail("Invalid passphrase: at least %d characters are needed.", supportPhrase)
		}
		again, err := s.Secret("Retype the passphrase:")
		if err == nil && again != phrase {
			err = shell.Fail("Invalid passphrase: the two are not the same.")
		}
		return err
	})
}

// run writes the bundle, sends it where that is wished, and says so.
func (w *supporting) run(ctx context.Context, a *Appliance, s *shell.Session) error {
	now := time.Now()
	name := fmt.Sprintf("support-%s-%s.tar.gz", a.About.Serial, now.UTC().Format("20060102T150405"))
	if w.phrase != "" {
		name += ".age"
	}
	if !s.JSON {
		s.Say("Collecting, please wait.")
	}
	if err := w.write(ctx, a, name, now, s.Progress); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fileFault("write", name, err)
	}
	s.Progress("")
	info, err := configuration(a).Stat(name)
	if err != nil {
		return fileFault("read", name, err)
	}
	if !s.JSON {
		written(s, a, name)
	}
	if err := w.mail(ctx, a, name, info.Size(), now); err != nil {
		return err
	}
	if s.JSON {
		return s.PrintJSON(supportDocument{name, info.Size(), w.phrase != "", append([]string{}, w.to...)})
	}
	if w.phrase != "" {
		s.Printf("It is encrypted. This opens it: age -d %s | tar xz\n", name)
	}
	if len(w.to) > 0 {
		s.Say("The bundle has been sent to %s.", strings.Join(w.to, ", "))
	}
	return nil
}
