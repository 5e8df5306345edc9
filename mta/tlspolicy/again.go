package tlspolicy

import "crypto/tls"

// Again is what comes of a handshake that succeeded for somebody else, where mail of another query is to go over the same
// connection. Nothing of what was decided then counts: the certificates that the peer showed are examined anew against the
// trust in force, and every proof is tried with this query's names, policy and TLSA records. state is what the handshake
// returned. Whether the outcome is good enough is for Decide to say.
func (t *Trust) Again(q Query, state tls.ConnectionState) Outcome {
	q.Domain, q.Host = plainHost(q.Domain), plainHost(q.Host)
	h := &Handshake{trust: t, query: q}
	if len(state.PeerCertificates) == 0 {
		return Outcome{Begun: true, Closed: true}
	}
	h.verify(state) // the error is what Decide says
	o := h.seen()
	o.Encrypted = true
	return o.Under(q.Wanted)
}
