package commands

import (
	"context"
	"strings"
	"time"

	"posthouse/config"
	"posthouse/shell"
)

func saveConfig(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "saveconfig",
		Summary: "Save the running configuration to a file.",
		Batch: []string{
			"saveconfig [y|n] [1|2]",
			"saveconfig NAME.xml [1|2]",
			"saveconfig key",
		},
		Help: `What is in force is saved, with certificates, keys and passphrases; what is not committed yet is not. y and 1 mask the
secrets: such a file can be shown to others, and cannot be loaded. n and 2 encrypt them under the appliance's export
key, which was made at the first start: the file loads here as it is, and on another appliance with that key. Under a
name of your own and without a number they are encrypted.

"saveconfig key" shows the export key to an administrator. Keep it apart from the files.`,
		Documents: []shell.Document{
			{For: "saveconfig", Value: savedConfigJSON{}},
			{For: "saveconfig key", Value: exportKeyJSON{}},
		},
		Roles: shell.Operators,
		RolesFor: func(args []string) shell.Roles {
			if len(args) > 0 && strings.EqualFold(args[0], "key") {
				return shell.Administrator
			}
			return shell.Operators
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			if len(args) == 1 && strings.EqualFold(args[0], "key") {
				return showExportKey(a, s)
			}
			return saveConfigFile(a, s, args)
		},
		Complete: func(_ *shell.Session, args []string) []string {
			return startingWith(args, []string{"1", "2", "key", "n", "y"})
		},
	}
}

// savedConfigJSON says where the configuration was saved.
type savedConfigJSON struct {
	File        string `json:"file" doc:"its name in the folder configuration"`
	Passphrases string `json:"passphrases" doc:"masked or encrypted"`
}

// exportKeyJSON is the key that saved configurations are encrypted under.
type exportKeyJSON struct {
	Key string `json:"key" doc:"the export key: as secret as everything that is encrypted under it"`
}

func showExportKey(a *Appliance, s *shell.Session) error {
	key, err := config.ReadExportKey(a.Config.Vault())
	if err != nil {
		return shell.Fail("Unable to read the export key: %v.", err)
	}
	if s.JSON {
		return s.PrintJSON(exportKeyJSON{key.Text()})
	}
	s.Println(key.Text())
	return nil
}

func saveConfigFile(a *Appliance, s *shell.Session, args []string) error {
	name, masked, err := saveWords(s, args)
	if err != nil {
		return err
	}
	if name == "" {
		name = unusedName(a, time.Now())
	} else if err := newFile(a, name); err != nil {
		return err
	}
	text, err := configText(a, masked)
	if err != nil {
		return err
	}
	if err := writeFile(a, name, text); err != nil {
		return err
	}
	if s.JSON {
		return s.PrintJSON(savedConfigJSON{name, passphrases(masked)})
	}
	written(s, a, name)
	s.Say("Configuration saved.")
	return nil
}

// saveWords reads the words behind saveconfig; without any it asks. No name means the usual one.
func saveWords(s *shell.Session, args []string) (name string, masked bool, err error) {
	if len(args) == 0 {
		masked, err = askMasking(s, nil)
		return "", masked, err
	}
	if len(args) > 2 {
		return "", false, shell.Usage("Invalid word %q: see 'help saveconfig' for what is accepted.", args[2])
	}
	first := args[0]
	switch {
	case isYes(first):
		masked = true
	case isNo(first):
	case len(args) == 1 && !strings.Contains(first, "."):
		if masked, err = maskingOf(first); err != nil {
			err = shell.Usage("Invalid word %q: y, n, 1, 2, key and a name such as backup.xml are accepted.", first)
		}
		return "", masked, err
	case strings.EqualFold(first, "key"):
		return "", false, shell.Usage("Invalid word %q: nothing stands behind saveconfig key.", args[1])
	default:
		name = first
	}
	if len(args) == 1 {
		return name, masked, nil
	}
	second, err := maskingOf(args[1])
	if err == nil && name == "" && second != masked {
		err = shell.Usage("Invalid command: %q and %q contradict each other; y masks as 1 does, n encrypts as 2 does.", first, args[1])
	}
	return name, second, err
}

// unusedName is the usual name with the time, or a later one where a file has it: two files may be saved in one second.
func unusedName(a *Appliance, now time.Time) string {
	for {
		name := configName(a, now)
		if _, err := configuration(a).Stat(name); err != nil {
			return name
		}
		now = now.Add(time.Second)
	}
}
