package rig

import (
	"context"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"
)

// newSink starts a sink for one test.
func newSink(t *testing.T, starttls bool) *Sink {
	t.Helper()
	s := &Sink{Addr: "127.0.0.1:0"}
	if starttls {
		c, err := NewCertificate(false)
		if err != nil {
			t.Fatal(err)
		}
		s.TLS, s.Require = c.Config(), true
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// counts are the figures that a run rests on.
type counts struct{ acked, pairs, dups, corrupt, transactions, lost, ghost int64 }

func countsOf(t *Tracker) counts {
	lost, ghost := t.Check()
	return counts{t.Acknowledged.Load(), t.Pairs.Load(), t.Dups.Load(), t.Corrupt.Load(), t.Transactions.Load(), lost, ghost}
}

// TestClean sends in each way and expects every pair once.
func TestClean(t *testing.T) {
	for name, l := range map[string]Load{
		"one after the other": {N: 200, Size: 5000, Sessions: 7, PerSession: 9, Rcpts: 3, Domains: 5},
		"pipelined":           {N: 200, Size: 5000, Sessions: 7, Rcpts: 3, Domain: "live.bench.test", Pipeline: true},
		"tls":                 {N: 200, Size: 5000, Sessions: 7, PerSession: 9, Rcpts: 3, StartTLS: true},
		"numbered from 50":    {First: 50, N: 150, Size: 30, Sessions: 3, Rcpts: 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSink(t, l.StartTLS)
			tracker := NewTracker(200, 3)
			s.Track(tracker)
			l.Addr = s.Addr
			r := l.Run(t.Context(), tracker)
			n := int64(l.N)
			if want := (counts{acked: n, pairs: 3 * n, transactions: n}); countsOf(tracker) != want || r.Acked != n || r.Next != 200 {
				t.Errorf("%+v of %+v, want %+v", countsOf(tracker), r, want)
			}
			if l.StartTLS != (s.TLSConns.Load() > 0) {
				t.Errorf("%d connections with TLS", s.TLSConns.Load())
			}
			if tracker.First().Before(r.Start) || tracker.Last().After(time.Now()) || tracker.Last().Before(tracker.First()) {
				t.Errorf("came from %v to %v", tracker.First(), tracker.Last())
			}
		})
	}
}

// TestFaults puts in each fault that a server could make and expects it to be counted.
func TestFaults(t *testing.T) {
	s := newSink(t, false)
	l := Load{Addr: s.Addr, N: 20, Size: 5000, Sessions: 2, Rcpts: 3}
	tracker := NewTracker(21, 3) // one more than is sent
	s.Track(tracker)
	l.Run(t.Context(), tracker)
	tracker.ack(20)               // a 250 for a message that never came
	tracker.acked[3].Store(false) // a message that came and had no 250
	want := counts{acked: 21, pairs: 60, transactions: 20, lost: 3, ghost: 3}
	if got := countsOf(tracker); got != want {
		t.Fatalf("%+v, want %+v", got, want)
	}
	c, err := l.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.quit()
	body := newContent(l.Size)
	resend := func(run string, seq int) {
		t.Helper()
		if _, _, err := c.send(&l, body, run, seq); err != nil {
			t.Fatal(err)
		}
	}
	resend(tracker.run, 5)
	want.dups, want.transactions = 3, 21
	if got := countsOf(tracker); got != want {
		t.Errorf("a message twice: %+v, want %+v", got, want)
	}
	body.stuffed[100] ^= 1
	resend(tracker.run, 20) // it comes after all, but damaged
	want.corrupt, want.transactions, want.lost, want.pairs = 1, 22, 0, 63
	if got := countsOf(tracker); got != want {
		t.Errorf("a damaged body: %+v, want %+v", got, want)
	}
	resend("another", 6)
	if got := countsOf(tracker); got != want || s.Stale.Load() != 1 {
		t.Errorf("a message of another run: %+v, want %+v, and %d stale", got, want, s.Stale.Load())
	}
}

// TestRepeats expects the time of both arrivals of a pair that came twice, and all arrivals together.
func TestRepeats(t *testing.T) {
	tracker := NewTracker(2, 1)
	arrive := func(seq int) time.Duration {
		tracker.arrive(mark{seq: seq}, []recipient{{seq, 0}}, false)
		return tracker.Since().Truncate(time.Millisecond)
	}
	tracker.started = tracker.started.Add(-time.Second)
	first := arrive(1)
	tracker.started = tracker.started.Add(-time.Second)
	second := arrive(1)
	arrive(0)
	repeats := tracker.Repeats()
	if len(repeats) != 1 || first-repeats[0].Before > time.Second/2 || second-repeats[0].Again > time.Second/2 {
		t.Errorf("%v, want about %v and %v", repeats, first, second)
	}
	arrivals := slices.Sorted(tracker.Arrivals())
	if len(arrivals) != 3 || arrivals[0] != repeats[0].Before {
		t.Errorf("arrivals %v", arrivals)
	}
}

// TestRestart stops the sink under load: what was acknowledged is not lost, and what was cut is sent again.
func TestRestart(t *testing.T) {
	s := newSink(t, false)
	tracker := NewTracker(100_000, 1)
	s.Track(tracker)
	l := Load{Addr: s.Addr, N: tracker.Len(), Size: 100, Sessions: 4, Rcpts: 1}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan *LoadResult)
	go func() { ended <- l.Run(ctx, tracker) }()
	for range 3 {
		reach(t, tracker, tracker.Pairs.Load()+int64(20+rand.IntN(50)))
		s.Stop()
		if conn, err := net.Dial("tcp", s.Addr); err == nil {
			conn.Close()
			t.Error("a stopped sink accepts")
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
	}
	reach(t, tracker, tracker.Pairs.Load()+20)
	cancel()
	r := <-ended
	s.AwaitQuiet()
	lost, ghost := tracker.Check()
	if lost != 0 || ghost > r.Unknown || tracker.Dups.Load() != 0 || r.Acked != tracker.Acknowledged.Load() {
		t.Errorf("lost %d, ghosts %d, twice %d, of %+v", lost, ghost, tracker.Dups.Load(), r)
	}
	if s.Open() != 0 {
		t.Errorf("%d connections are open", s.Open())
	}
}

// reach waits until n pairs have come.
func reach(t *testing.T, tracker *Tracker, n int64) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); tracker.Pairs.Load() < n; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d pairs came, waiting for %d", tracker.Pairs.Load(), n)
		}
	}
}
