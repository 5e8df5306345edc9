package shell

import (
	"strings"
	"testing"
	"time"
)

func TestRefusalsAreLoggedInPart(t *testing.T) {
	var r refusals
	now := time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)
	lines := 0
	for range 3 * refusalsLogged {
		if text := r.line(now, "Refused.", "refusal"); text == "Refused." {
			lines++
		} else if text != "" {
			t.Errorf("got %q", text)
		}
	}
	if lines != refusalsLogged {
		t.Errorf("%d lines", lines)
	}
	for _, want := range []string{"Refused; before it, 40 refusals left no line.", "Refused."} {
		if text := r.line(now.Add(refusalsWindow), "Refused.", "refusal"); text != want {
			t.Errorf("got %q, want %q", text, want)
		}
	}
}

// Connections that speak something else fill no log.
func TestGarbledHandshakesAreLoggedInPart(t *testing.T) {
	a := startServer(t, nil)
	p := newPeer(&deaf{closed: make(chan struct{})}, "192.0.2.1", time.Hour, time.Hour)
	defer p.over()
	for range 100 * refusalsLogged {
		a.handshakeFailed(p, errDenied)
	}
	a.logs.mu.Lock()
	defer a.logs.mu.Unlock()
	lines := 0
	for _, line := range a.logs.lines {
		if strings.Contains(line, "An SSH connection from 192.0.2.1 failed: \"permission denied\"") {
			lines++
		}
	}
	if lines < refusalsLogged || lines > 2*refusalsLogged {
		t.Errorf("%d lines", lines)
	}
}
