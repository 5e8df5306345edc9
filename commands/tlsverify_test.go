package commands

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"math/big"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"posthouse/internal/dns"
	"posthouse/mta"
	"posthouse/mta/outbound"
	"posthouse/mta/tlspolicy"
)

// tlsIssuer is an authority of a test, with its certificate.
type tlsIssuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue makes a certificate; a nil issuer signs for itself.
func (a *tlsIssuer) issue(t *testing.T, name string, authority bool, names ...string) *tlsIssuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90*24*time.Hour + time.Hour),
		IsCA: authority, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if authority {
		template.KeyUsage = x509.KeyUsageCertSign
	} else {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	parent, signer := template, key
	if a != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tlsIssuer{cert, key}
}

// with is what a server shows: the certificate and those of the issuers.
func (a *tlsIssuer) with(issuers ...*tlsIssuer) *tls.Certificate {
	c := &tls.Certificate{Certificate: [][]byte{a.cert.Raw}, PrivateKey: a.key}
	for _, i := range issuers {
		c.Certificate = append(c.Certificate, i.cert.Raw)
	}
	return c
}

// tlsPeer is a mail server that offers STARTTLS, unless it has no certificate; it returns its port.
func tlsPeer(t *testing.T, cert *tls.Certificate) string {
	return mailServer(t, func(conn net.Conn) net.Conn {
		return tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*cert}})
	}, cert != nil)
}

// mailServer is a mail server that does secure behind STARTTLS, which it offers or not; it returns its port.
func mailServer(t *testing.T, secure func(net.Conn) net.Conn, offer bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { playMailServer(conn, secure, offer) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

func playMailServer(conn net.Conn, secure func(net.Conn) net.Conn, offer bool) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	r := bufio.NewReader(conn)
	io.WriteString(conn, "220 peer ESMTP\r\n")
	for {
		line, err := r.ReadString('\n')
		switch {
		case err != nil:
			return
		case strings.HasPrefix(line, "EHLO") && offer:
			io.WriteString(conn, "250-peer\r\n250 STARTTLS\r\n")
		case strings.HasPrefix(line, "STARTTLS"):
			io.WriteString(conn, "220 go\r\n")
			conn = secure(conn)
			r = bufio.NewReader(conn)
		case strings.HasPrefix(line, "QUIT"):
			io.WriteString(conn, "221 bye\r\n")
			return
		default:
			io.WriteString(conn, "250 peer\r\n")
		}
	}
}

// verifyBench is a bench whose engine verifies with the code of deliveries.
type verifyBench struct {
	*bench
	root, mid *tlsIssuer
}

type verifyingEngine struct {
	*engineNotes
	deliverer *outbound.Deliverer
}

func (e verifyingEngine) VerifyTLS(ctx context.Context, req outbound.VerifyRequest, progress func(outbound.Event)) ([]*tlspolicy.Record, error) {
	return e.deliverer.Verify(ctx, req, progress)
}

func newVerifyBench(t *testing.T) *verifyBench {
	b := &verifyBench{bench: newBench(t)}
	b.root = (*tlsIssuer)(nil).issue(t, "Example Root", true)
	b.mid = b.root.issue(t, "Example Issuing CA G2", true)
	b.engine.resolver.Hosts = map[string][]netip.Addr{
		"mx1.example.com": {netip.MustParseAddr("127.0.0.1")}, "mx1.partner.example": {netip.MustParseAddr("127.0.0.1")},
	}
	id, err := b.a.Certs.PutAuthorities([]*x509.Certificate{b.root.cert})
	if err != nil {
		t.Fatal(err)
	}
	world := func() outbound.World {
		c := b.running().Clone()
		c.Authorities.Custom, c.Authorities.System = true, false
		c.Refs["certificate_authorities.custom"] = id
		trust, err := tlspolicy.NewTrust(c, b.a.Certs, nil)
		if err != nil {
			t.Error(err)
		}
		return outbound.World{Config: c, Resolver: b.engine.resolver, Trust: trust}
	}
	b.a.Engine = verifyingEngine{b.engine, outbound.New(outbound.Options{World: world})}
	b.opts.Table = Table(b.a)
	return b
}

// masked is a text without what differs from run to run.
func masked(text, port string) string {
	text = strings.ReplaceAll(text, "port "+port, "port 25")
	return regexp.MustCompile(`TLS_AES_\w+|TLS_CHACHA\w+`).ReplaceAllString(text, "CIPHER")
}

func TestTLSVerify(t *testing.T) {
	b := newVerifyBench(t)
	port := tlsPeer(t, b.mid.issue(t, "mx1.example.com", false, "mx1.example.com").with(b.mid))
	b.exec(0, "destconfig new example.com tls required-verify; commit -y", "")
	out := masked(b.script(0, "tlsverify", "example.com", "mx1.example.com:"+port, "exit"), port)
	contains(t, out, `Enter the TLS domain to verify against:
[]> 
Enter the destination host to connect to.  Append the port (example.com:26) if you are not connecting on port 25:
[example.com]> 

Connecting to 127.0.0.1 on port 25.
Connected to 127.0.0.1 from interface 127.0.0.1.
Checking TLS connection.
TLS connection established: protocol TLSv1.3, cipher CIPHER.
Verifying peer certificate.
Verifying certificate common name mx1.example.com.
TLS certificate match mx1.example.com
TLS certificate verified.
TLS connection to 127.0.0.1 succeeded.

TLS successfully connected to mx1.example.com.
TLS verification completed.

Certificates as sent:
#  Subject                   Issuer                    Days left  Position
-  ------------------------  ------------------------  ---------  -------------------
1  CN=mx1.example.com        CN=Example Issuing CA G2         90  right: leaf
2  CN=Example Issuing CA G2  CN=Example Root                  90  right: intermediate

DANE:       not asked for
MTA-STS:    not asked for
REQUIRETLS: not offered

Setting                            Outcome now
---------------------------------  ---------------------------------------------
No                                 delivered in clear
Preferred                          delivered, encrypted
Required                           delivered, encrypted
Preferred (Verify)                 delivered, encrypted, verified
Required (Verify)                  delivered, encrypted, verified
Required (Verify Hosted Domains)   delivered, encrypted, verified
In force for example.com           Required (Verify): destination control example.com

Rule                               Asks for           In force
---------------------------------  -----------------  --------
destination control example.com    Required (Verify)  yes
`)
	for _, word := range []string{"Error:", "Invalid", "Failed to", "Unable to", "Unknown"} {
		if strings.Contains(out, word) {
			t.Errorf("%q in what succeeded:\n%s", word, out)
		}
	}
}

func TestTLSVerifyOfAServerThatForgotItsIntermediate(t *testing.T) {
	b := newVerifyBench(t)
	port := tlsPeer(t, b.mid.issue(t, "mx1.partner.example", false, "mx1.partner.example").with())
	out := masked(b.exec(1, "tlsverify partner.example mx1.partner.example:"+port, ""), port)
	contains(t, out, `Connecting to 127.0.0.1 on port 25.
Connected to 127.0.0.1 from interface 127.0.0.1.
Checking TLS connection.
TLS connection established: protocol TLSv1.3, cipher CIPHER.
Verifying peer certificate.
Certificate verification failed: unable to get local issuer certificate.
TLS connection to 127.0.0.1 failed: verify error.
TLS was required but could not be successfully negotiated.

Failed to connect to [mx1.partner.example].
TLS verification completed.
`, "1  CN=mx1.partner.example", "right: leaf", "missing\n", `
No                                 delivered in clear
Preferred                          delivered, encrypted
Required                           delivered, encrypted
Preferred (Verify)                 delivered, encrypted, NOT verified: V2
Required (Verify)                  NOT delivered: V2
Required (Verify Hosted Domains)   NOT delivered: V2
In force for partner.example       No: destination control DEFAULT
`, "\nCause V2, intermediate certificate missing: presumably the server did not send the certificate of its issuer \"Example Issuing CA G2\".\n",
		"Whose fault: theirs. What helps: they add that certificate to their chain; until then \"Required\" delivers encrypted but unverified.\n")
	b.fails("tlsverify partner.example mx1.partner.example:"+port, "", "Failed to verify partner.example: mx1.partner.example (V2).")
}

func TestTLSVerifyWithoutTLS(t *testing.T) {
	b := newVerifyBench(t)
	port := tlsPeer(t, nil)
	contains(t, b.exec(1, "tlsverify partner.example mx1.partner.example:"+port, ""), `Checking TLS connection.
TLS connection to 127.0.0.1 failed: STARTTLS unexpected response.
TLS was required but could not be successfully negotiated.

Failed to connect to [mx1.partner.example].
`, `
No                                 delivered in clear
Preferred                          delivered in clear: S2
Required                           NOT delivered: S2
`, "\nCause S2, ")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := strings.TrimPrefix(l.Addr().String(), "127.0.0.1:")
	l.Close()
	contains(t, b.exec(1, "tlsverify partner.example 127.0.0.1:"+refused, ""), "Unable to connect to 127.0.0.1 on port "+refused+": [Errno ",
		"\nFailed to connect to [127.0.0.1].\n", "\nNo                                 NOT delivered: N3\n", "\nCause N3, ")
	contains(t, b.exec(1, "tlsverify nowhere.example", ""), "Unable to look up nowhere.example: ", "\nFailed to connect to [nowhere.example].\n", "\nCause N1, ")
}

func TestTLSVerifyForPrograms(t *testing.T) {
	b := newVerifyBench(t)
	port := tlsPeer(t, b.mid.issue(t, "mx1.partner.example", false, "mx1.partner.example").with())
	var got struct {
		Domain string `json:"domain"`
		Hosts  []struct {
			Host     string            `json:"host"`
			Verified bool              `json:"verified"`
			Cause    string            `json:"cause"`
			Settings []outcomeNow      `json:"settings"`
			Record   *tlspolicy.Record `json:"record"`
		} `json:"hosts"`
	}
	out := b.exec(1, "tlsverify partner.example mx1.partner.example:"+port+" --json", "")
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	if len(got.Hosts) != 1 || got.Hosts[0].Verified || got.Hosts[0].Cause != "V2" || len(got.Hosts[0].Settings) != len(tlsLevels) || len(got.Hosts[0].Record.Steps) == 0 {
		t.Errorf("got %+v", got)
	}
}

func TestTLSVerifyRefusesWords(t *testing.T) {
	b := newVerifyBench(t)
	for line, want := range map[string]string{
		"tlsverify a@b.example":                   `"a@b.example"`,
		"tlsverify partner.example host:0":        `"0"`,
		"tlsverify partner.example host:x":        `"x"`,
		"tlsverify partner.example ho/st":         `"ho/st"`,
		"tlsverify partner.example host 25":       `"25"`,
		"tlsverify self Nobody":                   `Unknown listener "Nobody"`,
		"tlsverify self InboundMail OutboundMail": `"OutboundMail"`,
	} {
		b.fails(line, "", want)
	}
	for word, want := range map[string]string{
		"mx.example": "mx.example 0", "MX.example.:26": "mx.example 26", "192.0.2.1": "192.0.2.1 0", "[192.0.2.1]:26": "192.0.2.1 26",
		"2001:db8::1": "2001:db8::1 0", "[2001:db8::1]:26": "2001:db8::1 26",
	} {
		host, port, err := hostAndPort(word)
		if got := host + " " + strconv.Itoa(port); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", word, got, err, want)
		}
	}
}

func TestTLSVerifySelf(t *testing.T) {
	b := newVerifyBench(t)
	b.exec(0, "listenerconfig edit InboundMail rcptaccess new example.com,.example.org accept; commit -y", "")
	port := tlsPeer(t, b.mid.issue(t, "mail.example.com", false, "mail.example.com").with(b.mid))
	b.engine.resolver.MXs = map[string][]dns.MX{"example.com": {{Preference: 1, Host: "mail.example.com"}, {Preference: 2, Host: "mx.provider.example"}}}
	b.engine.listeners = []mta.ListenerStatus{{Name: "InboundMail", Addresses: []string{"0.0.0.0:" + port}}}
	contains(t, b.exec(0, "tlsverify self", ""), "Listener InboundMail:\nConnecting to 127.0.0.1 on port "+port+".\n",
		"TLS certificate match mail.example.com\n", "TLS successfully connected to mail.example.com.\nTLS verification completed.\n",
		"\nCertificates as sent:\n", "mail.example.com  interface Management  yes\n", "mail.example.com  MX of example.com     yes\n", "\nDANE: ")
	b.engine.listeners[0].Suspended = true
	contains(t, b.exec(0, "tlsverify self", ""), "Listener InboundMail:\nNot open at present.\n")
	contains(t, b.exec(1, "tlsverify self inboundmail", ""), "Listener InboundMail:\nNot open at present.\n")
	contains(t, b.exec(1, "tlsverify self InboundMail --json", ""), `"listener": "InboundMail"`, `"verified": false`)
}

// TestTLSVerifyShowsWhatIsPublished has a chain that no TLSA record matches, records that must be there and are not, and a
// host of two that is never connected to.
func TestTLSVerifyShowsWhatIsPublished(t *testing.T) {
	b := newVerifyBench(t)
	leaf := b.mid.issue(t, "mx1.partner.example", false, "mx1.partner.example")
	port := tlsPeer(t, leaf.with(b.mid))
	record := "_" + port + "._tcp.mx1.partner.example"
	b.engine.resolver.Secure = map[string]bool{"mx1.partner.example": true, record: true}
	b.engine.resolver.TLSAs = map[string][]dns.TLSA{record: {dns.TLSA(tlspolicy.TLSAOf(b.root.cert, 3, 1, 1))}}
	b.exec(0, "destconfig new partner.example tls required-verify dane opportunistic; commit -y", "")
	line := "tlsverify partner.example mx1.partner.example:" + port
	contains(t, b.exec(1, line, ""), "Certificate verification failed: ", "Failed to connect to [mx1.partner.example].\n",
		"\nDANE:       usable, no match: ", record, "\n            3 1 1 ", `
No                                 delivered in clear
Preferred                          NOT delivered: D1
Required                           NOT delivered: D1
Preferred (Verify)                 NOT delivered: D1
`, "In force for partner.example       ", "\nDANE ", "authenticated by TLSA", "yes", "\nCause D1, no TLSA record matches: ")

	b.engine.resolver.Update(func(f *dns.Fake) { f.TLSAs[record] = []dns.TLSA{dns.TLSA(tlspolicy.TLSAOf(leaf.cert, 3, 1, 1))} })
	contains(t, b.exec(0, line, ""), "TLS certificate verified.\n", "\nDANE:       usable, matches TLSA 3 1 1, ", "\nRequired (Verify)                  delivered, encrypted, verified\n")

	b.engine.resolver.Update(func(f *dns.Fake) { delete(f.TLSAs, record) })
	b.exec(0, "destconfig edit partner.example dane mandatory; commit -y", "")
	contains(t, b.exec(1, line, ""), "No connection is made to mx1.partner.example: DANE is mandatory, ", "\n\nFailed to connect to [mx1.partner.example].\n", "\nPreferred                          NOT delivered: D4\n", "\nCause D4, ")

	b.engine.resolver.Update(func(f *dns.Fake) {
		f.MXs = map[string][]dns.MX{"two.example": {{Preference: 1, Host: "gone.example"}, {Preference: 2, Host: "never.example"}}}
	})
	contains(t, b.exec(1, "tlsverify two.example", ""), "Unable to look up gone.example: ", "\n\nFailed to connect to [gone.example].\n\nUnable to look up never.example: ",
		"\n\nFailed to connect to [never.example].\nTLS verification completed.\n", "\ngone.example:\n", "\nCause N1, ", "\nnever.example:\n", "\nCause N1, ")
}

// TestTLSVerifyOfAnAnonymousServer has a server that shows no certificate: our own hello is refused with an alert that says
// nothing, and a hello that offers more finds out.
func TestTLSVerifyOfAnAnonymousServer(t *testing.T) {
	b := newVerifyBench(t)
	anonymous := func(conn net.Conn) net.Conn {
		hello := make([]byte, 16<<10)
		n, _ := conn.Read(hello)
		if !bytes.Contains(hello[:n], []byte{0x00, 0x18}) || !bytes.Contains(hello[:n], []byte{0x00, 0x34}) { // no ADH is offered
			conn.Write([]byte{21, 3, 3, 0, 2, 2, 40})
			return conn
		}
		conn.Write(append(append([]byte{22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3}, make([]byte, 32)...), 0, 0, 0x18, 0))
		conn.Write([]byte{22, 3, 3, 0, 4, 14, 0, 0, 0})
		return conn
	}
	port := mailServer(t, anonymous, true)
	contains(t, b.exec(1, "tlsverify partner.example mx1.partner.example:"+port, ""), "Checking TLS connection.\nVerifying peer certificate.\n"+
		"Certificate verification failed: no certificate from server.\nTLS connection to 127.0.0.1 failed: verify error.\n"+
		"TLS was required but could not be successfully negotiated.\n", "\nPreferred                          NOT delivered: H6\n", "\nCause H6, ")
}

func FuzzHostAndPort(f *testing.F) {
	for _, word := range []string{"mx.example:26", "[2001:db8::1]:26", "192.0.2.1", ":", "]:1", "a:b:c"} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		host, port, err := hostAndPort(word)
		if err == nil && (host == "" || port < 0 || port > 65535 || strings.ContainsAny(host, " \t[]@/")) {
			t.Errorf("%q is read as host %q, port %d", word, host, port)
		}
	})
}
