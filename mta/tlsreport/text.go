package tlsreport

import (
	"strings"
	"unicode"
)

// printable makes text from outside fit for a screen and a log: in one line, no control characters, at most so many
// bytes.
func printable(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return '?'
	}, text)
	if len(text) <= most {
		return text
	}
	end := 0
	for i := range text {
		if i > most-3 {
			break
		}
		end = i
	}
	return text[:end] + "..."
}

// validDomain says whether name is a domain in lower case as it stands in the DNS, with at least two labels.
func validDomain(name string) bool {
	if len(name) > 253 || !strings.Contains(name, ".") {
		return false
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if len(label) < 1 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return strings.Trim(labels[len(labels)-1], "0123456789") != "" // else an address
}
