package eventlog

import (
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
func (q *Query) Matches(line string) bool {
	if len(q.Patterns) == 0 {
		return true
	}
	for _, p := range q.Patterns {
		if p.MatchString(line) {
			return !q.Invert
		}
	}
	return q.Invert
}

// Grep calls do with every wanted line, without its line end, over all files, oldest first. It reads what was there at
// the call, holds up no writer, and ends with do's error or the context's.
func (l *Log) Grep(ctx context.Context, q Query, do func(line string) error) error {
	_ = l.Flush() // on a disk that takes nothing there is still something to find
	stamps, _, _ := l.snapshot()
	g := &grep{query: q, do: do}
	for _, stamp := range stamps {
		if err := l.grepFile(ctx, stamp, g); err != nil {
			return err
		}
	}
	return nil
}

// grepFile reads one file up to the size that it has now. One that was removed meanwhile has nothing to say.
func (l *Log) grepFile(ctx context.Context, stamp string, g *grep) error {
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
	_, err = eachLine(io.LimitReader(f, info.Size()), func(line []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return g.line(string(line))
	})
	return err
}

// grep is one search under way.
type grep struct {
	query  Query
	do     func(string) error
	within bool     // the present line's time is wanted
	before []string // up to Context lines that were not given out
	after  int      // lines still to give out behind a match
}

func (g *grep) line(line string) error {
	// A line without a time belongs to the one before it.
	q := &g.query
	if q.Since.IsZero() && q.Until.IsZero() {
		g.within = true
	} else if t, ok := LineTime(line); ok {
		g.within = !t.Before(q.Since.Truncate(time.Second)) && (q.Until.IsZero() || !t.After(q.Until))
	}
	if !g.within {
		return nil
	}
	if !g.query.Matches(line) {
		return g.around(line)
	}
	for _, b := range g.before {
		if err := g.do(b); err != nil {
			return err
		}
	}
	g.before, g.after = g.before[:0], g.query.Context
	return g.do(line)
}

// around gives out a line behind a match, or keeps it for a match to come.
func (g *grep) around(line string) error {
	if g.after > 0 {
		g.after--
		return g.do(line)
	}
	if g.query.Context > 0 {
		if len(g.before) == g.query.Context {
			g.before = append(g.before[:0], g.before[1:]...)
		}
		g.before = append(g.before, line)
	}
	return nil
}
