package eventlog

import (
	"context"
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

// Grep calls do with every wanted line, without its line end, over all files, oldest first. It reads what was there at
// the call, holds up no writer, and ends with do's error or the context's.
func (l *Log) Grep(ctx context.Context, q Query, do func(line string) error) error { return nil }

// Tail calls do with the last n lines and then with every new one, over rotation, until the context ends (its error is
// returned), do returns an error, or the Log is closed (nil).
func (l *Log) Tail(ctx context.Context, n int, do func(line string) error) error { return nil }
