package openssl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxString bounds a cipher string; OpenSSL's longest list has some 4,000 characters.
const maxString = 10000

// List is what a cipher string leaves of the suites up to TLS 1.2.
type List struct {
	Suites      []uint16 // what this build speaks of it, for tls.Config.CipherSuites; never empty
	Entries     []Cipher // the same, with names, in OpenSSL's order
	Unavailable []string // the names of what the string chooses and this build cannot speak, in OpenSSL's order
	Notes       []string // what of the string is not obeyed to the letter, without full stops
}

// Parse reads a string of OpenSSL's language (openssl-ciphers(1)): words joined by ":", "," , ";" or blanks, each a suite or a
// class of them or several joined by "+", which means what is in all of them; "-" before a word takes away, "!" takes away
// for good, "+" only orders, as does @STRENGTH; @SECLEVEL=n, DEFAULT as the first word, and the SUITEB words alone.
//
// Unlike there, a word that is not known is an error, as is a string that leaves nothing that this build speaks, and RC4 and
// 3DES are chosen only by a word that names them or a suite of theirs: builds of OpenSSL have not had them for years,
// and MEDIUM or ALL mean there what is left.
func Parse(cipherString string) (*List, error) {
	if len(cipherString) > maxString {
		return nil, fmt.Errorf("a cipher string of %d bytes is too long", len(cipherString))
	}
	p := &parser{rest: cipherString, state: map[uint16]state{}, level: -1}
	if err := p.parse(); err != nil {
		return nil, err
	}
	return p.list(cipherString)
}

// state is what has been said of a suite so far; the zero value is nothing.
type state int

const (
	chosen   state = iota + 1
	withheld       // a class chose it, and it is used by its name only
	killed
)

// parser works through a string.
type parser struct {
	rest    string
	state   map[uint16]state
	level   int      // of @SECLEVEL; -1: none
	ordered []string // what only orders
	fixed   []string // suites of TLS 1.3 that were named
}

func (p *parser) parse() error {
	if names, ok := suiteB[strings.Trim(p.rest, separators)]; ok {
		for _, name := range names {
			s, _ := meaning(name)
			p.choose(s)
		}
		return nil
	}
	p.rest = strings.TrimLeft(p.rest, separators)
	if p.rest == "" {
		return errors.New("a cipher string is needed")
	}
	if rest, ok := strings.CutPrefix(p.rest, "DEFAULT"); ok && !startsWord(rest) {
		p.choose(set{enc: ^eNULL, traits: usual})
		p.rest = rest
	}
	for {
		p.rest = strings.TrimLeft(p.rest, separators)
		if p.rest == "" {
			return nil
		}
		if err := p.item(); err != nil {
			return err
		}
	}
}

// separators stand between words, operators before them.
const (
	separators = ": ,;"
	operators  = "-!+@"
)

// item works one word with its operator.
func (p *parser) item() error {
	operator := byte(0)
	if c := p.rest[0]; c == '-' || c == '!' || c == '+' || c == '@' {
		operator, p.rest = c, p.rest[1:]
	}
	names, err := p.names(operator)
	if err != nil {
		return err
	}
	if operator == '@' {
		return p.command(names)
	}
	if len(names) == 1 && slices.Contains(TLS13(), names[0]) {
		return p.ofTLS13(operator, names[0])
	}
	sets := make([]set, len(names))
	for i, name := range names {
		var ok bool
		if sets[i], ok = meaning(name); !ok {
			return unknown(name)
		}
	}
	p.apply(operator, names, sets)
	return nil
}

// names reads "ECDHE+AESGCM" as two words.
func (p *parser) names(operator byte) ([]string, error) {
	var names []string
	for {
		n := 0
		for n < len(p.rest) && isWord(p.rest[n]) {
			n++
		}
		if n == 0 {
			return nil, p.misplaced(operator, names)
		}
		names = append(names, p.rest[:n])
		p.rest = p.rest[n:]
		if p.rest != "" && !strings.ContainsAny(p.rest[:1], separators+operators) {
			return nil, p.misplaced(operator, names)
		}
		if operator == '@' || !strings.HasPrefix(p.rest, "+") {
			return names, nil
		}
		p.rest = p.rest[1:]
	}
}

// misplaced says what stands where a word belongs.
func (p *parser) misplaced(operator byte, before []string) error {
	switch {
	case p.rest != "" && !strings.ContainsAny(p.rest[:1], separators+operators):
		return fmt.Errorf("unknown character %q", []rune(p.rest)[0])
	case len(before) > 0:
		return fmt.Errorf("a word is missing behind %q", strings.Join(before, "+")+"+")
	}
	return fmt.Errorf("a word is missing behind %q", string(operator))
}

func isWord(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '=':
		return true
	}
	return false
}

func startsWord(s string) bool { return s != "" && (isWord(s[0]) || s[0] == '+') }

// unknown names a word that is not known, and what may have been meant.
func unknown(word string) error {
	switch {
	case word == "DEFAULT":
		return errors.New("DEFAULT can only be the first word, without an operator")
	case suiteB[word] != nil:
		return fmt.Errorf("%s can only stand alone", word)
	case slices.Contains(TLS13(), word):
		return fmt.Errorf("%s belongs to TLS 1.3, whose suites are fixed", word)
	}
	for known := range words {
		if strings.EqualFold(known, word) {
			return fmt.Errorf("unknown word %q: upper and lower case differ, %s is known", word, known)
		}
	}
	return fmt.Errorf("unknown word %q", word)
}

// ofTLS13 accepts the naming of a suite that is offered anyway.
func (p *parser) ofTLS13(operator byte, name string) error {
	if operator == '-' || operator == '!' {
		return fmt.Errorf("%s cannot be taken away: the suites of TLS 1.3 are fixed", name)
	}
	p.fixed = append(p.fixed, name)
	return nil
}

func (p *parser) command(names []string) error {
	word := names[0]
	level, isLevel := strings.CutPrefix(word, "SECLEVEL=")
	switch {
	case word == "STRENGTH":
		p.ordered = append(p.ordered, "@STRENGTH")
		return nil
	case isLevel && len(level) == 1 && level[0] >= '0' && level[0] <= '5':
		p.level = int(level[0] - '0')
		return nil
	case isLevel:
		return fmt.Errorf("unknown security level %q: 0 to 5 are known", level)
	}
	return fmt.Errorf("unknown word %q: @STRENGTH and @SECLEVEL=0 to 5 are known", "@"+word)
}
