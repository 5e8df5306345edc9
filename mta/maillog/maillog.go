// Package maillog makes every line of mail_logs, each by one method, and reads them back into events. It decides nothing
// about mail and keeps no state but the log behind it; it imports leaves only, and the parts of the engine import it.
//
// Values from outside (addresses, names, a peer's words) are escaped here and nowhere else, so callers pass them as they
// came. What the lines look like is described for operators in docs/log-lines.md and held to it by the tests.
package maillog

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"posthouse/internal/cause"
	"posthouse/internal/eventlog"
)

// Log writes the lines of mail_logs. Its methods may be called from many goroutines at once and do not wait for the disk.
type Log struct {
	log *eventlog.Log
}

// New returns a Log that writes to l, which stays the caller's to close.
func New(l *eventlog.Log) *Log { return &Log{log: l} }

// Flush returns when all lines so far are in the file, or with the reason why they are not.
func (l *Log) Flush() error { return l.log.Flush() }

// esc makes a value from outside safe; see eventlog.Escape.
func esc(s string) string { return eventlog.Escape(s) }

func (l *Log) info(format string, args ...any) {
	l.log.Line(eventlog.Info, fmt.Sprintf(format, args...))
}

// orNone gives the word that stands for an absent value.
func orNone(s string) string {
	if s == "" {
		return "None"
	}
	return esc(s)
}

// addr prints an address without its zone and IPv4 as IPv4, or a hyphen where there is none.
func addr(a netip.Addr) string {
	if !a.IsValid() {
		return "-"
	}
	return a.Unmap().WithZone("").String()
}

// rids prints recipients as "[0, 1]".
func rids(list []int) string {
	b := []byte{'['}
	for i, r := range list {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = strconv.AppendInt(b, int64(r), 10)
	}
	return string(append(b, ']'))
}

// because prints a cause as the end of a TLS failure line, and nothing for none.
func because(id cause.ID) string {
	if id == "" {
		return ""
	}
	return " [" + string(id) + "]"
}

// quote writes an escaped value in single quotes, or in double ones where it holds a single quote itself.
func quote(s string) string {
	s = esc(s)
	if !strings.Contains(s, "'") {
		return "'" + s + "'"
	}
	if !strings.Contains(s, `"`) {
		return `"` + s + `"`
	}
	return "'" + strings.ReplaceAll(s, "'", `\'`) + "'"
}

// timeLayout is how times stand inside a line.
const timeLayout = "Mon Jan _2 15:04:05 2006"
