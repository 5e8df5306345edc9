package tlspolicy

import (
	"crypto/x509"
	"slices"
	"time"

	"posthouse/certstore"
	"posthouse/internal/cause"
)

// path climbs from the leaf through the sent certificates, by name and signature, and prefers every way that ends at an
// authority in force. It then ends with that authority. Otherwise it is the longest way tried first.
func (e *examination) path() (path []*x509.Certificate, anchored bool) {
	longest := []*x509.Certificate{e.certs[0]}
	visited := map[*x509.Certificate]bool{}
	var climb func(path []*x509.Certificate) []*x509.Certificate
	climb = func(path []*x509.Certificate) []*x509.Certificate {
		top := path[len(path)-1]
		visited[top] = true
		if e.trust.inForce.holds(top) {
			return path
		}
		if anchor := e.trust.anchor(top, e.now); anchor != nil {
			return append(slices.Clone(path), anchor)
		}
		if len(path) > len(longest) {
			longest = path
		}
		for _, c := range e.certs[1:] {
			if visited[c] || certstore.SelfSigned(top) || !certstore.Issued(c, top) {
				continue
			}
			if whole := climb(append(slices.Clone(path), c)); whole != nil {
				return whole
			}
		}
		return nil
	}
	if whole := climb(longest); whole != nil {
		return whole, true
	}
	return longest, false
}

// anchor is the authority in force that issued c; of several, as with a root that was renewed, one that is valid now.
func (t *Trust) anchor(c *x509.Certificate, now time.Time) (best *x509.Certificate) {
	for _, have := range t.inForce[string(c.RawIssuer)] {
		if !certstore.Issued(have, c) {
			continue
		}
		if best == nil || now.After(best.NotAfter) {
			best = have
		}
	}
	return best
}

// untrusted says why the path ends at nobody in force: V1, V2 or V8.
func (e *examination) untrusted(path []*x509.Certificate) {
	leaf, top := path[0], path[len(path)-1]
	switch {
	case certstore.SelfSigned(leaf):
		e.blame(leaf, cause.V1, true, wordsSelfSigned, "%s is signed by itself and is in no list in force", certstore.DN(leaf.Subject))
	case certstore.SelfSigned(top):
		e.blame(top, cause.V8, true, wordsSelfInChain, "the chain ends at %s, which is in no list in force", certstore.DN(top.Subject))
	default:
		e.incomplete(path)
	}
}

// incomplete tries to complete the path from what is known. It is then certain whether the peer forgot a certificate or
// its authority is a stranger; else it is presumed from how far the peer's own certificates reach.
func (e *examination) incomplete(path []*x509.Certificate) {
	stop := path[len(path)-1]
	issuer := certstore.DN(stop.Issuer)
	whole := slices.Clone(path)
	for top := stop; len(whole) < maxChain; {
		if e.trust.inForce.holds(top) || e.trust.anchor(top, e.now) != nil {
			e.missing = issuer
			e.blame(stop, cause.V2, true, wordsNoLocalIssuer, "the certificate of %s, the issuer of %s, was not sent", issuer, certstore.DN(stop.Subject))
			return
		}
		if e.trust.others.holds(top) || len(whole) > len(path) && certstore.SelfSigned(top) {
			e.blame(stop, cause.V8, true, wordsNoLocalIssuer, "the chain leads to %s, whose list is not in force", certstore.DN(top.Subject))
			return
		}
		next := e.trust.others.issuer(top)
		if next == nil {
			next = e.trust.learnt(top)
		}
		if next == nil {
			break
		}
		whole, top = append(whole, next), next
	}
	if len(whole) == 1 {
		e.missing = issuer
		e.blame(stop, cause.V2, true, wordsNoLocalIssuer, "presumed: the certificate of %s, the issuer of %s, was not sent", issuer, certstore.DN(stop.Subject))
	} else {
		top := whole[len(whole)-1]
		e.blame(stop, cause.V8, true, wordsNoLocalIssuer, "presumed: %s is issued by %s, which is in no list in force", certstore.DN(top.Subject), certstore.DN(top.Issuer))
	}
	e.findings[len(e.findings)-1].Presumed = true
}
