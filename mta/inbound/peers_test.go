package inbound

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestPeers(t *testing.T) {
	r := newRig(t, nil)
	if list := r.l.Peers(); len(list) != 0 {
		t.Errorf("nobody is there: %v", list)
	}
	first, second := r.connect(), r.connect() // behind the banner the name is known
	want := []Peer{{netip.MustParseAddr("127.0.0.1"), "client.example", 2}}
	if list := r.l.Peers(); !slices.Equal(list, want) {
		t.Errorf("%v, want %v", list, want)
	}
	first.quit()
	second.quit()
	r.l.Shutdown(0)
	if list := r.l.Peers(); len(list) != 0 {
		t.Errorf("everybody has left: %v", list)
	}
}

// TestHeldMessages: what the work queue keeps is accepted and stored like any other message, and not said to be queued.
func TestHeldMessages(t *testing.T) {
	r := newRig(t, nil)
	r.paused.Store(true)
	c := r.connect()
	c.send("joe@partner.example", "user@example.com", "Subject: hello\r\n\r\nbody\r\n", "250 2.0.0 ok:  Message 1 accepted")
	c.quit()
	lines := r.awaitLog(1)
	if slices.Contains(lines, "MID 1 queued for delivery") || !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "MID 1 ready ") }) {
		t.Errorf("mail_logs has %q", lines)
	}
	if r.spool.messages[1] == "" || len(r.accepted) != 0 {
		t.Errorf("spooled %q, handed over %v", r.spool.messages[1], r.accepted)
	}
}
