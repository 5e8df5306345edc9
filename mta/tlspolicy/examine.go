package tlspolicy

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"posthouse/certstore"
	"posthouse/internal/cause"
)

// maxChain is how many of the sent certificates are looked at. Honest chains have up to five.
const maxChain = 20

// examination is the look at one peer's certificates. Every check runs and every finding is kept, where crypto/x509
// stops at the first fault and says the same of a self-signed certificate, a missing intermediate and an unknown root.
type examination struct {
	trust    *Trust
	certs    []*x509.Certificate // as sent
	usage    x509.ExtKeyUsage
	now      time.Time
	findings []Finding
	missing  string                         // the issuer that was not sent
	notes    map[*x509.Certificate][]string // what is wrong with each
	places   map[int]string                 // of those that are in the wrong one
}

// verdict is what an examination finds out of the chain, whatever names are wanted.
type verdict struct {
	findings []Finding           // in order of weight
	path     []*x509.Certificate // from the leaf as far as it leads, which is an authority in force where there is nothing fatal
	chain    []Element           // as sent, and what is missing
}

// fault returns the first fatal finding, nil for none.
func (v verdict) fault() *Finding {
	if fatal(v.findings) {
		return &v.findings[0]
	}
	return nil
}

// fatal reports whether the findings, the weightiest first, hold a fatal one.
func fatal(findings []Finding) bool {
	return len(findings) > 0 && findings[0].Fatal
}

// examine returns what is to be said of the certificates.
func (t *Trust) examine(certs []*x509.Certificate, usage x509.ExtKeyUsage) verdict {
	e := &examination{
		trust: t, certs: certs[:min(len(certs), maxChain)], usage: usage, now: t.now(),
		notes: map[*x509.Certificate][]string{}, places: map[int]string{},
	}
	path, err := e.verify()
	if err != nil {
		var anchored bool
		if path, anchored = e.path(); !anchored {
			e.untrusted(path)
		}
	}
	e.form(path)
	e.strength(path)
	e.purpose(path)
	e.constraints(path)
	e.validity(path)
	e.position(path)
	// Whatever our own checks overlook must not pass.
	if err != nil && !slices.ContainsFunc(e.findings, func(f Finding) bool { return f.Fatal }) {
		e.blame(e.certs[0], cause.V12, true, wordsRejected, "%s", plain(err.Error()))
	}
	e.revocation(path, err == nil)
	sortFindings(e.findings)
	return verdict{findings: e.findings, path: path, chain: e.elements(path)}
}

// blame adds a finding about one certificate.
func (e *examination) blame(c *x509.Certificate, id cause.ID, fatal bool, reason, detail string, args ...any) {
	detail = fmt.Sprintf(detail, args...)
	e.findings = append(e.findings, Finding{Cause: id, Fatal: fatal, Reason: reason, Detail: detail})
	e.notes[c] = append(e.notes[c], fmt.Sprintf("%s: %s", id, detail))
}

// order is the order of weight in which the first finding is the one that is named.
var order = []cause.ID{
	cause.V11, cause.V3, cause.V1, cause.V10, cause.V9, cause.V12, cause.V2, cause.V8, cause.V4, cause.V6, cause.V7, cause.V14,
	cause.D1, cause.M1, cause.R1, cause.V13, cause.V5,
}

func sortFindings(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		if a.Fatal != b.Fatal {
			if a.Fatal {
				return -1
			}
			return 1
		}
		return slices.Index(order, a.Cause) - slices.Index(order, b.Cause)
	})
}

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

// The words of OpenSSL's X509_verify_cert_error_string.
const (
	wordsSelfSigned     = "self-signed certificate"
	wordsSelfInChain    = "self-signed certificate in certificate chain"
	wordsNoLocalIssuer  = "unable to get local issuer certificate"
	wordsExpired        = "certificate has expired"
	wordsNotYetValid    = "certificate is not yet valid"
	wordsHostname       = "hostname mismatch"
	wordsPurpose        = "unsupported certificate purpose"
	wordsInvalidCA      = "invalid CA certificate"
	wordsLeafKeyWeak    = "EE certificate key too weak"
	wordsCAKeyWeak      = "CA certificate key too weak"
	wordsDigestWeak     = "CA signature digest algorithm too weak"
	wordsPathLength     = "path length constraint exceeded"
	wordsCritical       = "unhandled critical extension"
	wordsNameConstraint = "permitted subtree violation"
	wordsOrder          = "certificate chain is out of order"
	wordsRejected       = "certificate rejected"
	wordsSerial         = "negative serial number"
)

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
	defer func() { e.findings[len(e.findings)-1].Presumed = true }()
	if len(whole) == 1 {
		e.missing = issuer
		e.blame(stop, cause.V2, true, wordsNoLocalIssuer, "presumed: the certificate of %s, the issuer of %s, was not sent", issuer, certstore.DN(stop.Subject))
		return
	}
	top := whole[len(whole)-1]
	e.blame(stop, cause.V8, true, wordsNoLocalIssuer, "presumed: %s is issued by %s, which is in no list in force", certstore.DN(top.Subject), certstore.DN(top.Issuer))
}

// verify asks crypto/x509, which tries every way that the certificates can be joined, and learns issuers from the chain.
func (e *examination) verify() (path []*x509.Certificate, err error) {
	opts := x509.VerifyOptions{
		Roots: e.trust.pool, Intermediates: x509.NewCertPool(), CurrentTime: e.now, KeyUsages: []x509.ExtKeyUsage{e.usage},
	}
	for _, c := range e.certs[1:] {
		opts.Intermediates.AddCert(c)
	}
	chains, err := e.certs[0].Verify(opts)
	if err != nil {
		return nil, err
	}
	path = chains[0]
	if len(path) > 2 {
		e.trust.learn(path[1 : len(path)-1])
	}
	return path, nil
}

// position finds what the peer sent in the wrong place, twice, or for nothing.
func (e *examination) position(path []*x509.Certificate) {
	leaf := e.certs[0]
	if certstore.IsAuthority(leaf) && !certstore.SelfSigned(leaf) {
		for i, c := range e.certs[1:] {
			if !certstore.IsAuthority(c) {
				e.places[0], e.places[i+1] = placeDisorder, placeDisorder
				e.blame(leaf, cause.V3, true, wordsOrder, "the authority %s stands first, and %s, which it should follow, at place %d",
					certstore.DN(leaf.Subject), certstore.DN(c.Subject), i+2)
			}
		}
	}
	last := -1
	for i, c := range e.certs {
		name := certstore.DN(c.Subject)
		at := slices.IndexFunc(path, c.Equal)
		switch {
		case slices.ContainsFunc(e.certs[:i], c.Equal):
			e.places[i] = placeDuplicate
			e.blame(c, cause.V3, false, wordsOrder, "%s was sent again at place %d", name, i+1)
		case at < 0 && e.places[i] == "" && !e.endsPath(path, c):
			e.places[i] = placeNotNeeded
			e.blame(c, cause.V3, false, wordsOrder, "%s at place %d is not needed", name, i+1)
		case at >= 0 && at < last:
			e.places[i] = placeDisorder
			e.blame(c, cause.V3, false, wordsOrder, "%s at place %d is out of order", name, i+1)
		}
		last = max(last, at)
	}
}

// endsPath reports whether c is the root that the path leads to under another certificate: sending it is no fault.
func (e *examination) endsPath(path []*x509.Certificate, c *x509.Certificate) bool {
	top := path[len(path)-1]
	return certstore.SelfSigned(c) && (bytes.Equal(c.RawSubject, top.RawIssuer) || bytes.Equal(c.RawSubject, top.RawSubject))
}

// listNames writes a stranger's names for a log.
func listNames(names []string) string {
	if len(names) == 0 {
		return "no name"
	}
	shown := names[:min(len(names), 20)]
	text := fmt.Sprintf("%q", shown)
	text = strings.NewReplacer(`" "`, ", ", `["`, "", `"]`, "").Replace(text)
	if len(shown) < len(names) {
		text += fmt.Sprintf(" and %d more", len(names)-len(shown))
	}
	return text
}
