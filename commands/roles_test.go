package commands

import (
	"strings"
	"testing"

	"posthouse/mta/logbook"
	"posthouse/shell"
)

// debugLogs are logs of which odd is a debug log that is off; it counts how often one was started.
type debugLogs struct {
	logList
	count int
}

// Status is Logs's.
func (d *debugLogs) Status(name string) (logbook.Status, bool) {
	if name != "odd" {
		return logbook.Status{}, false
	}
	return logbook.Status{Debug: "off"}, true
}

// Start is Logs's.
func (d *debugLogs) Start(string) error { d.count++; return nil }

// A word that a command takes for one that acts is judged as that word, however it is written: shortened, in capitals, or
// with one of the letters that only case folding knows.
func TestRolesOfOddWords(t *testing.T) {
	b := newBench(t)
	b.exec(0, `userconfig new rita readonly "Rita" generate; logconfig new odd injection-debug peer 192.0.2.1; commit -y`, "")
	started := &debugLogs{}
	b.a.Logs = started
	for _, c := range []struct{ line, stdin, want string }{
		{"workqueue pau\u017fe", "", "workqueue pau"},
		{"workqueue RE\u017fUME", "", "workqueue RE"},
		{"workqueue PAU", "", "workqueue PAU"},
		{"tlsreport \u017fend", "", "tlsreport"},
		{"tlsreport S today", "", "tlsreport S today"},
		{"logconfig star odd", "", "logconfig star odd"},
		{"logconfig \u017fTART odd", "", "logconfig"},
		{"logconfig", "start\n1\n", "logconfig start odd"},
		{"sshconfig sshd", "setup\n\n\n\n\n", "sshconfig sshd kex"},
	} {
		_, errs, status := shell.RunExecAs(t.Context(), b.opts, "rita", c.line, c.stdin)
		if status == 0 || !strings.Contains(errs, "Error: your role does not permit "+c.want) {
			t.Errorf("%s: status %d, %q", c.line, status, errs)
		}
	}
	if started.count > 0 {
		t.Errorf("a debug log was started %d times", started.count)
	}
	if calls := b.engine.called(); calls != "" {
		t.Errorf("the engine was asked for %q", calls)
	}
}
