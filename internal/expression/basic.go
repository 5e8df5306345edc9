package expression

import "strings"

// Basic is the text as somebody means it who is used to the basic expressions of grep(1): there a backslash makes an operator of what is
// an ordinary character without it, as in a\|b, and here it is the other way round. ok says that there is such a backslash, and that
// what is meant is an expression.
func Basic(text string) (meant string, ok bool) {
	const swapped = "|(){}+?"
	var b strings.Builder
	list, operator := false, false // between brackets everything stands for itself, in both
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case list:
			list = c != ']' || text[i-1] == '[' || strings.HasSuffix(text[:i], "[^")
		case c == '[':
			list = true
		case c == '\\' && i+1 < len(text):
			i++
			if strings.IndexByte(swapped, text[i]) >= 0 {
				operator = true
			} else {
				b.WriteByte(c)
			}
			c = text[i]
		case strings.IndexByte(swapped, c) >= 0:
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	if !operator {
		return "", false
	}
	_, err := Compile(b.String())
	return b.String(), err == nil
}

// Hint is what to say to somebody whose expression matched nothing and may have been meant so; empty where there is nothing to say.
func Hint(text string) string {
	meant, ok := Basic(text)
	if !ok {
		return ""
	}
	return `Note: behind a backslash |, (, {, + and ? stand for themselves. As operators they have none: "` + meant + `".`
}
