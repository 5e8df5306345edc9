package commands

import (
	"slices"
	"strings"
	"testing"
	"time"

	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/mta/alert"
	"posthouse/shell"
)

// alertNotes is alerts that are known.
type alertNotes []alert.Entry

func (l alertNotes) Last(n int) []alert.Entry { return l[:min(n, len(l))] }

// alertBench is an appliance with the commands about alerts.
func alertBench(t *testing.T, entries ...alert.Entry) *bench {
	t.Helper()
	b := newBench(t)
	table := slices.DeleteFunc(Table(b.a), func(c *shell.Command) bool { return c.Name == "alertconfig" || c.Name == "displayalerts" })
	b.opts.Table = append(table, alertConfig(b.a), displayAlerts(alertNotes(entries)))
	return b
}

// The dialogue is that of the transcript, prompt for prompt.
func TestAlertConfigDialogue(t *testing.T) {
	b := alertBench(t)
	out := b.script(0, "alertconfig", "new", "admin@Example.com", "", "", "", "", "commit -y")
	contains(t, out, `Not sending alerts (no configured addresses).

Initial number of seconds to wait before sending a duplicate alert: 300
Maximum number of seconds to wait before sending a duplicate alert: 3600
Alerts will be sent using the system-default From Address.

Choose the operation you want to perform:
- NEW - Add a new email address to send alerts.
- SETUP - Configure alert settings.
- FROM - Configure the From Address of alert emails.
[]> `, `(Ex: "administrator@example.com")
[]> `, "1. All\n2. System\n", "[1]> ", `Select a Severity Level. Separate multiple choices with commas.
1. All
2. Critical
3. Warning
4. Information
[1]> `, `Sending alerts to:
admin@example.com
 Class: All - Severities: All

Initial number of seconds to wait before sending a duplicate alert: 300
Maximum number of seconds to wait before sending a duplicate alert: 3600
Alerts will be sent using the system-default From Address.

Choose the operation you want to perform:
- NEW - Add a new email address to send alerts.
- EDIT - Modify alert subscription for an email address.
- DELETE - Remove an email address.
- CLEAR - Remove all email addresses (disable alerts).
- SETUP - Configure alert settings.
- FROM - Configure the From Address of alert emails.
[]> `, "Changes committed")
}

// What the dialogue and the batch form say alike gives the same file.
func TestAlertConfigBatchIsTheDialogue(t *testing.T) {
	one, two := alertBench(t), alertBench(t)
	one.script(0, "alertconfig",
		"new", "a@x.example", "System, Cert", "2,warning", "y", "hardware", "critical", "n",
		"new", "b@x.example", "", "", "",
		"edit", "b@x.example", "2,3,4,5,6,7,8,9", "4", "",
		"new", "gone@x.example", "", "", "",
		"delete", "gone@x.example",
		"setup", "60", "600", "15",
		"from", "edit", "Alerts@Example.com", "", "", "commit -y")
	two.exec(0, `alertconfig new a@x.example class certificates,system severity warning,critical class hardware severity critical; `+
		`alertconfig new b@x.example severity info; alertconfig new gone@x.example; alertconfig delete GONE@x.example; `+
		`alertconfig setup initial_wait 60 max_wait 600 digest 15; alertconfig from Alerts@example.com; commit -y`, "")
	if one.settings() != two.settings() {
		t.Errorf("different files:\n%s\n%s", one.settings(), two.settings())
	}
	want := []config.AlertSubscription{
		{Class: "System", Severities: []string{"Critical", "Warning"}},
		{Class: "Hardware", Severities: []string{"Critical"}},
		{Class: "Certificates", Severities: []string{"Critical", "Warning"}},
	}
	got := two.running().Alerts.Recipients["a@x.example"].Subscriptions
	if !slices.EqualFunc(got, want, func(x, y config.AlertSubscription) bool {
		return x.Class == y.Class && slices.Equal(x.Severities, y.Severities)
	}) {
		t.Errorf("subscriptions %+v, want %+v", got, want)
	}
	contains(t, one.exec(0, "alertconfig list", ""), `Sending alerts to:
a@x.example
 Class: System - Severities: Critical, Warning
 Class: Hardware - Severities: Critical
 Class: Certificates - Severities: Critical, Warning
b@x.example
 Class: All - Severities: Information
`, "collected into one message: 15\n", "configured From Address: Alerts@example.com")
	contains(t, one.exec(0, "alertconfig list --json", ""), `"address": "a@x.example"`, `"class": "System"`, `"initial_wait": 60`, `"max_wait": 600`, `"digest": 15`)

	// Editing without a new answer changes nothing.
	before := one.settings()
	one.script(0, "alertconfig", "edit", "a@x.example", "", "", "", "", "", "", "", "")
	if one.settings() != before {
		t.Error("an edit that keeps every default changed the settings")
	}
	one.exec(0, "alertconfig clear; alertconfig from default; commit -y", "")
	if c := one.running().Alerts; len(c.Recipients) != 0 || c.From != "" {
		t.Errorf("after clear: %+v", c)
	}
}

func TestAlertConfigRefuses(t *testing.T) {
	b := alertBench(t)
	b.exec(0, "alertconfig new a@x.example; commit -y", "")
	for line, want := range map[string]string{
		"alertconfig new nobody":                         `"nobody" is not an email address`,
		"alertconfig new A@X.example":                    "alerts are sent there already",
		"alertconfig new b@x.example class Weather":      `Invalid class "Weather": accepted are All, System,`,
		"alertconfig new b@x.example class Anti":         `Invalid class "Anti"`,
		"alertconfig new b@x.example severity loud":      `Invalid severity "loud": accepted are All, Critical, Warning, Information`,
		"alertconfig new b@x.example severity":           "severity needs a value",
		"alertconfig new b@x.example color red":          `Invalid key "color"`,
		"alertconfig edit b@x.example class All":         `Unknown address "b@x.example"`,
		"alertconfig delete b@x.example":                 `Unknown address "b@x.example"`,
		"alertconfig setup initial_wait -1":              `Invalid initial_wait "-1"`,
		"alertconfig setup initial_wait 600 max_wait 60": `Invalid max_wait "60"`,
		"alertconfig setup digest 9999":                  `Invalid digest "9999": a number from 0 to 1440`,
		`alertconfig from "x y@z.example"`:               "is not an email address",
		`alertconfig new "<a@b.example>"`:                "is not an email address",
		"alertconfig nonsense":                           `Invalid word "nonsense"`,
		"displayalerts 0":                                `Invalid count "0": a number from 1 to 500`,
		"displayalerts all":                              `Invalid count "all"`,
		"displayalerts 1 2":                              `Invalid word "2"`,
	} {
		b.fails(line, "", want)
	}
	contains(t, b.script(1, "alertconfig", "new", "c@x.example", "9,10", "showchanges"), `Invalid class "10"`)
}

func TestDisplayAlerts(t *testing.T) {
	at := time.Date(2026, 9, 22, 9, 5, 0, 0, time.UTC)
	failed := alert.TLSFailed("partner.example", "mx1.partner.example", cause.V4, "verify error: certificate has expired")
	odd := alert.Problem(alert.Critical, "x", "a \x1b[2Jname\r\nError: not", "text\x07")
	b := alertBench(t,
		alert.Entry{At: at.Add(time.Hour), Alert: odd},
		alert.Entry{At: at, Alert: failed, Mailed: []string{"a@x.example"}, Repeated: 12, Last: at.Add(time.Minute)})
	stamp := func(t time.Time) string { return t.Local().Format("02 Jan 2006 15:04:05 -0700") }
	out := b.exec(0, "displayalerts", "")
	contains(t, out, "Date and Time Stamp         Description\n--------------------------  "+strings.Repeat("-", 50)+"\n", stamp(at.Add(time.Hour))+"  Critical <System>: a  [2Jname  Error: not\n",
		stamp(at)+"  Warning <System>: TLS to partner.example (mx1.partner.example) failed: verify error: certificate has expired (12 times more, last "+
			stamp(at.Add(time.Minute))+")\n")
	if out := b.exec(0, "displayalerts 1 | count", ""); out != "Count: 3 lines\n" {
		t.Errorf("one alert is %q", out)
	}
	contains(t, b.exec(0, "displayalerts detail", ""), "  text\n", "Sent to nobody.\n", "  Destination: partner.example\n", "V4, ", "Sent to: a@x.example\n")
	contains(t, b.exec(0, "displayalerts 5 --json", ""), `"severity": "Critical"`, `"repeated_at": null`, `"cause": "V4"`, `"sent_to": [`, `"repeated": 12`)
	contains(t, alertBench(t).exec(0, "displayalerts", ""), "There are no alerts.\n")
	contains(t, alertBench(t).exec(0, "displayalerts --json", ""), `"alerts": []`)
}
