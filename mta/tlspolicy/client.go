package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"slices"
	"sync"

	"posthouse/internal/cause"
	"posthouse/internal/openssl"
)

// Handshake watches one outgoing handshake.
type Handshake struct {
	trust *Trust
	query Query
	small bool // no post-quantum key share was offered
	wire  *wire
	cache *sessionCache

	mu      sync.Mutex // guards what follows; crypto/tls calls back from its own goroutine
	state   tls.ConnectionState
	reached bool // the peer's certificates were parsed and looked at
	asked   bool // the peer asked for a client certificate
	sent    bool // and got one
	verdict verdict
	results []Result
	over    bool // the handshake succeeded
}

// ClientConfig returns what the handshake with the host needs, for one connection. cert may be nil; it is asked for
// client certificates only when the peer wants one.
//
// crypto/tls verifies nothing itself: VerifyConnection does, which is called for resumed sessions too, and it stops the
// handshake where q.Wanted insists on verification, so that a caller that forgets to Decide sends nothing to a stranger.
func (t *Trust) ClientConfig(q Query, cert func() []tls.Certificate) (*tls.Config, *Handshake) {
	q.Domain, q.Host = plainHost(q.Domain), plainHost(q.Host)
	h := &Handshake{trust: t, query: q, small: q.Small || t.needsSmall(q.Host), cache: t.sessionsFor(q)}
	c := &tls.Config{
		InsecureSkipVerify: true,
		VerifyConnection:   h.verify,
		ClientSessionCache: h.cache,
		ServerName:         q.serverName(),
		Time:               t.now,
		// Records that begin small are for pages that are read while they come; of mail each would be a write more.
		DynamicRecordSizingDisabled: true,
		GetClientCertificate: func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return h.choose(r, cert), nil
		},
	}
	t.speaks.apply(c)
	if h.small {
		c.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}
	}
	return c, h
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
	v := h.trust.examine(state.PeerCertificates, x509.ExtKeyUsageServerAuth)
	results := h.query.prove(state.PeerCertificates, v, h.trust.now())
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state, h.reached, h.verdict, h.results = state, true, v, results
	o := h.seen()
	if o.judge(h.query.Wanted); h.query.Wanted.Verify == Require && !o.Verified {
		failed := o.unproven(h.query.Wanted.Proofs)
		if failed == nil || failed.Why == nil { // nothing was asked for, which is a mistake of ours
			failed = &Result{Why: &Finding{Cause: cause.V12, Fatal: true, Reason: wordsRejected}}
		}
		return &VerifyError{Findings: []Finding{*failed.Why}}
	}
	return nil
}

// seen is what verify saw, before anybody judges it.
func (h *Handshake) seen() Outcome {
	o := Outcome{Begun: true, Findings: h.verdict.findings, Chain: h.verdict.chain, Proven: h.results}
	if h.reached {
		o.Protocol, o.Cipher = openssl.ProtocolName(h.state.Version), openssl.CipherName(h.state.CipherSuite)
		o.Resumed, o.NamesFound = h.state.DidResume, namesFound(h.state.PeerCertificates[0])
	}
	return o
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
	o := h.seen()
	o.Encrypted = true
	if h.query.Small {
		h.trust.rememberSmall(h.query.Host)
	}
	if h.small {
		o.Findings = append(slices.Clone(o.Findings), Finding{
			Cause: cause.H12, Reason: "smaller client hello", Detail: "the peer answers only where no post-quantum key share is offered",
		})
	}
	return o.Under(h.query.Wanted)
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
	h.cache.forget()
	id := h.alertCause(alert)
	if id == cause.H1 || id == cause.H2 { // these were agreed upon already
		id = cause.H13
	}
	o := h.seen()
	o.Closed, o.Cause = true, id
	o.say(spell(alertPhrase(alert)))
	return o, true
}

// Refused is the cause of a complete reply that refuses EHLO after a successful handshake. Some peers let any client
// certificate pass the handshake and refuse it in words afterwards, which only the reply's enhanced code tells from other
// trouble of theirs (RFC 3463 §3.8: X.7.Y is about security).
func (h *Handshake) Refused(enhanced string) Outcome {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cache.forget()
	o := h.seen()
	o.Cause = cause.S1
	switch {
	case len(enhanced) < 4 || enhanced[1:4] != ".7.":
	case h.asked && h.sent:
		o.Cause = cause.H8
	case h.asked:
		o.Cause = cause.H9
	}
	return o
}
