package tlspolicy

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"

	"posthouse/certstore"
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
