package tlspolicy

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"posthouse/internal/cause"
)

// probe asks the peer at an address.
func probe(t *testing.T, trust *Trust, addr string) (ProbeResult, error) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return trust.ProbeHello(ctx, conn, "mx1.partner.example")
}

// TestProbe tells apart the peers of OpenSSL that all answer our own hello with the same alert.
func TestProbe(t *testing.T) {
	p := newPKI(t)
	tool, dir := openSSLDir(t, p)
	rsaPKI := p
	rsaPKI.leaf = issue(t, p.mid, rsaKey(t, 2048), "mx1.partner.example", dnsNames("mx1.partner.example"))
	_, rsaDir := openSSLDir(t, rsaPKI)
	full := []string{"-key", "key.pem", "-cert", "leaf.pem", "-cert_chain", "mid.pem"}
	for _, test := range []struct {
		name, dir string
		args      []string
		want      cause.ID
		words     string
	}{
		{"anonymous with DH", dir, []string{"-tls1_2", "-nocert", "-cipher", "ADH-AES128-SHA:@SECLEVEL=0"}, cause.H6, "the peer would take TLSv1.2 with ADH-AES128-SHA"},
		{"anonymous with ECDH", dir, []string{"-tls1_2", "-nocert", "-cipher", "AECDH-AES128-SHA:@SECLEVEL=0"}, cause.H6, "the peer would take TLSv1.2 with AECDH-AES128-SHA over X25519"},
		{"DHE alone", rsaDir, append([]string{"-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"}, full...), cause.H1, "the peer would take TLSv1.2 with DHE-RSA-AES128-GCM-SHA256"},
		{"an odd cipher", dir, append([]string{"-tls1_2", "-cipher", "ECDHE-ECDSA-CAMELLIA128-SHA256"}, full...), cause.H1, "the peer would take TLSv1.2 with ECDHE-ECDSA-CAMELLIA128-SHA256 over X25519, signed with "},
		{"odd curve", dir, append([]string{"-tls1_2", "-groups", "secp224r1", "-cipher", "ALL:@SECLEVEL=0"}, full...), cause.H7, "over secp224r1"},
		{"another odd curve", rsaDir, append([]string{"-tls1_2", "-groups", "brainpoolP256r1", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"}, full...), cause.H7, "over brainpoolP256r1"},
		{"odd curve in TLS 1.3", dir, append([]string{"-tls1_3", "-groups", "X448"}, full...), cause.H7, "TLSv1.3 with TLS_AES_128_GCM_SHA256 over X448"},
		{"signs with SHA-1", rsaDir, append([]string{"-tls1_2", "-sigalgs", "RSA+SHA1", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0"}, full...), cause.H7, "signed with RSA+SHA1"},
		{"signs with SHA-1 under any suite", rsaDir, append([]string{"-tls1_2", "-sigalgs", "RSA+SHA1", "-cipher", "ALL:@SECLEVEL=0"}, full...), cause.H7, "signed with RSA+SHA1"},
		{"TLS 1.1", dir, append([]string{"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}, full...), cause.H2, "the peer would take TLSv1.1 with "},
		{"good", dir, full, "", "the peer would take TLSv1.3 with TLS_AES_128_GCM_SHA256"},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr := sServer(t, tool, test.dir, append([]string{"-rev"}, test.args...)...)
			r, err := probe(t, trusting(p.root), addr)
			if err != nil || r.Cause != test.want || !strings.Contains(r.Words, test.words) {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	addr := sServer(t, tool, rsaDir, append([]string{"-rev", "-tls1_2", "-cipher", "AES128-SHA"}, full...)...)
	narrow := trusting(p.root)
	narrow.speaks.suites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	if r, err := probe(t, narrow, addr); err != nil || r.Cause != cause.H1 || r.Cipher != "AES128-SHA" {
		t.Errorf("RSA key exchange where it is not configured: %+v, %v", r, err)
	}
	if o := shake(t, narrow, partner, addr); o.Cause != cause.H1 {
		t.Errorf("and what we say of it: %+v", o)
	}
}

// TestProbeAnswers has peers that answer in other ways.
func TestProbeAnswers(t *testing.T) {
	answer := func(text string) string {
		return serve(t, func(conn net.Conn) {
			conn.Read(make([]byte, 4096))
			io.WriteString(conn, text)
			if text == "" {
				return
			}
			conn.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, conn)
		})
	}
	r, err := probe(t, trusting(), answer("\x15\x03\x03\x00\x02\x02\x28"))
	if err != nil || r.Cause != "" || r.Words != "the peer refuses every suite, version and curve: alert 40, sslv3 alert handshake failure" {
		t.Errorf("refused: %+v, %v", r, err)
	}
	for _, text := range []string{"", "421 4.3.0 no\r\n", "\x16\x03\x03\x00\x10cut"} {
		if r, err := probe(t, trusting(), answer(text)); err == nil {
			t.Errorf("%q: %+v", text, r)
		}
	}
	silent := serve(t, func(conn net.Conn) { io.Copy(io.Discard, conn) })
	conn, err := net.Dial("tcp", silent)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := trusting().ProbeHello(ctx, conn, ""); err == nil {
		t.Error("silence is an answer")
	}
}

// TestProbeHelloIsRead has crypto/tls read the hello, which it must find well made.
func TestProbeHelloIsRead(t *testing.T) {
	p := newPKI(t)
	o := accept(t, newServer(t, []tls.Certificate{shown(p.leaf, p.mid)}, NoClient, trusting()), func(conn net.Conn) {
		r, err := trusting().ProbeHello(t.Context(), conn, "mx1.partner.example")
		if err != nil || r.Method != "TLSv1.3" || r.Group != "X25519" || r.Cause != "" {
			t.Errorf("%+v, %v", r, err)
		}
	})
	if o.Encrypted {
		t.Errorf("%+v", o)
	}
	if n := len(probeSuites(trusting().speaks.suites)); n < 100 || n > 200 {
		t.Errorf("%d suites", n)
	}
}

// FuzzProbe reads whatever a peer answers to a probe.
func FuzzProbe(f *testing.F) {
	f.Add([]byte(serverHelloRecord(0x0303, 0xC02F)))
	f.Add([]byte(serverHelloRecord(0x0303, 0xC018) + handshakeRecord(messageServerKeyExchange, "\x03\x00\x15\x01\x00\x02\x01\x00\x00")))
	f.Add([]byte("\x15\x03\x03\x00\x02\x02\x28"))
	s := modern()
	f.Fuzz(func(t *testing.T, answer []byte) {
		r := s.explain(answer)
		if r.Words == "" || strings.ContainsAny(r.Words, "\r\n") {
			t.Errorf("%q", r.Words)
		}
		switch r.Cause {
		case "", cause.H1, cause.H2, cause.H6, cause.H7:
		default:
			t.Errorf("cause %s", r.Cause)
		}
	})
}
