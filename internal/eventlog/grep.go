package eventlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"time"
)

// Query says which lines Grep wants.
type Query struct {
	Patterns []*regexp.Regexp // a line matches when any of them does; none: every line
	Invert   bool             // the lines that do not match
	Since    time.Time        // zero: from the beginning
	Until    time.Time        // zero: to the end; otherwise the last second wanted
	Context  int              // lines before and after each match
}

// Matches reports whether a line is one that the patterns ask for; it does not look at the time.
func (q *Query) Matches(line []byte) bool {
	if len(q.Patterns) == 0 {
		return true
	}
	for _, p := range q.Patterns {
		if p.Match(line) {
			return !q.Invert
		}
	}
	return q.Invert
}

// Grep calls do with every wanted line, without its line end, over all files, oldest first. It reads what was there at
// the call, holds up no writer, works as fast as Readers permit, and ends with do's error or the context's.
func (l *Log) Grep(ctx context.Context, q Query, do func(line string) error) error {
	return l.Search(ctx, q, func(lines []byte) error {
		for line := range bytes.Lines(lines) {
			if err := do(string(line[:len(line)-1])); err != nil {
				return err
			}
		}
		return nil
	})
}

// Search is Grep with the lines of a block at a time, each with its end and valid only during the call.
func (l *Log) Search(ctx context.Context, q Query, do func(lines []byte) error) error {
	_ = l.Flush() // on a disk that takes nothing there is still something to find
	stamps, _, _ := l.snapshot()
	g := newGrep(ctx, q, do)
	g.readers = l.opts.Readers
	for _, stamp := range stamps {
		if err := l.grepFile(stamp, g); err != nil {
			return err
		}
	}
	return nil
}

// grepFile reads one file up to the size that it has now. One that was removed meanwhile has nothing to say.
func (l *Log) grepFile(stamp string, g *grep) error {
	f, err := l.openStamp(stamp)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("search log %s: %w", l.opts.Name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("search log %s: %w", l.opts.Name, err)
	}
	if !g.query.Since.IsZero() && info.ModTime().Before(g.query.Since.Truncate(time.Second)) {
		return nil // its last line is older than what is asked for
	}
	return g.read(io.LimitReader(f, info.Size()))
}

const (
	// grepBlock is how much is searched at once: more than a line has, and little enough to stay in a processor's cache.
	grepBlock = 256 << 10
	// longPiece is how long the search of a piece should take at most. Pieces begin small and grow up to a block; where an
	// expression is hard on every line they stay small, so that others have their turns and Ctrl-C is heard.
	longPiece  = 2 * time.Millisecond
	firstPiece = 2 << 10
)

// grep is one search under way.
type grep struct {
	ctx     context.Context
	readers *Readers
	query   Query
	matcher *matcher
	do      func(lines []byte) error
	block   []byte
	piece   int    // how much is searched in a turn
	found   []byte // of the present piece, whole lines

	within bool     // the present line's time is wanted
	before []string // up to Context lines that were not given out
	after  int      // lines still to give out behind a match

	second string // the time of the latest line that was read
	wanted bool   // what came of it
}

func newGrep(ctx context.Context, q Query, do func(lines []byte) error) *grep {
	return &grep{
		ctx: ctx, query: q, do: do, matcher: newMatcher(q.Patterns), block: make([]byte, grepBlock), piece: firstPiece,
		within: q.Since.IsZero() && q.Until.IsZero(),
	}
}

// read searches one file, block after block of whole lines. What has no line end at the end of the file is not there yet; a
// line that is longer than a block comes in pieces.
func (g *grep) read(r io.Reader) error {
	filled := 0
	for {
		n, err := r.Read(g.block[filled : grepBlock-1])
		filled += n
		whole := bytes.LastIndexByte(g.block[:filled], '\n') + 1
		if whole == 0 && filled == grepBlock-1 {
			g.block[filled] = '\n'
			whole, filled = filled+1, filled+1
		}
		if err := g.pieces(g.block[:whole]); err != nil {
			return err
		}
		filled = copy(g.block, g.block[whole:filled])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// pieces searches a block of whole lines, a turn for each piece.
func (g *grep) pieces(block []byte) error {
	g.matcher.sample(block)
	for len(block) > 0 {
		n := len(block)
		if n > g.piece {
			n = g.piece + bytes.IndexByte(block[g.piece:], '\n') + 1
		}
		if err := g.readers.turn(g.ctx, func() error { return g.turn(block[:n]) }); err != nil {
			return err
		}
		block = block[n:]
	}
	return nil
}

// turn searches a piece and gives out what is found.
func (g *grep) turn(piece []byte) error {
	began := time.Now()
	g.found = g.found[:0]
	if err := g.search(piece); err != nil {
		return err
	}
	if took := time.Since(began); took > longPiece {
		g.piece = max(1, int(int64(g.piece)*int64(longPiece)/int64(took)))
	} else if took < longPiece/8 {
		g.piece = min(grepBlock, g.piece*4)
	}
	if len(g.found) == 0 {
		return nil
	}
	return g.do(g.found)
}

// give adds a line, without its end, to what is found.
func (g *grep) give(line []byte) error {
	g.found = append(append(g.found, line...), '\n')
	return nil
}

// search finds the wanted lines of a piece.
func (g *grep) search(block []byte) error {
	if g.query.Context > 0 {
		return g.matcher.everyMatch(block, g.query.Invert, func(begin, end int, match bool) error {
			return g.line(block[begin:end-1], match)
		})
	}
	if err := g.matcher.wanted(block, g.query.Invert, func(begin, end int) error {
		if !g.inTime(block, begin, end) {
			return nil
		}
		return g.give(block[begin : end-1])
	}); err != nil {
		return err
	}
	if !g.timeless() {
		last := bytes.LastIndexByte(block[:len(block)-1], '\n') + 1
		g.within = g.inTime(block, last, len(block))
	}
	return nil
}

// timeless says that lines of every time are wanted.
func (g *grep) timeless() bool { return g.query.Since.IsZero() && g.query.Until.IsZero() }

// inTime says whether a line's time is wanted. A line without a time belongs to the one before it.
func (g *grep) inTime(block []byte, begin, end int) bool {
	if g.timeless() {
		return true
	}
	for {
		if wanted, ok := g.timeOf(block[begin : end-1]); ok {
			return wanted
		}
		if begin == 0 {
			return g.within
		}
		begin, end = bytes.LastIndexByte(block[:begin-1], '\n')+1, begin
	}
}

// timeOf says whether the time at the beginning of a line is wanted; ok is false where there is none. Most lines have the
// time of the one before.
func (g *grep) timeOf(line []byte) (wanted, ok bool) {
	if len(g.second) > 0 && len(line) >= len(timeLayout) && string(line[:len(timeLayout)]) == g.second {
		return g.wanted, true
	}
	t, ok := LineTime(string(line[:min(len(line), 64)]))
	if !ok {
		return false, false
	}
	q := &g.query
	wanted = !t.Before(q.Since.Truncate(time.Second)) && (q.Until.IsZero() || !t.After(q.Until))
	if line[0] != '{' {
		g.second, g.wanted = string(line[:len(timeLayout)]), wanted
	}
	return wanted, true
}

// line goes on with one line where those around a match are wanted too.
func (g *grep) line(text []byte, match bool) error {
	if !g.timeless() {
		if wanted, ok := g.timeOf(text); ok {
			g.within = wanted
		}
	}
	if !g.within {
		return nil
	}
	if !match {
		return g.around(text)
	}
	for _, b := range g.before {
		g.found = append(append(g.found, b...), '\n')
	}
	g.before, g.after = g.before[:0], g.query.Context
	return g.give(text)
}

// around gives out a line behind a match, or keeps it for a match to come.
func (g *grep) around(line []byte) error {
	if g.after > 0 {
		g.after--
		return g.give(line)
	}
	if g.query.Context > 0 {
		if len(g.before) == g.query.Context {
			g.before = append(g.before[:0], g.before[1:]...)
		}
		g.before = append(g.before, string(line))
	}
	return nil
}
