package queue

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestOneOutageIsOneFailure has several attempts that began together find a host down: it rests as after one failure.
func TestOneOutageIsOneFailure(t *testing.T) {
	m := newMachine(testConfig())
	h := m.s.host("dead.example", m.now)
	first, second := newTrip(h, &Task{}), newTrip(h, &Task{})
	h.carry(first, ordinary)
	h.carry(second, ordinary)
	m.s.down(h, first.known, refused, m.now)
	blocked := h.blocked
	m.s.down(h, second.known, silent, m.now+1)
	if h.failures != 1 || h.blocked != blocked || h.fault.cause != "N4" {
		t.Errorf("%d failures, resting until %d, was %d", h.failures, h.blocked, blocked)
	}
	probe := newTrip(h, &Task{})
	h.carry(probe, ordinary)
	m.s.down(h, probe.known, refused, m.now+2)
	if h.failures != 2 {
		t.Errorf("%d failures after the probe", h.failures)
	}
}

// TestATripThatAchievesNothing is not followed by another one at once.
func TestATripThatAchievesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trips atomic.Int32
		deliver := func(_ context.Context, trip *Trip) {
			trips.Add(1)
			trip.Settle(trip.First, nil)
			time.Sleep(time.Millisecond) // the trip ends later than its task
		}
		b := run(t, deliver)
		b.Add(letter(1, "a@x.example", "b@one.example"))
		pause(pauseIdle / 2)
		if n := trips.Load(); n != 1 {
			t.Errorf("%d trips at first", n)
		}
		pause(pauseIdle)
		if n := trips.Load(); n != 2 {
			t.Errorf("%d trips after a moment", n)
		}
	})
}
