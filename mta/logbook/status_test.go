package logbook

import (
	"strings"
	"testing"
)

// A fault in what makes the line is told, and the next line is written.
func TestStatusLineOutlivesAFault(t *testing.T) {
	b := open(t, nil)
	told := ""
	b.Tell(func(text string) { told += text })
	b.statusLine(func() string { panic("a fault of ours") })
	if !strings.HasPrefix(told, "fault in the line of Status Logs: a fault of ours") {
		t.Errorf("told %q", told)
	}
	b.statusLine(func() string { return "Status: good" })
	if got := strings.Join(texts(t, b.Log(statusLog)), "\n"); got != "Status: good" {
		t.Errorf("the log has %q", got)
	}
}
