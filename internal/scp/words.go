package scp

import "strings"

// Words splits a command line as the shells do that scp expects at the other end: blanks separate, single and double quotes
// group, a backslash takes the next sign as it is. It returns false for a line that means more than words to a shell.
func Words(line string) (words []string, ok bool) {
	var word strings.Builder
	open := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == ' ' || c == '\t':
			if open {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
			continue
		case c == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
		case c == '\'' || c == '"':
			n := quoted(line[i+1:], c, &word)
			if n < 0 {
				return nil, false
			}
			i += n
		case strings.IndexByte("\\;|&<>()$`\n", c) >= 0:
			return nil, false
		default:
			word.WriteByte(c)
		}
		open = true
	}
	if open {
		words = append(words, word.String())
	}
	return words, true
}

// quoted copies what stands before the closing quote and returns how many bytes it took with it; -1 where there is none.
func quoted(s string, quote byte, word *strings.Builder) int {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == quote:
			return i + 1
		case quote == '"' && s[i] == '\\' && i+1 < len(s) && strings.IndexByte("\"\\$`", s[i+1]) >= 0:
			i++
		}
		word.WriteByte(s[i])
	}
	return -1
}
