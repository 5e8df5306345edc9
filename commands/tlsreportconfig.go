package commands

import (
	"cmp"
	"context"
	"crypto"
	"strings"

	"posthouse/config"
	"posthouse/mta/tlsreport"
	"posthouse/shell"
)

// reportSelector is the selector of a first DKIM key.
const reportSelector = "tlsrpt"

func tlsReportConfig(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "tlsreportconfig",
		Summary: "Configure reports on TLS: whether ours are sent, how they are signed, where those of others are taken.",
		Roles:   shell.Readers,
		Batch: []string{
			"tlsreportconfig list",
			"tlsreportconfig setup key value ...",
			"tlsreportconfig dkim new [SELECTOR]",
			"tlsreportconfig dkim show",
			"tlsreportconfig dkim delete",
		},
		Help: `Domains that publish where they want reports (RFC 8460) get one a day of how TLS went with mail to them. Those sent by
mail have to be signed: "dkim new" makes a key and shows the DNS record to publish for it. A new key under the selector
of the old one makes reports unreadable until the record is replaced; a new selector avoids that.

Keys of setup: send on|off; organization NAME (the host name where it is not set); contact ADDRESS (from which reports
come; tlsrpt at the host name where it is not set); domain DOMAIN (that signs; the contact's where it is not set);
selector NAME; receive ADDRESS (reports that come there are kept
for tlsreport and not delivered further; other mail to it is).
The value default takes a setting back.`,
		Commit: true,
		Documents: []shell.Document{
			{For: "tlsreportconfig list", Value: reportSettingsJSON{}},
			{For: "tlsreportconfig dkim show", Value: dkimRecordJSON{}},
			shell.Says("tlsreportconfig setup, dkim new, dkim delete"),
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			r := &reportSettings{a, s}
			if len(args) > 0 {
				return r.batch(args)
			}
			if s.JSON {
				return r.list()
			}
			return r.menu()
		},
		Complete: completeReportSettings,
	}
}

// reportSettings is one run of tlsreportconfig on the session's candidate.
type reportSettings struct {
	a *Appliance
	s *shell.Session
}

func (r *reportSettings) settings() config.TLSReports { return r.s.Candidate().TLSReports }

func (r *reportSettings) batch(args []string) error {
	return dispatch("tlsreportconfig", args, []subcommand{
		{"list", 0, 0, func([]string) error { return r.list() }},
		{"setup", 2, -1, r.batchSetup},
		{"dkim", 1, 2, func(rest []string) error {
			return dispatch("tlsreportconfig dkim", rest, []subcommand{
				{"new", 0, 1, func(rest []string) error { return r.newKey(strings.Join(rest, "")) }},
				{"show", 0, 0, func([]string) error { return r.showKey() }},
				{"delete", 0, 0, func([]string) error { return r.deleteKey() }},
			})
		}},
	})
}

func (r *reportSettings) menu() error {
	none := func() bool { return r.keyID() == "" }
	return r.s.Menu(shell.Menu{
		State: r.print,
		Items: []shell.MenuItem{
			{Keyword: "SETUP", What: "Change the settings.", Do: plainly(r.setup)},
			{Keyword: "DKIM", What: "Make a key that signs reports.", Do: plainly(r.askKey)},
			{Keyword: "SHOW", What: "Display the DNS record of the key.", Do: plainly(r.showKey), Hidden: none},
			{Keyword: "DELETE", What: "Remove the key.", Do: plainly(r.deleteKey), Hidden: none},
		},
	})
}

// inForce is a setting with what holds where it is not set.
func (r *reportSettings) inForce() config.TLSReports {
	c := r.s.Candidate()
	t := c.TLSReports
	t.Organization = cmp.Or(t.Organization, c.Hostname)
	t.Contact = cmp.Or(t.Contact, "tlsrpt@"+c.Hostname)
	t.DKIMDomain = cmp.Or(t.DKIMDomain, t.Contact[strings.LastIndexByte(t.Contact, '@')+1:])
	return t
}

func (r *reportSettings) print() {
	t := r.inForce()
	yesNo := map[bool]string{true: "Yes", false: "No"}
	r.s.Printf("TLS reports are sent: %s\n", yesNo[t.Send])
	r.s.Printf("Organization: %s\n", t.Organization)
	r.s.Printf("Contact: %s\n", t.Contact)
	r.s.Printf("Signing domain: %s\n", t.DKIMDomain)
	r.s.Printf("Selector: %s\n", cmp.Or(t.DKIMSelector, "none"))
	r.s.Printf("Signing key: %s\n", map[bool]string{true: "present", false: "none: reports are sent by HTTPS only"}[r.keyID() != ""])
	r.s.Printf("Reports of others are received at: %s\n", cmp.Or(t.Receive, "nowhere"))
}

type reportSettingsJSON struct {
	Send         bool   `json:"send" doc:"reports are sent"`
	Organization string `json:"organization" doc:"as it stands in reports"`
	Contact      string `json:"contact" doc:"the address that reports come from"`
	Domain       string `json:"dkim_domain" doc:"the domain that signs reports"`
	Selector     string `json:"dkim_selector" doc:"of the signing key; empty: none"`
	Key          bool   `json:"dkim_key" doc:"there is a signing key"`
	Receive      string `json:"receive" doc:"the address at which reports of others are received; empty: none"`
}

type dkimRecordJSON struct {
	Name string `json:"name" doc:"the name of the record to publish"`
	Type string `json:"type" doc:"TXT"`
	Text string `json:"text" doc:"its text in one piece"`
}

func (r *reportSettings) list() error {
	if !r.s.JSON {
		r.print()
		return nil
	}
	t := r.inForce()
	return r.s.PrintJSON(reportSettingsJSON{t.Send, t.Organization, t.Contact, t.DKIMDomain, t.DKIMSelector, r.keyID() != "", t.Receive})
}

// reportText is a setting that is text.
type reportText struct {
	key, question string
	field         func(t *config.TLSReports) *string
	read          func(word string) string
}

func reportTexts() []reportText {
	return []reportText{
		{"organization", "Enter the name of your organization, as it stands in reports (\"default\" is the host name):",
			func(t *config.TLSReports) *string { return &t.Organization }, strings.TrimSpace},
		{"contact", "Enter the address that reports come from (\"default\" is tlsrpt at the host name):",
			func(t *config.TLSReports) *string { return &t.Contact }, mailAddress},
		{"domain", "Enter the domain that signs reports (\"default\" is the contact's):",
			func(t *config.TLSReports) *string { return &t.DKIMDomain }, hostWord},
		{"selector", "Enter the selector of the signing key (\"default\" is none):",
			func(t *config.TLSReports) *string { return &t.DKIMSelector }, hostWord},
		{"receive", "Enter the address at which reports of others are received (\"default\" is none):",
			func(t *config.TLSReports) *string { return &t.Receive }, mailAddress},
	}
}

// take reads a value; default takes the setting back.
func (x reportText) take(t *config.TLSReports, word string) {
	if strings.EqualFold(word, inherited) {
		*x.field(t) = ""
		return
	}
	*x.field(t) = x.read(word)
}

// setup is the dialogue of SETUP.
func (r *reportSettings) setup() error {
	t := r.settings()
	var err error
	if t.Send, err = r.s.YesNo("Do you want to send reports on TLS to the domains that ask for them?", t.Send); err != nil {
		return err
	}
	for _, x := range reportTexts() {
		answer, err := r.s.Ask(shell.Question{Text: x.question, Default: cmp.Or(*x.field(&t), inherited), Check: func(answer string) error {
			if strings.ContainsFunc(answer, func(c rune) bool { return c < ' ' || c == 0x7f }) {
				return shell.Fail("Invalid text %q: control characters are not accepted.", answer)
			}
			return acceptable(r.s, func(c *config.Config) { x.take(&c.TLSReports, answer) })
		}})
		if err != nil {
			return err
		}
		x.take(&t, answer)
	}
	return r.put(t)
}

func (r *reportSettings) batchSetup(words []string) error {
	t := r.settings()
	list := []setting{{"send", func(v string) (err error) { t.Send, err = switched("send", v); return err }}}
	for _, x := range reportTexts() {
		list = append(list, setting{x.key, func(v string) error {
			if strings.TrimSpace(v) == "" || strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c == 0x7f }) {
				return shell.Fail("Invalid %s %q: text without control characters is accepted.", x.key, v)
			}
			x.take(&t, v)
			return nil
		}})
	}
	if err := applySettings(words, list); err != nil {
		return err
	}
	return r.put(t)
}

// put stores the settings and says what is missing for reports to go out.
func (r *reportSettings) put(t config.TLSReports) error {
	if err := change(r.s, func(c *config.Config) error { c.TLSReports = t; return nil }); err != nil {
		return err
	}
	if t.Send && (r.keyID() == "" || t.DKIMSelector == "") {
		r.s.Say("Warning: without a signing key and its selector reports are sent by HTTPS only; tlsreportconfig dkim new makes one.")
	}
	return nil
}

func (r *reportSettings) keyID() string { return r.s.Candidate().Refs[config.ReportKeyRef] }

// askKey is the dialogue of DKIM.
func (r *reportSettings) askKey() error {
	selector, err := r.s.Ask(shell.Question{
		Text: "Enter the selector under which the key will be published:", Default: cmp.Or(r.settings().DKIMSelector, reportSelector),
		Check: r.checkSelector,
	})
	if err != nil {
		return err
	}
	return r.newKey(selector)
}

func (r *reportSettings) checkSelector(selector string) error {
	return acceptable(r.s, func(c *config.Config) { c.TLSReports.DKIMSelector = hostWord(selector) })
}

// newKey makes a key for the selector and shows the record to publish.
func (r *reportSettings) newKey(selector string) error {
	selector = hostWord(cmp.Or(selector, r.settings().DKIMSelector, reportSelector))
	if err := r.checkSelector(selector); err != nil {
		return err
	}
	key, err := tlsreport.NewKey()
	if err != nil {
		return shell.Fail("Unable to make a key: %v.", err)
	}
	id, err := r.a.Config.Vault().Put("dkim", key)
	if err != nil {
		return shell.Fail("Unable to store the key: %v.", reason(err))
	}
	err = change(r.s, func(c *config.Config) error {
		c.TLSReports.DKIMSelector = selector
		if c.Refs == nil {
			c.Refs = map[string]string{}
		}
		c.Refs[config.ReportKeyRef] = id
		return nil
	})
	if err != nil {
		return err
	}
	return r.showKey()
}

// key is the key of the candidate.
func (r *reportSettings) key() (crypto.Signer, error) {
	id := r.keyID()
	if id == "" {
		return nil, shell.Fail("Unable to show the key: there is none; tlsreportconfig dkim new makes one.")
	}
	data, err := r.a.Config.Vault().Get(id)
	if err != nil {
		return nil, shell.Fail("Unable to read the key: %v.", reason(err))
	}
	key, err := tlsreport.ParseKey(data)
	if err != nil {
		return nil, shell.Fail("Unable to read the key: %v.", err)
	}
	return key, nil
}

// showKey prints the record that belongs into the DNS.
func (r *reportSettings) showKey() error {
	key, err := r.key()
	if err != nil {
		return err
	}
	text, err := tlsreport.KeyRecord(key)
	if err != nil {
		return shell.Fail("Unable to show the key: %v.", err)
	}
	t := r.inForce()
	name := cmp.Or(t.DKIMSelector, reportSelector) + "._domainkey." + t.DKIMDomain
	if r.s.JSON {
		return r.s.PrintJSON(dkimRecordJSON{name, "TXT", text})
	}
	r.s.Printf("Publish this record before reports are sent:\n\n%s. IN TXT (\n%s)\n", name, quotedStrings(text))
	return nil
}

// quotedStrings cuts a TXT record's text into strings of a length that the DNS takes (RFC 1035 §3.3.14), a line each.
func quotedStrings(text string) string {
	const most = 200
	var b strings.Builder
	for text != "" {
		n := min(len(text), most)
		b.WriteString("  \"" + text[:n] + "\"\n")
		text = text[n:]
	}
	return b.String()
}

func (r *reportSettings) deleteKey() error {
	if r.keyID() == "" {
		return shell.Fail("Unable to delete the key: there is none.")
	}
	return change(r.s, func(c *config.Config) error { delete(c.Refs, config.ReportKeyRef); return nil })
}

func completeReportSettings(_ *shell.Session, args []string) []string {
	switch {
	case len(args) <= 1:
		return startingWith(args, []string{"list", "setup", "dkim"})
	case args[0] == "dkim" && len(args) == 2:
		return startingWith(args, []string{"new", "show", "delete"})
	case args[0] != "setup":
		return nil
	case len(args)%2 == 0:
		return startingWith(args, []string{"send", "organization", "contact", "domain", "selector", "receive"})
	case args[len(args)-2] == "send":
		return startingWith(args, []string{"on", "off"})
	}
	return startingWith(args, []string{inherited})
}
