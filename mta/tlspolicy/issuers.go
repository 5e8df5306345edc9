package tlspolicy

import (
	"context"
	"crypto/x509"
	"net/url"
	"slices"

	"posthouse/certstore"
	"posthouse/internal/cause"
)

// maxFetched is how many issuers are fetched for one chain; honest chains lack one or two.
const maxFetched = 4

// Fetch gets what lies at an http or https URL that a stranger chose: with a deadline, to a size, and of public addresses
// alone, as its maker sees fit.
type Fetch func(ctx context.Context, url string) ([]byte, error)

// Complete looks for the certificates that the peer did not send where its own certificates say they are (RFC 5280
// §4.2.2.1), and returns the outcome explained with them: V2 and V8 are then told apart for certain. They explain and
// are never trusted, and only a verification by hand asks for them: mail must not make us fetch what strangers name.
func (h *Handshake) Complete(ctx context.Context, o Outcome, fetch Fetch) Outcome {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.reached || !slices.ContainsFunc(h.verdict.findings, func(f Finding) bool { return f.Presumed }) || !h.trust.fetchIssuers(ctx, h.verdict.path, fetch) {
		return o
	}
	certs := h.state.PeerCertificates
	h.verdict = h.trust.examine(certs, x509.ExtKeyUsageServerAuth)
	h.results = h.query.prove(certs, h.verdict, h.trust.now())
	others := slices.DeleteFunc(slices.Clone(o.Findings), func(f Finding) bool { return f.Cause != cause.H12 })
	o.Findings, o.Chain, o.Proven = append(others, h.verdict.findings...), h.verdict.chain, h.results
	sortFindings(o.Findings)
	return o.Under(h.query.Wanted)
}

// fetchIssuers climbs from the end of a path and remembers the issuers that it finds. It returns false for none.
func (t *Trust) fetchIssuers(ctx context.Context, path []*x509.Certificate, fetch Fetch) bool {
	top := path[len(path)-1]
	found := false
	for range maxFetched {
		if certstore.SelfSigned(top) || t.inForce.issuer(top) != nil || t.others.issuer(top) != nil {
			break
		}
		issuer := fetchIssuer(ctx, top, fetch)
		if issuer == nil {
			break
		}
		t.learn([]*x509.Certificate{issuer})
		top, found = issuer, true
	}
	return found
}

// fetchIssuer tries the places that a certificate names, in their order.
func fetchIssuer(ctx context.Context, c *x509.Certificate, fetch Fetch) *x509.Certificate {
	for _, at := range c.IssuingCertificateURL[:min(len(c.IssuingCertificateURL), maxFetched)] {
		if u, err := url.Parse(at); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			continue
		}
		data, err := fetch(ctx, at)
		if err != nil {
			continue // the next place may answer; without one the presumption stands
		}
		candidates, err := certstore.ParsePEMChain(data)
		if err != nil {
			continue
		}
		for _, issuer := range candidates {
			if certstore.Issued(issuer, c) {
				return issuer
			}
		}
	}
	return nil
}
