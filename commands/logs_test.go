package commands

import (
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
	for _, word := range []string{"", "M", "-1", "1T", "9999999999G", "1.5M"} {
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
