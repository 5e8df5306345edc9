package tlspolicy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"posthouse/config"
	"posthouse/internal/cause"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve accepts one connection after another and gives each to peer, until the test ends.
func serve(t *testing.T, peer func(net.Conn)) string {
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
			wg.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(20 * time.Second))
				peer(conn)
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

// tlsPeer is a server that shakes hands and then echoes one line.
func tlsPeer(c *tls.Config) func(net.Conn) {
	return func(conn net.Conn) {
		server := tls.Server(conn, c)
		if server.Handshake() != nil {
			return
		}
		io.CopyN(server, server, 3)
		server.Close()
	}
}

// under is a query for a host at a level.
func under(level config.TLSLevel, domain, host string) Query {
	f := Facts{Domain: domain, Host: host, Control: Control{Entry: domain, Level: level, Explicit: true}}
	return Query{Facts: f, Wanted: Weigh(f)}
}

var partner = under(config.TLSRequireVerify, "partner.example", "mx1.partner.example")

// wants is what a level wants of the partner.
func wants(level config.TLSLevel) Wanted {
	return under(level, "partner.example", "mx1.partner.example").Wanted
}

// shake makes one outgoing handshake as a delivery does, and reads once.
func shake(t *testing.T, trust *Trust, q Query, addr string, cert ...tls.Certificate) Outcome {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c, h := trust.ClientConfig(q, func() []tls.Certificate { return cert })
	client := tls.Client(h.Watch(conn), c)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	o := h.Outcome(client.HandshakeContext(ctx))
	if !o.Encrypted {
		return o
	}
	client.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(client, "hi\n")
	var answer [3]byte
	if _, err := io.ReadFull(client, answer[:]); err != nil {
		if late, ok := h.Late(err); ok {
			return late
		}
		t.Logf("read: %v", err)
	}
	return o
}

func TestVerifiedDelivery(t *testing.T) {
	p := newPKI(t)
	for _, test := range []struct {
		version  uint16
		protocol string
		cipher   string
	}{
		{tls.VersionTLS13, "TLSv1.3", "TLS_AES_128_GCM_SHA256"},
		{tls.VersionTLS12, "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"},
	} {
		addr := serve(t, tlsPeer(&tls.Config{Certificates: []tls.Certificate{shown(p.leaf, p.mid)}, MaxVersion: test.version}))
		o := shake(t, trusting(p.root), partner, addr)
		if !o.Encrypted || !o.Verified || o.Protocol != test.protocol || o.Cipher != test.cipher || o.PeerName != "mx1.partner.example" || o.Cause != "" {
			t.Errorf("%+v", o)
		}
	}
}

// TestVerificationByLevel has a self-signed peer under each level: the handshake ends only where verification is required.
func TestVerificationByLevel(t *testing.T) {
	self := issue(t, nil, ecKey(t), "mx1.partner.example", dnsNames("mx1.partner.example"))
	addr := serve(t, tlsPeer(&tls.Config{Certificates: []tls.Certificate{shown(self)}}))
	for _, test := range []struct {
		level     config.TLSLevel
		encrypted bool
		cause     cause.ID
		reason    string
		want      Action
	}{
		{config.TLSPrefer, true, "", "", Action{Do: Proceed}},
		{config.TLSRequire, true, "", "", Action{Do: Proceed}},
		{config.TLSPreferVerify, true, cause.V1, "verify error: self-signed certificate", Action{Proceed, cause.P2, cause.V1}},
		{config.TLSRequireVerify, false, cause.V1, "verify error: self-signed certificate", Action{NextHost, cause.P3, cause.V1}},
	} {
		q := under(test.level, "partner.example", "mx1.partner.example")
		o := shake(t, trusting(), q, addr)
		if o.Encrypted != test.encrypted || o.Verified || o.Cause != test.cause || o.Reason != test.reason {
			t.Errorf("%s: %+v", test.level, o)
		}
		if len(o.Findings) == 0 || o.Findings[0].Cause != cause.V1 {
			t.Errorf("%s: findings %+v", test.level, o.Findings)
		}
		if a := Decide(q.Wanted, o); a != test.want {
			t.Errorf("%s: %+v, want %+v", test.level, a, test.want)
		}
	}
}

// TestClientCauses has one peer for each way in which an outgoing handshake fails.
func TestClientCauses(t *testing.T) {
	p := newPKI(t)
	good := []tls.Certificate{shown(p.leaf, p.mid)}
	ours := shown(issue(t, nil, ecKey(t), "us.example", dnsNames("us.example")))
	wrongKey := shown(p.leaf, p.mid)
	wrongKey.PrivateKey = ecKey(t)
	asks := func(version uint16) *tls.Config {
		return &tls.Config{Certificates: good, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool(), MaxVersion: version}
	}
	afterHello := func(answer string) func(net.Conn) {
		return func(conn net.Conn) {
			var buf [4096]byte
			conn.Read(buf[:])
			io.WriteString(conn, answer)
			if answer == "" {
				conn.(*net.TCPConn).CloseWrite()
			}
			io.Copy(io.Discard, conn)
		}
	}
	chosen := func(exchange string) string {
		list := ""
		for _, e := range []*entity{p.leaf, p.mid} {
			n := len(e.cert.Raw)
			list += string([]byte{0, byte(n >> 8), byte(n)}) + string(e.cert.Raw)
		}
		list = string([]byte{0, byte(len(list) >> 8), byte(len(list))}) + list
		return serverHelloRecord(0x0303, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256) + handshakeRecord(messageCertificate, list) +
			handshakeRecord(messageServerKeyExchange, exchange) + handshakeRecord(messageServerHelloDone, "")
	}
	for _, test := range []struct {
		name   string
		peer   func(net.Conn)
		certs  []tls.Certificate
		want   cause.ID
		reason string
	}{
		{"H1 by alert", afterHello("\x15\x03\x03\x00\x02\x02\x28"), nil, cause.H1, "(336151568, 'error:14094410:SSL routines:SSL3_READ_BYTES:sslv3 alert handshake failure')"},
		{"H1 by choice", afterHello(serverHelloRecord(0x0303, 0x0005)), nil, cause.H1, "(336142597, 'error:14092105:SSL routines:SSL3_GET_SERVER_HELLO:wrong cipher returned')"},
		{"H2 by alert", tlsPeer(&tls.Config{Certificates: good, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}), nil, cause.H2, "(336151598, 'error:1409442E:SSL routines:SSL3_READ_BYTES:tlsv1 alert protocol version')"},
		{"H2 by choice", afterHello(serverHelloRecord(0x0301, 0xC02F)), nil, cause.H2, "(336032002, 'error:14077102:SSL routines:SSL23_GET_SERVER_HELLO:unsupported protocol')"},
		{"H3", afterHello("421 4.3.0 out of order\r\n"), nil, cause.H3, "(336130315, 'error:1408F10B:SSL routines:SSL3_GET_RECORD:wrong version number')"},
		{"H4", afterHello(""), nil, cause.H4, "(336150822, 'error:14094126:SSL routines:SSL3_READ_BYTES:unexpected eof while reading')"},
		{"H7 by curve", afterHello(chosen("\x03\x00\x15\x01\x04\x04\x03\x00\x01s")), nil, cause.H7, "(336122234, 'error:1408D17A:SSL routines:SSL3_GET_KEY_EXCHANGE:wrong curve')"},
		{"H7 by signature", afterHello(chosen("\x03\x00\x1d\x20" + strings.Repeat("k", 32) + "\x02\x03\x00\x01s")), nil, cause.H7, "(336122234, 'error:1408D17A:SSL routines:SSL3_GET_KEY_EXCHANGE:wrong curve')"},
		{"H8 in TLS 1.2", tlsPeer(asks(tls.VersionTLS12)), []tls.Certificate{ours}, cause.H8, "(336151576, 'error:14094418:SSL routines:SSL3_READ_BYTES:tlsv1 alert unknown ca')"},
		{"H8 late in TLS 1.3", tlsPeer(asks(tls.VersionTLS13)), []tls.Certificate{ours}, cause.H8, "(336151576, 'error:14094418:SSL routines:SSL3_READ_BYTES:tlsv1 alert unknown ca')"},
		{"H9 in TLS 1.2", tlsPeer(asks(tls.VersionTLS12)), nil, cause.H9, "(336151568, 'error:14094410:SSL routines:SSL3_READ_BYTES:sslv3 alert handshake failure')"},
		{"H9 late in TLS 1.3", tlsPeer(asks(tls.VersionTLS13)), nil, cause.H9, "(336151644, 'error:1409445C:SSL routines:SSL3_READ_BYTES:tlsv13 alert certificate required')"},
		{"H10 in TLS 1.2", badSigner(wrongKey, p.leaf, tls.VersionTLS12), nil, cause.H10, "(336121979, 'error:1408D07B:SSL routines:SSL3_GET_KEY_EXCHANGE:bad signature')"},
		{"H10 in TLS 1.3", badSigner(wrongKey, p.leaf, tls.VersionTLS13), nil, cause.H10, "(336121979, 'error:1408D07B:SSL routines:SSL3_GET_KEY_EXCHANGE:bad signature')"},
		{"H13", afterHello("\x15\x03\x03\x00\x02\x02\x70"), nil, cause.H13, "(336151640, 'error:14094458:SSL routines:SSL3_READ_BYTES:tlsv1 unrecognized name')"},
		{"V11 in TLS 1.2", tlsPeer(&tls.Config{Certificates: []tls.Certificate{garbled(p.leaf)}, MaxVersion: tls.VersionTLS12}), nil, cause.V11, "(336134157, 'error:1409000D:SSL routines:SSL3_GET_SERVER_CERTIFICATE:ASN1 lib')"},
		{"V11 in TLS 1.3", tlsPeer(&tls.Config{Certificates: []tls.Certificate{garbled(p.leaf)}}), nil, cause.V11, "(336134157, 'error:1409000D:SSL routines:SSL3_GET_SERVER_CERTIFICATE:ASN1 lib')"},
		{"H6", afterHello(serverHelloRecord(0x0303, 0xC02F) + handshakeRecord(messageCertificate, "\x00\x00\x00")), nil, cause.H6, "(336134320, 'error:140900B0:SSL routines:SSL3_GET_SERVER_CERTIFICATE:no certificates returned')"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := shake(t, trusting(p.root), partner, serve(t, test.peer), test.certs...)
			if o.Cause != test.want || o.Reason != test.reason || o.Encrypted || !o.Begun {
				t.Errorf("%+v", o)
			}
			for _, level := range []config.TLSLevel{config.TLSPrefer, config.TLSPreferVerify, config.TLSRequire, config.TLSRequireVerify} {
				if a := Decide(wants(level), o); a.Do != NextHost || a.First != test.want {
					t.Errorf("%s: %+v", level, a)
				}
			}
		})
	}
}

// handshakeRecord is one message in a record, and serverHelloRecord a ServerHello that chooses.
func handshakeRecord(kind byte, body string) string {
	message := string([]byte{kind, 0, byte(len(body) >> 8), byte(len(body))}) + body
	return string([]byte{recordHandshake, 3, 3, byte(len(message) >> 8), byte(len(message))}) + message
}

func serverHelloRecord(version, suite uint16) string {
	body := string([]byte{byte(version >> 8), byte(version)}) + strings.Repeat("r", 32) + "\x00" +
		string([]byte{byte(suite >> 8), byte(suite), 0})
	record := []byte(handshakeRecord(messageServerHello, body))
	record[2] = byte(version)
	return string(record)
}

// badSigner shows the certificate of leaf and signs with another key.
func badSigner(c tls.Certificate, leaf *entity, version uint16) func(net.Conn) {
	c.Leaf = leaf.cert
	return tlsPeer(&tls.Config{MaxVersion: version, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &c, nil }})
}

// TestAuthorityFirst has a peer that shows its issuer's certificate before its own and signs with its own key: that the
// signature does not fit is a matter of order, whether or not anybody asks who the peer is.
func TestAuthorityFirst(t *testing.T) {
	p := newPKI(t)
	c := shown(p.mid, p.leaf)
	c.PrivateKey = p.leaf.key
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		addr := serve(t, badSigner(c, p.leaf, version))
		for _, level := range []config.TLSLevel{config.TLSPrefer, config.TLSRequireVerify} {
			o := shake(t, trusting(p.root), under(level, "partner.example", "mx1.partner.example"), addr)
			if o.Encrypted || o.Cause != cause.V3 {
				t.Errorf("%x, %s: %+v", version, level, o)
			}
		}
	}
}

// garbled shows something that is no certificate.
func garbled(leaf *entity) tls.Certificate {
	c := shown(leaf)
	c.Leaf = leaf.cert
	c.Certificate = [][]byte{[]byte("no certificate")}
	return c
}

// TestSilence tells apart where a peer falls silent or hangs up.
func TestSilence(t *testing.T) {
	timeout := func(conn net.Conn) { io.Copy(io.Discard, conn) }
	conn, err := net.Dial("tcp", serve(t, timeout))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	trust := trusting()
	c, h := trust.ClientConfig(partner, nil)
	conn.SetDeadline(time.Now().Add(50 * time.Millisecond))
	o := h.Outcome(tls.Client(h.Watch(conn), c).Handshake())
	if o.Cause != cause.H5 || !o.TrySmaller || o.Reason != "(33554492, 'error:0200003C:system library:func(0):Operation timed out')" {
		t.Errorf("timeout: %+v", o)
	}

	c, h = trust.ClientConfig(partner, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o = h.Outcome(tls.Client(h.Watch(conn), c).HandshakeContext(ctx))
	if o.Cause != "" || o.Reason != "cancelled" {
		t.Errorf("cancelled: %+v", o)
	}

	c, h = trust.ClientConfig(partner, nil)
	client := h.Watch(brokenPipe{conn})
	if o = h.Outcome(tls.Client(client, c).Handshake()); o.Cause != cause.S7 || Decide(wants(config.TLSPrefer), o).Do != NextHost {
		t.Errorf("closed before the hello: %+v", o)
	}
}

type brokenPipe struct{ net.Conn }

func (brokenPipe) Write([]byte) (int, error) {
	return 0, &net.OpError{Op: "write", Err: io.ErrClosedPipe}
}

// TestSmallerHello reaches a peer that hangs up at a large ClientHello, and remembers it.
func TestSmallerHello(t *testing.T) {
	p := newPKI(t)
	good := &tls.Config{Certificates: []tls.Certificate{shown(p.leaf, p.mid)}}
	addr := serve(t, func(conn net.Conn) {
		var hello [4096]byte
		n, err := io.ReadAtLeast(conn, hello[:], 5)
		if err != nil || int(hello[3])<<8|int(hello[4]) > 1000 {
			return
		}
		tlsPeer(good)(replay{conn, io.MultiReader(strings.NewReader(string(hello[:n])), conn)})
	})
	trust := trusting(p.root)
	o := shake(t, trust, partner, addr)
	if o.Cause != cause.H4 || !o.TrySmaller {
		t.Fatalf("first try: %+v", o)
	}
	again := partner
	again.Small = true
	if o = shake(t, trust, again, addr); !o.Verified || !warns(o.Findings, cause.H12) {
		t.Fatalf("second try: %+v", o)
	}
	if o = shake(t, trust, partner, addr); !o.Verified || o.TrySmaller || !warns(o.Findings, cause.H12) {
		t.Errorf("later: %+v", o)
	}
}

type replay struct {
	net.Conn
	r io.Reader
}

func (r replay) Read(p []byte) (int, error) { return r.r.Read(p) }

// TestResumption wants a session to be resumed, to be checked again against the trust and the level in force, and not to
// be used for another domain.
func TestResumption(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		p := newPKI(t)
		var mu sync.Mutex
		var resumed []bool
		addr := serve(t, func(conn net.Conn) {
			conf := &tls.Config{Certificates: []tls.Certificate{shown(p.leaf, p.mid)}, MaxVersion: version}
			conf.SetSessionTicketKeys([][32]byte{{1}})
			server := tls.Server(conn, conf)
			if server.Handshake() != nil {
				return
			}
			mu.Lock()
			resumed = append(resumed, server.ConnectionState().DidResume)
			mu.Unlock()
			io.CopyN(server, server, 3)
			server.Close()
		})
		trust := trusting(p.root)
		other := partner
		other.Domain, other.Routed = "other.example", true
		for _, q := range []Query{partner, partner, other} {
			if o := shake(t, trust, q, addr); !o.Verified || o.PeerName != "mx1.partner.example" {
				t.Fatalf("%+v", o)
			}
		}
		mu.Lock()
		if len(resumed) != 3 || resumed[0] || !resumed[1] || resumed[2] {
			t.Errorf("resumed %v", resumed)
		}
		mu.Unlock()
		// The same sessions under a clock that has gone on: the resumed session is looked at again.
		trust.now = func() time.Time { return time.Now().Add(-2 * time.Hour) }
		if o := shake(t, trust, partner, addr); o.Cause != cause.V6 || o.Encrypted {
			t.Errorf("resumed with another clock: %+v", o)
		}
		// And under other authorities.
		fresh := trusting()
		fresh.sessions = trust.sessions
		if o := shake(t, fresh, partner, addr); o.Cause != cause.V8 || o.Encrypted {
			t.Errorf("resumed under other trust: %+v", o)
		}
	}
}

// TestRefusalBehindFailedWrite has a peer that hangs up behind its alert before we write again.
func TestRefusalBehindFailedWrite(t *testing.T) {
	p := newPKI(t)
	addr := serve(t, tlsPeer(&tls.Config{Certificates: []tls.Certificate{shown(p.leaf, p.mid)}, ClientAuth: tls.RequireAnyClientCert}))
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c, h := trusting(p.root).ClientConfig(partner, nil)
	late := &failing{Conn: conn}
	client := tls.Client(h.Watch(late), c)
	if o := h.Outcome(client.Handshake()); !o.Verified {
		t.Fatalf("%+v", o)
	}
	late.broken = true
	if _, err := io.WriteString(client, "hi\n"); err != nil {
		t.Fatalf("the write fails: %v", err)
	}
	_, err = client.Read(make([]byte, 10))
	if o, ok := h.Late(err); !ok || o.Cause != cause.H9 || o.Number != 336151644 {
		t.Errorf("%v: %+v", err, o)
	}
	if _, err := h.wire.Write([]byte("hi")); err == nil {
		t.Error("a later write passes for done")
	}
}

type failing struct {
	net.Conn
	broken bool
}

func (f *failing) Write(p []byte) (int, error) {
	if f.broken {
		return 0, &net.OpError{Op: "write", Err: syscall.EPIPE}
	}
	return f.Conn.Write(p)
}

// TestLateOnly says that a read error that is no alert is no matter of the handshake.
func TestLateOnly(t *testing.T) {
	p := newPKI(t)
	addr := serve(t, tlsPeer(&tls.Config{Certificates: []tls.Certificate{shown(p.leaf, p.mid)}}))
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c, h := trusting(p.root).ClientConfig(partner, nil)
	if o := h.Outcome(tls.Client(conn, c).Handshake()); !o.Verified { // not watched: it works all the same
		t.Fatalf("%+v", o)
	}
	for _, err := range []error{io.EOF, errors.New("x"), nil} {
		if _, ok := h.Late(err); ok {
			t.Errorf("%v is late", err)
		}
	}
}

// TestRefusedInWords is about peers that take any client certificate in the handshake and refuse it in their answer to
// EHLO.
func TestRefusedInWords(t *testing.T) {
	p := newPKI(t)
	server := &tls.Config{Certificates: []tls.Certificate{shown(p.leaf, p.mid)}}
	asking := server.Clone()
	asking.ClientAuth = tls.RequestClientCert
	ours := []tls.Certificate{shown(p.leaf, p.mid)}
	for _, test := range []struct {
		name     string
		peer     *tls.Config
		certs    []tls.Certificate
		enhanced string
		want     cause.ID
	}{
		{"not trusted", asking, ours, "4.7.1", cause.H8},
		{"missing", asking, nil, "5.7.1", cause.H9},
		{"other trouble", asking, ours, "4.3.2", cause.S1},
		{"no enhanced code", asking, ours, "", cause.S1},
		{"not asked for", server, ours, "5.7.1", cause.S1},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr, trust := serve(t, tlsPeer(test.peer)), trusting(p.root)
			for try := range 2 { // a resumed session would not be asked for a certificate again
				conn, err := net.Dial("tcp", addr)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				c, h := trust.ClientConfig(partner, func() []tls.Certificate { return test.certs })
				client := tls.Client(conn, c)
				if o := h.Outcome(client.Handshake()); !o.Encrypted || o.Resumed {
					t.Fatalf("try %d: %+v", try, o)
				}
				io.WriteString(client, "hi\n")
				if _, err := io.ReadFull(client, make([]byte, 3)); err != nil { // with it the session comes
					t.Fatal(err)
				}
				if o := h.Refused(test.enhanced); o.Cause != test.want || o.Encrypted {
					t.Errorf("try %d: %+v, want %s", try, o, test.want)
				}
			}
		})
	}
}

// TestAlertNumbers breaks when a release of Go keeps the numbers of alerts in another way.
func TestAlertNumbers(t *testing.T) {
	for number := range 256 {
		if number == 0 || number == 90 { // close notify is EOF, and user cancelled may be passed over
			continue
		}
		client, server := net.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() {
			var hello [8192]byte
			server.Read(hello[:])
			server.Write([]byte{21, 3, 3, 0, 2, 2, byte(number)})
			server.Close()
		})
		err := tls.Client(client, &tls.Config{InsecureSkipVerify: true}).Handshake()
		wg.Wait()
		client.Close()
		if got, ok := remoteAlert(err); !ok || got != number {
			t.Fatalf("alert %d is read as %d, %v from %#v", number, got, ok, err)
		}
	}
	for _, err := range []error{nil, io.EOF, &net.OpError{Op: "remote error", Err: io.EOF}, &net.OpError{Op: "remote error"}} {
		if n, ok := remoteAlert(err); ok {
			t.Errorf("%v is alert %d", err, n)
		}
	}
}
