package tlspolicy

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"posthouse/certstore"
	"posthouse/internal/cause"
)

// Server is the incoming side for one listener and one of its policies. It is made anew for every commit, and with it
// the keys of the session tickets, so that no session outlives the trust under which it was made.
// It does what ServerConfig and ClassifyServer do, keeps the ticket keys fresh and sees more of a failure.
type Server struct {
	base   *tls.Config
	verify bool
	trust  *Trust

	mu      sync.Mutex // guards what follows
	keys    [][32]byte // of tickets; the first makes them, all read them
	renewed time.Time
}

// ticketKeyLife is how long one key makes tickets. It reads them as long again; crypto/tls does the same by itself for
// a configuration that is not cloned.
const ticketKeyLife = 24 * time.Hour

// NewServer returns the incoming side with the listener's certificates, in the order of preference. With verifyClient a
// client must show a certificate that t trusts, with whatever name.
func NewServer(certs []tls.Certificate, verifyClient bool, t *Trust) *Server {
	s := &Server{base: ServerConfig(certs, verifyClient, t), verify: verifyClient, trust: t}
	return s
}

// ServerConfig returns what a listener needs. See NewServer, which sees more.
func ServerConfig(certs []tls.Certificate, verifyClient bool, t *Trust) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: certs}
	if verifyClient {
		c.ClientAuth = tls.RequireAnyClientCert
		c.VerifyConnection = func(state tls.ConnectionState) error {
			_, err := t.verifyClient(state)
			return err
		}
	}
	return c
}

// verifyClient looks at a client's certificates, in a fresh handshake and in a resumed session alike.
func (t *Trust) verifyClient(state tls.ConnectionState) ([]Finding, error) {
	if len(state.PeerCertificates) == 0 {
		missing := Finding{Cause: cause.H11, Fatal: true, Reason: "peer did not return a certificate"}
		return []Finding{missing}, &VerifyError{Findings: []Finding{missing}}
	}
	findings, _ := t.examine(state.PeerCertificates, x509.ExtKeyUsageClientAuth, nil)
	if fatal(findings) {
		return findings, &VerifyError{Findings: findings}
	}
	return findings, nil
}

// Accept prepares one handshake: tls.Server(in.Watch(conn), in.Config()).
func (s *Server) Accept() *Incoming {
	in := &Incoming{server: s, config: s.freshBase()}
	in.config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		in.set(func() { in.hello = hello })
		return nil, nil
	}
	in.config.VerifyConnection = func(state tls.ConnectionState) (err error) {
		var findings []Finding
		if s.verify {
			findings, err = s.trust.verifyClient(state)
		}
		in.set(func() { in.state, in.findings = state, findings })
		return err
	}
	return in
}

// freshBase is a copy of the configuration with ticket keys that are shared by all connections and renewed in time.
func (s *Server) freshBase() *tls.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.renewed) > ticketKeyLife {
		var key [32]byte
		rand.Read(key[:]) // never fails
		s.keys = append([][32]byte{key}, s.keys[:min(len(s.keys), 1)]...)
		s.renewed = now
		s.base.SetSessionTicketKeys(s.keys)
	}
	return s.base.Clone()
}

// Incoming watches one incoming handshake.
type Incoming struct {
	server *Server
	config *tls.Config
	wire   *wire

	mu       sync.Mutex // guards what follows; crypto/tls calls back from its own goroutine
	hello    *tls.ClientHelloInfo
	state    tls.ConnectionState
	findings []Finding
}

func (in *Incoming) set(f func()) {
	in.mu.Lock()
	defer in.mu.Unlock()
	f()
}

// Config is what tls.Server takes for this one connection.
func (in *Incoming) Config() *tls.Config { return in.config }

// Watch wraps the connection once STARTTLS is answered. Without it the causes S7 and H4 are told apart less well.
func (in *Incoming) Watch(conn net.Conn) net.Conn {
	in.wire = &wire{Conn: conn, begun: true, written: true}
	return in.wire
}

// Outcome says what came of the handshake that returned err; Verified means that the client's certificate was asked for
// and verified, and PeerName is its subject then. It is called once.
func (in *Incoming) Outcome(err error) Outcome {
	in.mu.Lock()
	defer in.mu.Unlock()
	var flight []byte
	if in.wire != nil {
		flight, _ = in.wire.end(false)
	}
	if err != nil {
		id, number, text := classifyServer(err, in.hello, in.server.base.Certificates, in.server.verify, flight)
		o := Outcome{Begun: true, Closed: true, Cause: id, Reason: "cancelled", Findings: in.findings}
		if id != "" {
			o.say(number, text)
		}
		return o
	}
	o := Outcome{
		Begun: true, Encrypted: true, Verified: in.server.verify,
		Protocol: ProtocolName(in.state.Version), Cipher: CipherName(in.state.CipherSuite), Findings: in.findings,
	}
	if o.Verified {
		o.PeerName = certstore.DN(in.state.PeerCertificates[0].Subject)
	}
	return o
}

// ClassifyServer says why an incoming handshake failed, and how OpenSSL says it. hello is nil where none was read.
// Incoming.Outcome knows more, such as the certificates that were to be used.
func ClassifyServer(err error, hello *tls.ClientHelloInfo) (cause.ID, int, string) {
	return classifyServer(err, hello, nil, false, nil)
}

func classifyServer(err error, hello *tls.ClientHelloInfo, certs []tls.Certificate, demanded bool, flight []byte) (cause.ID, int, string) {
	if alert, ok := peerAlert(err, flight); ok {
		number, text := spell(alertPhrase(alert))
		return incomingAlert(alert), number, text
	}
	id := serverCause(err, hello, certs, demanded, flight)
	var verify *VerifyError
	p, ok := phraseOf(id, true)
	switch {
	case errors.As(err, &verify) && verify.Findings[0].Cause != cause.H11:
		p = phrase{clientCert, 134, "certificate verify failed"}
	case id == cause.H3 && isHTTP(flight):
		p = phrase{clientFirst, 156, "http request"}
	case !ok:
		number, text := OpenSSLError(err)
		return id, number, text
	}
	number, text := spell(p)
	return id, number, text
}

func serverCause(err error, hello *tls.ClientHelloInfo, certs []tls.Certificate, demanded bool, flight []byte) cause.ID {
	var verify *VerifyError
	switch {
	case isOurs(err):
		return ""
	case errors.As(err, &verify):
		return cause.H11
	case isTimeout(err):
		return cause.H5
	case isClosed(err) && (hello != nil || len(flight) > 0):
		return cause.H4
	case isClosed(err):
		return cause.S7
	case isFirstHeaderError(err) && isSSLv2(flight):
		return cause.H2
	case isFirstHeaderError(err):
		return cause.H3
	case hello == nil:
		return cause.H13
	}
	if id := nothingInCommon(hello, certs); id != "" {
		return id
	}
	// Everything was agreed upon. crypto/tls says only in words that a certificate was demanded and none came, or one
	// that it cannot read; what else fails so late is a broken client.
	if _, local := localAlert(err); demanded && !local {
		return cause.H11
	}
	return cause.H13
}

// incomingAlert is the cause of a client's alert: it refuses our certificate, or our choice.
func incomingAlert(alert int) cause.ID {
	switch {
	case alert >= 42 && alert <= 46, alert == 48:
		return cause.H8
	case alert == 70:
		return cause.H2
	case alert == 71:
		return cause.H1
	}
	return cause.H13
}

// nothingInCommon compares what the client offers with what we take, set by set.
func nothingInCommon(hello *tls.ClientHelloInfo, certs []tls.Certificate) cause.ID {
	switch {
	case !slices.ContainsFunc(hello.SupportedVersions, func(v uint16) bool { return v == tls.VersionTLS12 || v == tls.VersionTLS13 }):
		return cause.H2
	case onlyAnonymous(hello.CipherSuites):
		return cause.H6
	case !suiteInCommon(hello, certs):
		return cause.H1
	case len(hello.SupportedCurves) > 0 && !slices.ContainsFunc(hello.SupportedCurves, func(c tls.CurveID) bool { return knownCurve(uint16(c)) }):
		return cause.H7
	case len(certs) > 0 && !slices.ContainsFunc(certs, func(c tls.Certificate) bool { return hello.SupportsCertificate(&c) == nil }):
		return cause.H7
	}
	return ""
}

// onlyAnonymous leaves out what signals something and is no suite (RFC 5746 §3.3, RFC 7507).
func onlyAnonymous(suites []uint16) bool {
	found := false
	for _, id := range suites {
		if id == 0x00FF || id == 0x5600 {
			continue
		}
		if !anonymous(id) {
			return false
		}
		found = true
	}
	return found
}

// suiteInCommon asks for a suite of a version that the client speaks and for which we have a certificate's key.
func suiteInCommon(hello *tls.ClientHelloInfo, certs []tls.Certificate) bool {
	ours := supportedSuites()
	for _, id := range hello.CipherSuites {
		if !ours[id] {
			continue
		}
		if !ephemeral(id) { // of TLS 1.3, which says nothing of keys
			if slices.Contains(hello.SupportedVersions, tls.VersionTLS13) {
				return true
			}
			continue
		}
		if len(certs) == 0 || slices.ContainsFunc(certs, func(c tls.Certificate) bool { return isRSA(c) != needsECDSA(id) }) {
			return true
		}
	}
	return false
}

func isRSA(c tls.Certificate) bool {
	leaf := c.Leaf
	if leaf == nil && len(c.Certificate) > 0 {
		leaf, _ = x509.ParseCertificate(c.Certificate[0])
	}
	return leaf != nil && leaf.PublicKeyAlgorithm == x509.RSA
}

// isSSLv2 reports whether a client says hello in the form of SSL 2, as very old ones do even for TLS (RFC 5246 appendix E.2).
func isSSLv2(flight []byte) bool {
	return len(flight) > 2 && flight[0]&0x80 != 0 && flight[2] == messageClientHello
}

// isHTTP reports whether a client speaks HTTP, as scanners of port 25 do.
func isHTTP(flight []byte) bool {
	for _, verb := range []string{"GET ", "POST", "HEAD", "PUT ", "OPTI"} {
		if len(flight) >= 4 && string(flight[:4]) == verb {
			return true
		}
	}
	return false
}
