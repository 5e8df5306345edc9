package tlspolicy

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"fmt"
)

// TLSA is one TLSA record (RFC 6698 §2.1).
type TLSA struct {
	Usage    uint8  `json:"usage" doc:"0 to 3; only 2 and 3 count for SMTP (RFC 7672 §3.1.3)"`
	Selector uint8  `json:"selector" doc:"0 the certificate, 1 its public key"`
	Matching uint8  `json:"matching" doc:"0 whole, 1 SHA-256, 2 SHA-512"`
	Data     []byte `json:"data" doc:"of the record"`
}

// The numbers of RFC 7218.
const (
	usageTA, usageEE                    = 2, 3
	selectCert, selectKey               = 0, 1
	matchFull, matchSHA256, matchSHA512 = 0, 1, 2
)

// TLSAOf is the record that is published for a certificate, with the selector and matching type of RFC 6698 §2.1. A
// selector but 1 takes the whole certificate, and a matching type but 1 and 2 takes what is selected as it is.
func TLSAOf(cert *x509.Certificate, usage, selector, matching uint8) TLSA {
	data := cert.Raw
	if selector == selectKey {
		data = cert.RawSubjectPublicKeyInfo
	}
	return TLSA{Usage: usage, Selector: selector, Matching: matching, Data: digest(matching, data)}
}

func digest(matching uint8, data []byte) []byte {
	switch matching {
	case matchSHA256:
		sum := sha256.Sum256(data)
		return sum[:]
	case matchSHA512:
		sum := sha512.Sum512(data)
		return sum[:]
	}
	return data
}

// String is the record's data as in a zone file: "3 1 1 abcd...".
func (t TLSA) String() string {
	return fmt.Sprintf("%d %d %d %s", t.Usage, t.Selector, t.Matching, hex.EncodeToString(t.Data))
}

// name is the record's data short enough for a line of a log.
func (t TLSA) name() string {
	const shown = 8
	if t.Matching != matchFull || len(t.Data) <= sha512.Size {
		return t.String()
	}
	return fmt.Sprintf("%d %d %d %s... (%d bytes)", t.Usage, t.Selector, t.Matching, hex.EncodeToString(t.Data[:shown]), len(t.Data))
}

// Usable says that the record can authenticate a mail server: usages 0 and 1 are not for SMTP (RFC 7672 §3.1.3), and
// one with an unknown number or with data that no certificate can match is as if it were not there (RFC 7671 §10.1.2).
func (t TLSA) Usable() bool {
	if t.Usage != usageTA && t.Usage != usageEE || t.Selector > selectKey {
		return false
	}
	switch t.Matching {
	case matchSHA256:
		return len(t.Data) == sha256.Size
	case matchSHA512:
		return len(t.Data) == sha512.Size
	case matchFull:
		return t.whole()
	}
	return false
}

// whole says that the data is a certificate or a public key.
func (t TLSA) whole() bool {
	var err error
	if t.Selector == selectCert {
		_, err = x509.ParseCertificate(t.Data)
	} else {
		_, err = x509.ParsePKIXPublicKey(t.Data)
	}
	return err == nil
}

// matches compares a certificate with the record, whatever its usage.
func (t TLSA) matches(cert *x509.Certificate) bool {
	return bytes.Equal(TLSAOf(cert, t.Usage, t.Selector, t.Matching).Data, t.Data)
}

// usable leaves out the records that cannot be used, and of digests of the same thing those that a stronger algorithm
// stands beside: whoever could forge the weaker one would gain nothing (RFC 7671 §9).
func usable(records []TLSA) (list []TLSA) {
	strongest := map[[2]uint8]uint8{}
	for _, t := range records {
		if kind := [2]uint8{t.Usage, t.Selector}; t.Usable() {
			strongest[kind] = max(strongest[kind], t.Matching)
		}
	}
	for _, t := range records {
		if t.Usable() && (t.Matching == matchFull || t.Matching == strongest[[2]uint8{t.Usage, t.Selector}]) {
			list = append(list, t)
		}
	}
	return list
}
