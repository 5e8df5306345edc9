package tlspolicy

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"posthouse/certstore"
	"posthouse/internal/cause"
)

// rsaBits is the length of an RSA key, and 0 for keys of other kinds.
func rsaBits(c *x509.Certificate) int {
	if key, ok := c.PublicKey.(*rsa.PublicKey); ok {
		return key.N.BitLen()
	}
	return 0
}

// form finds what RFC 5280 §4.1.2.2 forbids and asks everybody to put up with: a serial number below zero.
func (e *examination) form(path []*x509.Certificate) {
	for _, c := range path {
		if c.SerialNumber.Sign() < 0 {
			e.blame(c, cause.V11, false, wordsSerial, "%s has the serial number %d", certstore.DN(c.Subject), c.SerialNumber)
		}
	}
}

// strength finds keys and signatures that prove nothing any more. An authority's signature on itself is not asked for
// anything, nor is that of a self-signed leaf.
func (e *examination) strength(path []*x509.Certificate) {
	for i, c := range path {
		name, words := certstore.DN(c.Subject), wordsCAKeyWeak
		if i == 0 {
			words = wordsLeafKeyWeak
		}
		switch bits := rsaBits(c); {
		case bits == 0 || bits >= 2048:
		case bits < 1024:
			e.blame(c, cause.V10, true, words, "%s has an RSA key of %d bits", name, bits)
		default:
			e.blame(c, cause.V10, false, words, "%s has an RSA key of %d bits", name, bits)
		}
		if weakSignature(c) && !bytes.Equal(c.RawSubject, c.RawIssuer) {
			e.blame(c, cause.V10, true, wordsDigestWeak, "%s is signed with %s", name, c.SignatureAlgorithm)
		}
	}
}

func weakSignature(c *x509.Certificate) bool {
	switch c.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return true
	}
	return false
}

// purpose finds a leaf that is meant for something else, and issuers that are no authority.
func (e *examination) purpose(path []*x509.Certificate) {
	if !meantFor(path[0], e.usage) {
		e.blame(path[0], cause.V9, true, wordsPurpose, "%s is not meant for this use", certstore.DN(path[0].Subject))
	}
	for _, c := range path[1:] {
		switch {
		case !certstore.IsAuthority(c):
			e.blame(c, cause.V9, true, wordsInvalidCA, "%s is no authority", certstore.DN(c.Subject))
		case !meantFor(c, e.usage):
			e.blame(c, cause.V9, true, wordsPurpose, "%s may not issue for this use", certstore.DN(c.Subject))
		}
	}
}

// meantFor reports whether the extended key usage, where there is one, allows the use.
func meantFor(c *x509.Certificate, usage x509.ExtKeyUsage) bool {
	if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.Contains(c.ExtKeyUsage, usage) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// constraints finds what an issuer was not entitled to: path length, names, critical extensions that nobody knows.
func (e *examination) constraints(path []*x509.Certificate) {
	for i, c := range path {
		if len(c.UnhandledCriticalExtensions) > 0 {
			e.blame(c, cause.V12, true, wordsCritical, "%s has the critical extension %s", certstore.DN(c.Subject), c.UnhandledCriticalExtensions[0])
		}
		limited := c.BasicConstraintsValid && (c.MaxPathLen > 0 || c.MaxPathLen == 0 && c.MaxPathLenZero)
		if i > 0 && limited && i-1 > c.MaxPathLen {
			e.blame(c, cause.V12, true, wordsPathLength, "%s allows %d authorities below it, there are %d", certstore.DN(c.Subject), c.MaxPathLen, i-1)
		}
	}
	if err := constrainedNames(path); err != nil {
		e.blame(path[0], cause.V12, true, wordsNameConstraint, "%s", plain(err.Error()))
	}
}

// constrainedNames lets crypto/x509 look at the name constraints alone: with the path's end as the root, at a time when
// everything is valid, for any use.
func constrainedNames(path []*x509.Certificate) error {
	at, ok := commonTime(path)
	if !ok || len(path) < 2 {
		return nil
	}
	opts := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	opts.Roots.AddCert(path[len(path)-1])
	for _, c := range path[1 : len(path)-1] {
		opts.Intermediates.AddCert(c)
	}
	_, err := path[0].Verify(opts)
	var invalid x509.CertificateInvalidError
	if !errors.As(err, &invalid) {
		return nil
	}
	switch invalid.Reason {
	case x509.CANotAuthorizedForThisName, x509.TooManyConstraints, x509.UnconstrainedName, x509.NameConstraintsWithoutSANs:
		return invalid
	}
	return nil
}

// commonTime is a time at which all certificates of the path are valid.
func commonTime(path []*x509.Certificate) (time.Time, bool) {
	begin, end := path[0].NotBefore, path[0].NotAfter
	for _, c := range path[1:] {
		if c.NotBefore.After(begin) {
			begin = c.NotBefore
		}
		if c.NotAfter.Before(end) {
			end = c.NotAfter
		}
	}
	return begin, !begin.After(end)
}

// validity finds every certificate of the path whose time is over or has not come.
func (e *examination) validity(path []*x509.Certificate) {
	early := 0
	for _, c := range path {
		if e.now.Before(c.NotBefore) {
			early++
		}
	}
	clock := fmt.Sprintf("the clock here says %s", e.now.UTC().Format(time.RFC3339))
	switch {
	case e.now.Before(e.trust.youngest):
		clock += ", which looks wrong: authorities in force are younger"
	case early > 1:
		clock += ", which looks wrong: so are others of the chain"
	}
	for _, c := range path {
		name := certstore.DN(c.Subject)
		switch {
		case e.now.After(c.NotAfter):
			e.blame(c, cause.V4, true, wordsExpired, "%s expired on %s", name, c.NotAfter.UTC().Format(time.RFC3339))
		case e.now.Before(c.NotBefore):
			e.blame(c, cause.V6, true, wordsNotYetValid, "%s is valid from %s; %s", name, c.NotBefore.UTC().Format(time.RFC3339), clock)
		}
	}
}
