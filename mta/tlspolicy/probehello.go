package tlspolicy

import (
	"crypto/rand"
	"crypto/tls"
	"slices"
	"strings"

	"posthouse/internal/openssl"
)

// The extensions of a ClientHello that a probe sends (RFC 8446 §4.2, RFC 8422 §5.1, RFC 5746 §3.2).
const (
	extensionServerName   = 0
	extensionGroups       = 10
	extensionPointFormats = 11
	extensionSchemes      = 13
	extensionKeyShare     = 51
	extensionRenegotiate  = 0xFF01
)

// probeHello is a ClientHello in its record that offers whatever anybody ever spoke, in clear text as every hello is. It
// brings no key share, so that a server of TLS 1.3 answers with the group that it would take (RFC 8446 §4.1.4). The
// suites that are spoken here stand first.
func probeHello(serverName string, spoken []uint16) []byte {
	body := be(tls.VersionTLS12)
	random := make([]byte, 32)
	rand.Read(random) // never fails
	body = append(append(body, random...), 0)
	body = append(body, vector16(numbers(probeSuites(spoken)))...)
	body = append(body, 1, 0) // no compression
	body = append(body, vector16(probeExtensions(serverName))...)
	message := append([]byte{messageClientHello, 0, byte(len(body) >> 8), byte(len(body))}, body...)
	return append([]byte{recordHandshake, 3, 1, byte(len(message) >> 8), byte(len(message))}, message...)
}

func probeExtensions(serverName string) (list []byte) {
	add := func(kind uint16, content []byte) { list = append(append(list, be(kind)...), vector16(content)...) }
	if serverName != "" {
		add(extensionServerName, vector16(append([]byte{0}, vector16([]byte(serverName))...)))
	}
	versions := numbers([]uint16{tls.VersionTLS13, tls.VersionTLS12, tls.VersionTLS11, tls.VersionTLS10})
	add(extensionSupportedVersion, append([]byte{byte(len(versions))}, versions...))
	add(extensionGroups, vector16(numbers(probeGroups())))
	add(extensionPointFormats, []byte{3, 0, 1, 2})
	add(extensionSchemes, vector16(numbers(probeSchemes())))
	add(extensionKeyShare, vector16(nil))
	add(extensionRenegotiate, []byte{0})
	return list
}

// probeSuites are those of TLS 1.3, those that are spoken here and all others without a shared secret, the anonymous ones
// last: only who has nothing else takes one. What is refused in spite of a suite in common is then seen.
func probeSuites(spoken []uint16) []uint16 {
	suites := []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256}
	for _, id := range spoken {
		if !isTLS13(id) {
			suites = append(suites, id)
		}
	}
	var nameless []uint16
	for id := uint16(1); id < 0xD000; id++ {
		c, ok := openssl.Lookup(id)
		switch {
		case !ok, slices.Contains(suites, id), strings.Contains(c.KeyExchange()+c.Authentication(), "PSK"), c.KeyExchange() == "SRP":
		case anonymous(id):
			nameless = append(nameless, id)
		default:
			suites = append(suites, id)
		}
	}
	return append(suites, nameless...)
}

// probeGroups begins with what we speak: only who knows none of it takes another.
func probeGroups() []uint16 {
	groups := []uint16{uint16(tls.X25519), uint16(tls.CurveP256), uint16(tls.CurveP384), uint16(tls.CurveP521)}
	for id := uint16(1); id <= 33; id++ {
		if !knownCurve(id) {
			groups = append(groups, id)
		}
	}
	return append(groups, 256, 257, 258, 259, 260)
}

// probeSchemes are all of TLS 1.3, then every hash with every algorithm, down to MD5.
func probeSchemes() []uint16 {
	list := []uint16{0x0804, 0x0403, 0x0807, 0x0805, 0x0806, 0x0503, 0x0603, 0x0808, 0x0809, 0x080A, 0x080B}
	for hash := uint16(6); hash > 0; hash-- {
		for algorithm := uint16(1); algorithm <= 3; algorithm++ {
			if id := hash<<8 | algorithm; id != 0x0403 && id != 0x0503 && id != 0x0603 {
				list = append(list, id)
			}
		}
	}
	return list
}

func be(n uint16) []byte { return []byte{byte(n >> 8), byte(n)} }

func numbers(list []uint16) (out []byte) {
	for _, n := range list {
		out = append(out, be(n)...)
	}
	return out
}

// vector16 is a content behind its length in two bytes.
func vector16(content []byte) []byte {
	return append(be(uint16(len(content))), content...)
}
