package tlspolicy

import "crypto/tls"

// CipherName is OpenSSL's name of a cipher suite: "ECDHE-RSA-AES128-GCM-SHA256", and since TLS 1.3 the standard's own,
// "TLS_AES_128_GCM_SHA256". What OpenSSL does not name has Go's name.
func CipherName(id uint16) string {
	if name, ok := openSSLCiphers[id]; ok {
		return name
	}
	return tls.CipherSuiteName(id)
}

// openSSLCiphers is never written to.
var openSSLCiphers = map[uint16]string{
	tls.TLS_RSA_WITH_RC4_128_SHA:                      "RC4-SHA",
	tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA:                 "DES-CBC3-SHA",
	tls.TLS_RSA_WITH_AES_128_CBC_SHA:                  "AES128-SHA",
	tls.TLS_RSA_WITH_AES_256_CBC_SHA:                  "AES256-SHA",
	tls.TLS_RSA_WITH_AES_128_CBC_SHA256:               "AES128-SHA256",
	tls.TLS_RSA_WITH_AES_128_GCM_SHA256:               "AES128-GCM-SHA256",
	tls.TLS_RSA_WITH_AES_256_GCM_SHA384:               "AES256-GCM-SHA384",
	tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA:              "ECDHE-ECDSA-RC4-SHA",
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA:          "ECDHE-ECDSA-AES128-SHA",
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA:          "ECDHE-ECDSA-AES256-SHA",
	tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA:                "ECDHE-RSA-RC4-SHA",
	tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA:           "ECDHE-RSA-DES-CBC3-SHA",
	tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA:            "ECDHE-RSA-AES128-SHA",
	tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA:            "ECDHE-RSA-AES256-SHA",
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256:       "ECDHE-ECDSA-AES128-SHA256",
	tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256:         "ECDHE-RSA-AES128-SHA256",
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:         "ECDHE-RSA-AES128-GCM-SHA256",
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:       "ECDHE-ECDSA-AES128-GCM-SHA256",
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:         "ECDHE-RSA-AES256-GCM-SHA384",
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:       "ECDHE-ECDSA-AES256-GCM-SHA384",
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256:   "ECDHE-RSA-CHACHA20-POLY1305",
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-ECDSA-CHACHA20-POLY1305",
}

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

// supportedSuites are the suites that crypto/tls negotiates when nothing else is configured, as configs here leave it:
// those of TLS 1.3 and those with ephemeral keys and without RC4 or 3DES.
func supportedSuites() map[uint16]bool {
	suites := map[uint16]bool{}
	for _, s := range tls.CipherSuites() {
		if s.SupportedVersions[0] >= tls.VersionTLS13 || ephemeral(s.ID) {
			suites[s.ID] = true
		}
	}
	return suites
}

// ephemeral reports whether a suite up to TLS 1.2 exchanges keys by ECDHE: they are numbered from 0xC000 on (RFC 8422 §6).
func ephemeral(id uint16) bool {
	return id >= 0xC000
}

// needsECDSA reports whether a suite up to TLS 1.2 signs with ECDSA or EdDSA; of the supported ones the others want RSA.
func needsECDSA(id uint16) bool {
	switch id {
	case tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256:
		return true
	}
	return false
}

// anonymous reports whether a suite has no certificate: DH_anon (RFC 5246 appendix A.5 and others) and ECDH_anon
// (RFC 8422 §6).
func anonymous(id uint16) bool {
	switch {
	case id >= 0x0017 && id <= 0x001B, id == 0x0034, id == 0x003A, id == 0x0046, id == 0x006C, id == 0x006D,
		id == 0x0089, id == 0x009B, id == 0x00A6, id == 0x00A7, id == 0x00BF, id == 0x00C5, id >= 0xC015 && id <= 0xC019:
		return true
	}
	return false
}
