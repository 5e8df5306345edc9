package eventlog

import (
	"context"
	"errors"
	"testing"
	"time"
)

// clocked is a bound with a clock of its own, and what moves it.
func clocked(processors int) (*Readers, func(time.Duration)) {
	now := time.Unix(1e9, 0)
	r := newReaders(processors, func() time.Time { return now })
	return r, func(d time.Duration) { now = now.Add(d) }
}

// What readers get falls with what is written, from all the turns there are to a fortieth of the processors.
func TestReadersShare(t *testing.T) {
	for _, tc := range []struct {
		rate       int // bytes a second
		processors int
		want       float64 // processors
	}{
		{fullRate / 2, 2, 0.5}, {fullRate / 4, 4, 1.5}, {fullRate, 2, 0.05}, {100 * fullRate, 8, 0.2},
	} {
		r, pass := clocked(tc.processors)
		r.wrote(tc.rate / 2)
		pass(rateSpan)
		r.take() // the credit that was left from quiet times
		var used time.Duration
		const span, cost = 20 * time.Second, 3 * time.Millisecond
		for at := time.Duration(0); at < span; at += time.Millisecond {
			if taken, wait := r.take(); wait == 0 {
				r.charge(cost - taken)
				used += cost
			}
			pass(time.Millisecond)
			r.wrote(tc.rate / 1000)
		}
		if got := used.Seconds() / span.Seconds(); got < tc.want*0.9 || got > tc.want*1.1 {
			t.Errorf("%d bytes a second on %d processors leave readers %.3f, want %.3f", tc.rate, tc.processors, got, tc.want)
		}
	}
}

// Who reads while nothing is written never waits, however much it reads.
func TestReadersAloneAreFree(t *testing.T) {
	r, _ := clocked(2)
	for range 100 {
		if _, wait := r.take(); wait != 0 || r.scarce() {
			t.Fatalf("it waits for %v", wait)
		}
		r.charge(time.Second)
	}
}

// Who waits for a turn, or for credit, ends with its context.
func TestReadersWaitWithContext(t *testing.T) {
	r, pass := clocked(2)
	r.wrote(10 * fullRate)
	pass(rateSpan)
	r.charge(time.Hour)
	for _, waiting := range []string{"at the gate", "behind somebody"} {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.turn(ctx, func() error { return nil }) }()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", waiting, err)
		}
		if waiting == "at the gate" {
			r.gate <- struct{}{}
		}
	}
}

// A reader that waits for its client, in the middle of its turn, keeps nobody waiting.
func TestReadersPassBy(t *testing.T) {
	r := NewReaders()
	stuck, all := make(chan struct{}), make(chan error)
	for range cap(r.turns) {
		go func() { all <- r.turn(t.Context(), func() error { <-stuck; return nil }) }()
	}
	if err := r.turn(t.Context(), func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	close(stuck)
	for range cap(r.turns) {
		<-all
	}
	if n := len(r.turns); n != 0 {
		t.Errorf("%d turns are not given back", n)
	}
}
