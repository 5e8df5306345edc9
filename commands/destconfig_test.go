package commands

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"posthouse/config"
	"posthouse/shell"
)

// The dialogue is that of the transcript, prompt for prompt.
func TestDestConfigDialogue(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "destconfig", "new", "partner.example", "", "100", "", "y", "", "1000", "", "", "y", "5", "", "", "", "",
		"", "", "list", "", "commit -y", "exit")
	contains(t, out, `
There are currently 1 entries configured.

Choose the operation you want to perform:
- SETUP - Change global settings.
- NEW - Create a new entry.
- DEFAULT - Change the default.
- LIST - Display a summary list of all entries.
- DETAIL - Display details for one destination or all entries.
- IMPORT - Import tables from a file.
- EXPORT - Export tables to a file.
[]> 

Enter the domain you wish to configure.
[]> `, `
Do you wish to configure a concurrency limit for partner.example? [Y]> `, `
Enter the max concurrency limit for "partner.example".
[500]> `, `
Do you wish to apply a messages-per-connection limit to this domain? [N]> `, `
Do you wish to apply a recipient limit to this domain? [N]> `, `
Enter the number of minutes used to measure the recipient limit.
[60]> `, `
Enter the max number of recipients per 60 minutes for "partner.example".
[]> `, `
Select how you want to apply the limits for partner.example:
1. One limit applies to the entire domain partner.example
2. Separate limit for each mail exchanger IP address
[1]> `, `
Select how the limits will be enforced:
1. System Wide
2. Per Virtual Gateway(tm)
[1]> `, `
Do you wish to apply a specific TLS setting for this domain? [N]> `, `
Do you want to use TLS support?
1. No
2. Preferred
3. Required
4. Preferred (Verify)
5. Required (Verify)
6. Required (Verify Hosted Domains)
[1]> `, `
You have chosen to enable TLS. Please use the 'certconfig' command to ensure that there is a valid certificate configured.
`, `
Do you wish to configure DANE support for this domain? [N]> `, `
Do you wish to apply a specific bounce verification address tagging setting for this domain? [N]> `, `
Do you wish to apply a specific bounce profile to this domain? [N]> `, `
Do you wish to apply a specific IP sort preference for this domain? [N]> `, `
Do you wish to apply a specific client certificate to this domain? [N]> `, `
Do you wish to send alerts for this domain? [N]> `, `
There are currently 2 entries configured.
`, `
                    Rate                         Bounce
Domain              Limiting  TLS      DANE      Profile
==================  ========  =======  ========  =========
partner.example     On        Req-V    Default   Default
(Default)           On        Off      Off       (Default)
`, "Changes committed: ")

	again := newBench(t)
	again.exec(0, "destconfig new partner.example concurrency 100 recipients 1000/60 tls required-verify; commit -y", "")
	if b.settings() != again.settings() {
		t.Errorf("dialogue and batch form give different files:\n%s\n%s", b.settings(), again.settings())
	}
}

func TestDestConfigDetail(t *testing.T) {
	b := newBench(t)
	out := b.exec(0, "destconfig new partner.example concurrency 100 recipients 1000/60 tls required-verify dane none; destconfig detail partner.example; clearchanges -y", "")
	if want := `
partner.example
 Maximum messages per connection: Default
 Rate Limiting:
  100 concurrent connections
  1000 recipients per 60 minutes
  Limits applied to entire domain
 TLS: Required (Verify)
 DANE: None
 Client Certificate: Default
 Bounce Profile: Default
`; !strings.Contains(out, want) {
		t.Errorf("detail printed\n%s\nwant\n%s", out, want)
	}
	contains(t, b.exec(0, "destconfig detail --json", ""), `"domain": "DEFAULT"`, `"concurrency": 500`, `"tls": "no"`)
}

func TestDestConfigSetup(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "destconfig", "setup", "", "y", "", "clearchanges -y")
	contains(t, out, `The "Demo" certificate is currently configured. You may use "Demo", but this will not be secure.

1. Demo
Please choose the certificate to apply:
[1]> `, "Do you want to send an alert when a required TLS connection fails? [N]> ", "nobody receives alerts yet; see alertconfig")
	if strings.Count(out, "will not be secure") != 1 {
		t.Errorf("it is said more than once:\n%s", out)
	}
	b.fails("destconfig", "detail\n\n", "Invalid answer: something must be entered here.")
}

func TestDestConfigCompletion(t *testing.T) {
	b := newBench(t)
	b.exec(0, "destconfig new partner.example; commit -y", "")
	for typed, want := range map[string]string{
		"edit p":                     "partner.example",
		"delete partner":             "partner.example",
		"edit partner.example t":     "tls",
		"new x.example tls required": "required required-verify required-verify-hosted",
		"new x.example dane m":       "mandatory",
		"new x.example mta_sts o":    "on off",
		"setup certificate Demo a":   "alert",
		"setup alert ":               "on off",
		"new x.example tls no c":     "concurrency certificate",
		"default certificate D":      "Demo default",
		"default bounceprofile ":     "Default default",
		"new x.example tls no per ":  "domain mx default",
		"setup ":                     "certificate alert",
		"setup certificate ":         "Demo",
		"new partn":                  "",
		"list x":                     "",
	} {
		table := b.opts.Table
		opts := b.opts
		opts.Table = append(table[:len(table):len(table)], &shell.Command{Name: "proposals", Run: func(_ context.Context, s *shell.Session, _ []string) error {
			if got := strings.Join(completeDestConfig(s, strings.Split(typed, " ")), " "); got != want {
				t.Errorf("%q: proposed %q, want %q", typed, got, want)
			}
			return nil
		}})
		if _, errs, status := shell.RunExec(t.Context(), opts, "proposals", ""); status != 0 {
			t.Error(errs)
		}
	}
}

func TestDestConfigEditsAndDeletes(t *testing.T) {
	b := newBench(t)
	b.exec(0, "destconfig new a.example tls preferred; destconfig new .b.example messages 10 apply vg; commit -y", "")
	b.exec(0, "destconfig edit A.example. tls default concurrency 5; destconfig default tls preferred; destconfig delete .b.example; commit -y", "")
	c := b.running()
	entry := c.Destinations["a.example"]
	if len(c.Destinations) != 2 || entry.TLS != config.TLSDefault || *entry.Concurrency != 5 || entry.LimitPer != "domain" {
		t.Errorf("entry %+v in %v", entry, c.Destinations)
	}
	if got := c.Destinations[config.DefaultDestination].TLS; got != config.TLSPrefer {
		t.Errorf("the default has TLS %q", got)
	}
	b.script(0, "destconfig", "edit", "a.example", "n", "", "", "y", "3", "", "", "", "", "", "", "", "commit -y")
	if entry := b.running().Destinations["a.example"]; entry.TLS != config.TLSRequire || entry.Concurrency != nil || entry.LimitPer != "" {
		t.Errorf("the dialogue left %+v", entry)
	}
	b.exec(0, "destconfig clear; commit -y", "")
	if len(b.running().Destinations) != 1 {
		t.Errorf("clear left %v", b.running().Destinations)
	}
}

func TestDestConfigRefusals(t *testing.T) {
	b := newBench(t)
	for line, want := range map[string]string{
		"destconfig new x.example dane sometimes":                          `"sometimes": accepted are default, none, opportunistic`,
		"destconfig new x.example alert maybe":                             `"maybe": accepted are default, on, off`,
		"destconfig new x.example mta_sts testing":                         `"testing": accepted are default, on, off`,
		"destconfig default mta_sts default":                               "needs a value here",
		"destconfig setup alert maybe":                                     `"maybe": on or off`,
		"destconfig new x.example tls strong":                              `"strong": accepted are default, no, preferred`,
		"destconfig new x.example concurrency 0":                           "from 1 to 1000",
		"destconfig new x.example recipients 10":                           "N/MINUTES",
		"destconfig new x.example colour red":                              `"colour"`,
		"destconfig new x.example tls":                                     "tls needs a value",
		"destconfig new \"x y\"":                                           "x y",
		"destconfig new x.example certificate nobody":                      `"nobody"`,
		"destconfig new x.example bounceprofile nobody":                    `"nobody"`,
		"destconfig edit x.example tls no":                                 "there is no entry",
		"destconfig delete default":                                        "inherits",
		"destconfig default tls default":                                   "needs a value here",
		"destconfig paint":                                                 `"paint"`,
		"destconfig import ../../etc/passwd":                               "path",
		"destconfig import nothing.ini":                                    "No such file",
		"destconfig new p.example tls no; destconfig new P.example tls no": "already",
	} {
		b.fails(line, "", want)
	}
}

// Every level of TLS and DANE can be chosen, and what protects a domain is shown.
func TestDestConfigStrictest(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "destconfig", "new", "partner.example", "n", "", "", "y", "6", "y", "3", "", "", "", "", "y", "detail", "partner.example",
		"", "commit -y", "exit")
	contains(t, out, `6. Required (Verify Hosted Domains)
[1]> `, `Do you wish to configure DANE support for this domain? [N]> 
1. None
2. Opportunistic
3. Mandatory
[1]> `, `Do you wish to send alerts for this domain? [N]> `, "Note: DANE needs a nameserver that validates",
		" TLS: Required (Verify Hosted Domains)\n DANE: Mandatory\n", " MTA-STS: Default\n Alerts: On\n")
	again := newBench(t)
	again.exec(0, "destconfig new partner.example tls required-verify-hosted dane mandatory alert on; commit -y", "")
	if b.settings() != again.settings() {
		t.Errorf("dialogue and batch form give different files:\n%s\n%s", b.settings(), again.settings())
	}
}

func TestDestConfigAlerts(t *testing.T) {
	b := newBench(t)
	contains(t, b.exec(0, "destconfig setup alert on; commit -y", ""), "nobody receives alerts yet", "Changes committed")
	if !b.running().Delivery.TLSAlert {
		t.Fatal("the switch is off")
	}
	// With the switch for all there is nothing to ask for one.
	out := b.script(0, "destconfig", "new", "partner.example", "n", "", "", "", "", "", "", "", "", "", "commit -y")
	if strings.Contains(out, "send alerts for this domain") {
		t.Errorf("it asks all the same:\n%s", out)
	}
	b.script(0, "destconfig", "setup", "", "n", "", "commit -y")
	if b.running().Delivery.TLSAlert {
		t.Error("the dialogue left the switch on")
	}
	b.exec(0, "destconfig edit partner.example alert on; commit -y", "")
	b.script(0, "destconfig", "edit", "partner.example", "", "", "", "", "", "", "", "", "", "n", "", "commit -y")
	if alert := b.running().Destinations["partner.example"].Alert; alert != "" {
		t.Errorf("after a no the alert is %q", alert)
	}
}

func TestDestConfigMTASTS(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "destconfig", "default", "", "", "", "", "", "", "", "", "", "y", "detail", "DEFAULT", "", "commit -y")
	contains(t, out, "Do you wish to obey the MTA-STS policies of recipient domains? [N]> ", " MTA-STS: On\n")
	contains(t, b.exec(0, "destconfig new partner.example mta_sts off; destconfig detail partner.example; commit -y; destconfig detail partner.example --json", ""),
		" MTA-STS: Off\n", `"mta_sts": "off"`)
	if c := b.running(); c.Destinations[config.DefaultDestination].MTASTS != "on" || c.Destinations["partner.example"].MTASTS != "off" {
		t.Errorf("settings\n%s", b.settings())
	}
}

const iniFile = `# a comment
[DEFAULT]
max_host_concurrency = 300
max_messages_per_connection = 20
limit_type = host
limit_apply = system
table_tls = on
dane = none
send_tls_req_alert = 1

[Partner.Example]
max_host_concurrency=100
recipient_minutes = 60
recipient_limit = 1000
limit_type = 1
limit_apply = VG
table_tls = 4
ip_sort_pref = PREFER_V6
bounce_validation = off
certificate = Demo
bounce_profile = Default
mta_sts = on
alert = 1

[strict.example]
table_tls = require_verify_hosted
dane = Mandatory
`

func TestDestConfigImportsAndExports(t *testing.T) {
	b := newBench(t)
	if err := os.WriteFile(filepath.Join(b.a.Files, "in.ini"), []byte(iniFile), 0o600); err != nil {
		t.Fatal(err)
	}
	out := b.exec(0, "destconfig import in.ini; commit -y; destconfig export out.ini", "")
	contains(t, out, "3 entries imported.", "Changes committed", "\"/configuration/out.ini\".")
	entry := b.running().Destinations["partner.example"]
	if entry == nil || entry.TLS != config.TLSRequireVerify || entry.LimitPer != "mx" || entry.IPSort != "prefer-v6" ||
		entry.MTASTS != "on" || entry.Alert != "on" {
		t.Fatalf("imported %+v", entry)
	}
	strict := b.running().Destinations["strict.example"]
	if strict.TLS != config.TLSRequireVerifyHosted || strict.DANE != "mandatory" || !b.running().Delivery.TLSAlert {
		t.Errorf("imported %+v", strict)
	}
	b.exec(0, "destconfig setup alert off; commit -y; destconfig import out.ini; commit -y", "")
	if !b.running().Delivery.TLSAlert {
		t.Error("the export has not the switch for alerts")
	}
	before := b.settings()
	out = b.exec(0, "destconfig import out.ini; commit -y", "")
	contains(t, out, "There is no data to commit.")
	if b.settings() != before {
		t.Error("what was exported reads back differently")
	}
}

func TestDestConfigImportRefusals(t *testing.T) {
	c := config.Default("mail.example.com")
	for text, want := range map[string]string{
		"a = 1":                                     "line 1",
		"[x.example]\nnonsense":                     "line 2 [x.example]",
		"[x.example]\ncolour = red":                 `unknown key "colour"`,
		"[x.example]\ntable_tls = 6":                "accepted are off, on",
		"[x.example]\ntable_tls = sometimes":        "accepted are off, on",
		"[x.example]\ndane = must":                  "accepted are none, opportunistic, mandatory",
		"[x.example]\nmta_sts = testing":            "accepted are off, on",
		"[x.example]\nrecipient_limit = 5":          "needs recipient_minutes",
		"[DEFAULT]\ntable_tls = on":                 "the default needs max_host_concurrency",
		"[x.example]\n[X.example.]":                 "two sections",
		"[x.example]\ndane=none\ndane=none":         "twice",
		"[x.example]\nsend_tls_req_alert = 1":       "[DEFAULT] only",
		"[x.example]\nmax_host_concurrency = 10000": "from 1 to 1000",
	} {
		_, err := parseDestinations(text, c)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParseDestinations(f *testing.F) {
	f.Add(iniFile)
	f.Add("[x.example]\ntable_tls = 1")
	c := config.Default("mail.example.com")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseDestinations(text, c)
		if err != nil {
			return
		}
		read := r.entries
		if read[config.DefaultDestination] == nil {
			read[config.DefaultDestination] = c.Destinations[config.DefaultDestination]
		}
		written := formatDestinations(&config.Config{Destinations: read})
		again, err := parseDestinations(written, c)
		if err != nil || len(again.entries) != len(read) {
			t.Fatalf("%q was written as %q: %v", text, written, err)
		}
	})
}
