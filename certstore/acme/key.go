package acme

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"

	"posthouse/certstore"
)

// kindKey is the kind in Options.Keys of a key that waits for its certificate.
const kindKey = "acmekey"

// NewAccountKey makes the private key of an account, ECDSA P-256 in PEM; ParseAccountKey reads it.
func NewAccountKey() ([]byte, error) {
	key, err := newKey(certstore.P256)
	if err != nil {
		return nil, err
	}
	return encodeKey(key)
}

// ParseAccountKey reads what NewAccountKey has made.
func ParseAccountKey(content []byte) (crypto.Signer, error) {
	key, err := certstore.ParseKey(content)
	if err != nil {
		return nil, fmt.Errorf("read account key: %w", err)
	}
	return key, nil
}

func newKey(kind certstore.KeyKind) (key crypto.Signer, err error) {
	switch kind {
	case "", certstore.P256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case certstore.P384:
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case certstore.RSA2048, certstore.RSA3072, certstore.RSA4096:
		key, err = rsa.GenerateKey(rand.Reader, rsaBits(kind))
	default:
		return nil, fmt.Errorf("create key: kind %q is unknown", kind)
	}
	if err != nil {
		return nil, fmt.Errorf("create key: %w", err)
	}
	return key, nil
}

func rsaBits(kind certstore.KeyKind) int {
	switch kind {
	case certstore.RSA4096:
		return 4096
	case certstore.RSA3072:
		return 3072
	}
	return 2048
}

func encodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// spki is the public key as certificates and TLSA records with selector 1 have it (RFC 6698 §1.2).
func spki(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	return der, nil
}

// hash256 is the SHA-256 of what spki returns, in hexadecimal digits.
func hash256(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// matching is what a TLSA record with the matching type holds of der (RFC 6698 §2.1.3); nil for an unknown type.
func matching(kind uint8, der []byte) []byte {
	switch kind {
	case 0:
		return der
	case 1:
		sum := sha256.Sum256(der)
		return sum[:]
	case 2:
		sum := sha512.Sum512(der)
		return sum[:]
	}
	return nil
}
