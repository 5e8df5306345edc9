package certstore

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"time"
)

// Leaf is the first pair's leaf.
func (p *Profile) Leaf() *x509.Certificate {
	return p.Pairs[0].Chain[0]
}

// Intermediates returns what stands behind the first pair's leaf.
func (p *Profile) Intermediates() []*x509.Certificate {
	return slices.Clone(p.Pairs[0].Chain[1:])
}

// CommonName is the leaf's common name, or its first dNSName where it has none.
func (p *Profile) CommonName() string {
	leaf := p.Leaf()
	if leaf.Subject.CommonName == "" && len(leaf.DNSNames) > 0 {
		return escapeValue(leaf.DNSNames[0])
	}
	return Title(leaf.Subject)
}

// Issuer is the common name of the leaf's issuer, or its organization where it has none.
func (p *Profile) Issuer() string {
	return Title(p.Leaf().Issuer)
}

// NotAfter is the earliest end of validity among the leaves.
func (p *Profile) NotAfter() time.Time {
	end := p.Leaf().NotAfter
	for _, pair := range p.Pairs[1:] {
		if t := pair.Chain[0].NotAfter; t.Before(end) {
			end = t
		}
	}
	return end
}

// Ends is the certificate of the profile that ends first, an intermediate too: with it the chain ends. A root at the end of
// a chain does not count, since peers trust their own copy.
func (p *Profile) Ends() *x509.Certificate {
	first := p.Leaf()
	for _, pair := range p.Pairs {
		for i, c := range pair.Chain {
			if c.NotAfter.Before(first.NotAfter) && (i == 0 || !SelfSigned(c)) {
				first = c
			}
		}
	}
	return first
}

// The values of Status.
const (
	StatusActive      = "Active"
	StatusExpiring    = "Expiring" // 30 days or fewer are left
	StatusExpired     = "Expired"
	StatusPending     = "Pending" // waits for the answer to its signing request
	StatusNotYetValid = "Not yet valid"
)

const expiring = 30 * 24 * time.Hour

// Status says how the profile stands at now, its intermediates too; pending is what the configuration says of it.
func (p *Profile) Status(now time.Time, pending bool) string {
	switch left := p.Ends().NotAfter.Sub(now); {
	case pending:
		return StatusPending
	case left < 0:
		return StatusExpired
	case p.notBefore().After(now):
		return StatusNotYetValid
	case left <= expiring:
		return StatusExpiring
	}
	return StatusActive
}

// notBefore is the latest begin of validity among the leaves.
func (p *Profile) notBefore() time.Time {
	var begin time.Time
	for _, pair := range p.Pairs {
		if t := pair.Chain[0].NotBefore; t.After(begin) {
			begin = t
		}
	}
	return begin
}

// TLSCertificates returns the pairs as crypto/tls wants them. It takes the first that the peer knows, so the pairs with
// ECDSA keys, which are cheaper to sign with, stand first.
func (p *Profile) TLSCertificates() []tls.Certificate {
	certs := make([]tls.Certificate, 0, len(p.Pairs))
	for _, pair := range p.Pairs {
		c := tls.Certificate{PrivateKey: pair.Key, Leaf: pair.Chain[0]}
		for _, cert := range pair.Chain {
			c.Certificate = append(c.Certificate, cert.Raw)
		}
		certs = append(certs, c)
	}
	slices.SortStableFunc(certs, func(a, b tls.Certificate) int { return cost(a) - cost(b) })
	return certs
}

func cost(c tls.Certificate) int {
	if _, ok := c.PrivateKey.(*ecdsa.PrivateKey); ok {
		return 0
	}
	return 1
}

// CSR returns the signing request of the first pair that has one, as PEM; nil for none.
func (p *Profile) CSR() []byte {
	for _, pair := range p.Pairs {
		if pair.CSR != nil {
			return pem.EncodeToMemory(&pem.Block{Type: pemRequest, Bytes: pair.CSR})
		}
	}
	return nil
}

// RenewalRequest makes a signing request, as PEM, with the names and the key that the first pair has: for a profile that
// came without one, so that it can be renewed on its key.
func (p *Profile) RenewalRequest() ([]byte, error) {
	pair := p.Pairs[0]
	leaf := pair.Chain[0]
	template := &x509.CertificateRequest{RawSubject: leaf.RawSubject, DNSNames: leaf.DNSNames, IPAddresses: leaf.IPAddresses}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, pair.Key)
	if err != nil {
		return nil, fmt.Errorf("create signing request: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemRequest, Bytes: der}), nil
}

// Equal reports whether both hold the same keys, certificates and requests.
func (p *Profile) Equal(other *Profile) bool {
	a, errA := encodeProfile(p)
	b, errB := encodeProfile(other)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}
