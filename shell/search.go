package shell

import (
	"bytes"
	"strings"
)

// search is a search backwards through the history, begun by Ctrl-R.
type search struct {
	pattern []rune
	match   []rune
	from    int  // the entry that matches, or the history's length
	failed  bool // no entry holds the whole pattern, or no further one
}

func (e *editor) startSearch() {
	if !e.q.history {
		e.bell()
		return
	}
	e.draw(func(out *bytes.Buffer) {
		e.hide(out)
		e.search = &search{from: e.history.len(), match: e.text}
		e.show(out)
	})
}

// endSearch takes what was found for the line.
func (e *editor) endSearch(out *bytes.Buffer) {
	if e.search == nil {
		return
	}
	e.hide(out)
	e.text, e.at = append([]rune(nil), e.search.match...), len(e.search.match)
	e.bytes = len(string(e.text))
	e.search = nil
	e.show(out)
}

// searchPress acts on a key while searching. It returns true when the key ends the search and is to be acted on as usual.
func (e *editor) searchPress(k key) bool {
	s := e.search
	switch {
	case k.kind == keyRune && len(s.pattern) < 256:
		s.pattern = append(s.pattern, k.r)
		e.find(s.from)
	case k.kind == keyBackspace:
		s.pattern = s.pattern[:max(0, len(s.pattern)-1)]
		e.find(e.history.len() - 1)
	case k.kind == keyControl && k.r == 'R'-64:
		e.find(s.from - 1)
	case k.kind == keyControl && k.r == 'G'-64, k.kind == keyEscape:
		e.draw(func(out *bytes.Buffer) { e.hide(out); e.search = nil; e.show(out) })
	case k.kind == keyControl && k.r == ctrlC:
		e.draw(func(out *bytes.Buffer) { e.hide(out); e.search = nil; e.show(out) })
		return true
	default:
		e.draw(e.endSearch)
		return true
	}
	return false
}

// find shows the newest entry from the one numbered from that holds the pattern.
func (e *editor) find(from int) {
	s := e.search
	for i := min(from, e.history.len()-1); i >= 0 && len(s.pattern) > 0; i-- {
		if strings.Contains(e.history.at(i), string(s.pattern)) {
			e.draw(func(out *bytes.Buffer) {
				e.hide(out)
				s.from, s.match, s.failed = i, []rune(e.history.at(i)), false
				e.show(out)
			})
			return
		}
	}
	e.draw(func(out *bytes.Buffer) {
		e.hide(out)
		s.failed = len(s.pattern) > 0
		out.WriteByte(7)
		e.show(out)
	})
}
