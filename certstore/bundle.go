package certstore

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// The PEM types that this package writes.
const (
	pemKey         = "PRIVATE KEY"
	pemCertificate = "CERTIFICATE"
	pemRequest     = "CERTIFICATE REQUEST"
)

// encodeProfile writes the vault's form: for each pair its key, the chain from the leaf on, and the signing request.
// The same profile gives the same bytes, since the vault names content by its digest.
func encodeProfile(p *Profile) ([]byte, error) {
	var out bytes.Buffer
	for _, pair := range p.Pairs {
		if pair.Key == nil || len(pair.Chain) == 0 {
			return nil, fmt.Errorf("a pair lacks its key or its certificate")
		}
		key, err := x509.MarshalPKCS8PrivateKey(pair.Key)
		if err != nil {
			return nil, fmt.Errorf("a private key of type %T cannot be written", pair.Key)
		}
		writePEM(&out, pemKey, key)
		out.Write(EncodePEM(pair.Chain))
		if pair.CSR != nil {
			writePEM(&out, pemRequest, pair.CSR)
		}
	}
	if out.Len() == 0 {
		return nil, fmt.Errorf("the profile is empty")
	}
	return out.Bytes(), nil
}

// decodeProfile reads what encodeProfile wrote. It is strict: the vault holds nothing that others wrote.
func decodeProfile(content []byte) (*Profile, error) {
	p := &Profile{}
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != pemKey && len(p.Pairs) == 0 {
			return nil, fmt.Errorf("stored profile: %w: it begins with %q", ErrParse, block.Type)
		}
		if err := p.take(block); err != nil {
			return nil, fmt.Errorf("stored profile: %w", err)
		}
	}
	for _, pair := range p.Pairs {
		if len(pair.Chain) == 0 {
			return nil, fmt.Errorf("stored profile: %w: a key is without its certificate", ErrParse)
		}
	}
	if len(p.Pairs) == 0 {
		return nil, fmt.Errorf("stored profile: %w: it is empty", ErrParse)
	}
	return p, nil
}

// Canonical judges the content of a profile that comes from elsewhere, and gives it the form in which Put keeps it: that
// form itself, or a key and its certificates as PEM in any order.
func Canonical(content []byte) ([]byte, error) {
	if p, err := decodeProfile(content); err == nil {
		return encodeProfile(p)
	}
	key, err := ParseKey(content)
	if err != nil {
		return nil, err
	}
	certs, err := ParsePEMChain(content)
	if err != nil {
		return nil, err
	}
	p, _, err := Assemble(key, certs)
	if err != nil {
		return nil, err
	}
	return encodeProfile(p)
}

// take adds one block of the stored form: a key begins a pair, everything else belongs to the pair begun last.
func (p *Profile) take(block *pem.Block) error {
	last := len(p.Pairs) - 1
	switch block.Type {
	case pemKey:
		key, err := parseKeyDER(block.Bytes)
		if err != nil {
			return err
		}
		p.Pairs = append(p.Pairs, Pair{Key: key})
	case pemCertificate:
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrParse, err)
		}
		if len(p.Pairs[last].Chain) == 0 && !belongs(p.Pairs[last].Key, cert) {
			return fmt.Errorf("certificate %q: %w", DN(cert.Subject), ErrWrongKey)
		}
		p.Pairs[last].Chain = append(p.Pairs[last].Chain, cert)
	case pemRequest:
		p.Pairs[last].CSR = block.Bytes
	default:
		return fmt.Errorf("%w: it holds a block %q", ErrParse, block.Type)
	}
	return nil
}

// EncodePEM writes certificates as PEM, in their order.
func EncodePEM(certs []*x509.Certificate) []byte {
	var out bytes.Buffer
	for _, c := range certs {
		writePEM(&out, pemCertificate, c.Raw)
	}
	return out.Bytes()
}

// writePEM writes one block. A bytes.Buffer takes everything, and our blocks have no headers, so nothing can fail.
func writePEM(out *bytes.Buffer, kind string, der []byte) {
	out.Write(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
