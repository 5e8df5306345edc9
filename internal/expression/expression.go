// Package expression compiles the regular expressions that operators type, and bounds what one may cost in memory and time. The
// expressions are RE2's. It is a leaf and everybody may import it.
package expression

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

const (
	// MostCharacters is how long an expression may be, or several together.
	MostCharacters = 2000
	// MostSteps is how many steps their programs may have: the time that a character takes, and the memory, grow with them.
	MostSteps = 5000
)

// Compile is regexp.Compile within the bounds. Its error says what is wrong without the expression.
func Compile(text string) (*regexp.Regexp, error) {
	all, err := CompileAll([]string{text})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// CompileAll compiles expressions that are looked for together, and holds them together to the bounds.
func CompileAll(texts []string) ([]*regexp.Regexp, error) {
	characters, needed := 0, 0
	var all []*regexp.Regexp
	for _, text := range texts {
		if characters += utf8.RuneCountInString(text); characters > MostCharacters {
			return nil, fmt.Errorf("up to %d characters are accepted", MostCharacters)
		}
		tree, err := syntax.Parse(text, syntax.Perl)
		if err != nil {
			return nil, plain(err)
		}
		if needed += steps(tree); needed > MostSteps {
			return nil, fmt.Errorf("up to %d steps are accepted, it needs more: repeat less", MostSteps)
		}
		re, err := regexp.Compile(text)
		if err != nil {
			return nil, plain(err)
		}
		all = append(all, re)
	}
	return all, nil
}

// plain is an error of regexp without what only says where it comes from.
func plain(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "error parsing regexp: "))
}

// steps estimates how long the program of an expression becomes, before it is made: x{1000} takes little to write.
func steps(re *syntax.Regexp) int {
	n := 0
	for _, sub := range re.Sub {
		n += steps(sub)
	}
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune)
	case syntax.OpCapture:
		return n + 2
	case syntax.OpRepeat:
		times := max(re.Min, re.Max)
		if re.Max < 0 {
			times = re.Min + 1
		}
		return min(times*(n+1), 1<<30) + 1
	}
	return n + 1
}
