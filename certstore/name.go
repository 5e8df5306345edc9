package certstore

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// DN writes a name as operators read it, in the order of the certificate: "C=DE,O=Example,CN=mx1.partner.example".
// Names come from strangers: control bytes and separators in a value are escaped, so that it cannot look like another.
func DN(name pkix.Name) string {
	names := name.Names
	if len(names) == 0 {
		for _, set := range name.ToRDNSequence() {
			names = append(names, set...)
		}
	}
	parts := make([]string, 0, len(names))
	for _, n := range names {
		parts = append(parts, attribute(n.Type)+"="+escapeValue(fmt.Sprint(n.Value)))
	}
	return strings.Join(parts, ",")
}

// attribute is the short name of a type (RFC 4519), or its number.
func attribute(oid asn1.ObjectIdentifier) string {
	short := map[string]string{
		"2.5.4.3": "CN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "street",
		"2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.17": "postalCode", "0.9.2342.19200300.100.1.25": "DC",
		"0.9.2342.19200300.100.1.1": "UID", "1.2.840.113549.1.9.1": "emailAddress", "2.5.4.97": "organizationIdentifier",
	}
	if s, ok := short[oid.String()]; ok {
		return s
	}
	return oid.String()
}

// escapeValue escapes as RFC 4514 §2.4 does where a value would be read wrongly, and whatever is not printable.
func escapeValue(value string) string {
	var out strings.Builder
	for i, r := range value {
		switch {
		case r == utf8.RuneError, unicode.IsControl(r), !unicode.IsPrint(r):
			fmt.Fprintf(&out, "\\%02X", r)
		case strings.ContainsRune(`,+"\<>;=`, r), r == '#' && i == 0:
			out.WriteRune('\\')
			out.WriteRune(r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// Title is the shortest text by which people know a certificate's subject or issuer: the common name, else the
// organization, else the whole name.
func Title(name pkix.Name) string {
	switch {
	case name.CommonName != "":
		return escapeValue(name.CommonName)
	case len(name.Organization) > 0:
		return escapeValue(name.Organization[0])
	}
	return DN(name)
}

// Names returns the host names that a certificate speaks for, and whether they come from its common name. That counts
// only where there is no dNSName at all; RFC 9525 §1.3 forbids it, but partners' certificates still come without.
func Names(cert *x509.Certificate) (names []string, fromCommonName bool) {
	if len(cert.DNSNames) > 0 {
		return cert.DNSNames, false
	}
	if _, err := HostName(strings.TrimPrefix(cert.Subject.CommonName, "*.")); err != nil {
		return nil, false
	}
	return []string{cert.Subject.CommonName}, true
}

// MatchName reports whether the certificate's name speaks for the host. A wildcard is the whole leftmost label and
// stands for exactly one label, with at least two behind it (RFC 6125 §6.4.3). Both may be in any case and may end
// in a dot; an address is never matched here.
func MatchName(name, host string) bool {
	name, host = plainName(name), plainName(host)
	if name == "" || host == "" || isAddress(host) {
		return false
	}
	suffix, wildcard := strings.CutPrefix(name, "*.")
	if !wildcard {
		return name == host && !strings.Contains(name, "*")
	}
	label, parent, ok := strings.Cut(host, ".")
	return ok && label != "" && parent == suffix && strings.Contains(suffix, ".") && !strings.Contains(suffix, "*")
}

func plainName(name string) string {
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// HostName returns a host name as the DNS and certificates have it: lower case, no final dot, labels of other scripts
// in their ASCII form. An error says what is wrong with it.
func HostName(host string) (string, error) {
	name := plainName(host)
	if !isASCII(name) {
		ascii, err := idna.Lookup.ToASCII(name)
		if err != nil {
			return "", fmt.Errorf("%q is no host name", host)
		}
		name = ascii
	}
	if len(name) == 0 || len(name) > 253 || isAddress(name) {
		return "", fmt.Errorf("%q is no host name", host)
	}
	for label := range strings.SplitSeq(name, ".") {
		if !isLabel(label) {
			return "", fmt.Errorf("%q is no host name", host)
		}
	}
	return name, nil
}

// isLabel admits the underscore, which some hosts have in spite of RFC 952.
func isLabel(label string) bool {
	if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	return strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// Covers reports whether the leaves of all pairs speak for the host, a name or an address.
func (p *Profile) Covers(host string) bool {
	for _, pair := range p.Pairs {
		if !covers(pair.Chain[0], host) {
			return false
		}
	}
	return len(p.Pairs) > 0
}

func covers(cert *x509.Certificate, host string) bool {
	if ip := net.ParseIP(strings.Trim(host, "[]")); ip != nil {
		for _, have := range cert.IPAddresses {
			if have.Equal(ip) {
				return true
			}
		}
		return false
	}
	names, _ := Names(cert)
	for _, name := range names {
		if MatchName(name, host) {
			return true
		}
	}
	return false
}
