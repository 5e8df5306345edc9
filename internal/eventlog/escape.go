package eventlog

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// escapeLimit is the most bytes of one outside value that a line holds.
const escapeLimit = 500

// Escape makes a value from outside safe for a line: at most 500 bytes; control characters, line and paragraph
// separators, marks that reorder text, and invalid UTF-8 become \xHH or \uHHHH. A backslash stays as it is: what is
// promised is that no value can forge or hide a line, not that the original can be had back.
func Escape(s string) string { return escape(s, escapeLimit) }

// EscapeLine is Escape for a whole line of any length.
func EscapeLine(line string) string { return clean(line) }

// clean escapes a whole line's text and leaves its length alone.
func clean(text string) string { return escape(text, len(text)*6) }

func escape(s string, limit int) string {
	if len(s) <= limit && plain(s) {
		return s
	}
	out := make([]byte, 0, min(len(s)+16, limit))
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		next := s[i : i+size]
		switch {
		case r == utf8.RuneError && size <= 1, r < 0x80 && unprintable(r):
			next = fmt.Sprintf(`\x%02x`, s[i])
		case unprintable(r):
			next = fmt.Sprintf(`\u%04x`, r)
		}
		if len(out)+len(next) > limit {
			return string(out)
		}
		out = append(out, next...)
		i += size
	}
	return string(out)
}

// plain is the fast way for what most values are: printable ASCII. It looks at eight bytes at a time: a borrow or a carry
// between them comes only from a byte that is not plain itself.
func plain[T string | []byte](s T) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(s); i += 8 {
		w := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		// At least 0x80; 0x7f; less than 0x20.
		if (w|(w+each)|(w-0x20*each))&high != 0 {
			return false
		}
	}
	for ; i < len(s); i++ {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

func unprintable(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}
