package tlsreport

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

const (
	keyBlock = "PRIVATE KEY"
	keyBits  = 2048 // what every verifier takes (RFC 8301 §3.2), and what fits into DNS over UDP
)

// NewKey makes a key for DKIM signatures, as it is kept: PKCS #8 in PEM.
func NewKey() ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("make DKIM key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make DKIM key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der}), nil
}

// ParseKey reads what NewKey makes; an Ed25519 key (RFC 8463) is accepted, too.
func ParseKey(data []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != keyBlock {
		return nil, errors.New("parse DKIM key: no private key in PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse DKIM key: %w", err)
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key, nil
	case ed25519.PrivateKey:
		return key, nil
	}
	return nil, errors.New("parse DKIM key: neither RSA nor Ed25519")
}

// KeyRecord is the TXT record to be published at SELECTOR._domainkey.DOMAIN for the key. Its services are those of
// RFC 8460 §3 and mail itself: verifiers that know nothing of reports take no key without the latter.
func KeyRecord(key crypto.Signer) (string, error) {
	kind, public := "rsa", []byte(nil)
	switch p := key.Public().(type) {
	case *rsa.PublicKey:
		der, err := x509.MarshalPKIXPublicKey(p)
		if err != nil {
			return "", fmt.Errorf("write DKIM record: %w", err)
		}
		public = der
	case ed25519.PublicKey:
		kind, public = "ed25519", p
	default:
		return "", errors.New("write DKIM record: neither RSA nor Ed25519")
	}
	return fmt.Sprintf("v=DKIM1; k=%s; s=tlsrpt:email; p=%s", kind, base64.StdEncoding.EncodeToString(public)), nil
}

// forMail lets a library that verifies mail take a key that is meant for reports only (RFC 8460 §3: s=tlsrpt).
func forMail(records []string) []string {
	for i, record := range records {
		tags := strings.Split(record, ";")
		for j, tag := range tags {
			name, value, _ := strings.Cut(tag, "=")
			if strings.TrimSpace(name) == "s" && strings.TrimSpace(value) == "tlsrpt" {
				tags[j] = " s=email"
			}
		}
		records[i] = strings.Join(tags, ";")
	}
	return records
}
