package maillog

import (
	"fmt"

	"posthouse/internal/eventlog"
)

// System writes the lines of system_logs.
type System struct {
	log *eventlog.Log
}

// NewSystem returns a System that writes to l, which stays the caller's to close.
func NewSystem(l *eventlog.Log) *System { return &System{log: l} }

// ComingUp is the first line of every start.
func (s *System) ComingUp() { s.log.Line(eventlog.Info, "System is coming up.") }

// GoingDown is the last line of an orderly stop.
func (s *System) GoingDown() { s.log.Line(eventlog.Info, "System is going down.") }

// Committed says that a user's changes are in force.
func (s *System) Committed(user, comment string) {
	s.log.Line(eventlog.Info, fmt.Sprintf("User %s commit changes: %s", esc(user), esc(comment)))
}

// Problem says what the operator should look at: a damaged file set aside, a disk that fails.
func (s *System) Problem(text string) { s.log.Line(eventlog.Warning, esc(text)) }
