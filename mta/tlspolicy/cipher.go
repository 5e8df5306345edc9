package tlspolicy

import "posthouse/internal/openssl"

// needsECDSA reports whether a suite up to TLS 1.2 signs with ECDSA or EdDSA; of the supported ones the others want RSA.
func needsECDSA(id uint16) bool {
	c, ok := openssl.Lookup(id)
	return ok && c.Authentication() == "ECDSA"
}

// anonymous reports whether a suite has no certificate.
func anonymous(id uint16) bool {
	c, ok := openssl.Lookup(id)
	return ok && c.Authentication() == "None"
}
