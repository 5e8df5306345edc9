package tlspolicy

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"

	"posthouse/certstore"
	"posthouse/internal/cause"
)

// Where a certificate stands in Element.Place.
const (
	placeLeaf         = "leaf"
	placeIntermediate = "intermediate"
	placeRoot         = "root"
	placeDisorder     = "out of order"
	placeDuplicate    = "duplicate"
	placeNotNeeded    = "not needed"
	placeMissing      = "missing"
)

// elements describes the chain as it was sent; what is missing stands behind its end.
func (e *examination) elements(path []*x509.Certificate) []Element {
	var list []Element
	for i, c := range e.certs {
		el := newElement(c)
		el.Place, el.Notes = e.place(i, path), e.notes[c]
		for _, of := range path { // the same certificate, where crypto/x509 made the path
			if of != c && of.Equal(c) {
				el.Notes = slices.Concat(el.Notes, e.notes[of])
			}
		}
		list = append(list, el)
	}
	if e.missing != "" {
		list = append(list, Element{Subject: e.missing, Place: placeMissing})
	}
	return list
}

func (e *examination) place(i int, path []*x509.Certificate) string {
	c := e.certs[i]
	switch wrong := e.places[i]; {
	case wrong != "":
		return wrong
	case i == 0:
		return placeLeaf
	case certstore.SelfSigned(c):
		return placeRoot
	}
	return placeIntermediate
}

func newElement(c *x509.Certificate) Element {
	sum := sha256.Sum256(c.Raw)
	return Element{
		Subject: certstore.DN(c.Subject), Issuer: certstore.DN(c.Issuer), Serial: fmt.Sprintf("%X", c.SerialNumber),
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), Key: keyName(c), SHA256: hex.EncodeToString(sum[:]),
	}
}

// keyName is the kind and size of a certificate's key: "ECDSA P-256", "RSA 2048".
func keyName(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return c.PublicKeyAlgorithm.String()
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
