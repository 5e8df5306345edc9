package commands

import (
	"context"
	"errors"
	"strings"

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/shell"
)

func loadConfig(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "loadconfig",
		Summary: "Load a configuration from a file.",
		Batch: []string{
			"loadconfig NAME.xml [KEY]",
			"loadconfig paste [KEY] (the configuration on standard input)",
		},
		Help: `The file is laid over the running configuration and takes the place of what you have not committed. Nothing is in
force before commit. A section that the file has, such as listeners, replaces ours with all of its entries; what the
file does not have stays as it is.

A file that another appliance of this kind saved needs that one's export key, KEY, which is asked for where it is not
given. A file of another product is taken as far as it is understood; what was not is listed, with its line. Its
passphrases are not understood: users that are not here yet are left out. A file with masked passphrases is refused.`,
		Commit:    true,
		Roles:     shell.Administrator,
		Documents: []shell.Document{{For: "loadconfig", Value: loadedConfigJSON{}}},
		Redact: func(args []string) []string {
			for i := 1; i < len(args); i++ {
				args[i] = "..."
			}
			return args
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			l := &loading{a: a, s: s}
			if err := l.words(args); err != nil {
				return err
			}
			return l.run(ctx)
		},
		Complete: func(_ *shell.Session, args []string) []string {
			if len(args) > 1 {
				return nil
			}
			return startingWith(args, append(fileNames(a), "paste"))
		},
	}
}

// loadedConfigJSON says what a file has changed in the candidate.
type loadedConfigJSON struct {
	Loaded        bool                `json:"loaded" doc:"false: nothing differs"`
	Changes       []changeJSON        `json:"changes" doc:"settings that differ from what runs"`
	NotUnderstood []notUnderstoodJSON `json:"not_understood" doc:"elements that were left out, at most 1000"`
	More          int                 `json:"more_not_understood" doc:"beyond the list"`
}

// notUnderstoodJSON is an element that was passed over.
type notUnderstoodJSON struct {
	Path string `json:"path" doc:"of the element, such as config/listeners/listener[2]/protocol"`
	Line int    `json:"line" doc:"of the file"`
	Text string `json:"text" doc:"why"`
}

// loading is one run of loadconfig.
type loading struct {
	a    *Appliance
	s    *shell.Session
	file string // its name in messages
	data []byte
	keys []*config.ExportKey
}

// words reads the batch forms, or asks.
func (l *loading) words(args []string) (err error) {
	switch {
	case len(args) == 0:
		return l.ask()
	case len(args) > 2:
		return shell.Usage("Invalid command: loadconfig takes a name and perhaps an export key.")
	case len(args) == 2:
		if err := l.addKey(args[1]); err != nil {
			return err
		}
	}
	if strings.EqualFold(args[0], "paste") {
		text, err := l.s.Input()
		l.data = []byte(text)
		return err
	}
	l.file = args[0]
	l.data, err = readFile(l.a, l.file)
	return err
}

func (l *loading) ask() (err error) {
	n, err := l.s.Choose("", []string{"Paste via CLI", "Load from file"}, 1)
	if err != nil {
		return err
	}
	if n == 2 {
		l.file, l.data, err = askFile(l.a, l.s, "Enter the name of the file to import:")
		return err
	}
	text, err := l.s.BlockTo("Paste the configuration (end with '.'):", func(line string) bool {
		return strings.HasSuffix(strings.TrimSpace(line), "</config>")
	})
	l.data = []byte(text)
	return err
}

func (l *loading) addKey(text string) error {
	key, err := config.ParseExportKey(text)
	if err != nil {
		return shell.Fail("Invalid export key: %v.", err)
	}
	l.keys = append(l.keys, key)
	return nil
}

func (l *loading) run(ctx context.Context) error {
	own, err := config.ReadExportKey(l.a.Config.Vault())
	if err != nil {
		return shell.Fail("Unable to read the export key: %v.", err)
	}
	l.keys = append(l.keys, own)
	entered := len(l.s.Changes())
	l.s.StartOver()
	loaded, err := l.read(ctx)
	if err != nil {
		return l.refusal(err)
	}
	if entered > 0 {
		l.s.Say("What was entered and not committed is replaced.")
	}
	l.s.SetCandidate(loaded.Config)
	changes, err := l.s.Uncommitted().ChangesUntil(ctx)
	if err != nil {
		return err // of a large file that took a while; the candidate is what it was
	}
	return l.tell(loaded, changes)
}

// read reads the file, and asks for the export key where another appliance's is needed.
func (l *loading) read(ctx context.Context) (*config.LoadedXML, error) {
	for tries := 0; ; tries++ {
		loaded, err := config.ReadXML(ctx, l.data, l.s.Candidate(), config.XMLRead{
			Keys: l.keys, Certificate: certstore.Canonical, Put: l.a.Config.Vault().Put,
		})
		if !errors.Is(err, config.ErrLockedXML) || tries == maxKeyTries {
			return loaded, err
		}
		if err := l.askKey(tries > 0); err != nil {
			return nil, err
		}
	}
}

// askKey asks for another export key; again says that one that was given did not fit.
func (l *loading) askKey(again bool) error {
	if again && !l.s.Interactive() {
		return shell.Fail("Invalid export key: the file was saved under another one.")
	}
	if again {
		l.s.Say("That is not the export key of the appliance that saved this file.")
	}
	text, err := l.s.Secret("Enter the export key of the appliance that saved this file:")
	if err != nil {
		return err
	}
	if err := l.addKey(text); err != nil && !l.s.Interactive() {
		return err
	}
	return nil
}

// maxKeyTries is how often the export key is asked for.
const maxKeyTries = 5

// refusal says why nothing was loaded.
func (l *loading) refusal(err error) error {
	var syntax *config.SyntaxError
	var element *config.XMLError
	switch {
	case errors.As(err, &syntax) || errors.As(err, &element):
		return shell.Fail("Invalid configuration file%s: %w.", l.named(), err)
	case config.FieldErrors(err) != nil:
		return shell.Fail("Invalid configuration%s: %s.", l.named(), firstFaults(err))
	}
	return err
}

func (l *loading) named() string {
	if l.file == "" {
		return ""
	}
	return " \"" + l.file + "\""
}

// firstFaults names the first faults of many.
func firstFaults(err error) string {
	const most = 5
	var texts []string
	for _, f := range config.FieldErrors(err) {
		texts = append(texts, f.Error())
	}
	if more := len(texts) - most; more > 0 {
		texts = append(texts[:most], "and "+counted(more, "more fault"))
	}
	return strings.Join(texts, "; ")
}

func (l *loading) tell(loaded *config.LoadedXML, changes []config.Change) error {
	if l.s.JSON {
		document := loadedConfigJSON{
			Loaded: len(changes) > 0, Changes: changesJSON(changes), NotUnderstood: []notUnderstoodJSON{}, More: loaded.More,
		}
		for _, n := range loaded.NotUnderstood {
			document.NotUnderstood = append(document.NotUnderstood, notUnderstoodJSON(n))
		}
		return l.s.PrintJSON(document)
	}
	if len(loaded.NotUnderstood) > 0 {
		l.s.Println("Not understood and left out:")
		for _, n := range loaded.NotUnderstood {
			l.s.Printf("  %s\n", n)
		}
		if loaded.More > 0 {
			l.s.Printf("  and %s more\n", thousands(loaded.More))
		}
	}
	if len(changes) == 0 {
		l.s.Say("No changes detected from current configuration.")
		return nil
	}
	l.s.Say("Values have been loaded.\nBe sure to run \"commit\" to make these settings active.")
	return nil
}
