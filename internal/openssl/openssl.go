// Package openssl is OpenSSL's language for TLS: its names of cipher suites and protocol versions, and its cipher strings,
// mapped to what crypto/tls speaks. It owns the table of the suites, those that this build cannot speak among them, so that
// they can be named; it does no TLS itself. It imports nothing of ours and anybody may import it.
package openssl

import (
	"crypto/tls"
	"fmt"
	"slices"
)

// CipherName is OpenSSL's name of a suite: "ECDHE-RSA-AES128-GCM-SHA256", and since TLS 1.3 the standard's own,
// "TLS_AES_128_GCM_SHA256". What OpenSSL does not name has Go's name, and that is a number where there is none.
func CipherName(id uint16) string {
	if c, ok := suiteByID(id); ok {
		return c.Name
	}
	return tls.CipherSuiteName(id)
}

// Named is the table's entry of a suite by OpenSSL's name, and whether there is one.
func Named(name string) (Cipher, bool) {
	for _, c := range table() {
		if c.Name == name {
			return c, true
		}
	}
	return Cipher{}, false
}

// Lookup is the table's entry of a suite up to TLS 1.2, and whether there is one.
func Lookup(id uint16) (Cipher, bool) { return suiteByID(id) }

// ProtocolName is OpenSSL's name of a version: "TLSv1.3".
func ProtocolName(version uint16) string {
	switch version {
	case tls.VersionTLS10:
		return "TLSv1"
	case tls.VersionTLS11:
		return "TLSv1.1"
	case tls.VersionTLS12:
		return "TLSv1.2"
	case tls.VersionTLS13:
		return "TLSv1.3"
	}
	return tls.VersionName(version)
}

// methodNames are the configuration's names of the versions, in their order.
var methodNames = [...]string{"tlsv1_0", "tlsv1_1", "tlsv1_2", "tlsv1_3"}

// Versions returns the least and the highest version of a list such as "tlsv1_2", "tlsv1_3", for tls.Config. The names are
// those of the configuration, the oldest first and next to each other: a gap cannot be negotiated.
func Versions(methods []string) (least, most uint16, err error) {
	for first := range methodNames {
		for last := first; last < len(methodNames); last++ {
			if slices.Equal(methods, methodNames[first:last+1]) {
				return tls.VersionTLS10 + uint16(first), tls.VersionTLS10 + uint16(last), nil
			}
		}
	}
	return 0, 0, fmt.Errorf("%q are not versions next to each other, the oldest first", methods)
}

// Compile makes MinVersion, MaxVersion and CipherSuites of a tls.Config. crypto/tls takes the set of the suites and keeps an
// order of its own; nil would mean its defaults, so suites always holds something. It is an
// error when none of them is known to any of the versions.
func Compile(methods []string, cipherString string) (least, most uint16, suites []uint16, err error) {
	least, most, err = Versions(methods)
	if err != nil {
		return 0, 0, nil, err
	}
	list, err := Parse(cipherString)
	if err != nil {
		return 0, 0, nil, err
	}
	if most < tls.VersionTLS12 && !slices.ContainsFunc(list.Entries, func(c Cipher) bool { return c.since != tls12 }) {
		return 0, 0, nil, fmt.Errorf("%q leaves nothing that a version before TLS 1.2 knows", cipherString)
	}
	return least, most, list.Suites, nil
}

// TLS13 are the names of the suites of TLS 1.3, which crypto/tls always offers with that version and which no cipher string
// governs.
func TLS13() []string {
	return []string{"TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"}
}
