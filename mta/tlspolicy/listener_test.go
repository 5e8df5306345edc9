package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"slices"
	"strings"
	"testing"

	"posthouse/config"
	"posthouse/internal/cause"
)

// TestServerNames asks a listener for names, with a client that knows ECDSA alone or RSA alone.
func TestServerNames(t *testing.T) {
	p := newPKI(t)
	pair := func(name string) []tls.Certificate {
		return []tls.Certificate{
			shown(issue(t, p.mid, ecKey(t), name, dnsNames(name)), p.mid),
			shown(issue(t, p.mid, rsaKey(t, 2048), name, dnsNames(name)), p.mid),
		}
	}
	s, err := NewServer(ServerOptions{
		Certificates: pair("mx.example.com"), Trust: trusting(),
		Names: map[string][]tls.Certificate{"mail.example.org": pair("mail.example.org"), "*.example.net": pair("*.example.net")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"mx.example.com": "mx.example.com", "": "mx.example.com", "unknown.example": "mx.example.com",
		"mail.example.org": "mail.example.org", "MAIL.example.org": "mail.example.org", "below.mail.example.org": "mx.example.com",
		"a.example.net": "*.example.net", "a.b.example.net": "mx.example.com", "example.net": "mx.example.com",
	} {
		for _, suite := range []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256} {
			var leaf *x509.Certificate
			o := accept(t, s, func(conn net.Conn) {
				tlsClient(insecure(func(c *tls.Config) {
					c.ServerName, c.MaxVersion, c.CipherSuites = name, tls.VersionTLS12, []uint16{suite}
					c.VerifyConnection = func(state tls.ConnectionState) error { leaf = state.PeerCertificates[0]; return nil }
				}))(conn)
			})
			if !o.Encrypted || leaf == nil || leaf.Subject.CommonName != want {
				t.Errorf("%q: %+v", name, o)
			} else if rsa := rsaBits(leaf) > 0; rsa == needsECDSA(suite) {
				t.Errorf("%q: an RSA key %v for suite %x", name, rsa, suite)
			}
		}
	}
}

// TestAskedClients has a listener that asks and takes what comes, saying what it is worth.
func TestAskedClients(t *testing.T) {
	p, stranger := newPKI(t), newPKI(t)
	trust := trusting(p.root)
	trust.custom = newList(certsOf(p.root))
	s := newServer(t, []tls.Certificate{shown(p.leaf, p.mid)}, AskClient, trust)
	with := func(c tls.Certificate, version uint16) func(net.Conn) {
		return tlsClient(insecure(func(conf *tls.Config) {
			conf.MaxVersion = version
			conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil }
		}))
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		o := accept(t, s, with(shown(p.leaf, p.mid), version))
		if c := o.Client; !o.Encrypted || !o.Verified || o.Cause != "" || c == nil || !c.Verified || !c.Custom ||
			c.Subject != "CN=mx1.partner.example" || c.CommonName != "mx1.partner.example" || !slices.Equal(c.DNSNames, []string{"mx1.partner.example"}) ||
			!slices.Equal(c.Authorities, []string{"CN=Test Issuing CA", "CN=Test Root"}) || len(c.Chain) != 3 || len(o.Chain) != 2 {
			t.Errorf("good: %+v %+v", o, c)
		}
		o = accept(t, s, with(tls.Certificate{}, version))
		if !o.Encrypted || o.Verified || o.Client != nil || o.Cause != cause.H11 || o.Number != 336105671 {
			t.Errorf("none: %+v", o)
		}
		o = accept(t, s, with(shown(stranger.leaf, stranger.mid), version))
		if c := o.Client; !o.Encrypted || o.Verified || c == nil || c.Verified || c.Authorities != nil || o.Cause != cause.H11 || o.Number != 336105606 || o.Findings[0].Cause != cause.V8 {
			t.Errorf("stranger: %+v", o)
		}
	}
	silent := newServer(t, []tls.Certificate{shown(p.leaf, p.mid)}, NoClient, trust)
	if o := accept(t, silent, with(shown(p.leaf, p.mid), tls.VersionTLS13)); !o.Encrypted || o.Verified || o.Client != nil || o.Cause != "" {
		t.Errorf("not asked: %+v", o)
	}
}

// TestSettings negotiates what a cipher string and methods allow, in both directions.
func TestSettings(t *testing.T) {
	p := newPKI(t)
	certs := []tls.Certificate{shown(p.leaf, p.mid), shown(issue(t, p.mid, rsaKey(t, 2048), "mx1.partner.example", dnsNames("mx1.partner.example")), p.mid)}
	for _, test := range []struct {
		methods          string
		ciphers          string
		protocol, cipher string
	}{
		{"tlsv1_2 tlsv1_3", "HIGH:MEDIUM:-aNULL", "TLSv1.3", "TLS_AES_128_GCM_SHA256"},
		{"tlsv1_2", "AES128-SHA", "TLSv1.2", "AES128-SHA"},
		{"tlsv1_2", "AES256-GCM-SHA384:AES128-GCM-SHA256", "TLSv1.2", "AES256-GCM-SHA384 or AES128-GCM-SHA256"},
		{"tlsv1_2", "DES-CBC3-SHA", "TLSv1.2", "DES-CBC3-SHA"},
		{"tlsv1_2", "ECDHE-RSA-DES-CBC3-SHA", "TLSv1.2", "ECDHE-RSA-DES-CBC3-SHA"},
		{"tlsv1_2", "RC4-SHA", "TLSv1.2", "RC4-SHA"},
		{"tlsv1_0", "AES128-SHA", "TLSv1", "AES128-SHA"},
		{"tlsv1_0 tlsv1_1", "HIGH:-aNULL", "TLSv1.1", "ECDHE-ECDSA-AES128-SHA"},
		{"tlsv1_3", "HIGH:-aNULL", "TLSv1.3", "TLS_AES_128_GCM_SHA256"},
	} {
		service := config.SSLService{Methods: strings.Fields(test.methods), Ciphers: test.ciphers}
		s, err := NewServer(ServerOptions{Certificates: certs, Trust: trusting(), SSL: service})
		if err != nil {
			t.Error(err)
			continue
		}
		trust, err := NewTrust(&config.Config{SSL: config.SSL{Outbound: service}}, nil, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		trust.pool, trust.inForce = trusting(p.root).pool, newList(certsOf(p.root))
		var out Outcome
		in := accept(t, s, func(conn net.Conn) {
			c, h := trust.ClientConfig(partner, nil)
			out = h.Outcome(tls.Client(h.Watch(conn), c).Handshake())
		})
		for _, o := range []Outcome{in, out} {
			if !o.Encrypted || o.Protocol != test.protocol || !slices.Contains(strings.Split(test.cipher, " or "), o.Cipher) {
				t.Errorf("%s %s: %+v", test.methods, test.ciphers, o)
			}
		}
		if !out.Verified {
			t.Errorf("%s %s: not verified: %+v", test.methods, test.ciphers, out)
		}
	}
	for _, bad := range []config.SSLService{{Methods: []string{"tlsv1_0", "tlsv1_3"}, Ciphers: "HIGH"}, {Methods: []string{"tlsv1_3"}, Ciphers: "rot13"}} {
		if _, err := NewServer(ServerOptions{Trust: trusting(), SSL: bad}); err == nil {
			t.Errorf("%+v is taken", bad)
		}
		if _, err := NewTrust(&config.Config{SSL: config.SSL{Outbound: bad}}, nil, nil); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// TestOffers wants both sides' offers named where nothing matches, with what is configured and not what is built.
func TestOffers(t *testing.T) {
	p := newPKI(t)
	narrow, err := NewServer(ServerOptions{
		Certificates: []tls.Certificate{shown(p.leaf, p.mid)}, Trust: trusting(),
		SSL: config.SSLService{Methods: []string{"tlsv1_2"}, Ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		client func(net.Conn)
		want   cause.ID
		offers string
	}{
		{"version", tlsClient(insecure(func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 })), cause.H2, "they: TLSv1.3; we: TLSv1.2"},
		{"suite", hello("\xc0\x2b\x00\x2f", "\x00\x17"), cause.H1,
			"they: ECDHE-ECDSA-AES128-GCM-SHA256 AES128-SHA; we: ECDHE-ECDSA-AES256-GCM-SHA384; our certificates: ECDSA P-256"},
		{"anonymous", hello("\x00\x34\x00\xff", "\x00\x17"), cause.H6, "they: ADH-AES128-SHA; we: ECDHE-ECDSA-AES256-GCM-SHA384; our certificates: ECDSA P-256"},
		{"curve", hello("\xc0\x2c", "\x00\x15\x00\x1a"), cause.H7,
			"they: secp224r1 brainpoolP256r1, signatures ECDSA+SHA256; we: X25519MLKEM768 SecP256r1MLKEM768 SecP384r1MLKEM1024 X25519 prime256v1 secp384r1 secp521r1; our certificates: ECDSA P-256"},
		{"nothing to compare", says("QUIT\r\n"), cause.H3, ""},
	} {
		o := accept(t, narrow, test.client)
		if o.Cause != test.want || o.Offers != test.offers {
			t.Errorf("%s: %s %q", test.name, o.Cause, o.Offers)
		}
	}
}

// BenchmarkHandshake compares our side of a full handshake (TLS 1.3, ECDSA P-256) with crypto/tls alone.
func BenchmarkHandshake(b *testing.B) {
	p := newPKI(b)
	certs := []tls.Certificate{shown(p.leaf, p.mid)}
	s := newServer(b, certs, NoClient, trusting())
	bare := &tls.Config{Certificates: certs, MinVersion: tls.VersionTLS12}
	for _, bench := range []struct {
		name  string
		serve func(net.Conn) error
	}{
		{"bare", func(conn net.Conn) error { return tls.Server(conn, bare).Handshake() }},
		{"ours", func(conn net.Conn) error {
			in := s.Accept()
			err := tls.Server(in.Watch(conn), in.Config()).Handshake()
			in.Outcome(err)
			return err
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			clients := make(chan error, 1)
			for b.Loop() {
				go func() {
					conn, err := net.Dial("tcp", l.Addr().String())
					if err == nil {
						err = tls.Client(conn, insecure()).Handshake()
						conn.Close()
					}
					clients <- err
				}()
				conn, err := l.Accept()
				if err != nil {
					b.Fatal(err)
				}
				if err := bench.serve(conn); err != nil {
					b.Fatal(err)
				}
				conn.Close()
				if err := <-clients; err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestFitting offers no key exchange that the certificate does not permit.
func TestFitting(t *testing.T) {
	p := newPKI(t)
	s := newServer(t, []tls.Certificate{shown(p.leaf, p.mid)}, NoClient, trusting())
	for _, id := range s.speaks.suites {
		if strings.HasPrefix(tls.CipherSuiteName(id), "TLS_RSA_WITH_") {
			t.Errorf("%s is offered with an ECDSA key", tls.CipherSuiteName(id))
		}
	}
}
