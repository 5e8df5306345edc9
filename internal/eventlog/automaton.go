package eventlog

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
)

const (
	mostStates = 500  // of all automata of a search; an expression that needs more is left to package regexp
	mostPlaces = 2000 // of an expression for which there is one
	endOfLine  = 256
)

// automaton decides for lines of ASCII whether an expression matches somewhere, one look into a table a byte. Its states are
// made when they are first needed. For everything else there is the expression itself.
type automaton struct {
	prog  *syntax.Prog
	begin *autoState
	known map[string]*autoState
	most  int  // of known
	over  bool // it has become too large
}

// autoState is where the expression may be, before what stands between two characters has been looked at.
type autoState struct {
	pcs   []uint32
	prev  rune // a character of the kind that came before; -1: none
	final bool // the expression has matched
	next  [endOfLine + 1]*autoState
}

var finalState = &autoState{final: true}

// newAutomaton returns nil for an expression that there is none for. most is how many states it may have.
func newAutomaton(re *regexp.Regexp, most int) *automaton {
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil {
		return nil
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil
	}
	if len(prog.Inst) > mostPlaces {
		return nil
	}
	a := &automaton{prog: prog, known: map[string]*autoState{}, most: most}
	a.begin = a.state([]uint32{uint32(prog.Start)}, -1)
	return a
}

// match says whether the line matches; sure is false where it cannot tell.
func (a *automaton) match(line []byte) (matches, sure bool) {
	s := a.begin
	for _, b := range line {
		next := s.next[b]
		if next == nil {
			if b >= 0x80 || a.over {
				return false, false
			}
			next = a.step(s, int(b))
		}
		if s = next; s.final {
			// What follows may be no ASCII, but nothing can take the match back.
			return true, true
		}
	}
	next := s.next[endOfLine]
	if next == nil {
		if a.over {
			return false, false
		}
		next = a.step(s, endOfLine)
	}
	return next.final, true
}

// step makes a state's successor.
func (a *automaton) step(s *autoState, b int) *autoState {
	r := rune(b)
	if b == endOfLine {
		r = -1
	}
	var here []uint32 // all that can be reached without a character
	matched := false
	context := syntax.EmptyOpContext(s.prev, r)
	seen := make(map[uint32]bool, len(s.pcs))
	for stack := slices.Clone(s.pcs); len(stack) > 0; {
		pc := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		switch inst := &a.prog.Inst[pc]; inst.Op {
		case syntax.InstMatch:
			matched = true
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, inst.Out, inst.Arg)
		case syntax.InstCapture, syntax.InstNop:
			stack = append(stack, inst.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(inst.Arg)&^context == 0 {
				stack = append(stack, inst.Out)
			}
		case syntax.InstFail:
		default:
			here = append(here, pc)
		}
	}
	if matched || b == endOfLine {
		next := finalState
		if !matched {
			next = a.state(nil, -1)
		}
		s.next[b] = next
		return next
	}
	next := []uint32{uint32(a.prog.Start)} // a match may begin anywhere
	for _, pc := range here {
		if inst := &a.prog.Inst[pc]; inst.MatchRune(r) {
			next = append(next, inst.Out)
		}
	}
	s.next[b] = a.state(next, kindOf(r))
	return s.next[b]
}

// kindOf stands for all characters that make no difference to what \b and its kin say.
func kindOf(r rune) rune {
	if syntax.IsWordChar(r) {
		return 'a'
	}
	return ' '
}

// state is the one of these places, made once.
func (a *automaton) state(pcs []uint32, prev rune) *autoState {
	slices.Sort(pcs)
	pcs = slices.Compact(pcs)
	key := strconv.AppendInt(nil, int64(prev), 10)
	for _, pc := range pcs {
		key = strconv.AppendUint(append(key, ' '), uint64(pc), 10)
	}
	if s := a.known[string(key)]; s != nil {
		return s
	}
	s := &autoState{pcs: pcs, prev: prev}
	a.known[string(key)] = s
	a.over = a.over || len(a.known) >= a.most
	return s
}
