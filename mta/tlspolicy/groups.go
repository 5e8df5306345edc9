package tlspolicy

import (
	"crypto/tls"
	"fmt"

	"posthouse/internal/openssl"
)

// groupNames are OpenSSL's names of the groups for key exchange (RFC 8446 §4.2.7 and IANA's register). Never written to.
var groupNames = map[uint16]string{
	1: "sect163k1", 2: "sect163r1", 3: "sect163r2", 4: "sect193r1", 5: "sect193r2", 6: "sect233k1", 7: "sect233r1",
	8: "sect239k1", 9: "sect283k1", 10: "sect283r1", 11: "sect409k1", 12: "sect409r1", 13: "sect571k1", 14: "sect571r1",
	15: "secp160k1", 16: "secp160r1", 17: "secp160r2", 18: "secp192k1", 19: "prime192v1", 20: "secp224k1", 21: "secp224r1",
	22: "secp256k1", 23: "prime256v1", 24: "secp384r1", 25: "secp521r1", 26: "brainpoolP256r1", 27: "brainpoolP384r1",
	28: "brainpoolP512r1", 29: "X25519", 30: "X448", 31: "brainpoolP256r1tls13", 32: "brainpoolP384r1tls13",
	33: "brainpoolP512r1tls13", 256: "ffdhe2048", 257: "ffdhe3072", 258: "ffdhe4096", 259: "ffdhe6144", 260: "ffdhe8192",
	4587: "SecP256r1MLKEM768", 4588: "X25519MLKEM768", 4589: "SecP384r1MLKEM1024",
}

func groupName(id uint16) string {
	if name, ok := groupNames[id]; ok {
		return name
	}
	return fmt.Sprintf("group 0x%04X", id)
}

// schemeNames are the signature schemes of TLS 1.3 in the words of `openssl -sigalgs`. Never written to.
var schemeNames = map[uint16]string{
	0x0804: "RSA-PSS+SHA256", 0x0805: "RSA-PSS+SHA384", 0x0806: "RSA-PSS+SHA512", 0x0807: "ed25519", 0x0808: "ed448",
	0x0809: "rsa_pss_pss_sha256", 0x080A: "rsa_pss_pss_sha384", 0x080B: "rsa_pss_pss_sha512",
}

// schemeName is a signature scheme: before TLS 1.3 a hash and an algorithm in a byte each (RFC 5246 §7.4.1.4.1).
func schemeName(id uint16) string {
	if name, ok := schemeNames[id]; ok {
		return name
	}
	hashes := [...]string{"", "MD5", "SHA1", "SHA224", "SHA256", "SHA384", "SHA512"}
	algorithms := [...]string{"", "RSA", "DSA", "ECDSA"}
	hash, algorithm := int(id>>8), int(id&0xFF)
	if hash == 0 || hash >= len(hashes) || algorithm == 0 || algorithm >= len(algorithms) {
		return fmt.Sprintf("scheme 0x%04X", id)
	}
	return algorithms[algorithm] + "+" + hashes[hash]
}

// knownCurve reports whether crypto/tls speaks the group.
func knownCurve(id uint16) bool {
	switch tls.CurveID(id) {
	case tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521, tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024:
		return true
	}
	return false
}

// isSignal reports whether what stands among the suites is none: it says that a renegotiation is safe, or that this
// hello is a second try (RFC 5746 §3.3, RFC 7507), or it is noise that keeps servers tolerant (RFC 8701).
func isSignal(id uint16) bool {
	return id == 0x00FF || id == 0x5600 || isNoise(id)
}

// isNoise reports whether a number is reserved by RFC 8701 for offers that nobody may mind.
func isNoise(id uint16) bool { return id&0x0F0F == 0x0A0A && id>>8 == id&0xFF }

func versionName(id uint16) string { return openssl.ProtocolName(id) }
