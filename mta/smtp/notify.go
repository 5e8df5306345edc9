package smtp

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Wishes are what a sender says of notifications about one recipient: the parameters of RCPT in RFC 3461 §4.1 and §4.2.
// The server reads them and the client writes them.
type Wishes struct {
	Notify string // "NEVER", or what is wanted of SUCCESS, FAILURE and DELAY, in this order, with commas; empty: nothing is said
	ORcpt  string // the recipient as the sender knows it, decoded, such as "rfc822;a b@c.example"; empty: nothing is said
}

const (
	maxEnvID = 100 // octets of ENVID as sent: RFC 3461 §4 makes the MAIL command 107 longer for it
	maxORcpt = 500 // octets of ORCPT as sent (RFC 3461 §4)
)

// notifyWords are the elements of NOTIFY but for NEVER, which stands alone.
var notifyWords = [...]string{"SUCCESS", "FAILURE", "DELAY"}

// parseNotify reads NOTIFY's value. An element that is given twice says no more than once.
func parseNotify(value string) (string, bool) {
	if !isASCII(value) { // ToUpper would make an S of U+017F
		return "", false
	}
	value = strings.ToUpper(value)
	if value == "NEVER" {
		return value, true
	}
	given := map[string]bool{}
	for word := range strings.SplitSeq(value, ",") {
		given[word] = true
	}
	var wanted []string
	for _, word := range notifyWords {
		if given[word] {
			wanted = append(wanted, word)
		}
	}
	return strings.Join(wanted, ","), len(wanted) == len(given)
}

// parseRet reads RET's value.
func parseRet(value string) (string, bool) {
	for _, word := range []string{"FULL", "HDRS"} {
		if isASCII(value) && strings.EqualFold(value, word) {
			return word, true
		}
	}
	return "", false
}

// parseEnvID reads ENVID's value.
func parseEnvID(value string) (string, bool) {
	if len(value) > maxEnvID {
		return "", false
	}
	return decodeXtext(value)
}

// parseORcpt reads ORCPT's value. An address in UTF-8 has an encoding of its own (RFC 6533 §3).
func parseORcpt(value string) (string, bool) {
	kind, coded, _ := strings.Cut(value, ";")
	if len(value) > maxORcpt || coded == "" || !isAtom(kind) {
		return "", false
	}
	decode := decodeXtext
	if isUTF8Type(kind) {
		decode = decodeUTF8Address
	}
	address, ok := decode(coded)
	orcpt := kind + ";" + address
	return orcpt, ok && len(encodeORcpt(orcpt)) <= maxORcpt
}

// encodeORcpt is ORCPT's value for an original recipient; empty for what is none.
func encodeORcpt(orcpt string) string {
	kind, address, _ := strings.Cut(orcpt, ";")
	switch {
	case address == "" || !isAtom(kind):
		return ""
	case isUTF8Type(kind):
		return kind + ";" + EncodeUTF8Address(address)
	}
	return kind + ";" + encodeXtext(address)
}

func isUTF8Type(kind string) bool { return strings.EqualFold(kind, "utf-8") }

// params is what stands behind the address in RCPT.
func (w Wishes) params() string {
	params := ""
	if notify, ok := parseNotify(w.Notify); ok {
		params += " NOTIFY=" + notify
	}
	if orcpt := encodeORcpt(w.ORcpt); orcpt != "" {
		params += " ORCPT=" + orcpt
	}
	return params
}

// notifyParams is what stands behind the address in MAIL.
func notifyParams(ret, envID string) string {
	params := ""
	if ret, ok := parseRet(ret); ok {
		params += " RET=" + ret
	}
	if envID != "" {
		params += " ENVID=" + encodeXtext(envID)
	}
	return params
}

// isAtom says whether s is an atom of ASCII, as the type of an address has to be.
func isAtom(s string) bool {
	return s != "" && isASCII(s) && strings.IndexFunc(s, func(r rune) bool { return !isAtext(r) }) < 0
}

// isXchar says whether a character stands for itself in xtext (RFC 3461 §4).
func isXchar(c rune) bool { return '!' <= c && c <= '~' && c != '+' && c != '=' }

// decodeXtext undoes xtext, in which "+" and two hexadecimal digits stand for an octet. What comes out must be printable
// ASCII: it becomes part of a notice's header (RFC 3461 §4.2, §4.4).
func decodeXtext(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+':
			if i+3 > len(s) {
				return "", false
			}
			octet, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil || octet < ' ' || octet > '~' {
				return "", false
			}
			c = byte(octet)
			i += 2
		case !isXchar(rune(c)):
			return "", false
		}
		b.WriteByte(c)
	}
	return b.String(), true
}

func encodeXtext(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if isXchar(rune(s[i])) {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "+%02X", s[i])
		}
	}
	return b.String()
}

// decodeUTF8Address undoes what EncodeUTF8Address does; what is UTF-8 already may stand there as it is.
func decodeUTF8Address(s string) (string, bool) {
	var b strings.Builder
	for s != "" {
		r, size := utf8.DecodeRuneInString(s)
		if r == '\\' {
			r, size = cutEmbedded(s)
		} else if r < utf8.RuneSelf && !isXchar(r) {
			return "", false
		}
		if r < ' ' || 0x7f <= r && r <= 0x9f || r == utf8.RuneError {
			return "", false
		}
		b.WriteRune(r)
		s = s[size:]
	}
	return b.String(), true
}

// cutEmbedded reads the EmbeddedUnicodeChar at the start of s: \x{FC}. The rune is RuneError where there is none.
func cutEmbedded(s string) (r rune, size int) {
	digits, _, ok := strings.Cut(strings.TrimPrefix(s, `\x{`), "}")
	if !ok || !strings.HasPrefix(s, `\x{`) || len(digits) > 6 {
		return utf8.RuneError, 1
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || !utf8.ValidRune(rune(n)) {
		return utf8.RuneError, 1
	}
	return rune(n), len(`\x{}`) + len(digits)
}

// EncodeUTF8Address writes an address so that it passes every hop, those without SMTPUTF8 too: as utf-8-addr-xtext
// (RFC 6533 §3).
func EncodeUTF8Address(address string) string {
	var b strings.Builder
	for _, r := range address {
		if isXchar(r) && r != '\\' {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\x{%02X}`, r)
		}
	}
	return b.String()
}
