// Package maillog makes every line of mail_logs, each by one method, and reads them back into events. It decides nothing
// about mail and keeps no state but the log behind it; it imports leaves only, and the parts of the engine import it.
//
// Values from outside (addresses, names, a peer's words) are escaped here and nowhere else, so callers pass them as they
// came. What the lines look like is described for operators in docs/log-lines.md and held to it by the tests.
package maillog

import (
	"sync"

	"posthouse/internal/eventlog"
)

// Log writes the lines of mail_logs. Its methods may be called from many goroutines at once and do not wait for the disk.
type Log struct {
	log *eventlog.Log

	gathers bool   // lines are kept in text, for Together
	text    []byte // each with its end
}

// New returns a Log that writes to l, which stays the caller's to close.
func New(l *eventlog.Log) *Log { return &Log{log: l} }

// gatherers are Logs for Together.
var gatherers = sync.Pool{New: func() any { return &Log{gathers: true} }}

// Together writes the lines that do writes to its Log, which is its own until it returns, at once: they stand together
// and have one time. That costs less than to write each of them, and there are many to a message.
func (l *Log) Together(do func(*Log)) {
	g := gatherers.Get().(*Log)
	do(g)
	l.log.Lines(eventlog.Info, g.text)
	g.text = g.text[:0]
	gatherers.Put(g)
}

// Flush returns when all lines so far are in the file, or with the reason why they are not.
func (l *Log) Flush() error { return l.log.Flush() }

// esc makes a value from outside safe; see eventlog.Escape.
func esc(s string) string { return eventlog.Escape(s) }

// info writes one line. What stands for %s and %d is described at appendf.
func (l *Log) info(format string, args ...any) {
	if l.gathers {
		l.text = append(appendf(l.text, format, args), '\n')
		return
	}
	b := lineBuffers.Get().(*[]byte)
	*b = appendf((*b)[:0], format, args)
	l.log.LineBytes(eventlog.Info, *b)
	lineBuffers.Put(b)
}

// orNone gives the word that stands for an absent value.
func orNone(s string) string {
	if s == "" {
		return "None"
	}
	return esc(s)
}

// timeLayout is how times stand inside a line.
const timeLayout = "Mon Jan _2 15:04:05 2006"
