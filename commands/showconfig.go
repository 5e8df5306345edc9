package commands

import (
	"bytes"
	"context"
	"io"
	"strings"
	"time"

	"posthouse/config"
	"posthouse/internal/localtime"
	"posthouse/shell"
)

func showConfig(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "showconfig",
		Summary: "Show the running configuration as XML.",
		Batch:   []string{"showconfig [1|2]"},
		Help: `What is in force is shown; what is not committed yet is in showchanges. 1 masks the passphrases and keys, 2 encrypts
them under the appliance's export key. Certificates are shown in full either way.`,
		Roles:     shell.Readers,
		Documents: []shell.Document{{For: "showconfig", Value: shownConfigJSON{}}},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			if len(args) > 1 {
				return shell.Usage("Invalid word %q: showconfig takes 1 or 2.", args[1])
			}
			masked, err := askMasking(s, args)
			if err != nil {
				return err
			}
			if !s.JSON {
				return writeConfig(a, s, masked)
			}
			text, err := configText(a, masked)
			if err != nil {
				return err
			}
			return s.PrintJSON(shownConfigJSON{passphrases(masked), string(text)})
		},
		Complete: func(_ *shell.Session, args []string) []string { return startingWith(args, []string{"1", "2"}) },
	}
}

// shownConfigJSON is the whole configuration in one document.
type shownConfigJSON struct {
	Passphrases string `json:"passphrases" doc:"masked or encrypted"`
	XML         string `json:"xml" doc:"the whole configuration"`
}

func passphrases(masked bool) string {
	if masked {
		return "masked"
	}
	return "encrypted"
}

const (
	optionMask    = "Mask passphrases (Files with masked passphrases cannot be loaded using loadconfig command)"
	optionEncrypt = "Encrypt passphrases"
)

// askMasking asks what becomes of the passphrases, unless args say it.
func askMasking(s *shell.Session, args []string) (masked bool, err error) {
	if len(args) > 0 {
		return maskingOf(args[0])
	}
	answer, err := s.Ask(shell.Question{
		Text:    "Choose the passphrase option:\n1. " + optionMask + "\n2. " + optionEncrypt,
		Default: "1",
		Check:   func(answer string) error { _, err := maskingOf(answer); return err },
		Complete: func() []string {
			return []string{optionMask, optionEncrypt}
		},
	})
	if err != nil {
		return false, err
	}
	return maskingOf(answer)
}

// maskingOf reads the answer. On other appliances 3 leaves the passphrases in clear; here it masks them.
func maskingOf(word string) (masked bool, err error) {
	switch word {
	case "1", "3":
		return true, nil
	case "2":
		return false, nil
	}
	switch abbreviated(word, []string{optionMask, optionEncrypt}) {
	case 0:
		return true, nil
	case 1:
		return false, nil
	}
	return false, shell.Usage("Invalid passphrase option %q: 1 or 2 is accepted.", word)
}

// writeConfig writes the running configuration as XML.
func writeConfig(a *Appliance, out io.Writer, masked bool) error {
	opt := config.XMLWrite{
		Head:    config.XMLHead{Product: productName, Model: modelName, Version: a.About.Version, Serial: a.About.Serial, Now: time.Now()},
		Secrets: a.Config.Vault(),
	}
	if !masked {
		key, err := config.ReadExportKey(a.Config.Vault())
		if err != nil {
			return shell.Fail("Unable to read the export key: %v.", err)
		}
		opt.Key = key
	}
	return config.WriteXML(out, a.Config.Running().Config, opt)
}

// configText is the running configuration as one file.
func configText(a *Appliance, masked bool) ([]byte, error) {
	var b bytes.Buffer
	if err := writeConfig(a, &b, masked); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// configName is what a saved configuration is called.
func configName(a *Appliance, at time.Time) string {
	return strings.Join([]string{modelName, a.About.Serial, localtime.Of(at).Format("20060102T150405")}, "-") + ".xml"
}
