package commands

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/shell"
)

// The dialogue is that of the transcript, prompt for prompt.
func TestListenerConfigNew(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "listenerconfig", "new", "", "Inbound2", "", "", "2599", "example.com", "n", "y", "1000", "", "", "commit -y")
	contains(t, out, `
Currently configured listeners:
1. InboundMail (on Management, 127.0.0.1) SMTP TCP Port 2525 Public
2. OutboundMail (on Management, 127.0.0.1) SMTP TCP Port 2526 Private

Choose the operation you want to perform:
- NEW - Create a new listener.
- EDIT - Modify a listener.
- DELETE - Remove a listener.
- SETUP - Change global settings.
[]> 

Please select the type of listener you want to create.
1. Private
2. Public
3. Blackhole
[2]> 

Please create a name for this listener (Ex: "InboundMail"):
[]> 

Please choose an IP interface for this Listener.
1. Management (127.0.0.1/8: mail.example.com)
[1]> 

Choose a protocol.
1. SMTP
2. QMQP
[1]> 

Please enter the TCP port for this listener.
[25]> 

Enter the domain names or specific email addresses you want to accept mail for.
`, "[]> \n\nWould you like to configure SMTP routes for example.com? [Y]> \n\nDo you want to enable rate limiting for this listener? [N]> ", `
Enter the maximum number of recipients per hour to accept from a remote domain.
[]> 

Default Policy Parameters
==========================
Maximum Message Size: 10M
Maximum Number Of Connections From A Single IP: 10
Maximum Number Of Messages Per Connection: 10
Maximum Number Of Recipients Per Message: 50
Maximum Number Of Recipients Per Hour: 1,000
Use TLS: No
Allow SMTP Authentication: No

Would you like to change the default host access policy? [N]> `, `
Listener Inbound2 created.
Defaults have been set for a Public listener.
Use the listenerconfig->EDIT command to customize the listener.
`, "\n1. Inbound2 (on Management, 127.0.0.1) SMTP TCP Port 2599 Public\n")

	again := newBench(t)
	again.exec(0, `listenerconfig new Inbound2 public Management 2599; listenerconfig edit Inbound2 rcptaccess new example.com accept; `+
		"listenerconfig edit inbound2 hostaccess default max_rcpts_per_hour 1000; commit -y", "")
	if b.settings() != again.settings() {
		t.Errorf("dialogue and batch form give different files:\n%s\n%s", b.settings(), again.settings())
	}
}

func TestListenerConfigNewPrivate(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "listenerconfig", "new", "private", "Relay", "", "", "0", "192.0.2.0/24, .example.com", "", "y",
		"20m", "", "", "", "", "", "", "", "", "", "", "preferred", "", "", "commit -y")
	contains(t, out, "Please specify the systems allowed to relay email through this listener.", "Maximum Message Size: 20M",
		"Maximum Number Of Recipients Per Hour: Disabled", "Defaults have been set for a Private listener.")
	l := b.running().Listeners["Relay"]
	if !slices.Equal(l.HostAccess.Groups[0].Members, []string{"192.0.2.0/24", ".example.com"}) || l.HostAccess.Default.TLS != config.TLSPreferred {
		t.Errorf("listener %+v", l)
	}
	b.script(0, "listenerconfig", "new", "blackhole", "Hole", "", "", "0", "", "", "", "commit -y")
	if got := b.running().Listeners["Hole"].Type; got != config.Blackhole {
		t.Errorf("type %q", got)
	}
}

// Routes that are asked for along with a new listener are stored with it, or not at all.
func TestListenerConfigNewWithRoute(t *testing.T) {
	b := newBench(t)
	out := b.script(1, "listenerconfig", "new", "", "In2", "", "", "0", "example.com", "", "lotus.example.com:2500", "\x03", "showchanges")
	contains(t, out, "Mapping for example.com to lotus.example.com:2500 created.", "There are no changes.")
	b.script(0, "listenerconfig", "new", "", "In2", "", "", "0", "example.com, user@", "", "lotus.example.com:2500", "", "", "", "commit -y")
	if r := b.running().Routes["example.com"]; r == nil || r.Hops[0] != "lotus.example.com:2500" || len(b.running().Routes) != 1 {
		t.Errorf("routes %v", b.running().Routes)
	}
}

func TestListenerConfigEdit(t *testing.T) {
	b := newBench(t)
	rsa, err := certstore.Create(certstore.Request{CommonName: "mail.example.com", Days: 100, Key: certstore.RSA2048})
	if err != nil {
		t.Fatal(err)
	}
	b.profile("rsa", rsa, nil)
	out := b.script(0, "listenerconfig", "edit", "1", "name", "Front", "interface", "", "", "2600", "certificate", "rsa", "certificate", "1,2",
		"limits", "200", "40", "setup", "defaultdomain", "y", "Example.COM", "", "bounceconfig", "1", "", "", "commit force")
	contains(t, out, "Enter the name or number of the listener you wish to edit.\n[]> ", `
Name: InboundMail
Type: Public
Interface: Management (127.0.0.1/8) TCP Port 2525
Protocol: SMTP
Default Domain: <none configured>
Max Concurrent Connections: 300 (TCP Queue: 50)
Domain Map: Disabled
TLS: No
Certificate: Demo
SMTP Authentication: Disabled
Bounce Profile: Default

Choose the operation you want to perform:
- NAME - Change the name of the listener.
- INTERFACE - Change the interface.
- CERTIFICATE - Choose the certificate.
- LIMITS - Change the injection limits.
- SETUP - Configure general options.
- HOSTACCESS - Modify the Host Access Table.
- RCPTACCESS - Modify the Recipient Access Table.
- BOUNCECONFIG - Choose the bounce profile to use for messages injected on this listener.
- MASQUERADE - Configure the Domain Masquerading Table.
- DOMAINMAP - Configure domain mappings.
[]> `, `1. rsa
2. Demo
Please choose the certificate to apply:
[2]> `, "Certificate: rsa\n", "Please choose the certificate to apply:\n[1]> ", `Default Domain: example.com
Max Concurrent Connections: 200 (TCP Queue: 40)
`, "Certificate: rsa, Demo\n")

	again := newBench(t)
	again.profile("rsa", rsa, nil)
	again.exec(0, "listenerconfig edit inboundmail name Front port 2600 certificate rsa,Demo max_connections 200 listen_queue 40 default_domain example.com bounceprofile default; commit force", "")
	if b.settings() != again.settings() {
		t.Errorf("dialogue and batch form give different files:\n%s\n%s", b.settings(), again.settings())
	}
}

func TestListenerConfigSetup(t *testing.T) {
	b := newBench(t)
	b.script(0, "listenerconfig", "setup", "50", "", "600", "", "90", "", "", "commit -y")
	i := b.running().Injection
	if i.MaxHops != 50 || i.SessionTimeout != 600 || i.CommandTimeout != 300 || i.MaxHandshakes != 90 || i.MaxHandshakesPerPeer != 100 {
		t.Errorf("injection %+v", i)
	}
	contains(t, b.exec(0, "listenerconfig setup max_hops 60; listenerconfig setup; listenerconfig setup --json; clearchanges -y", ""), "max_hops = 60\n", "max_handshakes_per_peer = 100\n", `"max_hops": 60`)
}

func TestListenerConfigDelete(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "listenerconfig", "delete", "OUTBOUNDmail", "y", "", "commit -y")
	contains(t, out, `Are you sure you want to remove listener "OutboundMail"? [N]> `, "Listener OutboundMail deleted.")
	b.exec(0, "listenerconfig delete inboundmail; commit -y", "")
	if n := len(b.running().Listeners); n != 0 {
		t.Errorf("%d listeners are left", n)
	}
	contains(t, b.script(0, "listenerconfig", ""), "There are no listeners configured.", "[]> ")
}

func TestListenerConfigRefuses(t *testing.T) {
	b := newBench(t)
	b.exec(0, "certconfig new one cn=a.example; certconfig new two cn=b.example; commit -y", "")
	if err := os.WriteFile(filepath.Join(b.a.Files, "bad.txt"), []byte("GROUP:\n  1.2.3.4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ line, want string }{
		{"listenerconfig new InboundMail public Management 0", `Invalid name "InboundMail": listener "InboundMail" exists already`},
		{"listenerconfig new all public Management 0", `Invalid name "all"`},
		{"listenerconfig new a/b public Management 0", `"a/b" is not a name`},
		{"listenerconfig new CPQ_listener public Management 0", `Invalid name "CPQ_listener": the listener that an XML file has`},
		{"listenerconfig edit InboundMail name cpq_listener", `Invalid name "cpq_listener": the listener that an XML file has`},
		{"listenerconfig new X smtp Management 0", `Invalid listener type "smtp"`},
		{"listenerconfig new X public Nowhere 0", `Unknown interface "Nowhere"`},
		{"listenerconfig new X public Management 2525", `Invalid port "2525": listener "InboundMail" has it`},
		{"listenerconfig new X public Management 2222", "port 2222 of 127.0.0.1 is taken by"},
		{"listenerconfig new X public Management 70000", `Invalid port "70000"`},
		{"listenerconfig edit Nobody port 1", `Unknown listener "Nobody"`},
		{"listenerconfig edit InboundMail certificate none", `Unknown certificate profile "none"`},
		{"listenerconfig edit InboundMail certificate one,two", "both have an ECDSA key"},
		{"listenerconfig edit InboundMail certificate one,one", "is named twice"},
		{"listenerconfig edit InboundMail certificate one,two,Demo", "one certificate profile is accepted, or two"},
		{"listenerconfig edit InboundMail max_connections 0", `Invalid max_connections "0"`},
		{"listenerconfig edit InboundMail default_domain a..b", `"a..b" is not a host name`},
		{"listenerconfig edit InboundMail bounceprofile x", `Unknown bounce profile "x"`},
		{"listenerconfig edit InboundMail name OutboundMail", "exists already"},
		{"listenerconfig edit InboundMail port 2600 colour red", `Invalid key "colour"`},
		{"listenerconfig edit InboundMail port", "Invalid command: "},
		{"listenerconfig edit InboundMail masquerade print", "masquerade is not available in this version"},
		{"listenerconfig edit OutboundMail rcptaccess new a.example accept", `listener "OutboundMail" is not public`},
		{"listenerconfig edit InboundMail rcptaccess new a@b@c accept", "is not a recipient"},
		{"listenerconfig edit InboundMail rcptaccess new a.example accept 550 \"no\"", `Invalid code "550"`},
		{"listenerconfig edit InboundMail rcptaccess delete a.example", `Unknown recipient address "a.example"`},
		{"listenerconfig edit InboundMail rcptaccess edit a.example reject", `Unknown recipient address "a.example"`},
		{"listenerconfig edit InboundMail hostaccess new sendergroup G 1.2.3 policy NONE", `Invalid host: `},
		{"listenerconfig edit InboundMail hostaccess new sendergroup G 1.2.3.4 policy NONE", `Unknown policy "NONE"`},
		{"listenerconfig edit InboundMail hostaccess new sendergroup ALL 1.2.3.4 policy ACCEPTED", "ALL"},
		{"listenerconfig edit InboundMail hostaccess new sendergroup RELAYLIST 1.2.3.4 policy ACCEPTED", "exists already"},
		{"listenerconfig edit InboundMail hostaccess new sendergroup G 1.2.3.4,1.2.3.4 policy ACCEPTED", "named twice"},
		{"listenerconfig edit InboundMail hostaccess edit sendergroup RELAYLIST delete 1.2.3.4", `Unknown host "1.2.3.4"`},
		{"listenerconfig edit InboundMail hostaccess edit sendergroup ALL new 1.2.3.4", "the entry ALL takes no other host"},
		{"listenerconfig edit InboundMail hostaccess delete sendergroup ALL", "the entry ALL stays"},
		{"listenerconfig edit InboundMail hostaccess move ALL 1", "the entry ALL stays"},
		{"listenerconfig edit InboundMail hostaccess move RELAYLIST 9", "Invalid position 9"},
		{"listenerconfig edit InboundMail hostaccess delete policy ACCEPTED", `Policy "ACCEPTED" is used by sender group ALL`},
		{"listenerconfig edit InboundMail hostaccess new policy ACCEPTED accept", "exists already"},
		{"listenerconfig edit InboundMail hostaccess new policy P perhaps", `Invalid behavior "perhaps"`},
		{"listenerconfig edit InboundMail hostaccess new policy P accept tls maybe", `"maybe"`},
		{"listenerconfig edit InboundMail hostaccess default max_message_size 10X", `"10X"`},
		{"listenerconfig edit InboundMail hostaccess import bad.txt", `Failed to parse "bad.txt": line `},
		{"listenerconfig edit InboundMail hostaccess import ../posthouse.toml", "Invalid name: "},
	} {
		b.fails(c.line, "", c.want)
	}
	out := b.script(1, "listenerconfig", "new", "", "X", "", "2")
	contains(t, out, "Invalid protocol QMQP")
}

// What is edited may be named on the command's line, and the dialogue goes on from there.
func TestListenerConfigEditEntersTheDialogue(t *testing.T) {
	b := newBench(t)
	contains(t, b.script(0, "listenerconfig edit", "2", "", "listenerconfig ed inboundmail", "name", "Front", "", "clearchanges -y"),
		"1. InboundMail (on Management", "Enter the name or number of the listener you wish to edit.", "Name: OutboundMail", "- HOSTACCESS - ",
		"Name: InboundMail", "Name: Front")
	b.fails("listenerconfig edit nowhere", "", `Unknown listener "nowhere": accepted are `)
	b.fails("listenerconfig edit InboundMail --json", "", "Invalid command: something is missing behind \"edit\":\n  listenerconfig edit [NAME]")
}

func TestListenerConfigJSON(t *testing.T) {
	b := newBench(t)
	contains(t, b.exec(0, "listenerconfig --json; listenerconfig details OutboundMail --json", ""),
		`"listeners": [`, `"name": "InboundMail"`, `"port": 2525`, `"certificates": [`, `"name": "OutboundMail"`, `"type": "private"`)
	contains(t, b.exec(0, "listenerconfig edit InboundMail hostaccess print --json", ""),
		`"default": {`, `"max_concurrency": 10`, `"policies": [`, `"sender_groups": [`, `"name": "RELAYLIST"`)
	if out := b.exec(0, "listenerconfig list", ""); !strings.Contains(out, "1. InboundMail") {
		t.Errorf("list printed %s", out)
	}
}

// At a terminal a refused operation leaves the earlier ones, and the menus go on under the present name.
func TestListenerConfigAtTheTerminal(t *testing.T) {
	b := newBench(t)
	typed := strings.Join([]string{
		"listenerconfig", "edit", "InboundMail", "name", "OutboundMail", "a b", "Front", "interface", "", "QMQP", "1", "2526", "2600",
		"hostaccess", "delete", "2", "ACCEPTED", "delete", "", "SUSPECTLIST", "", "rcptaccess", "new", "a@b@c", "example.com", "", "", "", "", "",
		"commit -y", "exit", "",
	}, "\r")
	screen := shell.RunTyped(t.Context(), b.opts, typed, 200, 60)
	contains(t, screen, `listener "OutboundMail" exists already`, `"a b" is not a name`, "Invalid protocol QMQP", `Invalid port "2526"`,
		`Policy "ACCEPTED" is used by sender group ALL`, "is not a recipient", "Changes committed: ")
	l := b.running().Listeners["Front"]
	if l == nil || l.Port != 2600 || len(l.HostAccess.Groups) != 4 || l.RecipientAccess["example.com"] == nil {
		t.Errorf("listeners %v", b.running().Listeners)
	}
}
