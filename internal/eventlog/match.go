package eventlog

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// matcher finds the lines of a block that the patterns ask for. Most patterns have some text that every match holds: that
// is looked for in the whole block at once, and only the lines that have it are looked at by the pattern itself.
type matcher struct {
	patterns []*regexp.Regexp
	automata []*automaton // of each pattern; nil: it has none
	needles  [][]byte     // a line that matches holds one of them; none: every line must be looked at
	choices  [][][]byte
	fold     bool // needles are in lower case and looked for in any
	exact    bool // a line with a needle matches
	rare     byte // of the one needle, a byte without case that few lines have; 0: there is none, and blocks are lowered
	rareAt   int  // where in the needle
	lower    []byte
}

// newMatcher prepares the search.
func newMatcher(patterns []*regexp.Regexp) *matcher {
	m := withNeedles(patterns)
	m.automata = make([]*automaton, len(patterns))
	if len(patterns) > mostNeedles {
		return m // they would be too small to be of use
	}
	for i, p := range patterns {
		m.automata[i] = newAutomaton(p, mostStates/len(patterns))
	}
	return m
}

// withNeedles knows what to look for in a whole block.
func withNeedles(patterns []*regexp.Regexp) *matcher {
	m := &matcher{patterns: patterns}
	exact := true
	for i, p := range patterns {
		tree, err := syntax.Parse(p.String(), syntax.Perl)
		if err != nil {
			return m
		}
		fold, sets := needed(tree)
		if len(sets) == 0 || i > 0 && fold != m.fold || len(patterns) > mostNeedles {
			return &matcher{patterns: patterns}
		}
		m.fold = fold
		exact = exact && tree.Op == syntax.OpLiteral && len(sets) == 1 && len(sets[0][0]) == len(string(tree.Rune))
		if len(patterns) == 1 {
			m.choices = sets
		}
		m.needles = append(m.needles, rarest(sets)...)
	}
	m.exact = exact && len(patterns) > 0
	if len(m.needles) > mostNeedles {
		return &matcher{patterns: patterns}
	}
	return m
}

const mostNeedles = 16

// needed finds the texts that any match must hold: of each set one. Only ASCII counts, and either all are to be found in
// any case or none.
func needed(re *syntax.Regexp) (fold bool, sets [][][]byte) {
	all := required(re)
	fold = slices.ContainsFunc(all, func(r requirement) bool { return r.fold })
	for _, r := range all {
		if r.fold == fold {
			sets = append(sets, r.texts)
		}
	}
	return fold, sets
}

// requirement is a set of texts of which every match holds one.
type requirement struct {
	texts [][]byte
	fold  bool
}

func required(re *syntax.Regexp) []requirement {
	switch re.Op {
	case syntax.OpLiteral:
		fold := re.Flags&syntax.FoldCase != 0
		if text := asciiRun(re.Rune, fold); len(text) > 0 {
			return []requirement{{[][]byte{text}, fold}}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return required(re.Sub[0])
		}
	case syntax.OpConcat:
		var all []requirement
		for _, sub := range re.Sub {
			all = append(all, required(sub)...)
		}
		return all
	case syntax.OpAlternate:
		return alternatives(re.Sub)
	}
	return nil
}

// alternatives needs something of every branch.
func alternatives(branches []*syntax.Regexp) []requirement {
	var either requirement
	for i, sub := range branches {
		all := required(sub)
		if len(all) == 0 {
			return nil
		}
		best := slices.MaxFunc(all, func(a, b requirement) int { return cmp.Compare(shortest(a.texts), shortest(b.texts)) })
		if i > 0 && best.fold != either.fold {
			return nil
		}
		either.fold = best.fold
		either.texts = append(either.texts, best.texts...)
	}
	if len(either.texts) > mostNeedles {
		return nil
	}
	return []requirement{either}
}

func shortest(texts [][]byte) int {
	n := len(texts[0])
	for _, t := range texts {
		n = min(n, len(t))
	}
	return n
}

// rarest is the set that promises the fewest hits.
func rarest(sets [][][]byte) [][]byte {
	return slices.MaxFunc(sets, func(a, b [][]byte) int { return cmp.Compare(shortest(a), shortest(b)) })
}

// asciiRun is the longest run of ASCII in a literal, in lower case where case does not count.
func asciiRun(runes []rune, fold bool) []byte {
	var best, run []byte
	for _, r := range runes {
		if r >= utf8.RuneSelf || r == '\n' {
			run = nil
			continue
		}
		b := byte(r)
		if fold && 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		if run = append(run, b); len(run) > len(best) {
			best = slices.Clone(run)
		}
	}
	return best
}

// choose takes the needles that are rarest in a first block.
func (m *matcher) choose(block []byte) {
	fewest := -1
	for _, set := range m.choices {
		hits := 0
		for _, needle := range set {
			hits += bytes.Count(block, needle)
		}
		if fewest < 0 || hits < fewest || hits == fewest && shortest(set) > shortest(m.needles) {
			fewest, m.needles = hits, set
		}
	}
	m.choices = nil
}

// Two letters of Unicode are a k and an s where case does not count.
var kelvin, longS = []byte("\u212a"), []byte("\u017f")

// sample looks at the first block, from which it learns what is rare.
func (m *matcher) sample(block []byte) {
	if m.choices == nil {
		return
	}
	text := block
	if m.fold {
		m.lower = lowered(m.lower, block)
		text = m.lower
	}
	m.choose(text)
	m.findRare(block)
}

// lines calls do with the beginning and end of every line of the block that matches; the end is that of its line end,
// which the block's last line has too.
func (m *matcher) lines(block []byte, do func(begin, end int) error) error {
	text := block
	if m.fold && m.rare == 0 {
		m.lower = lowered(m.lower, block)
		text = m.lower
	}
	if len(m.needles) == 0 || m.fold && (bytes.Contains(block, kelvin) || bytes.Contains(block, longS)) {
		return m.everyLine(block, do)
	}
	next := make([]int, len(m.needles))
	for at := 0; at < len(block); {
		hit := m.nextHit(text, at, next)
		if hit < 0 {
			return nil
		}
		begin := bytes.LastIndexByte(block[at:hit], '\n') + 1 + at
		end := hit + bytes.IndexByte(block[hit:], '\n') + 1
		if m.exact || m.match(block[begin:end-1]) {
			if err := do(begin, end); err != nil {
				return err
			}
		}
		at = end
	}
	return nil
}

// wanted is lines, or the other ones.
func (m *matcher) wanted(block []byte, invert bool, do func(begin, end int) error) error {
	if !invert || len(m.patterns) == 0 {
		return m.lines(block, do)
	}
	return m.everyMatch(block, true, func(begin, end int, match bool) error {
		if !match {
			return nil
		}
		return do(begin, end)
	})
}

// everyMatch calls do with every line, and whether it is wanted.
func (m *matcher) everyMatch(block []byte, invert bool, do func(begin, end int, match bool) error) error {
	at := 0
	invert = invert && len(m.patterns) > 0
	rest := func(to int) error {
		for at < to {
			end := at + bytes.IndexByte(block[at:to], '\n') + 1
			if err := do(at, end, invert); err != nil {
				return err
			}
			at = end
		}
		return nil
	}
	err := m.lines(block, func(begin, end int) error {
		if err := rest(begin); err != nil {
			return err
		}
		at = end
		return do(begin, end, !invert)
	})
	if err != nil {
		return err
	}
	return rest(len(block))
}

// nextHit is where the first needle at or behind at is; next remembers where each was found.
func (m *matcher) nextHit(text []byte, at int, next []int) int {
	first := -1
	for i, needle := range m.needles {
		if next[i] < 0 {
			continue
		}
		if next[i] < at || next[i] == 0 {
			found := m.index(text[at:], needle)
			if found < 0 {
				next[i] = -1
				continue
			}
			next[i] = at + found
		}
		if first < 0 || next[i] < first {
			first = next[i]
		}
	}
	return first
}

// index is where the needle first is in text.
func (m *matcher) index(text, needle []byte) int {
	if m.rare == 0 {
		return bytes.Index(text, needle)
	}
	for at := m.rareAt; at < len(text); at++ {
		found := bytes.IndexByte(text[at:], m.rare)
		if found < 0 {
			return -1
		}
		at += found
		if begin := at - m.rareAt; begin+len(needle) <= len(text) && sameFolded(text[begin:begin+len(needle)], needle) {
			return begin
		}
	}
	return -1
}

// sameFolded compares text with a needle, which is in lower case.
func sameFolded(text, needle []byte) bool {
	for i, b := range text {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		if b != needle[i] {
			return false
		}
	}
	return true
}

// mostRare is in how many bytes of text a byte may stand once to be rare.
const mostRare = 256

// findRare looks for a byte by which the needle is found without a copy of everything in lower case.
func (m *matcher) findRare(block []byte) {
	if !m.fold || len(m.needles) != 1 {
		return
	}
	fewest := len(block) / mostRare
	for i, b := range m.needles[0] {
		if 'a' <= b && b <= 'z' {
			continue
		}
		if n := bytes.Count(block, m.needles[0][i:i+1]); n < fewest {
			fewest, m.rare, m.rareAt = n, b, i
		}
	}
}

func (m *matcher) everyLine(block []byte, do func(begin, end int) error) error {
	for begin := 0; begin < len(block); {
		end := begin + bytes.IndexByte(block[begin:], '\n') + 1
		if m.match(block[begin : end-1]) {
			if err := do(begin, end); err != nil {
				return err
			}
		}
		begin = end
	}
	return nil
}

// match asks the patterns themselves.
func (m *matcher) match(line []byte) bool {
	for i, p := range m.patterns {
		if a := m.automata[i]; a != nil {
			if matches, sure := a.match(line); sure {
				if matches {
					return true
				}
				continue
			}
		}
		if p.Match(line) {
			return true
		}
	}
	return len(m.patterns) == 0
}

// lowered is block with the letters of ASCII in lower case, in the memory of to where it fits.
func lowered(to, block []byte) []byte {
	if cap(to) < len(block) {
		to = make([]byte, len(block))
	}
	to = to[:len(block)]
	i := 0
	for ; i+8 <= len(block); i += 8 {
		putWord(to[i:i+8], lowerWord(getWord(block[i:i+8])))
	}
	for ; i < len(block); i++ {
		b := block[i]
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		to[i] = b
	}
	return to
}

// lowerWord is lowered for eight bytes at once: of each byte below 0x80 the sums carry into its own top bit, and only there.
func lowerWord(w uint64) uint64 {
	const each, high = 0x0101010101010101, 0x8080808080808080
	low := w &^ high
	fromA := low + (0x80-'A')*each
	behindZ := low + (0x80-'Z'-1)*each
	capitals := (fromA &^ behindZ) & high &^ w
	return w | capitals>>2
}

func getWord(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

func putWord(b []byte, w uint64) { binary.LittleEndian.PutUint64(b, w) }
