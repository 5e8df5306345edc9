package tlspolicy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"posthouse/internal/cause"
)

func TestSecureNamesTheCause(t *testing.T) {
	p := newPKI(t)
	trust := trusting(p.root)
	withName := func(name string, change ...func(*x509.Certificate)) tls.Certificate {
		return shown(issue(t, p.mid, ecKey(t), name, append(change, dnsNames(name))...), p.mid)
	}
	good := withName("syslog.example")
	fresh := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	stranger := issue(t, nil, ecKey(t), "syslog.example", dnsNames("syslog.example"))
	mine, _ := x509.ParseCertificate(good.Certificate[0])
	asking := fresh(good)
	asking.ClientAuth = tls.RequireAnyClientCert
	for name, test := range map[string]struct {
		peer   func(net.Conn)
		print  string
		cause  cause.ID
		detail string
	}{
		"all is well":           {peer: tlsPeer(fresh(good))},
		"known by fingerprint":  {peer: tlsPeer(fresh(shown(stranger))), print: fingerprintOf(stranger.cert)},
		"another fingerprint":   {peer: tlsPeer(fresh(shown(stranger))), print: fingerprintOf(mine)},
		"another name":          {peer: tlsPeer(fresh(withName("elsewhere.example"))), cause: cause.V5, detail: "wanted syslog.example, found elsewhere.example"},
		"self-signed":           {peer: tlsPeer(fresh(shown(stranger))), cause: cause.V1},
		"expired":               {peer: tlsPeer(fresh(withName("syslog.example", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }))), cause: cause.V4},
		"no TLS":                {peer: func(conn net.Conn) { io.WriteString(conn, "hello, who is there?\r\n"); io.Copy(io.Discard, conn) }, cause: cause.H3},
		"hangs up":              {peer: func(conn net.Conn) { conn.Read(make([]byte, 10)) }, cause: cause.H4},
		"wants our certificate": {peer: tlsPeer(asking), cause: cause.H9},
		"an old version of TLS": {peer: tlsPeer(&tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}), cause: cause.H2},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", serve(t, test.peer))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(10 * time.Second))
			secured, err := trust.Secure(t.Context(), conn, Service{Host: "syslog.example", Fingerprint: test.print})
			if err == nil {
				if name != "wants our certificate" {
					io.WriteString(secured, "abc")
				}
				_, err = io.ReadFull(secured, make([]byte, 3))
			}
			var failed *ServiceError
			switch {
			case name == "another fingerprint":
				if !errors.As(err, &failed) || failed.Cause != "" || failed.Fingerprint != fingerprintOf(stranger.cert) {
					t.Errorf("%#v", err)
				}
			case test.cause == "":
				if err != nil {
					t.Error(err)
				}
			case !errors.As(err, &failed) || failed.Cause != test.cause || !strings.Contains(failed.Detail, test.detail) || failed.Reason == "":
				t.Errorf("%v, %#v", err, failed)
			}
		})
	}
}

// TestSecureOfAnAddress: a certificate may speak for an address as well.
func TestSecureOfAnAddress(t *testing.T) {
	p := newPKI(t)
	leaf := issue(t, p.mid, ecKey(t), "syslog.example", func(c *x509.Certificate) { c.IPAddresses = []net.IP{{127, 0, 0, 1}} })
	addr := serve(t, tlsPeer(&tls.Config{Certificates: []tls.Certificate{shown(leaf, p.mid)}}))
	for host, want := range map[string]cause.ID{"127.0.0.1": "", "127.0.0.2": cause.V5} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		var failed *ServiceError
		_, err = trusting(p.root).Secure(t.Context(), conn, Service{Host: host})
		if errors.As(err, &failed) != (want != "") || want != "" && (failed.Cause != want || !strings.Contains(failed.Detail, "127.0.0.1")) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// TestSecureThatIsCalledOff blames nobody.
func TestSecureThatIsCalledOff(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	addr := serve(t, func(conn net.Conn) {
		conn.Read(make([]byte, 1))
		cancel()
		io.Copy(io.Discard, conn)
	})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := trusting().Secure(ctx, conn, Service{Host: "syslog.example"}); !errors.Is(err, context.Canceled) {
		t.Errorf("%#v", err)
	}
}
