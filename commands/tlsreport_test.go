package commands

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/mta/tlsreport"
	"posthouse/shell"
)

// reportNotes are reports that are known, and what was asked of them.
type reportNotes struct {
	deliveries []tlsreport.DomainDeliveries
	summary    tlsreport.Summary
	known      bool
	received   []tlsreport.Received
	fresh      bool
	imported   string
	sent       []tlsreport.SentReport
	today      bool
	fail       error
}

func (n *reportNotes) Since() time.Time                         { return time.Date(2026, 10, 23, 0, 0, 0, 0, time.UTC) }
func (n *reportNotes) Deliveries() []tlsreport.DomainDeliveries { return n.deliveries }
func (n *reportNotes) Received(count int) []tlsreport.Received {
	return n.received[:min(count, len(n.received))]
}
func (n *reportNotes) Summary(string) (s tlsreport.Summary, ok bool) { return n.summary, n.known }

func (n *reportNotes) Import(_ context.Context, data []byte) (tlsreport.Received, bool, error) {
	n.imported = string(data)
	if n.fail != nil {
		return tlsreport.Received{}, false, n.fail
	}
	return n.received[0], n.fresh, nil
}

func (n *reportNotes) SendNow(_ context.Context, today bool) ([]tlsreport.SentReport, error) {
	n.today = today
	return n.sent, n.fail
}

// reportBench is an appliance with the commands about TLS reports.
func reportBench(t *testing.T, notes *reportNotes) *bench {
	t.Helper()
	b := newBench(t)
	table := slices.DeleteFunc(Table(b.a), func(c *shell.Command) bool { return strings.HasPrefix(c.Name, "tlsreport") })
	b.opts.Table = append(table, tlsReport(b.a, notes), tlsReportConfig(b.a))
	return b
}

func theirReport() tlsreport.Received {
	day := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	return tlsreport.Received{At: day.Add(26 * time.Hour), Signed: []string{"x.example"}, Report: tlsreport.Report{
		Organization: "Company-X", ID: "5065", Range: tlsreport.Range{Start: day, End: day.Add(24*time.Hour - time.Second)},
		Policies: []tlsreport.PolicyReport{
			{Policy: tlsreport.Policy{Type: tlsreport.PolicySTS, Domain: "partner.example"}, Summary: tlsreport.Sessions{Successful: 5326, Failed: 3},
				Failures: []tlsreport.Failure{{Type: "certificate-expired", Host: "mx1.partner.example", ReceivingIP: "192.0.2.25", Count: 3, Reason: "V4"}}},
			{Policy: tlsreport.Policy{Type: tlsreport.PolicyNone, Domain: "elsewhere.example"}},
		},
	}}
}

func TestTLSReportList(t *testing.T) {
	at := time.Date(2026, 11, 22, 6, 9, 18, 0, time.UTC)
	notes := &reportNotes{deliveries: []tlsreport.DomainDeliveries{
		{Domain: "a.example", Deliveries: tlsreport.Deliveries{Verified: 1200}},
		{Domain: "b.example", Deliveries: tlsreport.Deliveries{Clear: 7, LastClear: at, ClearCause: cause.S2, Failed: 1, LastFailure: at.Add(-time.Hour), Cause: cause.V4}},
		{Domain: "c.example", Deliveries: tlsreport.Deliveries{Encrypted: 5, LastWeak: at, WeakCause: cause.V5}},
	}}
	b := reportBench(t, notes)
	contains(t, b.exec(0, "tlsreport", ""), "Deliveries since Fri Oct 23 00:00:00 2026 GMT", `Domain     Verified  Encrypted  In clear  Failed  Last cause
---------  --------  ---------  --------  ------  `,
		"\nb.example         0          0         7       1  S2 STARTTLS is not offered\na.example     1,200          0         0       0\n"+
			"c.example         0          5         0       0  V5 certificate name mismatch\nAll           1,200          5         7       1\n")
	contains(t, b.exec(0, "tlsreport --json", ""), `"since": "2026-10-23T00:00:00Z"`, `"domain": "a.example"`, `"verified": 1200`, `"clear_cause": "S2"`)
	contains(t, reportBench(t, &reportNotes{}).exec(0, "tlsreport; tlsreport --json", ""), "Nothing was delivered.", `"domains": []`)
}

func TestTLSReportOfDomain(t *testing.T) {
	day := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	total := tlsreport.Deliveries{Verified: 2, Clear: 1, LastClear: day.Add(time.Hour), ClearCause: cause.S3, Failed: 4,
		LastFailure: day.Add(2 * time.Hour), Cause: cause.V4, Reason: "verify error: certificate has expired"}
	notes := &reportNotes{known: true, received: []tlsreport.Received{theirReport()}, summary: tlsreport.Summary{Domain: "partner.example", Since: day, Total: total,
		Days: []tlsreport.DayCount{{Date: day, Deliveries: total}}, Received: []tlsreport.Received{theirReport()},
		Counted: []tlsreport.Counted{
			{Start: day, End: day.Add(24 * time.Hour), Due: day.Add(26 * time.Hour), Policies: theirReport().Report.Policies[:1],
				Sent: []tlsreport.Posted{{To: "mailto:a@b.example", At: day.Add(25 * time.Hour), OK: true}, {To: "https://c.example/", At: day, Note: "503"}}},
			{Start: day.Add(24 * time.Hour), Policies: theirReport().Report.Policies[1:]},
		}}}
	b := reportBench(t, notes)
	out := b.exec(0, "tlsreport partner.example", "")
	contains(t, out, "TLS of mail to partner.example since Sat Nov 21 00:00:00 2026 GMT:", "Verified:  2 recipients\n",
		"In clear:  1 recipient, the last Sat Nov 21 01:00:00 2026 GMT: S3 ", "Failed:    4 connections, the last Sat Nov 21 02:00:00 2026 GMT: V4 expired certificate (verify error: certificate has expired)",
		"2026-11-21         2          0         1       4  V4 expired certificate",
		"Report from Sat Nov 21 00:00:00 2026 GMT to Sun Nov 22 00:00:00 2026 GMT, due Sun Nov 22 02:00:00 2026 GMT:",
		"sts partner.example: 5,326 sessions as they should be, 3 not", "3  certificate-expired, at mx1.partner.example, [192.0.2.25], V4",
		"To mailto:a@b.example, Sun Nov 22 01:00:00 2026 GMT: sent", "To https://c.example/, Sat Nov 21 00:00:00 2026 GMT: not sent: 503",
		"Counted for the next report, since Sun Nov 22 00:00:00 2026 GMT:", "Received Sun Nov 22 02:00:00 2026 GMT from Company-X (5065), signed by x.example:")
	if _, received, _ := strings.Cut(out, "Received"); strings.Contains(received, "elsewhere.example") {
		t.Errorf("another domain's policy is shown:\n%s", out)
	}
	contains(t, b.exec(0, "tlsreport partner.example --json", ""), `"domain": "partner.example"`, `"total-failure-session-count": 3`, `"organization-name": "Company-X"`)
	notes.known = false
	b.fails("tlsreport partner.example", "", `Unknown domain "partner.example"`)
	b.fails("tlsreport a..b", "", `Invalid domain "a..b"`)
	b.fails("tlsreport partner", "", `Invalid word "partner"`)
}

func TestTLSReportReceived(t *testing.T) {
	notes := &reportNotes{received: []tlsreport.Received{theirReport(), theirReport()}, fresh: true}
	b := reportBench(t, notes)
	if out := b.exec(0, "tlsreport received 1", ""); strings.Count(out, "Company-X") != 1 || !strings.Contains(out, "elsewhere.example") {
		t.Errorf("received are\n%s", out)
	}
	contains(t, b.exec(0, "tlsreport received --json", ""), `"report-id": "5065"`, `"signed": [`)
	for line, want := range map[string]string{
		"tlsreport received 0":           `Invalid count "0"`,
		"tlsreport received many":        `Invalid count "many"`,
		"tlsreport import nothing.gz":    `No such file "nothing.gz"`,
		"tlsreport import ../etc/passwd": "path",
		"tlsreport import":               "missing behind \"import\": tlsreport import FILE",
		"tlsreport send tomorrow":        `Invalid word "tomorrow"`,
	} {
		b.fails(line, "", want)
	}
	if err := os.WriteFile(filepath.Join(b.a.Files, "r.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	contains(t, b.exec(0, "tlsreport import r.json", ""), `Report "5065" of Company-X imported: 2 policies.`)
	if notes.imported != "{}" {
		t.Errorf("imported %q", notes.imported)
	}
	notes.fresh = false
	contains(t, b.exec(0, "tlsreport import r.json; tlsreport import r.json --json", ""), "is here already", `"new": false`)
	notes.fail = errors.New("parse TLS report: report-id is missing")
	b.fails("tlsreport import r.json", "", `Unable to import "r.json": parse TLS report: report-id is missing.`)
}

func TestTLSReportSend(t *testing.T) {
	notes := &reportNotes{sent: []tlsreport.SentReport{{Domain: "a.example", Posted: tlsreport.Posted{To: "mailto:x@a.example", OK: true}},
		{Domain: "b.example", Posted: tlsreport.Posted{To: "https://b.example/", Note: "404 Not Found"}}}}
	b := reportBench(t, notes)
	contains(t, b.exec(0, "tlsreport send today", ""), "a.example  mailto:x@a.example  sent\n", "b.example  https://b.example/  not sent: 404 Not Found\n")
	if !notes.today {
		t.Error("today is not sent")
	}
	contains(t, b.exec(0, "tlsreport send --json", ""), `"domain": "a.example"`, `"ok": true`)
	notes.sent = nil
	contains(t, b.exec(0, "tlsreport send", ""), "No domain that reports are due for asks for one.")
	notes.fail = tlsreport.ErrOff
	b.fails("tlsreport send", "", "Unable to send TLS reports: sending is off")
}

func TestTLSReportConfigDialogue(t *testing.T) {
	b := reportBench(t, &reportNotes{})
	out := b.script(0, "tlsreportconfig", "setup", "y", "Example Inc.", "Reports@Example.com", "", "sel1", "tls@example.com", "", "commit -y")
	contains(t, out, `TLS reports are sent: No
Organization: mail.example.com
Contact: tlsrpt@mail.example.com
Signing domain: mail.example.com
Selector: none
Signing key: none: reports are sent by HTTPS only
Reports of others are received at: nowhere
`, "- SETUP - ", "- DKIM - ", "[N]> ", "[default]> ", "Warning: without a signing key", "TLS reports are sent: Yes\nOrganization: Example Inc.\n"+
		"Contact: Reports@example.com\nSigning domain: example.com\nSelector: sel1\n", "Reports of others are received at: tls@example.com\n")
	again := reportBench(t, &reportNotes{})
	again.exec(0, `tlsreportconfig setup send on organization "Example Inc." contact Reports@Example.com selector sel1 receive tls@example.com; commit -y`, "")
	if b.settings() != again.settings() {
		t.Errorf("dialogue and batch form give different files:\n%s\n%s", b.settings(), again.settings())
	}
	contains(t, b.exec(0, "tlsreportconfig list --json", ""), `"send": true`, `"organization": "Example Inc."`, `"dkim_domain": "example.com"`, `"dkim_key": false`)
	b.exec(0, "tlsreportconfig setup send off organization default contact default selector default receive default; commit -y", "")
	if got := b.running().TLSReports; got != (config.TLSReports{}) {
		t.Errorf("settings are %+v", got)
	}
}

func TestTLSReportConfigKey(t *testing.T) {
	b := reportBench(t, &reportNotes{})
	out := b.exec(0, "tlsreportconfig dkim new; commit -y", "")
	contains(t, out, "Publish this record", "\ntlsrpt._domainkey.mail.example.com. IN TXT (\n  \"v=DKIM1; k=rsa; s=tlsrpt:email; p=", "\"\n)\n")
	if strings.Contains(out, "PRIVATE") {
		t.Error("the private key is on the screen")
	}
	first := b.running().Refs[config.ReportKeyRef]
	data, err := b.a.Config.Vault().Get(first)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tlsreport.ParseKey(data); err != nil || b.running().TLSReports.DKIMSelector != "tlsrpt" {
		t.Errorf("%v, selector %q", err, b.running().TLSReports.DKIMSelector)
	}
	contains(t, b.exec(0, "tlsreportconfig dkim show --json", ""), `"name": "tlsrpt._domainkey.mail.example.com"`, `"text": "v=DKIM1;`)
	b.script(0, "tlsreportconfig", "dkim", "next", "", "commit -y")
	if second := b.running().Refs[config.ReportKeyRef]; second == first || b.running().TLSReports.DKIMSelector != "next" {
		t.Error("there is no other key")
	}
	b.exec(0, "tlsreportconfig dkim delete; commit -y", "")
	if id := b.running().Refs[config.ReportKeyRef]; id != "" {
		t.Errorf("key %q is left", id)
	}
	for line, want := range map[string]string{
		"tlsreportconfig dkim show":                     "Unable to show the key: there is none",
		"tlsreportconfig dkim delete":                   "Unable to delete the key: there is none.",
		"tlsreportconfig dkim new a/b":                  `"a/b"`,
		"tlsreportconfig dkim":                          "\n  tlsreportconfig dkim show\n",
		"tlsreportconfig setup send maybe":              `Invalid send "maybe": on or off is accepted.`,
		"tlsreportconfig setup contact nobody":          `"nobody" is not an email address`,
		"tlsreportconfig setup receive x":               `"x" is not an email address`,
		"tlsreportconfig setup domain a_/b":             `"a_/b"`,
		"tlsreportconfig setup color red":               `Invalid key "color"`,
		"tlsreportconfig setup send":                    "tlsreportconfig setup key value ...",
		`tlsreportconfig setup organization " "`:        "Invalid organization",
		"tlsreportconfig setup send on contact a@b@c d": "Invalid",
	} {
		b.fails(line+"; commit -y", "", want)
	}
}
