package eventlog

import (
	"regexp"
	"strings"
	"testing"
)

// size is roughly what an automaton keeps, in bytes.
func (a *automaton) size() int {
	n := 0
	for key, s := range a.known {
		n += len(key) + 4*cap(s.pcs) + 8*len(s.next)
	}
	return n
}

// An expression that somebody makes as costly as a command line permits, or very many of them, take no memory away from the mail.
func TestAutomataAreBounded(t *testing.T) {
	var line []byte
	for i, r := 0, uint32(1); i < 4000; i++ {
		r = r*1664525 + 1013904223
		line = append(line, 'a'+byte(r>>31))
	}
	for name, expressions := range map[string][]string{
		"one of many places": {"(a|b)*a(a|b){9}" + strings.Repeat("(.?){1000}", 20) + "x"},
		"some":               strings.Split(strings.TrimSuffix(strings.Repeat("(a|b)*a(a|b){9}x ", 16), " "), " "),
		"many":               strings.Split(strings.TrimSuffix(strings.Repeat("(a|b)*a(a|b){9}x ", 300), " "), " "),
	} {
		t.Run(name, func(t *testing.T) {
			var list []*regexp.Regexp
			for _, e := range expressions {
				list = append(list, regexp.MustCompile(e))
			}
			m := newMatcher(list)
			size := 0
			for _, a := range m.automata {
				if a != nil {
					a.match(line)
					size += a.size()
				}
			}
			if size > 16<<20 {
				t.Errorf("automata of %d bytes", size)
			}
		})
	}
}
