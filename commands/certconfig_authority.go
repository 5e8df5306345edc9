package commands

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/shell"
)

// authorityList is one of the two lists that peers are verified against.
type authorityList struct {
	a      *Appliance
	s      *shell.Session
	custom bool // else the system's
}

func (l *authorityList) title() string {
	if l.custom {
		return "Custom"
	}
	return "System"
}

func (l *authorityList) enabled(c *config.Config) *bool {
	if l.custom {
		return &c.Authorities.Custom
	}
	return &c.Authorities.System
}

func (l *authorityList) state() string { return enabledWord(*l.enabled(l.s.Candidate())) }

// certificates are what the list holds.
func (l *authorityList) certificates() ([]*x509.Certificate, error) {
	if !l.custom {
		_, list := certstore.System()
		return list, nil
	}
	id := l.s.Candidate().Refs[config.AuthoritiesRef]
	if id == "" {
		return nil, nil
	}
	list, err := l.a.Certs.GetAuthorities(id)
	if err != nil {
		return nil, shell.Fail("Unable to load the custom list of certificate authorities: %v.", err)
	}
	return list, nil
}

func authorityMenu(a *Appliance, s *shell.Session) error {
	custom, system := &authorityList{a, s, true}, &authorityList{a, s, false}
	return s.Menu(shell.Menu{
		State: func() {
			s.Printf("Certificate Authority Summary\nCustom List: %s\nSystem List: %s\n", custom.state(), system.state())
		},
		Items: []shell.MenuItem{
			{Keyword: "CUSTOM", What: "Manage Custom Certificate Authorities", Do: plainly(custom.menu)},
			{Keyword: "SYSTEM", What: "Manage System Certificate Authorities", Do: plainly(system.menu)},
		},
	})
}

func (l *authorityList) menu() error {
	on := func() bool { return *l.enabled(l.s.Candidate()) }
	off := func() bool { return !on() }
	lower := strings.ToLower(l.title())
	items := []shell.MenuItem{
		{Keyword: "ENABLE", What: "Enable the " + lower + " certificate authorities list", Hidden: on, Do: plainly(func() error { return l.enable(true) })},
		{Keyword: "DISABLE", What: "Disable the " + lower + " certificate authorities list", Hidden: off, Do: plainly(func() error { return l.enable(false) })},
	}
	if l.custom {
		items = append(items, shell.MenuItem{Keyword: "IMPORT", What: "Import a list of custom certificate authorities", Do: plainly(l.importFile)})
	}
	items = append(items,
		shell.MenuItem{Keyword: "EXPORT", What: "Export the " + lower + " certificate authorities list", Do: plainly(l.exportFile)},
		shell.MenuItem{Keyword: "PRINT", What: "Print the " + lower + " certificate authorities list", Do: plainly(l.print)})
	return l.s.Menu(shell.Menu{
		State: func() { l.s.Printf("\n%s List: %s\n", l.title(), l.state()) },
		Items: items,
	})
}

func (l *authorityList) enable(on bool) error {
	if err := change(l.s, func(c *config.Config) error { *l.enabled(c) = on; return nil }); err != nil {
		return err
	}
	l.s.Printf("%s List: %s\n", l.title(), l.state())
	if !on {
		return nil
	}
	list, err := l.certificates()
	if err == nil && len(list) == 0 {
		l.s.Say("The list is empty: it verifies nobody until it holds a certificate.")
	}
	return err
}

func (l *authorityList) importFile() error {
	name, data, err := askFile(l.a, l.s, fmt.Sprintf("Enter the name of the file on machine \"%s\" to import:", machine(l.a)))
	if err != nil {
		return err
	}
	return l.take(name, data)
}

// take puts the certificates of a file in the place of the custom list.
func (l *authorityList) take(name string, data []byte) error {
	list, notes, err := certstore.ParseAuthorities(data)
	if err != nil {
		return shell.Fail("Failed to parse %q: %v.", name, err)
	}
	before, err := l.certificates()
	if err != nil {
		return err
	}
	id, err := l.a.Certs.PutAuthorities(list)
	if err != nil {
		return shell.Fail("Unable to store the custom list of certificate authorities: %v.", reason(err))
	}
	err = change(l.s, func(c *config.Config) error { c.Refs = inMap(c.Refs, config.AuthoritiesRef, id); return nil })
	if err != nil {
		return err
	}
	_, system := certstore.System()
	for _, note := range append(notes, certstore.InBoth(list, system)...) {
		l.s.Say("%s", note)
	}
	l.s.Say("%d certificate authorities imported; they take the place of %d.", len(list), len(before))
	if !*l.enabled(l.s.Candidate()) {
		l.s.Say("The custom list is disabled; it takes effect when it is enabled and committed.")
	}
	return nil
}

func (l *authorityList) exportFile() error {
	if err := l.s.Permit("authority", "custom", "export"); err != nil {
		return err
	}
	name, err := askNewFile(l.s, "Enter a name for the exported file:")
	if err != nil {
		return err
	}
	return l.save(name)
}

func (l *authorityList) save(name string) error {
	list, err := l.certificates()
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return shell.Fail("Error: the %s list is empty.", strings.ToLower(l.title()))
	}
	if err := writeFile(l.a, name, certstore.EncodePEM(list)); err != nil {
		return err
	}
	written(l.s, l.a, name)
	return nil
}

// authorityReport is what --json prints of an authority.
type authorityReport struct {
	Subject     string    `json:"subject" doc:"a distinguished name"`
	Issuer      string    `json:"issuer" doc:"a distinguished name"`
	NotAfter    time.Time `json:"not_after" doc:"when it ends"`
	Key         string    `json:"key" doc:"kind and size, such as RSA 2048"`
	Fingerprint string    `json:"sha256" doc:"the certificate's fingerprint"`
}

type authoritiesJSON struct {
	List        string            `json:"list" doc:"custom or system"`
	Enabled     bool              `json:"enabled" doc:"it is in use"`
	Authorities []authorityReport `json:"authorities" doc:"certificates"`
}

func (l *authorityList) print() error {
	list, err := l.certificates()
	if err != nil {
		return err
	}
	reports := []authorityReport{}
	for _, c := range list {
		reports = append(reports, authorityReport{certstore.DN(c.Subject), certstore.DN(c.Issuer), c.NotAfter.UTC(), keyName(c), fingerprint(c)})
	}
	if l.s.JSON {
		return l.s.PrintJSON(authoritiesJSON{strings.ToLower(l.title()), *l.enabled(l.s.Candidate()), reports})
	}
	if len(list) == 0 {
		l.s.Say("The %s list is empty.", strings.ToLower(l.title()))
		return nil
	}
	for i, r := range reports {
		l.s.Printf("%d. %s\n   Expires: %s, Key: %s\n   SHA-256: %s\n", i+1, r.Subject, stamp(r.NotAfter), r.Key, r.Fingerprint)
	}
	return nil
}

// authorityBatch runs what stands behind "certconfig authority".
func authorityBatch(a *Appliance, s *shell.Session, args []string) error {
	which, err := oneOf("list", args[0], "custom", "system")
	if err != nil {
		return err
	}
	l := &authorityList{a, s, which == "custom"}
	return dispatch("certconfig", args[1:], []subcommand{
		{"enable", 0, 0, func([]string) error { return l.enable(true) }},
		{"disable", 0, 0, func([]string) error { return l.enable(false) }},
		{"print", 0, 0, func([]string) error { return l.print() }},
		{"import", 1, 1, func(args []string) error {
			if !l.custom {
				return shell.Fail("Error: the system list belongs to the host system; import into the custom list.")
			}
			data, err := readFile(a, args[0])
			if err != nil {
				return err
			}
			return l.take(args[0], data)
		}},
		{"export", 1, 1, func(args []string) error { return l.save(args[0]) }},
	})
}
