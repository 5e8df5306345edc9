package workqueue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"posthouse/internal/eventlog"
	"posthouse/mta/maillog"
	"posthouse/mta/spool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a work queue with everything around it, and what came of it.
type bench struct {
	*Queue
	t *testing.T

	mu     sync.Mutex
	last   atomic.Uint64
	faults map[uint64]error // what reading a message gives; once, where it is errBusy
	passed []uint64
	aside  []uint64
	told   []string
	kept   *Pause
}

var errBusy = errors.New("the disk is busy")

func newBench(t *testing.T, paused *Pause) *bench {
	b := &bench{t: t, faults: map[uint64]error{}, kept: paused}
	l, err := eventlog.Open(eventlog.Options{Dir: t.TempDir(), Name: "mail_logs", File: "mail", Type: "Text"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	b.Queue = New(Options{
		Spool: b, Log: maillog.New(l), Paused: paused,
		Next: func(_ context.Context, m spool.Message) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.passed = append(b.passed, m.MID)
		},
		Keep:  func(p *Pause) error { b.kept = p; return nil },
		Fault: func(what string, err error) { b.told = append(b.told, what) },
	})
	return b
}

func (b *bench) LastMID() uint64 { return b.last.Load() }

func (b *bench) Message(mid uint64) (spool.Message, error) {
	err := b.faults[mid]
	if errors.Is(err, errBusy) {
		delete(b.faults, mid)
	}
	return message(mid), err
}

func (b *bench) SetAside(mid uint64, _ string) error {
	b.aside = append(b.aside, mid)
	return nil
}

func message(mid uint64) spool.Message {
	return spool.Message{Envelope: spool.Envelope{MID: mid, ICID: 1, Recipients: make([]spool.Recipient, 1)}, States: make([]spool.State, 1)}
}

// accept gives messages new numbers and hands them in.
func (b *bench) accept(n int) {
	for range n {
		b.bring(b.last.Add(1))
	}
}

// bring does with a message what a listener does.
func (b *bench) bring(mid uint64) {
	if !b.Hold(mid) {
		b.Accepted(b.t.Context(), message(mid))
	}
}

// run runs the queue until nothing moves any more.
func (b *bench) run() {
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()
	time.Sleep(time.Hour) // of the bubble's clock
	cancel()
	if err := <-done; err != nil {
		b.t.Error(err)
	}
}

func (b *bench) want(passed []uint64, waiting int) {
	b.t.Helper()
	if st := b.Status(); !slices.Equal(b.passed, passed) || st.Waiting != waiting || st.In-st.Out != uint64(waiting) {
		b.t.Errorf("passed %v, status %+v; want %v and %d that wait", b.passed, st, passed, waiting)
	}
}

func TestPauseHoldsAndResumeReleasesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.accept(2)
		begun := b.last.Add(1) // a transaction that began before the pause
		b.Pause("admin", "a look")
		b.bring(begun)
		b.accept(3)
		b.run()
		b.want([]uint64{1, 2, 3}, 3)
		if p := b.Status().Paused; p == nil || p.By != "admin" || p.Reason != "a look" || p.After != 3 || b.kept != p {
			t.Errorf("paused %+v, kept %+v", p, b.kept)
		}
		b.Resume()
		b.accept(1) // waits behind those that came before it
		b.want([]uint64{1, 2, 3}, 4)
		b.run()
		b.want([]uint64{1, 2, 3, 4, 5, 6, 7}, 0)
		b.accept(1)
		b.want([]uint64{1, 2, 3, 4, 5, 6, 7, 8}, 0)
		if b.kept != nil || b.Status().Paused != nil {
			t.Error("still paused")
		}
	})
}

// A pause that comes while the last one's messages are still being released keeps them, over a restart too.
func TestPausedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.accept(1)
		b.Pause("admin", "one")
		b.accept(2)
		b.Resume()
		b.Pause("admin", "two")
		b.accept(1)
		b.run()
		b.want([]uint64{1}, 3)
		again := newBench(t, b.kept)
		for mid := range uint64(4) {
			if held := again.Load(message(mid + 1)); held != (mid > 0) {
				t.Errorf("MID %d held %v after the restart", mid+1, held)
			}
		}
	})
}

func TestLoad(t *testing.T) {
	b := newBench(t, &Pause{By: "admin", After: 10})
	tried, ours := message(11), message(12)
	tried.States[0].Attempts = 1
	ours.ICID = 0
	for _, test := range []struct {
		m    spool.Message
		want bool
	}{{message(10), false}, {tried, false}, {ours, false}, {message(13), true}} {
		if got := b.Load(test.m); got != test.want {
			t.Errorf("MID %d: held %v", test.m.MID, got)
		}
	}
	if st := b.Status(); st.Waiting != 1 {
		t.Errorf("%+v", st)
	}
	if newBench(t, nil).Load(message(13)) {
		t.Error("held without a pause")
	}
}

// What cannot be read costs that message its turn, and nobody else anything.
func TestMessagesThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.Pause("admin", "")
		b.accept(4)
		b.faults[1] = errBusy
		b.faults[2] = fmt.Errorf("read: %w", spool.ErrDamaged)
		b.faults[3] = fmt.Errorf("read: %w", spool.ErrNotFound)
		b.Resume()
		b.run()
		b.want([]uint64{4, 1}, 0)
		if !slices.Equal(b.aside, []uint64{2}) || len(b.told) != 2 {
			t.Errorf("set aside %v, told %q", b.aside, b.told)
		}
	})
}

// TestEachMessagePassesOnce: whatever comes while the work is paused and resumed goes on, once.
func TestEachMessagePassesOnce(t *testing.T) {
	const bringers, each, pauses = 8, 500, 200
	b := newBench(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- b.Run(ctx) }()
	var all sync.WaitGroup
	for range bringers {
		all.Go(func() { b.accept(each) })
	}
	all.Go(func() {
		for range pauses {
			b.Pause("admin", "again")
			b.Resume()
		}
	})
	all.Wait()
	deadline := time.Now().Add(20 * time.Second)
	for b.Status().Waiting > 0 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	slices.Sort(b.passed)
	if n := len(b.passed); n != bringers*each || len(slices.Compact(b.passed)) != n {
		t.Errorf("%d messages have passed, %d of them different, want %d", n, len(slices.Compact(b.passed)), bringers*each)
	}
}
