package inbound

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"testing"

	"posthouse/certstore"
	"posthouse/config"
)

// TestFailedHandshakes wants one line with the cause for every handshake that fails, and where nothing matched another
// one with what both sides offered.
func TestFailedHandshakes(t *testing.T) {
	handshake := func(conf *tls.Config) func(t *testing.T, c *client) {
		return func(t *testing.T, c *client) {
			if conf.RootCAs == nil {
				conf.InsecureSkipVerify = true
			}
			if tls.Client(c.conn, conf).Handshake() == nil {
				t.Error("the handshake succeeds")
			}
		}
	}
	// patched sends a ClientHello of TLS 1.2 in which something is replaced.
	patched := func(old, with string) func(t *testing.T, c *client) {
		return func(t *testing.T, c *client) {
			hello := firstFlight(t, &tls.Config{
				MaxVersion: tls.VersionTLS12, CurvePreferences: []tls.CurveID{tls.CurveP256},
				CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
			})
			if !bytes.Contains(hello, []byte(old)) {
				t.Fatalf("no %x in %x", old, hello)
			}
			c.conn.Write(bytes.Replace(hello, []byte(old), []byte(with), 1))
			io.Copy(io.Discard, c.conn)
		}
	}
	for _, c := range []struct {
		name, cause, they, we string
		play                  func(t *testing.T, c *client)
	}{
		{"version", "H2", "TLSv1.1", "TLSv1.2", handshake(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})},
		{"suite", "H1", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-",
			handshake(&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}})},
		{"anonymous suite", "H6", "ADH-AES128-SHA", "ECDHE-", patched("\xc0\x2b", "\x00\x34")},
		{"curve", "H7", "secp224r1, signatures RSA-PSS", "prime256v1", patched("\x00\x0a\x00\x04\x00\x02\x00\x17", "\x00\x0a\x00\x04\x00\x02\x00\x15")},
		{"our certificate is refused", "H8", "", "", handshake(&tls.Config{RootCAs: x509.NewCertPool(), ServerName: "mail.example.com"})},
		{"closed", "H4", "", "", func(t *testing.T, c *client) { c.conn.Write(firstFlight(t, &tls.Config{})[:40]) }},
		{"closed at once", "S7", "", "", func(*testing.T, *client) {}},
		{"silence", "H5", "", "", func(_ *testing.T, c *client) { io.Copy(io.Discard, c.conn) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, offerTLS(config.TLSPreferred, false))
			r.commit(func(conf *config.Config, _ *config.Listener) { conf.Injection.CommandTimeout = 1 })
			peer := r.dial()
			peer.hear("220")
			peer.say("STARTTLS", "220")
			c.play(t, peer)
			peer.conn.Close()
			r.wantMatch(1, `ICID 1 TLS failed: \(\d+, 'error:[0-9A-F]{8}:(SSL routines|system library):.*'\) \[`+c.cause+`\]`)
			if c.they != "" {
				r.wantMatch(1, `ICID 1 cause `+c.cause+` for 127\.0\.0\.1: they: `+c.they+`.*`)
				r.wantMatch(1, `ICID 1 cause `+c.cause+` for 127\.0\.0\.1: we: .*`+c.we+`.*`)
			}
		})
	}
}

// TestTwoKinds serves a client that knows no ECDSA from the RSA certificate beside the other.
func TestTwoKinds(t *testing.T) {
	r := newRig(t, offerTLS(config.TLSPreferred, false))
	rsa, err := certstore.Create(certstore.Request{CommonName: "mail.example.com", Days: 10, Key: certstore.RSA2048})
	if err != nil {
		t.Fatal(err)
	}
	id, err := r.certs.Put(rsa)
	if err != nil {
		t.Fatal(err)
	}
	r.commit(func(c *config.Config, l *config.Listener) {
		c.Certificates["rsa"], c.Refs[config.CertificateRef("rsa")] = &config.Certificate{}, id
		l.Certificates = []string{"rsa", config.DemoCertificate}
	})
	for suite, want := range map[uint16]x509.PublicKeyAlgorithm{
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: x509.RSA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: x509.ECDSA,
	} {
		c := r.connect()
		state := c.startTLS(&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}})
		if got := state.PeerCertificates[0].PublicKeyAlgorithm; got != want {
			t.Errorf("%s gets %s", tls.CipherSuiteName(suite), got)
		}
		c.quit()
	}
}

// TestHandshakePlaces counts handshakes in and out, by hand.
func TestHandshakePlaces(t *testing.T) {
	var h handshakes
	one, two := address(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}), address(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 2)})
	for _, c := range []struct {
		enter bool
		from  int
		want  bool
	}{{true, 1, true}, {true, 1, true}, {true, 1, false}, {true, 2, true}, {true, 2, false}, {false, 1, true}, {true, 2, true}} {
		addr := one
		if c.from == 2 {
			addr = two
		}
		if !c.enter {
			h.exit(addr)
		} else if got := h.enter(addr, 3, 2); got != c.want {
			t.Errorf("%s enters with %d in all, %d of its own: %v", addr, h.all, h.byAddr[addr], got)
		}
	}
}

// TestUsable tells the keys that TLS can sign with from those that it cannot.
func TestUsable(t *testing.T) {
	of := func(key crypto.Signer, err error) tls.Certificate {
		if err != nil {
			t.Fatal(err)
		}
		return tls.Certificate{Certificate: [][]byte{{}}, PrivateKey: key}
	}
	odd := of(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
	for _, c := range []struct {
		name  string
		certs []tls.Certificate
		want  bool
	}{
		{"none", nil, true},
		{"P-224", []tls.Certificate{odd}, false},
		{"P-224 and P-256", []tls.Certificate{odd, of(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}, true},
		{"P-384", []tls.Certificate{of(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))}, true},
		{"P-521", []tls.Certificate{of(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))}, true},
		{"RSA", []tls.Certificate{of(rsa.GenerateKey(rand.Reader, 2048))}, true},
		{"Ed25519", []tls.Certificate{of(signer(ed25519.GenerateKey(rand.Reader)))}, true},
	} {
		if err := usable(c.certs); (err == nil) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func signer(_ ed25519.PublicKey, key ed25519.PrivateKey, err error) (crypto.Signer, error) {
	return key, err
}

// TestEnded tells of every connection once what came of its TLS, by the cause that mail_logs has.
func TestEnded(t *testing.T) {
	without := func(_ *rig, _ *config.Config, l *config.Listener) { l.HostAccess.Default.TLS = config.TLSPreferred } // a certificate
	rejecting := func(_ *rig, _ *config.Config, l *config.Listener) {
		l.HostAccess.Groups = []config.SenderGroup{{Members: []string{"ALL"}, Inline: &config.Policy{Behavior: config.Reject}}}
	}
	for _, c := range []struct {
		name, want string
		change     func(r *rig, c *config.Config, l *config.Listener)
		play       func(c *client)
	}{
		{"in clear", "nothing encrypted false used true", offerTLS(config.TLSPreferred, false), func(c *client) { c.say("EHLO client.example", "250 SIZE") }},
		{"without a word", "nothing encrypted false used false", offerTLS(config.TLSPreferred, false), func(*client) {}},
		{"rejected", "nothing encrypted false used false", rejecting, func(*client) {}},
		{"encrypted", " encrypted true used true", offerTLS(config.TLSRequired, false), func(c *client) {
			c.say("EHLO client.example", "250 SIZE")
			c.startTLS(&tls.Config{})
			c.say("EHLO client.example", "250 SIZE")
		}},
		{"clear where TLS is required", "S6 encrypted false used true", offerTLS(config.TLSRequired, false), func(c *client) {
			c.say("EHLO client.example", "250 SIZE")
			c.say("MAIL FROM:<a@b.example>", "530")
		}},
		{"our fault", "L1 encrypted false used true", without, func(c *client) {
			c.say("EHLO client.example", "250 SIZE")
			c.say("STARTTLS", "454")
		}},
		{"text behind STARTTLS", "S4 encrypted false used false", offerTLS(config.TLSRequired, false), func(c *client) {
			io.WriteString(c.conn, "STARTTLS\r\nNOOP\r\n")
			c.gone()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.change)
			peer := r.dial()
			if c.name != "rejected" {
				peer.hear("220")
			}
			c.play(peer)
			peer.conn.Close()
			r.awaitLog(1)
			r.mu.Lock()
			defer r.mu.Unlock()
			if len(r.ended) != 1 || r.ended[0] != c.want {
				t.Errorf("got %q, want %q", r.ended, c.want)
			}
		})
	}
}
