package openssl

import (
	"crypto/tls"
	"fmt"
	"math/bits"
	"slices"
	"sync"
)

// Cipher is one suite of the versions up to TLS 1.2.
type Cipher struct {
	ID   uint16 // as in the protocol
	Name string // OpenSSL's

	since  protocol
	kx     exchange
	auth   signer
	enc    encryption
	mac    digest
	traits trait
}

// Each property is one bit, so that a word of the language is a set of them.
type (
	protocol   uint8
	exchange   uint16
	signer     uint8
	encryption uint32
	digest     uint8
	trait      uint8
)

// The oldest version that a suite is for.
const (
	ssl3 protocol = 1 << iota
	tls10
	tls12
)

const (
	kRSA exchange = 1 << iota
	kDHE
	kECDHE
	kPSK
	kRSAPSK
	kDHEPSK
	kECDHEPSK
	kSRP
)

const (
	aRSA signer = 1 << iota
	aECDSA
	aDSS
	aPSK
	aSRP
	aNULL
)

const (
	eNULL encryption = 1 << iota
	aes128
	aes256
	aes128gcm
	aes256gcm
	aes128ccm
	aes256ccm
	aes128ccm8
	aes256ccm8
	chacha20
	camellia128
	camellia256
	aria128gcm
	aria256gcm
	tripleDES
	rc4
	seed
	idea
	des
	des40
	rc2
	rc4export
)

const (
	md5 digest = 1 << iota
	sha1
	sha256
	sha384
	aead
)

// A suite has one strength, and perhaps usual and fips.
const (
	high trait = 1 << iota
	medium
	low
	export
	strengthNone
	usual // in DEFAULT
	fips
)

// Protocol is the oldest version that the suite is for, "SSLv3", "TLSv1" or "TLSv1.2"; later ones up to TLS 1.2 know it too.
func (c Cipher) Protocol() string { return [...]string{"SSLv3", "TLSv1", "TLSv1.2"}[place(c.since)] }

// KeyExchange is "RSA", "DH", "ECDH", or one with a shared secret.
func (c Cipher) KeyExchange() string {
	return [...]string{"RSA", "DH", "ECDH", "PSK", "RSAPSK", "DHEPSK", "ECDHEPSK", "SRP"}[place(c.kx)]
}

// Authentication is "RSA", "ECDSA", "DSS", "PSK", "SRP" or "None".
func (c Cipher) Authentication() string {
	return [...]string{"RSA", "ECDSA", "DSS", "PSK", "SRP", "None"}[place(c.auth)]
}

// Encryption is the cipher with its key's bits, "AESGCM(256)", or "None".
func (c Cipher) Encryption() string { return encryptions[place(c.enc)].title }

// MAC is "AEAD", "SHA384", "SHA256", "SHA1" or "MD5".
func (c Cipher) MAC() string {
	return [...]string{"MD5", "SHA1", "SHA256", "SHA384", "AEAD"}[place(c.mac)]
}

// Strength is OpenSSL's class: "HIGH", "MEDIUM", "LOW", "EXPORT" or "NONE".
func (c Cipher) Strength() string {
	return [...]string{"HIGH", "MEDIUM", "LOW", "EXPORT", "NONE"}[place(c.traits&^(usual|fips))]
}

// String is the suite as openssl ciphers -v prints it, with single blanks.
func (c Cipher) String() string {
	return fmt.Sprintf("%s %s Kx=%s Au=%s Enc=%s Mac=%s", c.Name, c.Protocol(), c.KeyExchange(), c.Authentication(), c.Encryption(), c.MAC())
}

// Available reports whether crypto/tls speaks the suite.
func (c Cipher) Available() bool {
	return slices.Contains(spoken(), c.ID)
}

// encryptions is in the order of the bits: the title, and the bits of security that count for a security level.
var encryptions = [...]struct {
	title    string
	security int
}{
	{"None", 0}, {"AES(128)", 128}, {"AES(256)", 256}, {"AESGCM(128)", 128}, {"AESGCM(256)", 256},
	{"AESCCM(128)", 128}, {"AESCCM(256)", 256}, {"AESCCM8(128)", 64}, {"AESCCM8(256)", 64},
	{"CHACHA20/POLY1305(256)", 256}, {"Camellia(128)", 128}, {"Camellia(256)", 256},
	{"ARIAGCM(128)", 128}, {"ARIAGCM(256)", 256}, {"3DES(168)", 112}, {"RC4(128)", 128}, {"SEED(128)", 128},
	{"IDEA(128)", 128}, {"DES(56)", 56}, {"DES(40)", 40}, {"RC2(40)", 40}, {"RC4(40)", 40},
}

// place is the index of a property's only bit.
func place[P protocol | exchange | signer | encryption | digest | trait](p P) int {
	return bits.TrailingZeros32(uint32(p))
}

// table is every suite. It is not to be modified.
var table = sync.OnceValue(func() []Cipher { return slices.Concat(modern, shared, outdated) })

func suiteByID(id uint16) (Cipher, bool) {
	for _, part := range [...][]Cipher{modern, shared, outdated} {
		for _, c := range part {
			if c.ID == id {
				return c, true
			}
		}
	}
	return Cipher{}, false
}

// spoken is what crypto/tls speaks up to TLS 1.2 where it is asked to, its insecure suites included. It is not to be modified.
var spoken = sync.OnceValue(func() []uint16 {
	var ids []uint16
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if slices.Contains(s.SupportedVersions, tls.VersionTLS12) {
			ids = append(ids, s.ID)
		}
	}
	return ids
})
