package commands

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"posthouse/config"
)

func TestSMTPRoutesDialogue(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "smtproutes", "new", ".example.com", "lotus.example.com", "", "commit -y")
	contains(t, out, `There are no routes configured.
Choose the operation you want to perform:
- NEW - Create a new route.
- IMPORT - Import new routes from a file.
[]> `, `Enter the domain for which you want to set up a permanent route.
Partial hostnames such as ".example.com" are allowed.
Use "ALL" for the default route.
[]> `, `Enter the destination hosts, separated by commas, which you want mail for .example.com to be delivered.
`, `[]> `, `Mapping for .example.com to lotus.example.com created.
There are currently 1 routes configured.
`, `- NEW - `, `- EDIT - `, `- DELETE - `, `- PRINT - `, `- IMPORT - `, `- EXPORT - `, `- CLEAR - `)
	again := newBench(t)
	again.exec(0, "smtproutes new .example.com lotus.example.com; commit -y", "")
	if b.settings() != again.settings() {
		t.Error("dialogue and batch form give different files")
	}
}

func TestSMTPRoutesBatch(t *testing.T) {
	b := newBench(t)
	b.exec(0, `smtproutes new Partner.example. [192.0.2.1]:2525,10/MX.partner.example; smtproutes new all usedns; smtproutes new x.example /dev/null; commit -y`, "")
	out := b.exec(0, "smtproutes print; smtproutes export routes; smtproutes clear; smtproutes import routes; commit -y", "")
	contains(t, out, "ALL USEDNS\npartner.example [192.0.2.1]:2525,10/mx.partner.example\nx.example /dev/null\n",
		"\"/configuration/routes\".", "3 routes imported.", "There is no data to commit.")
	b.exec(0, "smtproutes edit partner.example other.example; smtproutes delete x.example; commit -y", "")
	if c := b.running(); len(c.Routes) != 2 || !slices.Equal(c.Routes["partner.example"].Hops, []string{"other.example"}) {
		t.Errorf("routes are %v", c.Routes)
	}
	contains(t, b.exec(0, "smtproutes --json", ""), `"domain": "ALL"`, `"destinations": [`, `"USEDNS"`)
	if err := os.WriteFile(filepath.Join(b.a.Files, "bad"), []byte("a.example b.example\n\nc.example # nowhere\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"smtproutes new all other.example":    "a route already",
		"smtproutes new y.example host:99999": "host:99999",
		"smtproutes new \"y y\" host.example": "y y",
		"smtproutes new y.example ,":          "at least one host",
		"smtproutes edit y.example h.example": "smtproutes print",
		"smtproutes delete y.example":         "smtproutes print",
		"smtproutes import bad":               `Invalid line 3: "c.example" has no destination.`,
		"smtproutes import /etc/passwd":       "path",
		"smtproutes new y.example":            "Invalid command: something is missing behind \"new\": smtproutes new SOURCE DEST[,DEST]\n",
		"smtproutes turn":                     `"turn"`,
	} {
		b.fails(line+"; commit -y", "", want)
	}
}

func FuzzParseRoutes(f *testing.F) {
	f.Add("example.com mx.example.com,[192.0.2.1]:25 # text\nALL USEDNS")
	f.Add(". mx.example.com")
	f.Fuzz(func(t *testing.T, text string) {
		read, err := parseRoutes(text)
		if err != nil {
			return
		}
		again, err := parseRoutes(formatRoutes(&config.Config{Routes: read}))
		if err != nil || len(again) != len(read) {
			t.Fatalf("%q is written as %q: %v", text, formatRoutes(&config.Config{Routes: read}), err)
		}
	})
}

func TestDeliveryConfig(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "deliveryconfig", "setup", "", "", "9000", "", "commit -y")
	contains(t, out, `Choose the operation you want to perform:
- SETUP - Configure mail delivery.
[]> `, `Choose the default interface to deliver mail.
1. Auto
2. Management (127.0.0.1/8: mail.example.com)
[1]> `, `Enable "Possible Delivery"? [N]> `, `Please enter the default system wide maximum outbound message delivery concurrency
[10000]> `)
	again := newBench(t)
	again.exec(0, "deliveryconfig setup interface auto possible_delivery off concurrency 9000; commit -y", "")
	if b.settings() != again.settings() {
		t.Error("dialogue and batch form give different files")
	}
	out = b.exec(0, "deliveryconfig setup interface management possible_delivery on; deliveryconfig show; commit -y", "")
	contains(t, out, "This may lose mail.", "Default interface to deliver mail: Management", "\"Possible Delivery\": Enabled", "9,000")
	contains(t, b.exec(0, "deliveryconfig show --json", ""), `"interface": "Management"`, `"possible_delivery": true`, `"concurrency": 9000`)
	b.exec(0, "deliveryconfig setup connect_timeout 5 handshake_timeout 7 reply_timeout usual; commit -y", "")
	contains(t, b.exec(0, "deliveryconfig show", ""), "Timeouts: connect 5 seconds, reply 300 seconds (usual), handshake 7 seconds\n")
	b.fails("deliveryconfig setup reply_timeout 0; commit -y", "", "from 1 to 3600")
	b.fails("deliveryconfig setup interface Data9; commit -y", "", `"Data9"`)
	b.fails("deliveryconfig setup concurrency 0; commit -y", "", "from 1 to 10000")
	b.fails("deliveryconfig setup possible_delivery maybe; commit -y", "", "on or off")
}

func TestBounceConfig(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "bounceconfig", "new", "patient", "200", "300000", "", "", "", "n", "", "1000", "2", "y", "notices@example.com",
		"", "commit -y")
	contains(t, out, "Current bounce profiles:\n1. Default\n", "- NEW - ", "- EDIT - ", "- DELETE - ", "- SETUP - ",
		"[100]> ", "[259200]> ", "[60]> ", "[3600]> ", "[Y]> ", "[14400]> ", "[1]> ", "[N]> ", "1. Default\n2. patient\n")
	again := newBench(t)
	again.exec(0, "bounceconfig new patient max_retries 200 max_queue_time 300000 dsn off delay_warning_after 1000 delay_warnings 2 "+
		"notice_to notices@example.com; commit -y", "")
	if b.settings() != again.settings() {
		t.Errorf("dialogue and batch form give different files:\n%s\n%s", b.settings(), again.settings())
	}
	b.exec(0, "bounceconfig setup initial_retry 120; destconfig new x.example bounceprofile PATIENT; commit -y", "")
	if c := b.running(); c.Bounces["Default"].InitialRetry != 120 || c.Destinations["x.example"].BounceProfile != "patient" {
		t.Error("the batch forms have no effect")
	}
	b.fails("bounceconfig delete patient; commit -y", "", "patient") // in use
	b.fails("bounceconfig delete Default; commit -y", "", "no profile is named")
	b.fails("bounceconfig new default; commit -y", "", "of that name")
	b.fails("bounceconfig new ../x; commit -y", "", "../x")
	b.fails("bounceconfig edit patient initial_retry 5000 max_retry 100; commit -y", "", "max_retry")
	contains(t, b.exec(0, "bounceconfig list", ""), "Profile", "=======", "Default", "patient", "Text")
	contains(t, b.exec(0, "bounceconfig detail patient", ""), " Maximum retries: 200", " Notices to: notices@example.com")
	contains(t, b.exec(0, "bounceconfig list --json", ""), `"name": "Default"`, `"max_queue_time": 259200`)
	b.exec(0, "destconfig delete x.example; bounceconfig delete patient; commit -y", "")
}

func TestDNSConfig(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "dnsconfig", "new", "192.0.2.53", "", "", "", "", "commit -y")
	contains(t, out, "Currently using the nameservers of the host system.\nChoose the operation you want to perform:\n- NEW - Add a new server.\n",
		"[]> ", "[0]> ", "[N]> ", `Currently using the local DNS cache servers:
1. Priority: 0  192.0.2.53
Choose the operation you want to perform:
- NEW - Add a new server.
- EDIT - Edit a server.
- DELETE - Remove a server.
- SETUP - Configure general settings.
[]> `)
	again := newBench(t)
	again.exec(0, "dnsconfig new 192.0.2.53; commit -y", "")
	if b.settings() != again.settings() {
		t.Error("dialogue and batch form give different files")
	}
	b.exec(0, "dnsconfig new 127.0.0.1:5353 5 validating on domain corp.example; dnsconfig edit 192.0.2.53 priority 9; commit -y", "")
	contains(t, b.exec(0, "dnsconfig list", ""), "1. Priority: 5  127.0.0.1:5353  for corp.example  (validating)\n2. Priority: 9  192.0.2.53\n")
	contains(t, b.exec(0, "dnsconfig list --json", ""), `"address": "127.0.0.1:5353"`, `"priority": 5`, `"validating": true`, `"domain": "corp.example"`)
	b.fails("dnsconfig new 192.0.2.53; commit -y", "", "already")
	b.fails("dnsconfig new ns.example; commit -y", "", "ns.example")
	b.fails("dnsconfig new 192.0.2.54 domain; commit -y", "", "needs a value")
	b.fails("dnsconfig delete 192.0.2.99; commit -y", "", "dnsconfig list")
	b.fails("dnsconfig new 192.0.2.53:53; commit -y", "", "already")
	b.fails("dnsconfig new 300.1.1.1", "", `Error: "300.1.1.1" is not an address`)
	b.exec(0, "dnsconfig delete 192.0.2.53:53; commit -y", "")
	b.exec(0, "dnsconfig setup servers system; commit -y", "")
	if len(b.running().DNS.Servers) != 0 {
		t.Error("servers are left")
	}
}

func TestSetHostname(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "sethostname", "mail4.example.com", "commit -y", "version")
	contains(t, out, "[mail.example.com]> ", "Changes committed", "mail4.example.com> ")
	b.fails("sethostname bad_!name; commit -y", "", "bad_!name")
	if strings.Contains(b.settings(), "bad_!") {
		t.Error("a bad name was stored")
	}
}
