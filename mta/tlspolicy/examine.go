package tlspolicy

import (
	"crypto/x509"
	"fmt"
	"slices"
	"time"

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
