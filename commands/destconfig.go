package commands

import (
	"context"
	"maps"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/shell"
)

func destConfig(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:     "destconfig",
		Summary:  "Configure destination controls: limits, TLS and bounces per destination domain.",
		Roles:    shell.Readers,
		RolesFor: rolesBut(shell.Readers, shell.Operators, "export"),
		Batch: []string{
			"destconfig list",
			"destconfig detail [DOMAIN|DEFAULT|ALL]",
			"destconfig new DOMAIN key value ...",
			"destconfig edit DOMAIN key value ...",
			"destconfig delete DOMAIN",
			"destconfig default key value ...",
			"destconfig setup certificate NAME alert on|off",
			"destconfig clear",
			"destconfig import FILE",
			"destconfig export FILE",
		},
		Help: `An entry is a domain, ".domain" for every subdomain of it, or DEFAULT, from which every other entry inherits
what it does not say. An entry is chosen by the recipient's domain, never by the host of an SMTP route.

Keys: concurrency N; messages N (a connection); recipients N/MINUTES; per domain|mx; apply system|vg;
tls default|no|preferred|required|preferred-verify|required-verify|required-verify-hosted;
dane none|opportunistic|mandatory; mta_sts on|off; certificate NAME; bounceprofile NAME;
ipsort prefer-v6|require-v6|prefer-v4|require-v4; alert on|off (beyond SETUP's switch for all). The value default takes a
setting back.

DANE and MTA-STS are obeyed beside the TLS setting, and the strictest counts; "tls no" at the domain's own entry switches
both off for it. DANE needs a nameserver that is marked as validating in dnsconfig.

An import replaces the whole table; its file is an INI file with a section for each domain, as export writes it.`,
		Commit:   true,
		Complete: completeDestConfig,
		Documents: []shell.Document{
			{For: "destconfig list, detail", Value: destinationsJSON{}},
			shell.Says("destconfig new, edit, delete, default, setup, clear, import, export"),
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			d := &destinations{a, s}
			if len(args) > 0 {
				return d.batch(args)
			}
			if s.JSON {
				return d.list()
			}
			return d.menu()
		},
	}
}

// destinations is one run of destconfig on the session's candidate.
type destinations struct {
	a *Appliance
	s *shell.Session
}

func (d *destinations) config() *config.Config { return d.s.Candidate() }

// put stores a finished entry in the candidate.
func (d *destinations) put(name string, entry *config.Destination) error {
	if err := change(d.s, func(c *config.Config) error { c.Destinations[name] = entry; return nil }); err != nil {
		return err
	}
	validates := func(server config.DNSServer) bool { return server.Validating }
	if (entry.DANE == "opportunistic" || entry.DANE == "mandatory") && !slices.ContainsFunc(d.config().DNS.Servers, validates) {
		d.s.Say("Note: DANE needs a nameserver that validates, and none is marked so in dnsconfig.")
	}
	return nil
}

func (d *destinations) menu() error {
	alone := func() bool { return len(d.config().Destinations) < 2 }
	return d.s.Menu(shell.Menu{
		State: func() {
			d.s.Say("\nThere are currently %d entries configured.", len(d.config().Destinations))
		},
		Items: []shell.MenuItem{
			{Keyword: "SETUP", What: "Change global settings.", Do: plainly(d.setup)},
			{Keyword: "NEW", What: "Create a new entry.", Do: plainly(d.create)},
			{Keyword: "EDIT", What: "Modify an entry.", Do: plainly(d.edit), Hidden: alone},
			{Keyword: "DELETE", What: "Remove an entry.", Do: plainly(d.remove), Hidden: alone},
			{Keyword: "DEFAULT", What: "Change the default.", Do: plainly(d.editDefault)},
			{Keyword: "LIST", What: "Display a summary list of all entries.", Do: plainly(d.list)},
			{Keyword: "DETAIL", What: "Display details for one destination or all entries.", Do: plainly(d.detail)},
			{Keyword: "CLEAR", What: "Remove all entries.", Do: plainly(d.clear), Hidden: alone},
			{Keyword: "IMPORT", What: "Import tables from a file.", Do: plainly(d.importTable)},
			{Keyword: "EXPORT", What: "Export tables to a file.", Do: plainly(d.exportTable)},
		},
	})
}

// plainly fits an action without a context of its own into a menu.
func plainly(do func() error) func(context.Context) error {
	return func(context.Context) error { return do() }
}

// entries is the keys but DEFAULT, sorted.
func (d *destinations) entries() []string {
	names := slices.Sorted(maps.Keys(d.config().Destinations))
	return slices.DeleteFunc(names, func(n string) bool { return n == config.DefaultDestination })
}

func (d *destinations) setup() error {
	present := d.config().Delivery.Certificate
	if present == config.DemoCertificate {
		d.s.Say("The \"Demo\" certificate is currently configured. You may use \"Demo\", but this will not be secure.\n")
	}
	name, err := chooseCertificate(d.s, d.config(), present, "Please choose the certificate to apply:")
	if err != nil {
		return err
	}
	alert, err := d.s.YesNo("Do you want to send an alert when a required TLS connection fails?", d.config().Delivery.TLSAlert)
	if err != nil {
		return err
	}
	if name != present {
		if err := d.setCertificate(name); err != nil {
			return err
		}
	}
	return d.setAlert(alert)
}

// setAlert sets the switch for every destination.
func (d *destinations) setAlert(on bool) error {
	if err := change(d.s, func(c *config.Config) error { c.Delivery.TLSAlert = on; return nil }); err != nil {
		return err
	}
	if on && len(d.config().Alerts.Recipients) == 0 {
		d.s.Say("Note: nobody receives alerts yet; see alertconfig.")
	}
	return nil
}

func (d *destinations) setCertificate(name string) error {
	warnOfCertificate(d.a, d.s, d.config(), name)
	return change(d.s, func(c *config.Config) error { c.Delivery.Certificate = name; return nil })
}

func (d *destinations) create() error {
	name, err := d.s.Ask(shell.Question{
		Text: "\nEnter the domain you wish to configure.", Required: true,
		Check: func(answer string) error { _, err := d.fresh(answer); return err },
	})
	if err != nil {
		return err
	}
	if name, err = d.fresh(name); err != nil {
		return err
	}
	entry := &config.Destination{}
	if err := d.askEntry(name, entry, true); err != nil {
		return err
	}
	return d.put(name, entry)
}

// fresh is the key of a new entry.
func (d *destinations) fresh(word string) (string, error) {
	name := hostWord(word)
	if strings.EqualFold(name, config.DefaultDestination) {
		return "", shell.Fail("Invalid domain %q: the default is changed with DEFAULT.", word)
	}
	if d.config().Destinations[name] != nil {
		return "", shell.Fail("Invalid domain %q: it is configured already and can be edited.", word)
	}
	return name, acceptable(d.s, func(c *config.Config) { c.Destinations[name] = &config.Destination{} })
}

// known is the key of an entry that is there.
func (d *destinations) known(word string) (string, error) {
	name := hostWord(word)
	if strings.EqualFold(name, config.DefaultDestination) {
		return config.DefaultDestination, nil
	}
	if d.config().Destinations[name] == nil {
		return "", shell.Fail("Unknown domain %q: there is no entry of that name.", word)
	}
	return name, nil
}

// askKnown asks for an entry.
func (d *destinations) askKnown(text string) (string, error) {
	answer, err := d.s.Ask(shell.Question{
		Text:     text,
		Required: true,
		Check:    func(answer string) error { _, err := d.known(answer); return err },
		Complete: d.entries,
	})
	if err != nil {
		return "", err
	}
	return d.known(answer)
}

func (d *destinations) edit() error {
	name, err := d.askKnown("Enter the domain you wish to edit.")
	if err != nil {
		return err
	}
	if name == config.DefaultDestination {
		return d.editDefault()
	}
	entry := *d.config().Destinations[name]
	if err := d.askEntry(name, &entry, false); err != nil {
		return err
	}
	return d.put(name, &entry)
}

func (d *destinations) editDefault() error {
	entry := *d.config().Destinations[config.DefaultDestination]
	if err := d.askDefault(&entry); err != nil {
		return err
	}
	return d.put(config.DefaultDestination, &entry)
}

func (d *destinations) remove() error {
	name, err := d.askKnown("Enter the domain you wish to delete.")
	if err != nil {
		return err
	}
	return d.removeEntry(name)
}

func (d *destinations) removeEntry(name string) error {
	if name == config.DefaultDestination {
		return shell.Fail("Unable to delete %s: every other entry inherits from it.", name)
	}
	return change(d.s, func(c *config.Config) error { delete(c.Destinations, name); return nil })
}

func (d *destinations) clear() error {
	sure, err := d.s.YesNo("Are you sure you want to remove all entries but the default?", false)
	if err != nil || !sure {
		return err
	}
	return d.removeAll()
}

func (d *destinations) removeAll() error {
	return change(d.s, func(c *config.Config) error {
		maps.DeleteFunc(c.Destinations, func(name string, _ *config.Destination) bool { return name != config.DefaultDestination })
		return nil
	})
}

func completeDestConfig(s *shell.Session, args []string) []string {
	if len(args) <= 1 {
		return startingWith(args, []string{"list", "detail", "new", "edit", "delete", "default", "setup", "clear", "import", "export"})
	}
	c, keysFrom := s.Candidate(), 2
	switch word := strings.ToLower(args[0]); {
	case word == "default":
		keysFrom = 1
	case word == "setup" && len(args)%2 == 0:
		return startingWith(args, []string{"certificate", "alert"})
	case word == "setup" && abbreviated(args[len(args)-2], []string{"certificate", "alert"}) == 1:
		return startingWith(args, []string{"on", "off"})
	case word == "setup":
		return startingWith(args, profileNames(c))
	case len(args) == 2 && (word == "edit" || word == "detail"):
		return startingWith(args, slices.Sorted(maps.Keys(c.Destinations)))
	case len(args) == 2 && word == "delete":
		return startingWith(args, deletableDestinations(c))
	case len(args) == 2 || word != "new" && word != "edit":
		return nil
	}
	if (len(args)-1-keysFrom)%2 == 0 {
		return startingWith(args, destinationKeys)
	}
	return startingWith(args, destinationValues(c, args[len(args)-2]))
}

// deletableDestinations are the entries but DEFAULT, which stays.
func deletableDestinations(c *config.Config) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(c.Destinations)), func(name string) bool { return name == config.DefaultDestination })
}

// destinationValues is what may stand behind a key, as far as that can be listed.
func destinationValues(c *config.Config, key string) []string {
	var values []string
	switch strings.ToLower(key) {
	case "per":
		values = []string{"domain", "mx"}
	case "apply":
		values = []string{"system", "vg"}
	case "tls":
		for _, l := range tlsLevels {
			values = append(values, string(l.level))
		}
	case "dane":
		values = []string{"none", "opportunistic", "mandatory"}
	case "certificate":
		values = profileNames(c)
	case "bounceprofile":
		values = bounceNames(c)
	case "ipsort":
		for _, p := range ipSorts {
			values = append(values, p.word)
		}
	case "alert", "mta_sts":
		values = []string{"on", "off"}
	}
	return append(values, inherited)
}
