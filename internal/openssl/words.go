package openssl

// set is what a word of the language stands for: a suite is in it when each property is among the word's, and an empty
// property stands for every one.
type set struct {
	since  protocol
	kx     exchange
	auth   signer
	enc    encryption
	mac    digest
	traits trait

	id    uint16 // one suite only
	frail bool   // the word names RC4 or 3DES themselves
	empty bool   // no suite of the table is in it
	not   trait  // and the suite must have none of these
}

func (s set) has(c Cipher) bool {
	switch {
	case s.empty, s.id != 0 && s.id != c.ID, s.not&c.traits != 0:
		return false
	}
	return within(s.since, c.since) && within(s.kx, c.kx) && within(s.auth, c.auth) && within(s.enc, c.enc) &&
		within(s.mac, c.mac) && within(s.traits, c.traits)
}

func within[P protocol | exchange | signer | encryption | digest | trait](wanted, has P) bool {
	return wanted == 0 || wanted&has != 0
}

const (
	allAES    = aes128 | aes256 | aes128gcm | aes256gcm | aes128ccm | aes256ccm | aes128ccm8 | aes256ccm8
	allCBC    = aes128 | aes256 | camellia128 | camellia256 | tripleDES | seed | idea | des | des40 | rc2
	allPSK    = kPSK | kRSAPSK | kDHEPSK | kECDHEPSK
	certified = aRSA | aECDSA | aDSS | aPSK | aSRP
)

// words is OpenSSL's vocabulary, that of its older versions included; what those named and nobody has any more is empty.
// Names of suites are words as well. Never written to.
var words = map[string]set{
	"ALL": {enc: ^eNULL}, "COMPLEMENTOFALL": {enc: eNULL}, "COMPLEMENTOFDEFAULT": {enc: ^eNULL, not: usual},
	"HIGH": {traits: high}, "MEDIUM": {traits: medium}, "LOW": {traits: low}, "FIPS": {traits: fips},
	"EXP": {traits: export}, "EXPORT": {traits: export}, "EXPORT40": {traits: export}, "EXPORT56": {empty: true},

	"kRSA": {kx: kRSA}, "RSA": {kx: kRSA, auth: aRSA}, "aRSA": {auth: aRSA},
	"kDHE": {kx: kDHE}, "kEDH": {kx: kDHE}, "DH": {kx: kDHE},
	"DHE": {kx: kDHE, auth: certified}, "EDH": {kx: kDHE, auth: certified}, "ADH": {kx: kDHE, auth: aNULL},
	"kECDHE": {kx: kECDHE}, "kEECDH": {kx: kECDHE}, "ECDH": {kx: kECDHE},
	"ECDHE": {kx: kECDHE, auth: certified}, "EECDH": {kx: kECDHE, auth: certified}, "AECDH": {kx: kECDHE, auth: aNULL},
	"kPSK": {kx: kPSK}, "kRSAPSK": {kx: kRSAPSK}, "kDHEPSK": {kx: kDHEPSK}, "kECDHEPSK": {kx: kECDHEPSK},
	"PSK": {kx: allPSK}, "aPSK": {auth: aPSK}, "SRP": {kx: kSRP}, "kSRP": {kx: kSRP}, "aSRP": {auth: aSRP},
	"aECDSA": {auth: aECDSA}, "ECDSA": {auth: aECDSA}, "aDSS": {auth: aDSS}, "DSS": {auth: aDSS}, "aNULL": {auth: aNULL},

	"AES": {enc: allAES}, "AES128": {enc: aes128 | aes128gcm | aes128ccm | aes128ccm8}, "AES256": {enc: aes256 | aes256gcm | aes256ccm | aes256ccm8},
	"AESGCM": {enc: aes128gcm | aes256gcm}, "AESCCM": {enc: aes128ccm | aes256ccm | aes128ccm8 | aes256ccm8}, "AESCCM8": {enc: aes128ccm8 | aes256ccm8},
	"CHACHA20": {enc: chacha20}, "CBC": {enc: allCBC},
	"CAMELLIA": {enc: camellia128 | camellia256}, "CAMELLIA128": {enc: camellia128}, "CAMELLIA256": {enc: camellia256},
	"ARIA": {enc: aria128gcm | aria256gcm}, "ARIAGCM": {enc: aria128gcm | aria256gcm}, "ARIA128": {enc: aria128gcm}, "ARIA256": {enc: aria256gcm},
	"3DES": {enc: tripleDES, frail: true}, "RC4": {enc: rc4 | rc4export, frail: true}, "RC2": {enc: rc2}, "DES": {enc: des | des40},
	"SEED": {enc: seed}, "IDEA": {enc: idea}, "eNULL": {enc: eNULL}, "NULL": {enc: eNULL},

	"MD5": {mac: md5}, "SHA1": {mac: sha1}, "SHA": {mac: sha1}, "SHA256": {mac: sha256}, "SHA384": {mac: sha384}, "AEAD": {mac: aead},
	"SSLv3": {since: ssl3}, "TLSv1": {since: tls10}, "TLSv1.0": {since: tls10}, "TLSv1.2": {since: tls12},

	"SSLv2": {empty: true}, "TLSv1.1": {empty: true}, "EXP40": {traits: export}, "EXP56": {empty: true},
	"kDH": {empty: true}, "kDHr": {empty: true}, "kDHd": {empty: true}, "aDH": {empty: true},
	"kECDH": {empty: true}, "kECDHr": {empty: true}, "kECDHe": {empty: true}, "aECDH": {empty: true},
	"KRB5": {empty: true}, "kKRB5": {empty: true}, "aKRB5": {empty: true}, "kFZA": {empty: true}, "aFZA": {empty: true}, "eFZA": {empty: true},
	"GOST": {empty: true}, "kGOST": {empty: true}, "kGOST18": {empty: true}, "aGOST": {empty: true}, "aGOST01": {empty: true}, "aGOST12": {empty: true},
	"aGOST94": {empty: true}, "GOST94": {empty: true}, "GOST89": {empty: true}, "GOST89MAC": {empty: true}, "GOST12": {empty: true},
}

// suiteB are the strings that stand alone (RFC 6460), as the names of what they leave. Never written to.
var suiteB = map[string][]string{
	"SUITEB128":     {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"},
	"SUITEB128C2":   {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"},
	"SUITEB128ONLY": {"ECDHE-ECDSA-AES128-GCM-SHA256"},
	"SUITEB192":     {"ECDHE-ECDSA-AES256-GCM-SHA384"},
}

// aliases are second names of suites. Never written to.
var aliases = map[string]string{
	"EDH-DSS-DES-CBC3-SHA": "DHE-DSS-DES-CBC3-SHA", "EDH-RSA-DES-CBC3-SHA": "DHE-RSA-DES-CBC3-SHA",
}

// meaning is what a word stands for, and whether it is one.
func meaning(word string) (set, bool) {
	if s, ok := words[word]; ok {
		return s, true
	}
	if name, ok := aliases[word]; ok {
		word = name
	}
	for _, part := range [...][]Cipher{modern, shared, outdated} {
		for _, c := range part {
			if c.Name == word {
				return set{id: c.ID, frail: true}, true
			}
		}
	}
	return set{}, false
}
