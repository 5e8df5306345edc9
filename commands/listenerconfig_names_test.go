package commands

import (
	"strings"
	"testing"

	"posthouse/certstore"
)

// rsaProfile puts a second profile beside Demo, with a key of another kind.
func rsaProfile(t *testing.T, b *bench) {
	t.Helper()
	p, err := certstore.Create(certstore.Request{CommonName: "mail.example.com", Days: 100, Key: certstore.RSA2048})
	if err != nil {
		t.Fatal(err)
	}
	b.profile("rsa", p, nil)
}

func TestListenerConfigServerNames(t *testing.T) {
	b := newBench(t)
	rsaProfile(t, b)
	out := b.script(0, "listenerconfig", "edit", "1", "setup", "implicittls", "y", "servernames", "new", "MX.example.com.", "1,2", "new", "*.example.net", "rsa",
		"new", "old.example.com", "", "edit", "mx.example.com", "1", "delete", "3", "", "", "", "", "commit force")
	contains(t, out, `
Default Domain: <none configured>
Implicit TLS: Disabled
Server Names: <none configured>
`, "Do you want TLS to begin with the connection on this port, without STARTTLS? [N]> ", "Implicit TLS: Enabled\n",
		"Every client gets the certificate Demo, whatever server name it asks for.\n",
		"Enter the server name, such as mx.example.com or *.example.com:\n[]> ", `1. rsa
2. Demo
Please choose the certificate to apply:
[2]> `, "Clients that ask for mx.example.com get the certificate rsa, Demo.\n", `
Certificates by the server name that the client asks for:
1. *.example.net: rsa
2. mx.example.com: rsa
3. old.example.com: Demo
Any other: Demo
`, "Server name old.example.com deleted.\n", `Implicit TLS: Enabled
Certificate for *.example.net: rsa
Certificate for mx.example.com: rsa
SMTP Authentication: Disabled
`)
	again := newBench(t)
	rsaProfile(t, again)
	again.exec(0, "listenerconfig edit InboundMail implicit_tls on; listenerconfig edit InboundMail servername mx.example.com rsa; "+
		"listenerconfig edit InboundMail servername x.example rsa,Demo; listenerconfig edit InboundMail servername *.EXAMPLE.net rsa; "+
		"listenerconfig edit InboundMail servername delete X.example; commit force", "")
	if b.settings() != again.settings() {
		t.Errorf("dialogue and batch form give different files:\n%s\n%s", b.settings(), again.settings())
	}
	contains(t, again.exec(0, "listenerconfig details InboundMail --json", ""), `"implicit_tls": true`, `"server_names": {`)
}

// A new listener on the port of submissions is asked whether TLS begins at once; on no other port.
func TestListenerConfigNewOnPort465(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "listenerconfig", "new", "3", "Secure", "", "", "465", "", "", "", "", "commit -y")
	contains(t, out, "Do you want TLS to begin with the connection on this port, without STARTTLS? [Y]> ")
	if l := b.running().Listeners["Secure"]; l == nil || !l.ImplicitTLS || l.Port != 465 {
		t.Errorf("listener %+v", l)
	}
	if strings.Contains(b.script(1, "listenerconfig", "new", "3", "Plain", "", "", "0", "\x03"), "TLS to begin") {
		t.Error("the question is asked on another port")
	}
}

func TestListenerConfigServerNamesRefuse(t *testing.T) {
	b := newBench(t)
	b.exec(0, "certconfig new one cn=a.example; certconfig new two cn=b.example; commit -y", "")
	for _, c := range []struct{ line, want string }{
		{"listenerconfig edit InboundMail servername a_b..c Demo", `"a_b..c" is not a host name`},
		{"listenerconfig edit InboundMail servername a.*.example Demo", `"a.*.example" is not a host name`},
		{"listenerconfig edit InboundMail servername a.example none", `Unknown certificate profile "none"`},
		{"listenerconfig edit InboundMail servername a.example one,two", "both have an ECDSA key"},
		{"listenerconfig edit InboundMail servername a.example", "servername takes NAME CERT[,CERT] or delete NAME"},
		{"listenerconfig edit InboundMail servername delete a.example", `Unknown server name "a.example": there is none`},
		{"listenerconfig edit InboundMail implicit_tls perhaps", `Invalid implicit_tls "perhaps": on or off is accepted`},
		{"listenerconfig setup max_handshakes 0", `Invalid max_handshakes "0": a number from 1 to 100000 is accepted`},
		{`listenerconfig edit InboundMail hostaccess new sendergroup G "cert[a.example]" policy RELAYED`, `"cert[a.example]" is not a member`},
		{`listenerconfig edit InboundMail hostaccess new sendergroup G "cert[a,C A],CERT[a,C A]" policy RELAYED`, "named twice"},
	} {
		b.fails(c.line, "", c.want)
	}
}

// Members by certificate hold commas and blanks, and come in lists like any other.
func TestHostAccessCertificateMembers(t *testing.T) {
	b := newBench(t)
	b.exec(0, `listenerconfig edit InboundMail hostaccess new sendergroup RELAYS "192.0.2.1, cert[CN=mx\,O=Partner, Partner CA],cert[x.example,Partner CA]" policy RELAYED`+
		`; listenerconfig edit InboundMail hostaccess edit sendergroup RELAYS delete "CERT[x.example, Partner CA],192.0.2.1"; commit -y`, "")
	groups := b.running().Listeners["InboundMail"].HostAccess.Groups
	if g := groups[len(groups)-2]; g.Name != "RELAYS" || len(g.Members) != 1 || g.Members[0] != `cert[CN=mx\,O=Partner,Partner CA]` {
		t.Errorf("group %+v", g)
	}
	contains(t, b.exec(0, "listenerconfig edit InboundMail hostaccess print", ""), `
RELAYS:
    cert[CN=mx\,O=Partner,Partner CA]
        $RELAYED
`)
}
