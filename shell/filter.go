package shell

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"posthouse/internal/expression"
)

const filterNames = "grep, except, count, last, head and no-more"

func isFilter(word string) bool {
	switch strings.ToLower(word) {
	case "grep", "except", "count", "last", "head", "no-more":
		return true
	}
	return false
}

// maxLast bounds what the filter last keeps, in lines.
const maxLast = 10000

// matches says whether the filter takes a pattern.
func (f filterSpec) matches() bool { return f.name == "grep" || f.name == "except" }

// pattern is the filter's regular expression.
func (f filterSpec) pattern() string {
	if f.fold {
		return "(?i)" + f.arg
	}
	return f.arg
}

// check says whether the filter has the argument that it needs.
func (f filterSpec) check() error {
	switch f.name {
	case "grep", "except":
		if f.arg == "" {
			return Usage("Invalid filter: %s needs a pattern.", f.name)
		}
		if _, err := expression.Compile(f.pattern()); err != nil {
			return Usage("Invalid pattern %s: %v.", quote(f.arg), err)
		}
	case "last", "head":
		if n, err := strconv.Atoi(f.arg); err != nil || n < 1 || n > maxLast {
			return Usage("Invalid filter: %s needs a number of lines from 1 to %d.", f.name, maxLast)
		}
	default:
		if f.arg != "" {
			return Usage("Invalid filter: %s takes no argument, and %s was given.", f.name, quote(f.arg))
		}
	}
	return nil
}

// filter is one stage of a pipe: it gets whole lines without their endings.
type filter interface {
	line(text []byte) error // ErrEnough: nothing further can matter
	end() error
}

// newFilter makes the stage that f describes; its results go to next.
func (f filterSpec) newFilter(next filter) filter {
	n, _ := strconv.Atoi(f.arg)
	switch f.name {
	case "grep":
		return &matching{re: regexp.MustCompile(f.pattern()), want: true, next: next, text: f.arg}
	case "except":
		return &matching{re: regexp.MustCompile(f.pattern()), next: next, text: f.arg}
	case "count":
		return &counting{next: next}
	case "last":
		return &lastLines{most: n, next: next}
	case "head":
		return &headLines{left: n, next: next}
	}
	return next // no-more: the pager is switched off elsewhere
}

type matching struct {
	re   *regexp.Regexp
	want bool
	next filter

	text       string // of the expression
	seen, hits bool   // a line was looked at; one matched
}

func (m *matching) line(text []byte) error {
	m.seen = true
	matches := m.re.Match(text)
	m.hits = m.hits || matches
	if matches != m.want {
		return nil
	}
	return m.next.line(text)
}
func (m *matching) end() error { return m.next.end() }

type counting struct {
	n    int
	next filter
}

func (c *counting) line([]byte) error { c.n++; return nil }
func (c *counting) end() error {
	if err := c.next.line(fmt.Appendf(nil, "Count: %d lines", c.n)); err != nil {
		return err
	}
	return c.next.end()
}

type lastLines struct {
	most  int
	lines [][]byte
	next  filter
}

func (l *lastLines) line(text []byte) error {
	l.lines = append(l.lines, bytes.Clone(text))
	if len(l.lines) >= 2*l.most {
		l.lines = append([][]byte(nil), l.lines[len(l.lines)-l.most:]...)
	}
	return nil
}

func (l *lastLines) end() error {
	for _, text := range l.lines[max(0, len(l.lines)-l.most):] {
		if err := l.next.line(text); err != nil {
			return err
		}
	}
	return l.next.end()
}

type headLines struct {
	left int
	next filter
}

func (h *headLines) line(text []byte) error {
	if h.left == 0 {
		return ErrEnough
	}
	h.left--
	if err := h.next.line(text); err != nil || h.left > 0 {
		return err
	}
	return ErrEnough // at once: a command that follows a log may have no further line for hours
}
func (h *headLines) end() error { return h.next.end() }

// sink is the end of a pipe. It keeps lines until flush, so that what was written at once goes on at once.
type sink struct {
	w    io.Writer
	kept []byte
}

// mostKept is how much a sink keeps, in bytes.
const mostKept = 64 << 10

func (s *sink) line(text []byte) error {
	s.kept = append(append(s.kept, text...), '\n')
	if len(s.kept) < mostKept {
		return nil
	}
	return s.flush()
}

func (s *sink) flush() error {
	if len(s.kept) == 0 {
		return nil
	}
	_, err := s.w.Write(s.kept)
	s.kept = s.kept[:0]
	return err
}

func (s *sink) end() error { return s.flush() }

// pipe is the writer in front of filters: it cuts what is written into lines.
type pipe struct {
	first filter
	sink  *sink
	part  []byte
	used  bool // something was written

	matching []*matching
}

// newPipe returns a writer whose lines pass the filters on their way to w.
func newPipe(specs []filterSpec, w io.Writer) *pipe {
	last := &sink{w: w}
	var f filter = last
	p := &pipe{sink: last}
	for i := len(specs) - 1; i >= 0; i-- {
		f = specs[i].newFilter(f)
		if m, ok := f.(*matching); ok {
			p.matching = append(p.matching, m)
		}
	}
	p.first = f
	return p
}

// hint is what to say of an expression that matched nothing; empty where there is none, or nothing to say of it.
func (p *pipe) hint() string {
	for _, m := range p.matching {
		if m.seen && !m.hits {
			return expression.Hint(m.text)
		}
	}
	return ""
}

// maxFilterLine bounds a line in a pipe; a longer one is cut into several.
const maxFilterLine = 1 << 20

func (p *pipe) Write(b []byte) (int, error) {
	p.used = p.used || len(b) > 0
	err := p.lines(b)
	if ferr := p.sink.flush(); ferr != nil {
		err = ferr
	}
	return len(b), err
}

// lines sends whole lines through the filters.
func (p *pipe) lines(b []byte) error {
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			p.part = append(p.part, b...)
			if len(p.part) < maxFilterLine {
				return nil
			}
			i, b = 0, []byte{'\n'}
		} else {
			p.part = append(p.part, b[:i]...)
		}
		b = b[i+1:]
		err := p.first.line(p.part)
		p.part = p.part[:0]
		if err != nil {
			return err
		}
	}
	return nil
}

// Close sends what is left, and lets every filter finish.
func (p *pipe) Close() error {
	if len(p.part) > 0 {
		if err := p.first.line(p.part); err != nil {
			return err
		}
		p.part = nil
	}
	return p.first.end()
}
