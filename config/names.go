package config

import (
	"net/netip"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// domainKey returns a domain or host name as it stands in keys: lower case, no final dot.
func domainKey(s string) string {
	return strings.TrimRight(strings.ToLower(s), ".")
}

// validHost says whether s is a host name of letters, digits, hyphens and underscores (which exist in the wild) in
// labels of 1 to 63 bytes, 253 bytes in all, and not an address. Letters beyond ASCII are accepted for domains in
// their own script (RFC 6531 §3.2).
func validHost(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if !validLabel(label) {
			return false
		}
	}
	// A name whose last label has no letter is a mistyped address or range: no top-level domain is one (RFC 3696 §2).
	return strings.Trim(labels[len(labels)-1], "0123456789-_") != ""
}

// ValidMachineName says whether s may be given to a machine: a host name of letters, digits and hyphens alone (RFC 1123
// §2.1). What a configuration holds already may have more in it, see validHost.
func ValidMachineName(s string) bool {
	return validHost(s) && strings.IndexFunc(s, func(r rune) bool { return r == '_' || r > unicode.MaxASCII }) < 0
}

func validLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	return strings.IndexFunc(label, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || isLetter(r))
	}) < 0
}

func isLetter(r rune) bool { return r > 127 && (unicode.IsLetter(r) || unicode.IsMark(r)) }

// addressLiteral reads the domain [192.0.2.1] or [IPv6:2001:db8::1] (RFC 5321 §4.1.3); without the IPv6 tag too.
func addressLiteral(s string) (netip.Addr, bool) {
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' {
		return netip.Addr{}, false
	}
	s = s[1 : len(s)-1]
	if len(s) > 5 && strings.EqualFold(s[:5], "ipv6:") {
		s = s[5:]
	}
	a, err := netip.ParseAddr(s)
	return a, err == nil && a.Zone() == ""
}

// validDomainKey says whether s is a key for recipients' domains: a domain, .domain or an address literal.
func validDomainKey(s string) bool {
	if _, ok := addressLiteral(s); ok {
		return true
	}
	return validHost(strings.TrimPrefix(s, "."))
}

// suffixes yields the keys that may hold something for domain, the most exact first: the domain itself, then
// ".parent" for every parent of it. A domain in its own script has the keys of its A-labels as well, and the other way
// round: how a sender writes it must not decide which rule holds (RFC 5890 §2.3.2.1).
func suffixes(domain string) []string {
	domain = domainKey(domain)
	form := otherForm(domain)
	own := suffixesOf(domain)
	if form == domain {
		return own
	}
	other := suffixesOf(form)
	if len(own) != len(other) {
		return own
	}
	var keys []string
	for i, key := range own {
		if keys = append(keys, key); other[i] != key {
			keys = append(keys, other[i])
		}
	}
	return keys
}

// otherForm is a domain in A-labels where it has others, and in its own script where it has them; else as it is.
func otherForm(domain string) string {
	other, err := domain, error(nil)
	switch {
	case strings.IndexFunc(domain, func(r rune) bool { return r > unicode.MaxASCII }) >= 0:
		other, err = idna.Lookup.ToASCII(domain)
	case strings.Contains(domain, "xn--"):
		other, err = idna.Lookup.ToUnicode(domain)
	}
	if err != nil {
		return domain
	}
	return other
}

// suffixesOf is suffixes of one form.
func suffixesOf(domain string) []string {
	keys := append(make([]string, 0, 8), domain) // with room for what the caller adds to the keys of most domains
	if strings.HasPrefix(domain, "[") {
		return keys
	}
	for i := strings.IndexByte(domain, '.'); i >= 0; {
		keys = append(keys, domain[i:])
		next := strings.IndexByte(domain[i+1:], '.')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return keys
}

// validName says whether s may name an object (listener, interface, profile, user): 1 to 64 letters, digits, '_', '-'
// and '.', beginning with a letter or a digit. A listener called "3" could not be told from a list's third entry, so
// a letter is wanted.
func validName(s string) bool {
	if s == "" || len(s) > 64 || s[0] == '.' || s[0] == '-' || s[0] == '_' {
		return false
	}
	letter := false
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
			letter = true
		case r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.':
		default:
			return false
		}
	}
	return letter
}
