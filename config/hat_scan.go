package config

import (
	"errors"
	"fmt"
	"strings"
)

// hatScanner cuts the text form of a host access table into its pieces.
type hatScanner struct {
	text string // what is still to be read
	line int    // of the next piece, from 1
}

// advance takes the next n bytes of the text.
func (s *hatScanner) advance(n int) string {
	taken := s.text[:n]
	s.line += strings.Count(taken, "\n")
	s.text = s.text[n:]
	return taken
}

// skip passes over blanks, line breaks, commas and remarks, which begin with # and end with the line.
func (s *hatScanner) skip() {
	for s.text != "" {
		switch s.text[0] {
		case ' ', '\t', '\r', '\n', ',':
			s.advance(1)
		case '#':
			end := strings.IndexByte(s.text, '\n')
			if end < 0 {
				end = len(s.text)
			}
			s.advance(end)
		default:
			return
		}
	}
}

// accept takes the mark c when it comes next.
func (s *hatScanner) accept(c byte) bool {
	s.skip()
	if s.text == "" || s.text[0] != c {
		return false
	}
	s.advance(1)
	return true
}

// word takes the next word: a label, a member, a policy or an action. It is empty at the end of the text.
func (s *hatScanner) word() (string, error) {
	s.skip()
	if n := certificateEnd(s.text); n > 0 { // it may hold anything, and perhaps a colon follows
		return s.advance(n + len(s.text[n:]) - len(strings.TrimPrefix(s.text[n:], ":"))), nil
	}
	end := strings.IndexAny(s.text, " \t\r\n,{}()=\";")
	if end < 0 {
		end = len(s.text)
	}
	if end == 0 && s.text != "" {
		return "", fmt.Errorf("%q is not expected here", s.text[:1])
	}
	return s.advance(end), nil
}

// pair takes a parameter, key = value. The value stands in quotes, or ends with a blank, a comma, a semicolon or a brace.
func (s *hatScanner) pair() (key, value string, err error) {
	if key, err = s.word(); err != nil {
		return "", "", err
	}
	if key == "" {
		return "", "", errors.New("a closing brace is missing")
	}
	if !s.accept('=') {
		return "", "", fmt.Errorf("%s: \"=\" is missing", key)
	}
	if s.accept('"') {
		value, err = s.quoted()
	} else if value, err = s.word(); err == nil && value == "" {
		err = errors.New("its value is missing")
	}
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", key, err)
	}
	s.accept(';')
	return strings.ToLower(key), value, nil
}

// quoted takes the rest of a quoted value; \" and \\ stand for the two characters that need it.
func (s *hatScanner) quoted() (string, error) {
	var b strings.Builder
	for i := 0; i < len(s.text); i++ {
		switch c := s.text[i]; c {
		case '"':
			s.advance(i + 1)
			return b.String(), nil
		case '\n':
			return "", errors.New("a closing quote is missing")
		case '\\':
			if i+1 < len(s.text) && (s.text[i+1] == '"' || s.text[i+1] == '\\') {
				i++
			}
			b.WriteByte(s.text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", errors.New("a closing quote is missing")
}

// comment takes a (comment) when one comes next. It ends at the last closing parenthesis of its line, so that it may
// hold parentheses itself; when its line has none, at the first one after that.
func (s *hatScanner) comment() (string, error) {
	if !s.accept('(') {
		return "", nil
	}
	line, _, _ := strings.Cut(s.text, "\n")
	end := strings.LastIndexByte(line, ')')
	if end < 0 {
		end = strings.IndexByte(s.text, ')')
	}
	if end < 0 {
		return "", errors.New("a closing parenthesis is missing")
	}
	text := strings.Join(strings.Fields(s.text[:end]), " ")
	s.advance(end + 1)
	return text, nil
}

func quoteHAT(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
