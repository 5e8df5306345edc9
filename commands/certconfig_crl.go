package commands

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"posthouse/config"
	"posthouse/shell"
)

const (
	crlUsual = 60 // minutes between two fetches
	crlLeast = 5
	crlMost  = 10080
	// crlUpdateLimit is how long UPDATE waits for all sources together.
	crlUpdateLimit = 5 * time.Minute
)

func crlForms() []string {
	return []string{
		"certconfig crl new NAME URL [minutes=N] [enabled=on|off]",
		"certconfig crl edit NAME [url=URL] [minutes=N] [enabled=on|off]",
		"certconfig crl delete NAME",
		"certconfig crl print",
		"certconfig crl update",
		"certconfig crl setup inbound|outbound|gui on|off ...",
	}
}

// revocation is one run of certconfig on revocation lists.
type revocation struct {
	a *Appliance
	s *shell.Session
}

func (r *revocation) settings() config.Revocation { return r.s.Candidate().Revocation }

func (r *revocation) names() []string { return slices.Sorted(maps.Keys(r.settings().Sources)) }

func crlMenu(a *Appliance, s *shell.Session) error {
	r := &revocation{a, s}
	none := func() bool { return len(r.settings().Sources) == 0 }
	return s.Menu(shell.Menu{
		State: r.printSources,
		Items: []shell.MenuItem{
			{Keyword: "NEW", What: "Add a source of a Certificate Revocation List", Do: plainly(r.create)},
			{Keyword: "EDIT", What: "Modify a source", Hidden: none, Do: plainly(r.edit)},
			{Keyword: "DELETE", What: "Remove a source", Hidden: none, Do: plainly(r.remove)},
			{Keyword: "PRINT", What: "Show the sources and what was fetched from them", Hidden: none, Do: plainly(r.print)},
			{Keyword: "UPDATE", What: "Fetch now", Hidden: none, Do: r.update},
			{Keyword: "SETUP", What: "Switch the lists on or off for inbound, outbound and GUI", Do: plainly(r.setup)},
		},
	})
}

// printSources is the state above the menu.
func (r *revocation) printSources() {
	set := r.settings()
	r.s.Printf("\nCertificate Revocation Lists\nInbound: %s, Outbound: %s, GUI: %s\n", enabledWord(set.Inbound), enabledWord(set.Outbound), enabledWord(set.GUI))
	if len(set.Sources) == 0 {
		r.s.Say("There is no source.")
		return
	}
	t := shell.Table{Head: []string{"Name", "URL", "Interval", "State"}, Gap: 1, Min: []int{20, 40, 12, 8}}
	for _, name := range r.names() {
		src := set.Sources[name]
		t.Rows = append(t.Rows, []string{name, src.URL, strconv.Itoa(src.Interval) + " minutes", enabledWord(!src.Disabled)})
	}
	r.s.Table(t)
}

func enabledWord(on bool) string {
	if on {
		return "Enabled"
	}
	return "Disabled"
}

func (r *revocation) create() error {
	name, err := r.s.Ask(shell.Question{Text: "Enter a name for this source:", Required: true, Check: r.absent})
	if err != nil {
		return err
	}
	src := &config.CRLSource{Interval: crlUsual}
	if err := r.ask(name, src); err != nil {
		return err
	}
	return r.put(name, src, "added")
}

func (r *revocation) absent(name string) error {
	for _, known := range r.names() {
		if strings.EqualFold(known, name) {
			return shell.Fail("Invalid name %q: the source %q exists already.", name, known)
		}
	}
	return r.acceptable(name, &config.CRLSource{URL: "http://localhost/", Interval: crlUsual})
}

func (r *revocation) acceptable(name string, src *config.CRLSource) error {
	return acceptable(r.s, func(c *config.Config) { c.Revocation.Sources = inMap(c.Revocation.Sources, name, src) })
}

// ask asks for everything but the name; what src holds is the default.
func (r *revocation) ask(name string, src *config.CRLSource) (err error) {
	q := shell.Question{Text: "Enter the URL of the list (http or https):", Default: src.URL, Required: true}
	q.Check = func(answer string) error {
		return r.acceptable(name, &config.CRLSource{URL: answer, Interval: crlUsual})
	}
	if src.URL, err = r.s.Ask(q); err != nil {
		return err
	}
	minutes := shell.Question{Text: "Enter the minutes between two fetches:", Default: strconv.Itoa(src.Interval)}
	if src.Interval, err = r.s.AskInt(minutes, crlLeast, crlMost); err != nil {
		return err
	}
	on, err := r.s.YesNo("Do you want to enable this source?", !src.Disabled)
	src.Disabled = !on
	return err
}

func (r *revocation) put(name string, src *config.CRLSource, verb string) error {
	err := change(r.s, func(c *config.Config) error {
		c.Revocation.Sources = inMap(c.Revocation.Sources, name, src)
		return nil
	})
	if err != nil {
		return err
	}
	r.s.Say("Source \"%s\" %s.", name, verb)
	if v := r.settings(); !v.Inbound && !v.Outbound && !v.GUI {
		r.s.Say("Note: the lists are off for inbound, outbound and GUI; SETUP switches them on.")
	}
	return nil
}

// choose lists the sources and asks for one.
func (r *revocation) choose(question string) (string, *config.CRLSource, error) {
	names := r.names()
	i, err := askNamed(r.s, shell.Choice{Options: names, Question: question}, names)
	if err != nil {
		return "", nil, err
	}
	src := *r.settings().Sources[names[i]]
	return names[i], &src, nil
}

func (r *revocation) edit() error {
	name, src, err := r.choose("Select the source you wish to edit:")
	if err != nil {
		return err
	}
	if err := r.ask(name, src); err != nil {
		return err
	}
	return r.put(name, src, "updated")
}

func (r *revocation) remove() error {
	name, _, err := r.choose("Select the source you wish to delete:")
	if err != nil {
		return err
	}
	return r.removeSource(name)
}

func (r *revocation) removeSource(name string) error {
	err := change(r.s, func(c *config.Config) error {
		delete(c.Revocation.Sources, name)
		return nil
	})
	if err == nil {
		r.s.Say("Source \"%s\" deleted.", name)
	}
	return err
}

// uses are the questions and words of SETUP, with what they switch.
func (r *revocation) uses(c *config.Config) []struct {
	word, question string
	on             *bool
} {
	return []struct {
		word, question string
		on             *bool
	}{
		{"inbound", "Do you want to look up the certificates of clients (inbound)?", &c.Revocation.Inbound},
		{"outbound", "Do you want to look up the certificates of servers (outbound)?", &c.Revocation.Outbound},
		{"gui", "Do you want to look up certificates for the GUI?", &c.Revocation.GUI},
	}
}

func (r *revocation) setup() error {
	return change(r.s, func(c *config.Config) error {
		for _, u := range r.uses(c) {
			on, err := r.s.YesNo(u.question, *u.on)
			if err != nil {
				return err
			}
			*u.on = on
		}
		return nil
	})
}

// crlBatch runs what stands behind "certconfig crl".
func crlBatch(ctx context.Context, a *Appliance, s *shell.Session, args []string) error {
	r := &revocation{a, s}
	return dispatch("certconfig", args, []subcommand{
		{"new", 2, -1, r.batchNew},
		{"edit", 2, -1, r.batchEdit},
		{"delete", 1, 1, r.batchDelete},
		{"print", 0, 0, func([]string) error { return r.print() }},
		{"update", 0, 0, func([]string) error { return r.update(ctx) }},
		{"setup", 2, -1, r.batchSetup},
	})
}

func (r *revocation) batchNew(args []string) error {
	name := args[0]
	if err := r.absent(name); err != nil {
		return err
	}
	src := &config.CRLSource{URL: args[1], Interval: crlUsual}
	if err := r.words(src, args[2:]); err != nil {
		return err
	}
	return r.put(name, src, "added")
}

func (r *revocation) batchEdit(args []string) error {
	name, err := r.known(args[0])
	if err != nil {
		return err
	}
	src := *r.settings().Sources[name]
	if err := r.words(&src, args[1:]); err != nil {
		return err
	}
	return r.put(name, &src, "updated")
}

func (r *revocation) batchDelete(args []string) error {
	name, err := r.known(args[0])
	if err != nil {
		return err
	}
	return r.removeSource(name)
}

func (r *revocation) known(word string) (string, error) {
	names := r.names()
	i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, word) })
	if i < 0 {
		return "", shell.Fail("Unknown source %q: %s.", word, acceptedAre(names))
	}
	return names[i], nil
}

// words reads key=value words.
func (r *revocation) words(src *config.CRLSource, words []string) error {
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch strings.ToLower(key) {
		case "url":
			src.URL = value
		case "minutes":
			src.Interval, err = number("minutes", value, crlLeast, crlMost)
		case "enabled":
			var on bool
			on, err = switched("enabled", value)
			src.Disabled = !on
		default:
			err = shell.Usage("Invalid word %q: accepted are url=, minutes=, enabled=.", word)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *revocation) batchSetup(words []string) error {
	return change(r.s, func(c *config.Config) error {
		var settings []setting
		for _, u := range r.uses(c) {
			settings = append(settings, setting{u.word, func(value string) (err error) {
				*u.on, err = switched(u.word, value)
				return err
			}})
		}
		return applySettings(words, settings)
	})
}

func crlProposals(c *config.Config, args []string) []string {
	switch {
	case len(args) == 1:
		return []string{"new", "edit", "delete", "print", "update", "setup"}
	case args[0] == "setup":
		return []string{"inbound", "outbound", "gui", "on", "off"}
	case len(args) == 2 && (args[0] == "edit" || args[0] == "delete"):
		return slices.Sorted(maps.Keys(c.Revocation.Sources))
	case len(args) > 2:
		return []string{"url=", "minutes=", "enabled="}
	}
	return nil
}
