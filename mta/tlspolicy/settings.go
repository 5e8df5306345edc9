package tlspolicy

import (
	"crypto/tls"
	"fmt"
	"slices"

	"posthouse/config"
	"posthouse/internal/openssl"
)

// settings are the versions and suites that one service speaks.
type settings struct {
	least, most uint16
	suites      []uint16 // up to TLS 1.2; crypto/tls orders them, and those of TLS 1.3 are fixed
}

// compile reads the configuration of a service; an empty one is that of a new appliance.
func compile(s config.SSLService) (settings, error) {
	if len(s.Methods) == 0 && s.Ciphers == "" {
		s = config.SSLService{Methods: []string{"tlsv1_2", "tlsv1_3"}, Ciphers: "HIGH:MEDIUM:-aNULL"}
	}
	least, most, suites, err := openssl.Compile(s.Methods, s.Ciphers)
	if err != nil {
		return settings{}, fmt.Errorf("ssl settings: %w", err)
	}
	return settings{least, most, suites}, nil
}

// apply sets what is spoken. Whoever names a suite means it: crypto/tls takes an explicit list as it is, RSA key
// exchange and 3DES included.
func (s settings) apply(c *tls.Config) {
	c.MinVersion, c.MaxVersion, c.CipherSuites = s.least, s.most, s.suites
}

func (s settings) speaks(version uint16) bool { return version >= s.least && version <= s.most }

// takes reports whether a suite may be negotiated.
func (s settings) takes(id uint16) bool {
	return isTLS13(id) && s.speaks(tls.VersionTLS13) || slices.Contains(s.suites, id)
}

// isTLS13 reports whether a suite is one of TLS 1.3, which have numbers of their own (RFC 8446 appendix B.4).
func isTLS13(id uint16) bool { return id>>8 == 0x13 }
