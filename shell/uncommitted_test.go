package shell

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// linesOf collects what is written to a log.
type linesOf struct {
	mu   sync.Mutex
	list []string
}

func (l *linesOf) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, line)
}

func (l *linesOf) has(part string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.list, func(line string) bool { return strings.Contains(line, part) })
}

const lostLine = "1 change of user admin not committed and discarded"

// However a session ends, cli_logs says what was lost with it.
func TestLostChangesAreLogged(t *testing.T) {
	for name, typed := range map[string]string{
		"the line is lost": "rename\rmx1\ry\r",
		"exit insists":     "rename\rmx1\ry\rexit\ry\r",
	} {
		var audit linesOf
		opts := testOptions()
		opts.Audit = audit.add
		RunTyped(t.Context(), opts, typed, 80, 24)
		if !audit.has(lostLine) {
			t.Errorf("%s: %q", name, audit.list)
		}
	}
}

// What a session has changed is told to the others once its command has ended, and taken back when it is gone.
func TestUncommittedChangesAreTold(t *testing.T) {
	opts := testOptions()
	opts.sessions = &sessionList{time: opts.now}
	entry := opts.sessions.add(tester)
	told := func() SessionInfo { return opts.sessions.list()[0] }
	var seen []int
	script := []string{"rename", "mx1", "y", "version", "undo", ""}
	s := newSession(&opts, tester, lines)
	s.live = entry
	var b syncBuffer
	s.attach(&b, &b, true)
	s.in = &answers{s: s, out: &b, patience: time.Minute, answer: func(q Asked) (string, error) {
		if q.Main {
			seen = append(seen, told().Changes)
		}
		line := script[0]
		if script = script[1:]; line == "undo" {
			s.Discard()
			return "version", nil
		}
		if line == "" {
			return "exit", nil
		}
		return line, nil
	}}
	s.interact(t.Context())
	s.in.(*answers).stop()
	if !slices.Equal(seen, []int{0, 1, 1, 0}) || len(told().Objects) > 0 {
		t.Errorf("told %v, %+v", seen, told())
	}
}
