package certstore

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
)

// Assemble makes a profile of a key and certificates in any order: the one that belongs to the key is the leaf, the
// others are put in order behind it. The notes name what was duplicate, not needed, disordered or is missing; they are
// for the operator and no failure. known are authorities in force, with which a chain that ends at one is complete.
// ErrWrongKey says that no certificate belongs to the key.
func Assemble(key crypto.Signer, certs []*x509.Certificate, known ...*x509.Certificate) (*Profile, []string, error) {
	leaf := leafOf(key, certs)
	if leaf == nil {
		return nil, nil, fmt.Errorf("no certificate belongs to the private key: %w", ErrWrongKey)
	}
	chain, notes := order(leaf, certs, known)
	return &Profile{Pairs: []Pair{{Key: key, Chain: chain}}}, notes, nil
}

// leafOf is the certificate that speaks for the key; of several the one that was issued last.
func leafOf(key crypto.Signer, certs []*x509.Certificate) *x509.Certificate {
	var leaf *x509.Certificate
	for _, c := range certs {
		if belongs(key, c) && (leaf == nil || c.NotBefore.After(leaf.NotBefore)) {
			leaf = c
		}
	}
	return leaf
}

// order builds the chain of leaf from certs, which hold it too, and says what it did.
// A root at the chain's end stays: peers do not need it, but those that pin it (RFC 7671 §5.2.1) must be sent it.
func order(leaf *x509.Certificate, certs, known []*x509.Certificate) (chain []*x509.Certificate, notes []string) {
	certs, notes = distinct(certs)
	chain = climb(leaf, certs)
	if used := keepOnly(certs, chain); !slices.Equal(used, chain) {
		notes = append(notes, fmt.Sprintf("The certificates were disordered; they are in order now, from %s to %s.",
			Title(leaf.Subject), Title(chain[len(chain)-1].Subject)))
	}
	for _, c := range certs {
		if !slices.Contains(chain, c) {
			notes = append(notes, fmt.Sprintf("Not needed and left out: %s.", DN(c.Subject)))
		}
	}
	if missing := missingIssuer(chain, known); missing != "" {
		notes = append(notes, fmt.Sprintf("Missing: the certificate of the issuer %s, which is in no list of authorities here.", missing))
	}
	return chain, notes
}

// distinct drops repeated certificates and names them.
func distinct(certs []*x509.Certificate) (once []*x509.Certificate, notes []string) {
	for _, c := range certs {
		if slices.ContainsFunc(once, c.Equal) {
			notes = append(notes, fmt.Sprintf("Duplicate and left out: %s.", DN(c.Subject)))
			continue
		}
		once = append(once, c)
	}
	return once, notes
}

func keepOnly(certs, wanted []*x509.Certificate) (kept []*x509.Certificate) {
	for _, c := range certs {
		if slices.Contains(wanted, c) {
			kept = append(kept, c)
		}
	}
	return kept
}

// climb goes from leaf to issuer to issuer as far as certs reach.
func climb(leaf *x509.Certificate, certs []*x509.Certificate) []*x509.Certificate {
	chain := []*x509.Certificate{leaf}
	for top := leaf; !SelfSigned(top); {
		issuer := bestIssuer(top, certs, chain)
		if issuer == nil {
			break
		}
		chain, top = append(chain, issuer), issuer
	}
	return chain
}

// bestIssuer is the certificate that issued child and is not in the chain yet. Where an authority has several of the
// same key, a root ends the chain best, and otherwise the one that lasts longest.
func bestIssuer(child *x509.Certificate, certs, chain []*x509.Certificate) (best *x509.Certificate) {
	for _, c := range certs {
		if slices.Contains(chain, c) || !Issued(c, child) {
			continue
		}
		if best == nil || SelfSigned(c) && !SelfSigned(best) || SelfSigned(c) == SelfSigned(best) && c.NotAfter.After(best.NotAfter) {
			best = c
		}
	}
	return best
}

// Issued reports whether child's issuer is parent, by name and by signature. A signature of a kind that is refused
// today, such as SHA-1, is not checked; then the key identifiers have to agree. So this serves for putting certificates
// in order and for explaining a failure, never for trusting. It does not ask whether parent may issue either.
func Issued(parent, child *x509.Certificate) bool {
	if !bytes.Equal(parent.RawSubject, child.RawIssuer) {
		return false
	}
	if parent.CheckSignature(child.SignatureAlgorithm, child.RawTBSCertificate, child.Signature) == nil {
		return true
	}
	return refused(parent, child) && bytes.Equal(parent.SubjectKeyId, child.AuthorityKeyId)
}

// SelfSigned reports whether the certificate is its own issuer.
func SelfSigned(c *x509.Certificate) bool {
	if !bytes.Equal(c.RawSubject, c.RawIssuer) {
		return false
	}
	if c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil {
		return true
	}
	return refused(c, c) && (len(c.AuthorityKeyId) == 0 || bytes.Equal(c.SubjectKeyId, c.AuthorityKeyId))
}

// refused says that the standard library refuses to check the signature, for its hash or for the issuer's short key.
func refused(parent, child *x509.Certificate) bool {
	switch child.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.DSAWithSHA256, x509.ECDSAWithSHA1:
		return true
	}
	key, ok := parent.PublicKey.(*rsa.PublicKey)
	return ok && key.N.BitLen() < 1024
}

// missingIssuer names who issued the chain's top where that is neither in the chain nor known.
func missingIssuer(chain, known []*x509.Certificate) string {
	top := chain[len(chain)-1]
	if SelfSigned(top) {
		return ""
	}
	_, system := System()
	for _, list := range [][]*x509.Certificate{known, system} {
		for _, c := range list {
			if c.Equal(top) || Issued(c, top) {
				return ""
			}
		}
	}
	return DN(top.Issuer)
}
