package mta

import (
	"path/filepath"
	"testing"
	"time"
)

func TestCountersInThreeReaches(t *testing.T) {
	path := filepath.Join(t.TempDir(), "counters.json")
	var live counts
	open := func() *counters {
		live = counts{}
		c, err := openCounters(path, func() counts { return counts{"messages": live["messages"]} })
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	want := func(c *counters, reset, uptime, lifetime uint64) {
		t.Helper()
		if got := c.values()("messages"); got != (Counter{reset, uptime, lifetime}) {
			t.Errorf("%+v, want %d %d %d", got, reset, uptime, lifetime)
		}
	}
	c := open()
	live["messages"] = 5
	want(c, 5, 5, 5)
	if err := c.save(); err != nil {
		t.Fatal(err)
	}
	live["messages"] = 6 // and dies before it is written
	c = open()
	want(c, 5, 0, 5)
	if !c.lastReset().IsZero() {
		t.Errorf("reset at %v", c.lastReset())
	}
	live["messages"] = 2
	at := time.Date(2026, 1, 1, 12, 0, 1, 0, time.UTC)
	if err := c.begin(at); err != nil {
		t.Fatal(err)
	}
	want(c, 0, 2, 7)
	live["messages"] = 3
	want(c, 1, 3, 8)
	if err := c.save(); err != nil {
		t.Fatal(err)
	}
	c = open()
	live["messages"] = 1
	want(c, 2, 1, 9)
	if !c.lastReset().Equal(at) {
		t.Errorf("reset at %v, want %v", c.lastReset(), at)
	}
}

func TestRates(t *testing.T) {
	began := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	var s samples
	n := uint64(0)
	for at := time.Duration(0); at <= 40*time.Minute; at += time.Second {
		now := began.Add(at)
		switch {
		case at > 39*time.Minute: // one each second of the last minute
			n++
		case at > 35*time.Minute && at%(2*time.Second) == 0:
			n++
		}
		s.add(now, counts{"messages": n})
		var want Rate
		switch at {
		case 39 * time.Minute: // 120 in the last 4 minutes
			want = Rate{1800, 1440, 480}
		case 40 * time.Minute:
			want = Rate{3600, 2160, 720}
		default:
			continue
		}
		if got := s.rates(now, counts{"messages": n})("messages"); got != want {
			t.Errorf("after %v: %v, want %v", at, got, want)
		}
	}
	if longest := rateWindows[len(rateWindows)-1]; len(s) > int(longest/sampled)+2 {
		t.Errorf("%d samples are kept", len(s))
	}
	// Ten messages since the start, whenever that was within the window.
	for _, s := range []samples{nil, {{began, counts{}}}} {
		if got := s.rates(began.Add(time.Second), counts{"messages": 10})("messages"); got != (Rate{600, 120, 40}) {
			t.Errorf("soon after the start: %v", got)
		}
	}
}
