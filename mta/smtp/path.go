package smtp

import (
	"errors"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// Path is a reverse-path or forward-path (RFC 5321 §4.1.2, RFC 6531 §3.3) without its source route, which is read
// and ignored (RFC 5321 appendix C). The zero Path is the null reverse-path <>.
type Path struct {
	Local  string // without quoting: a b, not "a b"
	Domain string // as written, or an address literal with its brackets; empty where the path had none
}

const (
	maxPath   = 254 // octets of a mailbox: RFC 5321 §4.5.3.1.3 less the angle brackets
	maxDomain = 255
	maxLabel  = 63
)

// What is wrong with a path; the words go into the reply.
var (
	errPathBrackets = errors.New("address must stand in angle brackets")
	errPathRoute    = errors.New("in source route")
	errPathLocal    = errors.New("in local part of address")
	errPathDomain   = errors.New("in domain of address")
	errPathLength   = errors.New("address too long")
)

// Null says whether the path is <>.
func (p Path) Null() bool { return p.Local == "" && p.Domain == "" }

// ASCII says whether the path needs no SMTPUTF8.
func (p Path) ASCII() bool { return isASCII(p.Local) && isASCII(p.Domain) }

// String is the mailbox without angle brackets, quoted only where it must be; empty for <>.
func (p Path) String() string {
	local := p.Local
	if !isDotString(local) && !p.Null() {
		local = quoteLocal(local)
	}
	if p.Domain == "" {
		return local
	}
	return local + "@" + p.Domain
}

// ParsePath reads the path at the start of s and returns what follows its closing bracket.
func ParsePath(s string) (p Path, rest string, err error) {
	if !strings.HasPrefix(s, "<") {
		return Path{}, "", errPathBrackets
	}
	s = s[1:]
	if rest, ok := strings.CutPrefix(s, ">"); ok {
		return Path{}, rest, nil
	}
	if strings.HasPrefix(s, "@") {
		if s, err = skipRoute(s); err != nil {
			return Path{}, "", err
		}
	}
	p, s, err = parseMailbox(s)
	if err != nil {
		return Path{}, "", err
	}
	rest, ok := strings.CutPrefix(s, ">")
	if !ok {
		return Path{}, "", errPathBrackets
	}
	return p, rest, nil
}

// skipRoute reads "@a,@b:" and returns what follows.
func skipRoute(s string) (string, error) {
	for {
		after, ok := strings.CutPrefix(s, "@")
		if !ok {
			return "", errPathRoute
		}
		_, rest, ok := cutDomain(after)
		if !ok || rest == "" {
			return "", errPathRoute
		}
		switch rest[0] {
		case ':':
			return rest[1:], nil
		case ',':
			s = rest[1:]
		default:
			return "", errPathRoute
		}
	}
}

func parseMailbox(s string) (p Path, rest string, err error) {
	var ok bool
	if strings.HasPrefix(s, `"`) {
		p.Local, rest, ok = cutQuoted(s)
	} else {
		p.Local, rest, ok = cutDotString(s)
	}
	if !ok {
		return Path{}, "", errPathLocal
	}
	if after, found := strings.CutPrefix(rest, "@"); found {
		if p.Domain, rest, ok = cutDomain(after); !ok {
			return Path{}, "", errPathDomain
		}
	}
	// Quoting makes a local part twice as long at most; only then is it worth while to quote it.
	if 2*len(p.Local)+len(p.Domain)+3 > maxPath && len(p.String()) > maxPath {
		return Path{}, "", errPathLength
	}
	return p, rest, nil
}

// cutDotString cuts a Dot-string off s.
func cutDotString(s string) (local, rest string, ok bool) {
	end := 0
	for end < len(s) {
		if c := s[end]; c < utf8.RuneSelf {
			if !atext[c] && c != '.' {
				break
			}
			end++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[end:])
		if !isWide(r) {
			break
		}
		end += size
	}
	return s[:end], s[end:], isDotString(s[:end])
}

func isDotString(s string) bool {
	dot := true // another one would be the first, or the second in a row
	for i := 0; i < len(s); {
		c := s[i]
		if c == '.' && dot {
			return false
		}
		dot = c == '.'
		if c < utf8.RuneSelf {
			if !atext[c] && !dot {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if !isWide(r) {
			return false
		}
		i += size
	}
	return !dot
}

// atext is that of RFC 5322 §3.2.3; isWide adds to it what RFC 6531 does.
var atext = table("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~")

// domainText is what labels are made of, and the dots between them. The underscore is in it because names in use have it in
// spite of RFC 5321.
var domainText = table("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")

func table(of string) (t [utf8.RuneSelf]bool) {
	for i := range len(of) {
		t[of[i]] = true
	}
	return t
}

// isWide allows what is not ASCII (RFC 6531), but for the C1 control characters and what is not UTF-8.
func isWide(r rune) bool { return r > 0x9f && r != utf8.RuneError }

// cutQuoted cuts a Quoted-string off s and undoes its quoting.
func cutQuoted(s string) (local, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '"':
			return b.String(), s[i+1:], b.Len() > 0
		case r == '\\':
			if i++; i == len(s) || s[i] < ' ' || s[i] > '~' {
				return "", "", false
			}
			r, size = rune(s[i]), 1
		case r < ' ', r >= 0x7f && r <= 0x9f, r == utf8.RuneError:
			return "", "", false
		}
		b.WriteRune(r)
		i += size
	}
	return "", "", false
}

func quoteLocal(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// cutDomain cuts a Domain or an address literal off s.
func cutDomain(s string) (domain, rest string, ok bool) {
	if strings.HasPrefix(s, "[") {
		return cutLiteral(s)
	}
	end := domainEnd(s)
	return s[:end], s[end:], IsDomain(s[:end])
}

// domainEnd is where the first byte stands that belongs to no label and no dot.
func domainEnd(s string) int {
	i := 0
	for i < len(s) {
		if c := s[i]; c < utf8.RuneSelf {
			if !domainText[c] {
				break
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if !isWide(r) {
			break
		}
		i += size
	}
	return i
}

// IsDomain says whether s is a domain of labels as RFC 5321 §4.1.2 has it; address literals are none.
func IsDomain(s string) bool {
	if s == "" || len(s) > maxDomain {
		return false
	}
	for rest, more := s, true; more; {
		var label string
		label, rest, more = strings.Cut(rest, ".")
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return domainEnd(s) == len(s)
}

// cutLiteral cuts an address literal (RFC 5321 §4.1.3) off s. Literals of other kinds than IP addresses are refused.
func cutLiteral(s string) (literal, rest string, ok bool) {
	inner, rest, ok := strings.Cut(s[1:], "]")
	if !ok {
		return "", "", false
	}
	if six, found := cutPrefixFold(inner, "IPv6:"); found {
		addr, err := netip.ParseAddr(six)
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", "", false
		}
		return "[IPv6:" + addr.String() + "]", rest, true
	}
	addr, err := netip.ParseAddr(inner)
	if err != nil || !addr.Is4() {
		return "", "", false
	}
	return "[" + inner + "]", rest, true
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
