package shell

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxLine bounds a line of input and a command line, in bytes.
const maxLine = 64 << 10

// statement is one command of a line with the filters that its output passes.
type statement struct {
	words []string
	pipes []filterSpec
	asks  bool   // the last word is a ? without quotes, behind a command
	begin string // of a lone word such as s?, without quotes: what stands before the ?
}

// filterSpec is one filter behind a command: its name and its argument.
type filterSpec struct {
	name, arg string
	fold      bool // grep -i, except -i: upper and lower case are the same
}

// token is a word or, bare, one of the signs ; and |.
type token struct {
	text   string
	quoted bool // at least partly; such a word is never a sign or the name of a filter
	sign   bool
}

// parseLine splits a command line into its statements. Words are separated by blanks; double quotes group, and inside
// them \" and \\ stand for the sign behind the backslash; ; ends a statement; | counts only before a filter's name.
func parseLine(line string) ([]statement, error) {
	tokens, err := tokenize(line)
	if err != nil {
		return nil, err
	}
	var list []statement
	var cur []token
	for _, t := range append(tokens, token{text: ";", sign: true}) {
		if !t.sign || t.text != ";" {
			cur = append(cur, t)
			continue
		}
		if len(cur) > 0 {
			st, err := parseStatement(cur)
			if err != nil {
				return nil, err
			}
			list = append(list, st)
		}
		cur = nil
	}
	return list, nil
}

// parseStatement separates a command's words from the filters behind it.
func parseStatement(tokens []token) (statement, error) {
	var st statement
	for i := 0; i < len(tokens); i++ {
		if tokens[i].sign && i+1 < len(tokens) && !tokens[i+1].quoted && isFilter(tokens[i+1].text) {
			pipes, err := parsePipes(tokens[i:])
			if err == nil && len(st.words) == 0 {
				err = Usage("Invalid line: there is no command before %q.", "|")
			}
			st.pipes = pipes
			return st, err
		}
		st.words = append(st.words, tokens[i].text)
		st.asks = i > 0 && tokens[i].text == "?" && !tokens[i].quoted
		st.begin = ""
		if before, ok := strings.CutSuffix(tokens[i].text, "?"); ok && i == 0 && !tokens[i].quoted {
			st.begin = before
		}
	}
	return st, nil
}

// parsePipes reads filters; tokens begins with the sign before the first of them.
func parsePipes(tokens []token) ([]filterSpec, error) {
	var pipes []filterSpec
	for len(tokens) > 0 {
		if !tokens[0].sign || len(tokens) < 2 || !isFilter(tokens[1].text) {
			return nil, Usage("Invalid line: %q is not understood here; filters are %s.", tokens[0].text, filterNames)
		}
		f := filterSpec{name: strings.ToLower(tokens[1].text)}
		tokens = tokens[2:]
		if len(tokens) > 1 && f.matches() && tokens[0].text == "-i" && !tokens[0].quoted && !tokens[1].sign {
			f.fold, tokens = true, tokens[1:]
		}
		if len(tokens) > 0 && !tokens[0].sign {
			f.arg, tokens = tokens[0].text, tokens[1:]
		}
		if err := f.check(); err != nil {
			return nil, err
		}
		pipes = append(pipes, f)
	}
	return pipes, nil
}

// tokenize splits a line into words and signs.
func tokenize(line string) ([]token, error) {
	if err := checkText(line); err != nil {
		return nil, err
	}
	var out []token
	var word strings.Builder
	var open, quoted bool // a word has begun; it has a quoted part
	end := func() {
		if open {
			out = append(out, token{text: word.String(), quoted: quoted})
		}
		word.Reset()
		open, quoted = false, false
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			n, ok := readQuoted(line[i+1:], &word)
			if !ok {
				return nil, Usage("Invalid line: the double quote at position %d is not closed.", utf8.RuneCountInString(line[:i])+1)
			}
			open, quoted = true, true
			i += n
		case c == ' ' || c == '\t':
			end()
		case c == ';' || c == '|' && signPipe(line[i+1:]):
			end()
			out = append(out, token{text: string(c), sign: true})
		default:
			word.WriteByte(c)
			open = true
		}
	}
	end()
	return out, nil
}

// signPipe says whether a | is followed by the name of a filter; if not, it is text.
func signPipe(rest string) bool {
	rest = strings.TrimLeft(rest, " \t")
	if i := strings.IndexAny(rest, " \t;|\""); i >= 0 {
		rest = rest[:i]
	}
	return isFilter(rest)
}

// readQuoted copies the text up to the closing quote and returns how many bytes it took, the quote included.
func readQuoted(s string, word *strings.Builder) (n int, closed bool) {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return i + 1, true
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
		}
		word.WriteByte(s[i])
	}
	return len(s), false
}

// checkText refuses what no line of input may hold. The error says what and where.
func checkText(line string) error {
	if len(line) > maxLine {
		return errTooLong
	}
	for i, r := range line {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(line[i:], "\uFFFD"):
			return badByte(line[i], "is not UTF-8", i)
		case r == 0:
			return badByte(0, "(NUL) is not accepted", i)
		case (r < ' ' && r != '\t') || r == 0x7f:
			return badByte(line[i], "is a control byte", i)
		case isC1(r):
			return Usage("Invalid line: U+%04X at position %d is a control character.", r, i+1)
		}
	}
	return nil
}

// isC1 says whether r is one of the control characters beyond ASCII (ECMA-48 §5.3). A terminal may obey U+009B as it does
// an escape: what one operator has entered is shown to others.
func isC1(r rune) bool { return r >= 0x80 && r <= 0x9f }

var errTooLong = &failure{text: fmt.Sprintf("Invalid line: it is longer than %d bytes.", maxLine), usage: true}

func badByte(b byte, what string, at int) error {
	return Usage("Invalid line: the byte 0x%02x at position %d %s.", b, at+1, what)
}

// quote shows what an operator typed inside a message: control bytes escaped, and never longer than a line.
func quote(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "..."
	}
	return fmt.Sprintf("%q", s)
}

// longWord matches what nobody wants to read again in a message; a domain has at most 253 bytes (RFC 1035 §2.3.4).
var longWord = regexp.MustCompile(`[^ \n]{256,}`)

// clip shortens the long words of a message, which are what an operator, or a script gone wrong, has entered.
func clip(text string) string {
	return longWord.ReplaceAllStringFunc(text, func(word string) string {
		const head, tail = 60, 20
		r := []rune(word)
		return string(r[:min(head, len(r))]) + "..." + string(r[max(len(r)-tail, min(head, len(r))):])
	})
}
