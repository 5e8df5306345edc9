package commands

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func FuzzMoment(f *testing.F) {
	for _, seed := range []string{"2026-05-23", "2026-05-23 11:42", "3d", "15m", "2026-05-23T11:42:00Z", "Sat May 23 11:42:00 2026", "-1h", "36500d", "1e9h"} {
		f.Add(seed)
	}
	now := time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, word string) {
		at, err := moment(word, now)
		switch {
		case err != nil && !strings.HasPrefix(err.Error(), "Invalid time "):
			t.Fatalf("%q: %v", word, err)
		case err != nil && !at.IsZero():
			t.Fatalf("%q is refused and %v all the same", word, at)
		}
	})
}

func TestLogConfigBatch(t *testing.T) {
	for word, want := range map[string]int64{"4096": 4096, "10M": 10 << 20, "1,000": 1000, "2g": 2 << 30, "0": 0} {
		if got, err := bytesOf("size", word); err != nil || got != want {
			t.Errorf("%q is %d, %v", word, got, err)
		}
	}
	for _, word := range []string{"", "M", "-1", "1T", "9999999999G", "1.5M", "1MK"} {
		if got, err := bytesOf("size", word); err == nil {
			t.Errorf("%q is %d", word, got)
		}
	}
	if got := headerList("Subject:, X-Tag , subject"); strings.Join(got, "|") != "Subject|X-Tag" {
		t.Errorf("headers %q", got)
	}
	if got := headerList("None"); got != nil {
		t.Errorf("headers %q", got)
	}
}

// A port that is named stays, wherever it stands; one that is not is the usual one of the protocol.
func TestLogConfigPorts(t *testing.T) {
	b := newBench(t)
	for words, want := range map[string]int{
		"host a.example":                            514,
		"host a.example protocol tls":               6514,
		"host a.example port 6514 protocol tcp":     6514,
		"host a.example protocol tcp port 6514":     6514,
		"port 514 protocol tls host a.example":      514,
		"host a.example port 1514 retrieval syslog": 1514,
	} {
		var list logListJSON
		out := b.exec(1, "logconfig new pushed mail "+words+"; logconfig detail pushed --json", "")
		if err := json.Unmarshal([]byte(out), &list); err != nil || list.Logs[0].Syslog.Port != want {
			t.Errorf("%s: %v, %s", words, err, out)
		}
	}
}

// A server whose certificate is noted is found again however its name is written.
func TestHostKeyNames(t *testing.T) {
	b := newBench(t)
	print := strings.Repeat("ab", 32)
	out := b.exec(0, "logconfig hostkeyconfig new Logs.Example. "+print+"; logconfig hostkeyconfig list; logconfig hostkeyconfig delete logs.example.; logconfig hostkeyconfig list", "")
	contains(t, out, "1. logs.example SHA-256 "+print, "Currently installed host keys: none")
	b.fails("logconfig", "hostkeyconfig\nnew\nno host\n", "no host")
}
