package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"strings"
	"sync"

	"posthouse/certstore"
	"posthouse/internal/cause"
)

// Handshake watches one outgoing handshake.
type Handshake struct {
	trust *Trust
	query Query
	small bool // no post-quantum key share was offered
	wire  *wire

	mu       sync.Mutex // guards what follows; crypto/tls calls back from its own goroutine
	state    tls.ConnectionState
	reached  bool // the peer's certificates were parsed and looked at
	asked    bool // the peer asked for a client certificate
	sent     bool // and got one
	findings []Finding
	peer     string
	over     bool // the handshake succeeded
}

// ClientConfig returns what the handshake with the host needs, for one connection. cert may be nil; it is asked for
// client certificates only when the peer wants one.
//
// crypto/tls verifies nothing itself: VerifyConnection does, which is called for resumed sessions too, and it stops the
// handshake where the level insists on verification, so that a caller that forgets to Decide sends nothing to a stranger.
func (t *Trust) ClientConfig(q Query, cert func() []tls.Certificate) (*tls.Config, *Handshake) {
	q.Domain, q.Host = plainHost(q.Domain), plainHost(q.Host)
	h := &Handshake{trust: t, query: q, small: q.Small || t.needsSmall(q.Host)}
	c := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true,
		VerifyConnection:   h.verify,
		ClientSessionCache: t.sessionsFor(q),
		ServerName:         serverName(q),
		Time:               t.now,
		GetClientCertificate: func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return h.choose(r, cert), nil
		},
	}
	if h.small {
		c.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}
	}
	return c, h
}

// plainHost is a name in the form in which names are compared; what is no host name stays as it is, in lower case.
func plainHost(name string) string {
	if host, err := certstore.HostName(name); err == nil {
		return host
	}
	return strings.ToLower(name)
}

// serverName is the host's name for SNI, which knows no addresses (RFC 6066 §3).
func serverName(q Query) string {
	if _, err := certstore.HostName(q.Host); err != nil {
		return ""
	}
	return q.Host
}

// Names returns the names that a certificate may prove under the query: the recipients' domain, the host that a route
// names, and an MX host only directly below that domain, because the DNS that named it is not proven.
// None at all, and not nil, where there are only addresses.
func (q Query) Names() []string {
	names := []string{}
	domain, host := plainHost(q.Domain), plainHost(q.Host)
	if isName(domain) {
		names = append(names, domain)
	}
	_, parent, below := strings.Cut(host, ".")
	if isName(host) && host != domain && (q.RouteHost || below && parent == domain) {
		names = append(names, host)
	}
	return names
}

// isName leaves out addresses and address literals (RFC 5321 §4.1.3).
func isName(s string) bool {
	_, err := netip.ParseAddr(s)
	return err != nil && s != "" && !strings.HasPrefix(s, "[")
}

// choose answers the peer's request with the first certificate that it can use. Where none is of an authority that it
// names, the first whose key it can use is sent all the same: many servers name only some of those that they take.
func (h *Handshake) choose(r *tls.CertificateRequestInfo, cert func() []tls.Certificate) *tls.Certificate {
	var have []tls.Certificate
	if cert != nil {
		have = cert()
	}
	anyAuthority := *r
	anyAuthority.AcceptableCAs = nil
	chosen := &tls.Certificate{}
	for _, request := range []*tls.CertificateRequestInfo{&anyAuthority, r} {
		for i := len(have) - 1; i >= 0; i-- {
			if request.SupportsCertificate(&have[i]) == nil {
				chosen = &have[i]
			}
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked, h.sent = true, len(chosen.Certificate) > 0
	return chosen
}

// verify looks at the peer's certificates, in a fresh handshake and in a resumed session alike.
func (h *Handshake) verify(state tls.ConnectionState) error {
	findings, peer := h.trust.examine(state.PeerCertificates, x509.ExtKeyUsageServerAuth, h.query.Names())
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state, h.reached, h.findings, h.peer = state, true, findings, peer
	if fatal(findings) && verifies(h.query.Level) && requires(h.query.Level) {
		return &VerifyError{Findings: findings}
	}
	return nil
}

// fatal reports whether the findings, the weightiest first, hold a fatal one.
func fatal(findings []Finding) bool {
	return len(findings) > 0 && findings[0].Fatal
}

// Watch wraps the connection before anything is sent over it. Without it the causes S7, H1 to H3, H6, H7, H12 and V11
// are told apart less well.
func (h *Handshake) Watch(conn net.Conn) net.Conn {
	h.wire = &wire{Conn: conn}
	return h.wire
}

// Outcome says what came of the handshake that returned err. It is called once.
func (h *Handshake) Outcome(err error) Outcome {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		return h.failed(err)
	}
	h.over = true
	if h.wire != nil {
		h.wire.end(h.asked && h.state.Version == tls.VersionTLS13)
	}
	o := h.established()
	o.Findings = h.findings
	if h.query.Small {
		h.trust.rememberSmall(h.query.Host)
		o.Findings = append(o.Findings, Finding{
			Cause: cause.H12, Reason: "smaller client hello", Detail: "the peer answers only where no post-quantum key share is offered",
		})
	}
	if !verifies(h.query.Level) {
		return o
	}
	if fatal(h.findings) {
		o.Cause, o.Reason = h.findings[0].Cause, "verify error: "+h.findings[0].Reason
		return o
	}
	o.Verified, o.PeerName = true, h.peer
	return o
}

func (h *Handshake) established() Outcome {
	return Outcome{
		Begun: true, Encrypted: true,
		Protocol: ProtocolName(h.state.Version), Cipher: CipherName(h.state.CipherSuite),
	}
}

// Late says whether an error of the first read after a successful handshake belongs to the handshake still: in TLS 1.3
// the peer refuses our certificate, or that we have none, only then. Without Watch, read once even where a write fails
// before that: the peer's alert may have come, and its hanging up after it makes the write fail.
func (h *Handshake) Late(err error) (Outcome, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	alert, isAlert := remoteAlert(err)
	if !h.over || !isAlert {
		return Outcome{}, false
	}
	id := h.alertCause(alert)
	if id == cause.H1 || id == cause.H2 { // these were agreed upon already
		id = cause.H13
	}
	o := Outcome{Begun: true, Closed: true, Cause: id, Findings: h.findings}
	o.say(spell(alertPhrase(alert)))
	return o, true
}

// Refused is the cause of a complete reply that refuses EHLO after a successful handshake. Some peers let any client
// certificate pass the handshake and refuse it in words afterwards, which only the reply's enhanced code tells from other
// trouble of theirs (RFC 3463 §3.8: X.7.Y is about security).
func (h *Handshake) Refused(enhanced string) Outcome {
	h.mu.Lock()
	defer h.mu.Unlock()
	o := Outcome{Begun: true, Cause: cause.S1, Findings: h.findings}
	switch {
	case len(enhanced) < 4 || enhanced[1:4] != ".7.":
	case h.asked && h.sent:
		o.Cause = cause.H8
	case h.asked:
		o.Cause = cause.H9
	}
	return o
}
