package tlspolicy

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"testing"
	"time"

	"posthouse/internal/cause"
)

// accept makes one incoming handshake as a listener does, with what client does at the other end.
func accept(t *testing.T, s *Server, client func(net.Conn)) Outcome {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		client(conn)
	}()
	defer func() { <-done }()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := s.Accept()
	server := tls.Server(in.Watch(conn), in.Config())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	o := in.Outcome(server.HandshakeContext(ctx))
	if o.Encrypted {
		io.WriteString(server, "ok\n")
		server.Close()
	}
	return o
}

// newServer is a listener's side with the settings of a new appliance.
func newServer(t testing.TB, certs []tls.Certificate, mode ClientMode, trust *Trust) *Server {
	t.Helper()
	s, err := NewServer(ServerOptions{Certificates: certs, Client: mode, Trust: trust})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tlsClient shakes hands and reads to the end.
func tlsClient(c *tls.Config) func(net.Conn) {
	return func(conn net.Conn) {
		client := tls.Client(conn, c)
		if client.Handshake() == nil {
			io.Copy(io.Discard, client)
		}
	}
}

func insecure(change ...func(*tls.Config)) *tls.Config {
	c := &tls.Config{InsecureSkipVerify: true, ServerName: "mx1.partner.example"}
	for _, f := range change {
		f(c)
	}
	return c
}

func TestServerSuccess(t *testing.T) {
	p := newPKI(t)
	rsaLeaf := issue(t, p.mid, rsaKey(t, 2048), "mx1.partner.example", dnsNames("mx1.partner.example"))
	s := newServer(t, []tls.Certificate{shown(p.leaf, p.mid), shown(rsaLeaf, p.mid)}, NoClient, trusting())
	for _, test := range []struct {
		change           func(*tls.Config)
		protocol, cipher string
	}{
		{func(*tls.Config) {}, "TLSv1.3", "TLS_AES_128_GCM_SHA256"},
		{func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"},
		{func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}
		}, "TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384"},
	} {
		o := accept(t, s, tlsClient(insecure(test.change)))
		if !o.Encrypted || o.Verified || o.Protocol != test.protocol || o.Cipher != test.cipher || o.Cause != "" {
			t.Errorf("%+v", o)
		}
	}
}

func TestClientCertificates(t *testing.T) {
	p, other := newPKI(t), newPKI(t)
	s := newServer(t, []tls.Certificate{shown(p.leaf, p.mid)}, DemandClient, trusting(p.root))
	with := func(c tls.Certificate, version uint16) func(net.Conn) {
		return tlsClient(insecure(func(conf *tls.Config) {
			conf.MaxVersion = version
			conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil }
		}))
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		if o := accept(t, s, with(shown(p.leaf, p.mid), version)); !o.Verified || o.PeerName != "CN=mx1.partner.example" {
			t.Errorf("good: %+v", o)
		}
		o := accept(t, s, with(tls.Certificate{}, version))
		if o.Cause != cause.H11 || o.Reason != "(336105671, 'error:140890C7:SSL routines:SSL3_GET_CLIENT_CERTIFICATE:peer did not return a certificate')" {
			t.Errorf("none: %+v", o)
		}
		o = accept(t, s, with(shown(other.leaf, other.mid), version))
		if o.Cause != cause.H11 || o.Reason != "(336105606, 'error:14089086:SSL routines:SSL3_GET_CLIENT_CERTIFICATE:certificate verify failed')" || o.Findings[0].Cause != cause.V8 {
			t.Errorf("stranger: %+v", o)
		}
	}
}

// TestServerCauses has one client for each way in which an incoming handshake fails.
func TestServerCauses(t *testing.T) {
	p := newPKI(t)
	ec := []tls.Certificate{shown(p.leaf, p.mid)}
	for _, test := range []struct {
		name   string
		client func(net.Conn)
		want   cause.ID
		reason string
	}{
		{"H1", tlsClient(insecure(func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
		})), cause.H1, "(336109761, 'error:1408A0C1:SSL routines:SSL3_GET_CLIENT_HELLO:no shared cipher')"},
		{"H1 for want of an RSA certificate", tlsClient(insecure(func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
		})), cause.H1, "(336109761, 'error:1408A0C1:SSL routines:SSL3_GET_CLIENT_HELLO:no shared cipher')"},
		{"H2", tlsClient(insecure(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })),
			cause.H2, "(336027906, 'error:14076102:SSL routines:SSL23_GET_CLIENT_HELLO:unsupported protocol')"},
		{"H2 in the form of SSL 2", says("\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80" + string(make([]byte, 34))),
			cause.H2, "(336027906, 'error:14076102:SSL routines:SSL23_GET_CLIENT_HELLO:unsupported protocol')"},
		{"H3", says("EHLO mx1.partner.example\r\n"), cause.H3, "(336027900, 'error:140760FC:SSL routines:SSL23_GET_CLIENT_HELLO:unknown protocol')"},
		{"H3 from a scanner", says("GET / HTTP/1.0\r\n\r\n"), cause.H3, "(336027804, 'error:1407609C:SSL routines:SSL23_GET_CLIENT_HELLO:http request')"},
		{"H4", says("\x16\x03\x01\x02\x00\x01"), cause.H4, "(336150822, 'error:14094126:SSL routines:SSL3_READ_BYTES:unexpected eof while reading')"},
		{"S7", says(""), cause.S7, "(336150822, 'error:14094126:SSL routines:SSL3_READ_BYTES:unexpected eof while reading')"},
		{"H6", hello("\x00\x18\x00\x34\xc0\x18\x00\xff", "\x00\x17"), cause.H6, "(336109761, 'error:1408A0C1:SSL routines:SSL3_GET_CLIENT_HELLO:no shared cipher')"},
		{"H7 curve", hello("\xc0\x2b", "\x00\x16"), cause.H7, "(336109944, 'error:1408A178:SSL routines:SSL3_GET_CLIENT_HELLO:no shared signature algorithms')"},
		{"H8", tlsClient(&tls.Config{ServerName: "mx1.partner.example", RootCAs: x509.NewCertPool()}), cause.H8, "(336151570, 'error:14094412:SSL routines:SSL3_READ_BYTES:sslv3 alert bad certificate')"},
		{"H8 in TLS 1.2", tlsClient(&tls.Config{ServerName: "mx1.partner.example", RootCAs: x509.NewCertPool(), MaxVersion: tls.VersionTLS12}), cause.H8, "(336151570, 'error:14094412:SSL routines:SSL3_READ_BYTES:sslv3 alert bad certificate')"},
		{"H13", says("\x15\x03\x01\x00\x02\x02\x50"), cause.H13, "(336151608, 'error:14094438:SSL routines:SSL3_READ_BYTES:tlsv1 alert internal error')"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := accept(t, newServer(t, ec, NoClient, trusting()), test.client)
			if o.Cause != test.want || o.Reason != test.reason || o.Encrypted {
				t.Errorf("%+v", o)
			}
		})
	}
}

// TestNoCommonScheme has a client that signs nothing that our only certificate signs.
func TestNoCommonScheme(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	odd := issue(t, nil, key, "mx.example", dnsNames("mx.example"))
	o := accept(t, newServer(t, []tls.Certificate{shown(odd)}, NoClient, trusting()), hello("\xc0\x2b", "\x00\x17"))
	if o.Cause != cause.H7 {
		t.Errorf("%+v", o)
	}
}

func says(text string) func(net.Conn) {
	return func(conn net.Conn) {
		io.WriteString(conn, text)
		conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, conn)
	}
}

// hello sends a ClientHello of TLS 1.2 with these suites and curves, that signs with ECDSA and SHA-256.
func hello(suites, curves string) func(net.Conn) {
	extensions := "\x00\x0a\x00" + string([]byte{byte(len(curves) + 2), 0, byte(len(curves))}) + curves +
		"\x00\x0b\x00\x02\x01\x00" + "\x00\x0d\x00\x04\x00\x02\x04\x03"
	body := "\x03\x03" + string(make([]byte, 32)) + "\x00" + string([]byte{0, byte(len(suites))}) + suites + "\x01\x00" +
		string([]byte{0, byte(len(extensions))}) + extensions
	return says(handshakeRecord(messageClientHello, body))
}

func TestServerTimeout(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	in := newServer(t, nil, NoClient, trusting()).Accept()
	server.SetDeadline(time.Now().Add(-time.Second))
	o := in.Outcome(tls.Server(in.Watch(server), in.Config()).Handshake())
	if o.Cause != cause.H5 || o.Reason != "(33554492, 'error:0200003C:system library:func(0):Operation timed out')" {
		t.Errorf("%+v", o)
	}
	in = newServer(t, nil, NoClient, trusting()).Accept()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o = in.Outcome(tls.Server(in.Watch(server), in.Config()).HandshakeContext(ctx))
	if o.Cause != "" {
		t.Errorf("cancelled: %+v", o)
	}
}

// TestServerResumption wants tickets to be good for every connection of a Server, and for none of the next one; and a
// client's certificate to be looked at again.
func TestServerResumption(t *testing.T) {
	p := newPKI(t)
	trust := trusting(p.root)
	certs := []tls.Certificate{shown(p.leaf, p.mid)}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, mode := range []ClientMode{NoClient, AskClient, DemandClient} {
			verify := mode != NoClient
			s := newServer(t, certs, mode, trust)
			conf := insecure(func(c *tls.Config) {
				c.MaxVersion, c.ClientSessionCache, c.Certificates = version, tls.NewLRUClientSessionCache(8), certs
			})
			resumed := false
			client := func(conn net.Conn) {
				client := tls.Client(conn, conf)
				if client.Handshake() == nil {
					io.Copy(io.Discard, client)
				}
				resumed = client.ConnectionState().DidResume
			}
			for i, want := range []bool{false, true, true} {
				if o := accept(t, s, client); !o.Encrypted || o.Verified != verify || resumed != want {
					t.Errorf("%x %v: connection %d: resumed %v, %+v", version, verify, i, resumed, o)
				}
			}
			if verify {
				saved := trust.now
				trust.now = func() time.Time { return time.Now().Add(48 * time.Hour) }
				if o := accept(t, s, client); o.Cause != cause.H11 || o.Encrypted != (mode == AskClient) {
					t.Errorf("%x: resumed with an expired certificate: %+v", version, o)
				}
				trust.now = saved
			}
			if accept(t, newServer(t, certs, mode, trust), client); resumed {
				t.Errorf("%x: a session outlives its server", version)
			}
		}
	}
}

// TestTicketKeys wants a new key after a day, and the old one to be read for one more.
func TestTicketKeys(t *testing.T) {
	s := newServer(t, nil, NoClient, trusting())
	s.freshBase()
	first := s.keys[0]
	s.freshBase()
	if len(s.keys) != 1 || s.keys[0] != first {
		t.Error("the key changes with every connection")
	}
	for range 3 {
		s.renewed = s.renewed.Add(-25 * time.Hour)
		s.freshBase()
	}
	if len(s.keys) != 2 || s.keys[0] == first || s.keys[1] == first {
		t.Error("old keys are kept")
	}
}

// TestEndOfFile tells a client that hangs up before its hello from one that does it behind it.
func TestEndOfFile(t *testing.T) {
	in := newServer(t, nil, NoClient, trusting()).Accept()
	id, number, text := in.classify(io.EOF, nil)
	if id != cause.S7 || number != 336150822 || text != "error:14094126:SSL routines:SSL3_READ_BYTES:unexpected eof while reading" {
		t.Error(id, number, text)
	}
	in.hello = &tls.ClientHelloInfo{}
	if id, _, text = in.classify(io.EOF, nil); id != cause.H4 {
		t.Error(id, text)
	}
}
