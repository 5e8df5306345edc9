package config

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// certificatePrefix begins a member that is matched against the peer's certificate: cert[SUBJECT,CA]. Both names are
// the operator's words; a comma, a bracket or a backslash within them has a backslash before it, so that a whole
// distinguished name fits: cert[CN=mx\,O=Partner,Partner CA].
const certificatePrefix = "cert["

// maxCertificateName bounds a name of a certificate in a member, in bytes.
const maxCertificateName = 500

// parseCertificate reads a certificate member behind its prefix.
func parseCertificate(s string) (Member, bool) {
	subject, rest, ok := cutEscaped(s, ',')
	if !ok {
		return Member{}, false
	}
	issuer, rest, ok := cutEscaped(rest, ']')
	if !ok || rest != "" || !certificateName(subject) || !certificateName(issuer) {
		return Member{}, false
	}
	text := certificatePrefix + escapeName(subject) + "," + escapeName(issuer) + "]"
	return Member{kind: memberCertificate, name: subject, issuer: issuer, text: text}, true
}

// cutEscaped reads a name up to the mark that ends it, and takes its backslashes away. Blanks around it do not count.
func cutEscaped(s string, end byte) (name, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case end:
			return strings.TrimSpace(b.String()), s[i+1:], true
		case ',', '[', ']':
			return "", "", false
		case '\\':
			if i++; i == len(s) || !strings.ContainsRune(`\,[]`, rune(s[i])) {
				return "", "", false
			}
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// certificateName says whether s may be a name in a member: something that can be printed, of one line.
func certificateName(s string) bool {
	return s != "" && len(s) <= maxCertificateName && utf8.ValidString(s) &&
		strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

func escapeName(s string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`, `[`, `\[`, `]`, `\]`).Replace(s)
}

// holdsName compares the names of certificates without regard to case, as X.500 and the DNS do (RFC 5280 §7.1, §7.2).
func holdsName(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

// certificateEnd returns the length of the certificate member that s begins with, 0 where it begins with none or its
// line ends before it does.
func certificateEnd(s string) int {
	if len(s) < len(certificatePrefix) || !strings.EqualFold(s[:len(certificatePrefix)], certificatePrefix) {
		return 0
	}
	for i := len(certificatePrefix); i < len(s) && s[i] != '\n'; i++ {
		switch s[i] {
		case '\\':
			i++
		case ']':
			return i + 1
		}
	}
	return 0
}

// SplitMembers cuts a list of members at its commas, those within cert[...] excepted. Empty ones are left out.
func SplitMembers(s string) []string {
	var words []string
	for s != "" {
		s = strings.TrimLeft(s, " \t,")
		end := certificateEnd(s)
		if end == 0 {
			end = strings.IndexByte(s, ',')
		}
		if end < 0 {
			end = len(s)
		}
		if word := strings.TrimSpace(s[:end]); word != "" {
			words = append(words, word)
		}
		s = s[end:]
	}
	return words
}
