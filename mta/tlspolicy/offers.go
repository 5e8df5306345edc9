package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"posthouse/internal/cause"
	"posthouse/internal/openssl"
)

// offers says what both sides offered where a handshake failed because nothing matched, and is empty elsewhere.
func (in *Incoming) offers(id cause.ID) string {
	if in.hello == nil {
		return ""
	}
	var theirs, ours string
	switch hello, s := in.hello, in.server; id {
	case cause.H2:
		theirs, ours = listed(versionName, hello.SupportedVersions), listed(versionName, s.speaks.versions())
	case cause.H1, cause.H6:
		theirs = listed(openssl.CipherName, hello.CipherSuites)
		ours = listed(openssl.CipherName, s.speaks.all()) + "; our certificates: " + strings.Join(s.keyNames(hello.ServerName), " and ")
	case cause.H7:
		theirs = listed(groupName, hello.SupportedCurves) + ", signatures " + listed(schemeName, hello.SignatureSchemes)
		ours = listed(groupName, groupsHere[:]) + "; our certificates: " + strings.Join(s.keyNames(hello.ServerName), " and ")
	default:
		return ""
	}
	return "they: " + theirs + "; we: " + ours
}

// groupsHere are those that crypto/tls offers. Never written to.
var groupsHere = [...]tls.CurveID{
	tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024, tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521,
}

func (s settings) versions() (list []uint16) {
	for v := s.least; v <= s.most; v++ {
		list = append(list, v)
	}
	return list
}

// all are the suites of every version that is spoken.
func (s settings) all() (list []uint16) {
	if s.speaks(tls.VersionTLS13) {
		list = append(list, tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256)
	}
	if s.least < tls.VersionTLS13 {
		list = append(list, s.suites...)
	}
	return list
}

// keyNames are the kinds of the keys for a name.
func (s *Server) keyNames(serverName string) []string {
	var list []string
	for _, c := range s.named(serverName) {
		if leaf := leafOf(c); leaf != nil {
			list = append(list, keyName(leaf))
		}
	}
	if len(list) == 0 {
		return []string{"none"}
	}
	return list
}

func leafOf(c tls.Certificate) *x509.Certificate {
	if c.Leaf == nil && len(c.Certificate) > 0 {
		c.Leaf, _ = x509.ParseCertificate(c.Certificate[0])
	}
	return c.Leaf
}

// maxListed keeps a stranger's offer to a line that can be read.
const maxListed = 40

// listed writes numbers by their names.
func listed[N ~uint16](name func(uint16) string, ids []N) string {
	list := listNamed(name, ids)
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, " ")
}

func listNamed[N ~uint16](name func(uint16) string, ids []N) []string {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id N) bool { return isSignal(uint16(id)) })
	var list []string
	for _, id := range ids[:min(len(ids), maxListed)] {
		list = append(list, name(uint16(id)))
	}
	if more := len(ids) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return list
}
