package certstore

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"

	"software.sslmate.com/src/go-pkcs12"
)

// maxIterations bounds what a file may make us compute before its pass phrase is known to be right: some seconds.
const maxIterations = 5_000_000

// maxPKCS12 is far more than a key and its chain need.
const maxPKCS12 = 1 << 20

// ImportPKCS12 reads a PKCS#12 file of old (RC2, 3DES) or new (AES) encryption. The certificates may stand in any order;
// the notes are as in Assemble. Errors: ErrPassphrase; ErrWrongKey; ErrParse with the reason, which for a BER file is
// the command that rewrites it.
func ImportPKCS12(data []byte, pass string, known ...*x509.Certificate) (*Profile, []string, error) {
	if err := checkPKCS12(data); err != nil {
		return nil, nil, err
	}
	key, first, others, err := pkcs12.DecodeChain(data, pass)
	if err != nil {
		return nil, nil, pkcs12Error(err)
	}
	signer, err := usableKey(key)
	if err != nil {
		return nil, nil, err
	}
	return Assemble(signer, slices.Concat([]*x509.Certificate{first}, others), known...)
}

// pkcs12Error chooses our own words: the library has seen the key.
func pkcs12Error(err error) error {
	var missing pkcs12.NotImplementedError
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword), errors.Is(err, pkcs12.ErrDecryption):
		return ErrPassphrase
	case errors.As(err, &missing):
		return fmt.Errorf("%w: it uses an encryption or a structure that is not supported; this rewrites it: %s", ErrParse, rewrite)
	}
	return fmt.Errorf("%w: it is no PKCS#12 file with one private key and its certificate", ErrParse)
}

// rewrite is what an operator types to turn any PKCS#12 file that OpenSSL can read into one that is read here. A pipe would
// not do: OpenSSL 3 reads key and certificates one after the other. The key is encrypted in the file between the two.
const rewrite = "openssl pkcs12 -legacy -in OLD.p12 -out OLD.pem && openssl pkcs12 -export -in OLD.pem -out NEW.p12"

// checkPKCS12 refuses what the parser should not see.
func checkPKCS12(data []byte) error {
	switch {
	case len(data) > maxPKCS12:
		return fmt.Errorf("%w: it is larger than %d MB", ErrParse, maxPKCS12>>20)
	case len(data) < 2 || data[0] != 0x30:
		return fmt.Errorf("%w: it is no PKCS#12 file", ErrParse)
	case data[1] == 0x80:
		return fmt.Errorf("%w: it is encoded in BER, and only DER is read here; this rewrites it: %s", ErrParse, rewrite)
	}
	return checkIterations(data, 0)
}

// checkIterations looks through the nested elements for a count of iterations, which always is an INTEGER right behind
// the OCTET STRING of its salt (RFC 7292 §4 MacData, RFC 8018 appendix A).
func checkIterations(der []byte, depth int) error {
	behindSalt := false
	for len(der) > 0 && depth < 20 {
		var element asn1.RawValue
		rest, err := asn1.Unmarshal(der, &element)
		if err != nil {
			return nil // not DER at all, such as the bytes of a salt; the parser judges the rest
		}
		integer := element.Class == asn1.ClassUniversal && element.Tag == asn1.TagInteger
		if integer && behindSalt && tooMany(element.FullBytes) {
			return fmt.Errorf("%w: it asks for more than %d iterations of key derivation", ErrParse, maxIterations)
		}
		behindSalt = element.Class == asn1.ClassUniversal && element.Tag == asn1.TagOctetString
		if element.IsCompound || behindSalt {
			if err := checkIterations(element.Bytes, depth+1); err != nil {
				return err
			}
		}
		der = rest
	}
	return nil
}

func tooMany(integer []byte) bool {
	var n int64
	_, err := asn1.Unmarshal(integer, &n)
	return err != nil || n > maxIterations
}

// ExportPKCS12 writes the profile's first pair as PKCS#12, encrypted with AES-256 under the pass phrase, which may
// not be empty: an export never holds a key in clear.
func ExportPKCS12(p *Profile, pass string) ([]byte, error) {
	if pass == "" {
		return nil, errors.New("export PKCS#12: a pass phrase is needed")
	}
	pair := p.Pairs[0]
	data, err := pkcs12.Modern2023.Encode(pair.Key, pair.Chain[0], pair.Chain[1:], pass)
	if err != nil {
		return nil, errors.New("export PKCS#12: the pass phrase or the key cannot be encoded")
	}
	return data, nil
}
