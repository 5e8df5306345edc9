package tlspolicy

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"posthouse/internal/cause"
	"posthouse/internal/openssl"
)

// ProbeResult is what a peer answers to a hello that offers far more than we speak.
type ProbeResult struct {
	Cause  cause.ID `json:"cause,omitempty" doc:"H1, H2, H6 or H7: why it refuses our own hello; empty where this does not tell"`
	Words  string   `json:"words" doc:"what it would take, or how it refuses this hello too"`
	Cipher string   `json:"cipher,omitempty" doc:"as chosen, OpenSSL's name"`
	Method string   `json:"method,omitempty" doc:"the version as chosen, TLSv1.1"`
	Group  string   `json:"group,omitempty" doc:"as chosen, where it says one: secp224r1"`
	Scheme string   `json:"scheme,omitempty" doc:"with which it signs, where it says so: RSA+SHA1"`
}

// ProbeHello asks a peer that refuses our hello what it would take. conn is a fresh connection on which STARTTLS was
// answered with 220; it is of no use afterwards, and the caller closes it. Nothing is encrypted, and no mail is sent.
//
// Anonymous suites, old key exchange, signatures with SHA-1 and rare curves all end in the same alert 40 when crypto/tls
// asks. An error says that no answer came.
func (t *Trust) ProbeHello(ctx context.Context, conn net.Conn, serverName string) (ProbeResult, error) {
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := conn.Write(probeHello(serverName, t.speaks.suites)); err != nil {
		return ProbeResult{}, fmt.Errorf("probe: send hello: %w", err)
	}
	flight, err := readFlight(conn)
	if _, refused := plainAlert(flight); err != nil && !refused && !parseFlight(flight).hello {
		return ProbeResult{}, fmt.Errorf("probe: read answer: %w", err)
	}
	// Our alert lets the peer go: user_canceled is for this (RFC 8446 §6.1). Who has gone already misses nothing.
	_, _ = conn.Write([]byte{recordAlert, 3, 3, 0, 2, alertFatal, 90})
	return t.speaks.explain(flight), nil
}

// readFlight reads as far as there is something to be learnt.
func readFlight(conn net.Conn) (flight []byte, err error) {
	buf := make([]byte, 4096)
	for len(flight) < maxFlight {
		n, err := conn.Read(buf)
		flight = append(flight, buf[:n]...)
		if f := parseFlight(flight); f.done || f.hello && f.version == tls.VersionTLS13 {
			return flight, nil
		}
		if _, refused := plainAlert(flight); refused || err != nil {
			return flight, err
		}
		if len(flight) > 5 && flight[0] != recordHandshake {
			return flight, fmt.Errorf("the peer does not speak TLS")
		}
	}
	return flight, nil
}

// explain compares the peer's choice with what we speak.
func (s settings) explain(flight []byte) ProbeResult {
	f := parseFlight(flight)
	if !f.hello {
		number, _ := plainAlert(flight)
		return ProbeResult{Words: fmt.Sprintf("the peer refuses every suite, version and curve: alert %d, %s", number, alertPhrase(number).text)}
	}
	r := ProbeResult{Method: openssl.ProtocolName(f.version), Cipher: openssl.CipherName(f.suite)}
	r.Words = "the peer would take " + r.Method + " with " + r.Cipher
	if f.curve != 0 {
		r.Group = groupName(f.curve)
		r.Words += " over " + r.Group
	}
	if f.scheme != 0 {
		r.Scheme = schemeName(f.scheme)
		r.Words += ", signed with " + r.Scheme
	}
	switch {
	case anonymous(f.suite):
		r.Cause = cause.H6
	case !s.speaks(f.version):
		r.Cause = cause.H2
	case !s.takes(f.suite):
		r.Cause = cause.H1
	case r.Group != "" && !knownCurve(f.curve), r.Scheme != "" && !signs(f.scheme):
		r.Cause = cause.H7
	default:
		r.Words += ", which is spoken here too: this does not tell why it refuses our hello"
	}
	return r
}

// signs reports whether crypto/tls takes a signature of the scheme; those with SHA-1 are off (see docs/decisions.md).
func signs(scheme uint16) bool {
	switch tls.SignatureScheme(scheme) {
	case tls.PSSWithSHA256, tls.PSSWithSHA384, tls.PSSWithSHA512, tls.PKCS1WithSHA256, tls.PKCS1WithSHA384, tls.PKCS1WithSHA512,
		tls.ECDSAWithP256AndSHA256, tls.ECDSAWithP384AndSHA384, tls.ECDSAWithP521AndSHA512, tls.Ed25519:
		return true
	}
	return false
}
