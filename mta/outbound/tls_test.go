package outbound

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/internal/dns"
	"posthouse/mta/queue"
)

// authority issues certificates for tests. Its zero value issues self-signed ones.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	pair := a.issue(t, true, "Test CA")
	a.cert, a.key = pair.Leaf, pair.PrivateKey.(*ecdsa.PrivateKey)
	return a
}

func (a *authority) issue(t *testing.T, ca bool, names ...string) tls.Certificate {
	t.Helper()
	return a.issueWith(t, func(c *x509.Certificate) {
		if c.IsCA = ca; ca {
			c.KeyUsage |= x509.KeyUsageCertSign
			c.DNSNames, c.ExtKeyUsage = nil, nil
		}
	}, names...)
}

// issueWith issues a server's certificate that change makes another of.
func (a *authority) issueWith(t *testing.T, change func(*x509.Certificate), names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: names[0]}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		DNSNames: names, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	change(tmpl)
	parent, signer := tmpl, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// trust puts an authority into the custom list.
func (b *bench) trust(c *config.Config, a *authority) {
	b.t.Helper()
	id, err := b.certs.PutAuthorities([]*x509.Certificate{a.cert})
	if err != nil {
		b.t.Fatal(err)
	}
	c.Authorities.Custom = true
	if c.Refs == nil {
		c.Refs = map[string]string{}
	}
	c.Refs["certificate_authorities.custom"] = id
}

// level sets what a destination wants of TLS.
func level(c *config.Config, domain string, l config.TLSLevel) {
	c.Destinations[domain] = &config.Destination{TLS: l}
}

// tlsPeer takes mail over TLS with the certificate.
func tlsPeer(t *testing.T, cert tls.Certificate) *peer {
	return newPeer(t, func(_ int, l *line) {
		l.greet("STARTTLS")
		l.hear("STARTTLS", "220 go\r\n")
		if l.secure(&tls.Config{Certificates: []tls.Certificate{cert}}) != nil {
			return
		}
		l.hear("EHLO", offerOf())
		// A client that does not like the certificate leaves without a message.
		got, err := l.r.ReadString('\n')
		if err != nil || !strings.HasPrefix(got, "MAIL") {
			return
		}
		l.say("250 ok\r\n")
		l.hear("RCPT", "250 ok\r\n")
		l.hear("DATA", "354 go\r\n")
		l.take("250 taken\r\n")
		l.bye()
	})
}

const (
	newLine    = "New SMTP DCID 1 interface 127.0.0.1 address 127.0.0.1 port *"
	success    = "DCID 1 TLS success protocol TLSv1.3 cipher TLS_A*"
	start      = "Delivery start DCID 1 MID 1 to RID [0]"
	done       = "Message done DCID 1 MID 1 to RID [0]"
	response   = "MID 1 RID [0] Response 'taken'"
	finished   = "Message finished MID 1 done"
	closeLine  = "DCID 1 close"
	requiredP3 = "DCID 1 TLS was required but could not be successfully negotiated [P3]"
	pending    = "MID 1 to RID [0] pending till * [Default]"
)

func TestTLSLevelsAgainstASelfSignedPeer(t *testing.T) {
	delivered := []string{start, done, response, finished, closeLine}
	tests := map[config.TLSLevel][]string{
		config.TLSPrefer:       append([]string{newLine, success}, delivered...),
		config.TLSRequire:      append([]string{newLine, success}, delivered...),
		config.TLSPreferVerify: append([]string{newLine, success, "DCID 1 cause V1 for peer.example", "DCID 1 peer not verified for peer.example [P2]"}, delivered...),
		config.TLSRequireVerify: {
			newLine, "DCID 1 TLS failed: verify error: self-signed certificate [V1]", requiredP3, closeLine,
			"Delayed: DCID 1 MID 1 to RID 0 - 4.4.0 - Other network problem ('000', ['TLS was required but could not be successfully negotiated: TLS failed: verify error: self-signed certificate']) []",
			pending,
		},
	}
	for l, want := range tests {
		t.Run(string(l), func(t *testing.T) {
			t.Parallel()
			p := tlsPeer(t, (&authority{}).issue(t, false, "mx.peer.example"))
			b := newBench(t, func(b *bench, c *config.Config) {
				b.dns.Hosts = map[string][]netip.Addr{"mx.peer.example": {p.addr.Addr()}}
				c.Routes["peer.example"] = &config.Route{Hops: []string{fmt.Sprintf("mx.peer.example:%d", p.addr.Port())}}
				level(c, "peer.example", l)
			})
			b.send("b@peer.example")
			b.expect(want...)
			if h, _ := b.queue.Host("peer.example"); (h.State == queue.Down) != (l == config.TLSRequireVerify) {
				t.Errorf("host %+v", h.HostSummary)
			}
		})
	}
}

func TestVerifiedDelivery(t *testing.T) {
	ca := newAuthority(t)
	p := tlsPeer(t, ca.issue(t, false, "mx.peer.example"))
	b := newBench(t, func(b *bench, c *config.Config) {
		b.trust(c, ca)
		b.port = int(p.addr.Port())
		b.dns.MXs = map[string][]dns.MX{"peer.example": {{Preference: 10, Host: "mx.peer.example"}}}
		b.dns.Hosts = map[string][]netip.Addr{"mx.peer.example": {p.addr.Addr()}}
		level(c, "peer.example", config.TLSRequireVerify)
	})
	b.send("b@Peer.Example")
	b.expect(newLine, success, start, done, response, finished, closeLine)
	h, _ := b.queue.Host("peer.example")
	if !strings.Contains(h.LastTLS, "TLSv1.3 TLS_A") || !strings.Contains(h.LastTLS, ", verified (mx.peer.example), DANE none, MTA-STS none") {
		t.Errorf("last TLS %q", h.LastTLS)
	}
	if len(h.MX) != 1 || len(h.Addresses) != 1 || h.Addresses[0].Preference != 10 {
		t.Errorf("route %+v, %+v", h.MX, h.Addresses)
	}
	if n := b.queue.Totals(); n.Protected[queue.Verified] != 1 {
		t.Errorf("totals %+v", n)
	}
}

// TestTLSThatIsNotToBeHad goes through what a peer may do before and in the handshake.
func TestTLSThatIsNotToBeHad(t *testing.T) {
	inClear := func(first string, before ...string) []string {
		lines := append([]string{newLine}, before...)
		return append(lines, "DCID 1 cause "+first+" for peer.example", "DCID 1 delivery in clear for peer.example [P1]", start, done, response, finished, closeLine)
	}
	clearAgain := func(first string, before ...string) []string {
		lines := append([]string{newLine}, before...)
		return append(lines, "New SMTP DCID 2 *", "DCID 2 cause "+first+" for peer.example", "DCID 2 delivery in clear for peer.example [P1]",
			"Delivery start DCID 2 *", "Message done DCID 2 *", response, finished, "DCID 2 close")
	}
	waits := func(before ...string) []string {
		lines := append([]string{newLine}, before...)
		return append(lines, closeLine, "Delayed: DCID 1 MID 1 to RID 0 - 4.4.0 - Other network problem *", pending)
	}
	deliver := func(l *line) {
		l.hear("MAIL", "250 ok\r\n")
		l.hear("RCPT", "250 ok\r\n")
		l.hear("DATA", "354 go\r\n")
		l.take("250 taken\r\n")
		l.bye()
	}
	const unexpected = "Connection Error: DCID 1 domain: peer.example IP: 127.0.0.1 port: * details: 454-'4.7.0 not now' interface: 127.0.0.1 reason: unexpected SMTP response"
	tests := []struct {
		name  string
		level config.TLSLevel
		play  func(n int, l *line)
		want  []string
	}{
		{"S2 preferred", config.TLSPrefer, func(_ int, l *line) { l.greet(); deliver(l) }, inClear("S2")},
		{"S2 required", config.TLSRequire, func(_ int, l *line) { l.greet(); l.bye() },
			waits("DCID 1 TLS failed: STARTTLS unexpected response [S2]", requiredP3)},
		{"S5 preferred", config.TLSPreferVerify, func(_ int, l *line) { l.greet("XXXXXXXA"); deliver(l) }, inClear("S5")},
		{"S1 preferred", config.TLSPrefer, func(_ int, l *line) {
			l.say("220 peer\r\n")
			l.hear("EHLO", "502 what\r\n")
			l.hear("HELO", "250 peer\r\n")
			deliver(l)
		}, inClear("S1")},
		{"S3 preferred", config.TLSPrefer, func(_ int, l *line) { l.greet("STARTTLS"); l.hear("STARTTLS", "454 4.7.0 not now\r\n"); deliver(l) },
			inClear("S3", unexpected, "DCID 1 TLS failed: STARTTLS unexpected response [S3]")},
		{"S3 required", config.TLSRequireVerify, func(_ int, l *line) { l.greet("STARTTLS"); l.hear("STARTTLS", "454 4.7.0 not now\r\n"); l.bye() },
			waits(unexpected, "DCID 1 TLS failed: STARTTLS unexpected response [S3]", requiredP3)},
		{"S4 preferred", config.TLSPrefer, func(_ int, l *line) { l.greet("STARTTLS"); l.hear("STARTTLS", "220 go\r\n250 more\r\n") },
			waits("DCID 1 TLS failed: STARTTLS unexpected response [S4]")},
		{"S7 preferred", config.TLSPrefer, func(n int, l *line) {
			l.greet("STARTTLS")
			if n > 0 {
				deliver(l)
				return
			}
			l.hear("STARTTLS", "")
		}, clearAgain("S7", "Connection Error: DCID 1 * details: EOF *", "DCID 1 TLS failed: STARTTLS unexpected response [S7]", closeLine)},
		{"S8 preferred", config.TLSPrefer, func(n int, l *line) {
			l.say("220 peer\r\n")
			if n > 0 {
				l.hear("HELO", "250 peer\r\n")
				deliver(l)
				return
			}
			l.hear("EHLO", "")
		}, clearAgain("S8", "Connection Error: DCID 1 * details: EOF *", "DCID 1 cause S8 for peer.example", closeLine)},
		{"H3 preferred", config.TLSPrefer, func(_ int, l *line) {
			l.greet("STARTTLS")
			l.hear("STARTTLS", "220 go\r\n")
			l.r.ReadByte()
			l.say("500 what is this\r\n")
		}, waits("DCID 1 TLS failed: (336130315, 'error:1408F10B:SSL routines:SSL3_GET_RECORD:wrong version number') [H3]")},
		{"H2 found by us", config.TLSPrefer, func(_ int, l *line) {
			l.greet("STARTTLS")
			l.hear("STARTTLS", "220 go\r\n")
			l.r.Peek(1)
			hello := append([]byte{22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2}, make([]byte, 32)...) // TLS 1.1
			l.conn.Write(append(hello, 0, 0xc0, 0x13, 0))
			l.r.ReadString(0) // until the other side is gone
		}, waits("DCID 1 TLS failed: (336032002, 'error:14077102:SSL routines:SSL23_GET_SERVER_HELLO:unsupported protocol') [H2]")},
		{"H1 required", config.TLSRequire, func(_ int, l *line) {
			l.greet("STARTTLS")
			l.hear("STARTTLS", "220 go\r\n")
			l.r.Peek(1)
			l.conn.Write([]byte{21, 3, 3, 0, 2, 2, 40})
		}, waits("DCID 1 TLS failed: (*'error:*') [H1]", requiredP3)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, test.play)
			b := newBench(t, func(_ *bench, c *config.Config) {
				route(c, "peer.example", p)
				level(c, "peer.example", test.level)
			})
			b.send("b@peer.example")
			b.expect(test.want...)
		})
	}
}

// TestAFailedHandshakeIsNeverFollowedByClearText: the next host is tried over TLS, and takes the mail.
func TestAFailedHandshakeIsNeverFollowedByClearText(t *testing.T) {
	broken := newPeer(t, func(n int, l *line) {
		if n > 0 {
			t.Error("the host whose handshake failed is tried again")
		}
		l.greet("STARTTLS")
		l.hear("STARTTLS", "220 go\r\n")
		l.say("not TLS at all\r\n")
	})
	good := tlsPeer(t, (&authority{}).issue(t, false, "mx.peer.example"))
	b := newBench(t, func(_ *bench, c *config.Config) {
		route(c, "peer.example", broken, good)
		level(c, "peer.example", config.TLSPrefer)
	})
	b.send("b@peer.example")
	lines := strings.Join(b.until(finished), "\n")
	if strings.Contains(lines, "clear") || !strings.Contains(lines, "DCID 2 TLS success") {
		t.Errorf("log:\n%s", lines)
	}
}

func TestThePeerRefusesOurCertificateInTLS13(t *testing.T) {
	p := newPeer(t, func(_ int, l *line) {
		l.greet("STARTTLS")
		l.hear("STARTTLS", "220 go\r\n")
		l.secure(&tls.Config{Certificates: []tls.Certificate{(&authority{}).issue(t, false, "mx")}, ClientAuth: tls.RequireAnyClientCert})
	})
	b := newBench(t, func(_ *bench, c *config.Config) {
		route(c, "peer.example", p)
		level(c, "peer.example", config.TLSRequire)
	})
	b.send("b@peer.example")
	b.expect(newLine, "DCID 1 TLS failed: (*'error:*') [H9]", requiredP3, closeLine, "Delayed: *", pending)
}

func TestClientCertificateOfTheDestination(t *testing.T) {
	got := make(chan string, 1)
	p := newPeer(t, func(_ int, l *line) {
		l.greet("STARTTLS")
		l.hear("STARTTLS", "220 go\r\n")
		conf := &tls.Config{Certificates: []tls.Certificate{(&authority{}).issue(t, false, "mx")}, ClientAuth: tls.RequireAnyClientCert}
		if err := l.secure(conf); err != nil {
			t.Errorf("handshake: %v", err)
			return
		}
		got <- l.conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName
		l.hear("EHLO", offerOf())
		l.accept()
		l.bye()
	})
	b := newBench(t, func(b *bench, c *config.Config) {
		profile, err := certstore.Create(certstore.Request{CommonName: "client.example", Days: 10})
		if err != nil {
			t.Fatal(err)
		}
		id, err := b.certs.Put(profile)
		if err != nil {
			t.Fatal(err)
		}
		c.Certificates = map[string]*config.Certificate{"partner": {}}
		if c.Refs == nil {
			c.Refs = map[string]string{}
		}
		c.Refs[config.CertificateRef("partner")] = id
		route(c, "peer.example", p)
		c.Destinations["peer.example"] = &config.Destination{TLS: config.TLSRequire, Certificate: "partner"}
	})
	b.send("b@peer.example")
	b.until(finished)
	if name := <-got; name != "client.example" {
		t.Errorf("the peer was shown %q", name)
	}
}

// backend is go-smtp's side of a delivery to another implementation.
type backend struct{ got chan string }

func (b *backend) NewSession(*gosmtp.Conn) (gosmtp.Session, error) { return b, nil }
func (b *backend) Reset()                                          {}
func (b *backend) Logout() error                                   { return nil }
func (b *backend) Mail(string, *gosmtp.MailOptions) error          { return nil }
func (b *backend) Rcpt(string, *gosmtp.RcptOptions) error          { return nil }
func (b *backend) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	b.got <- string(data)
	return err
}

func TestDeliveryToAnotherImplementation(t *testing.T) {
	got := &backend{got: make(chan string, 100)}
	s := gosmtp.NewServer(got)
	s.Domain, s.ErrorLog = "peer.example", log.New(io.Discard, "", 0)
	s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{(&authority{}).issue(t, false, "mx")}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-ended })
	port := l.Addr().(*net.TCPAddr).Port
	b := newBench(t, func(_ *bench, c *config.Config) {
		c.Routes["peer.example"] = &config.Route{Hops: []string{"[127.0.0.1]:" + strconv.Itoa(port)}}
		level(c, "peer.example", config.TLSPrefer)
	})
	for range 10 {
		b.send("b@peer.example", "c@peer.example")
	}
	for range 10 {
		if body := <-got.got; body != letter {
			t.Errorf("content %q", body)
		}
	}
	b.until("DCID 1 close")
}
