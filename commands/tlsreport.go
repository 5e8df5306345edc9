package commands

import (
	"context"
	"errors"
	"strings"
	"time"

	"posthouse/mta/tlsreport"
	"posthouse/shell"
)

// TLSReports is what is known of TLS over days; *tlsreport.Collector is one.
type TLSReports interface {
	Since() time.Time
	Deliveries() []tlsreport.DomainDeliveries // in order of domain
	Summary(domain string) (s tlsreport.Summary, known bool)
	Received(n int) []tlsreport.Received // the newest first
	Import(ctx context.Context, data []byte) (r tlsreport.Received, fresh bool, err error)
	SendNow(ctx context.Context, today bool) ([]tlsreport.SentReport, error)
}

const (
	receivedShown = 20
	receivedMost  = 1000
)

func tlsReport(a *Appliance, reports TLSReports) *shell.Command {
	return &shell.Command{
		Name:     "tlsreport",
		Summary:  "Show what went out in clear and to whom, and the reports on TLS of ours and of others.",
		Roles:    shell.Readers,
		RolesFor: rolesBut(shell.Readers, shell.Operators, "import", "send"),
		Batch: []string{
			"tlsreport",
			"tlsreport DOMAIN",
			"tlsreport received [N]",
			"tlsreport import FILE",
			"tlsreport send [today]",
		},
		Help: `Without a word: what was delivered in the last 30 days, domain by domain: to how many recipients verified, encrypted and
not verified, and in clear; how many connections were given up because TLS was not as it had to be; and the last cause.
Those who got mail in clear stand first. With a domain: day by day, what our report (RFC 8460) to that domain says, and
what others reported about it.

received lists the last reports of others, 20 where N is not said. import takes one from a file in /configuration: a
message, or its attachment. send sends the reports of the days that are over without waiting for their hour; "send
today" also what was counted since midnight (UTC). tlsreportconfig has the settings.`,
		Documents: []shell.Document{
			{For: "tlsreport", Value: tlsReportsJSON{}},
			{For: "tlsreport DOMAIN", Value: tlsreport.Summary{}},
			{For: "tlsreport received", Value: receivedReportsJSON{}},
			{For: "tlsreport import", Value: importedReportJSON{}},
			{For: "tlsreport send", Value: sentReportsJSON{}},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			t := &tlsReporting{a, s, reports}
			switch {
			case len(args) == 0:
				return t.list()
			case len(args) == 1 && strings.ContainsAny(args[0], ".["):
				return t.domain(args[0])
			}
			return dispatch("tlsreport", args, []subcommand{
				{"received", 0, 1, t.received},
				{"import", 1, 1, func(rest []string) error { return t.importFile(ctx, rest[0]) }},
				{"send", 0, 1, func(rest []string) error { return t.send(ctx, rest) }},
			})
		},
		Complete: func(_ *shell.Session, args []string) []string {
			switch {
			case len(args) == 2 && args[0] == "import":
				return startingWith(args, fileNames(a))
			case len(args) == 2 && args[0] == "send":
				return startingWith(args, []string{"today"})
			case len(args) > 1:
				return nil
			}
			words := []string{"received", "import", "send"}
			for _, d := range reports.Deliveries() {
				words = append(words, d.Domain)
			}
			return startingWith(args, words)
		},
	}
}

// tlsReporting is one run of tlsreport.
type tlsReporting struct {
	a       *Appliance
	s       *shell.Session
	reports TLSReports
}

type importedReportJSON struct {
	New bool `json:"new" doc:"it was not here before"`
	tlsreport.Received
}

type sentReportsJSON struct {
	Reports []tlsreport.SentReport `json:"reports" doc:"one for each place"`
}

// importFile takes a report from a file.
func (t *tlsReporting) importFile(ctx context.Context, name string) error {
	data, err := readFile(t.a, name)
	if err != nil {
		return err
	}
	r, fresh, err := t.reports.Import(ctx, data)
	if err != nil {
		return shell.Fail("Unable to import %q: %v.", name, err)
	}
	if t.s.JSON {
		return t.s.PrintJSON(importedReportJSON{fresh, r})
	}
	if !fresh {
		t.s.Say("The report \"%s\" of %s is here already.", r.Report.ID, r.Report.Organization)
		return nil
	}
	t.s.Say("Report \"%s\" of %s imported: %d policies.", r.Report.ID, r.Report.Organization, len(r.Report.Policies))
	return nil
}

// send sends reports now.
func (t *tlsReporting) send(ctx context.Context, rest []string) error {
	today := false
	if len(rest) == 1 {
		if _, err := oneOf("word", rest[0], "today"); err != nil {
			return err
		}
		today = true
	}
	sent, err := t.reports.SendNow(ctx, today)
	if errors.Is(err, tlsreport.ErrOff) {
		return shell.Fail("Unable to send TLS reports: sending is off; tlsreportconfig setup send on and a commit switch it on.")
	}
	if err != nil {
		return shell.Fail("Unable to send TLS reports: %v.", err)
	}
	if t.s.JSON {
		return t.s.PrintJSON(sentReportsJSON{append([]tlsreport.SentReport{}, sent...)})
	}
	if len(sent) == 0 {
		t.s.Say("No domain that reports are due for asks for one.")
		return nil
	}
	table := shell.Table{Head: []string{"Domain", "To", "Result"}}
	for _, r := range sent {
		table.Rows = append(table.Rows, []string{r.Domain, printableLine(r.To), postedWords(r.Posted)})
	}
	t.s.Table(table)
	return nil
}

// postedWords is what became of a report in a few words.
func postedWords(p tlsreport.Posted) string {
	switch {
	case p.OK && p.Note != "":
		return "sent, " + p.Note
	case p.OK:
		return "sent"
	}
	return "not sent: " + p.Note
}
