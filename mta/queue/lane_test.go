package queue

import (
	"testing"
	"time"

	"posthouse/mta/spool"
)

// started lets the state work and returns the trips that it starts, by the lane of their first task.
func started(m *machine) map[lane]*Trip {
	m.s.step(m.now)
	trips := map[lane]*Trip{}
	for _, j := range m.s.jobs {
		if j.trip != nil {
			trips[j.trip.lane] = j.trip
		}
	}
	m.s.jobs = nil
	return trips
}

// letter adds a message for two.example.
func (m *machine) letter(env spool.Envelope) {
	m.mid++
	env.MID, env.Received = m.mid, m.now.time()
	env.Recipients = []spool.Recipient{{Address: "u@two.example"}}
	m.s.add(spool.Message{Envelope: env, States: make([]spool.State, 1)}, m.now)
}

// finished ends a trip whose task has been settled.
func (m *machine) finished(t *Trip, o Outcome) {
	task := t.open[0]
	t.forget(task)
	r := settled{Recipient: task.Recipients[0], outcome: o}
	if o != Delivered {
		r.failure, r.next = &Failure{Class: "4.4.0", Cause: "D1"}, m.now.add(time.Hour)
	}
	t.achieved = true
	m.s.finish(task, []settled{r}, m.now)
	m.s.ended(t, m.now)
}

// TestWhatIsBarredHoldsNothingElseBack has TLS not good enough for one class of messages: the others go on, also those
// that come later, and what is barred rests.
func TestWhatIsBarredHoldsNothingElseBack(t *testing.T) {
	classes := []spool.Envelope{ordinary: {}, lenient: {TLSReport: true}, demanding: {RequireTLS: true}}
	for barred := range lanes {
		m := newMachine(testConfig())
		h := m.s.host("two.example", m.now)
		for range 2 {
			m.letter(classes[barred])
		}
		trips := started(m)
		m.s.bar(h, trips[barred], unmatched, m.now)
		m.finished(trips[barred], Soft)
		for _, env := range classes {
			m.letter(env)
		}
		m.now++
		trips = started(m)
		if len(trips) != int(lanes)-1 || trips[barred] != nil {
			t.Fatalf("lane %d is barred, and trips of %d lanes are under way: %v", barred, len(trips), trips)
		}
		if got := m.s.hostState(h); got != Down {
			t.Errorf("lane %d is barred and the host %s", barred, got)
		}
		for l, trip := range trips {
			m.s.up(h, l, m.now)
			m.finished(trip, Delivered)
		}
		if got, want := m.s.hostState(h), map[bool]HostState{true: Down, false: Up}[barred == ordinary]; got != want {
			t.Errorf("lane %d is barred, the rest is delivered, and the host %s", barred, got)
		}
		if wake := m.s.nextWake(); wake != h.tracks[barred].resting || wake <= m.now {
			t.Errorf("lane %d rests until %d, and the queue sleeps until %d", barred, h.tracks[barred].resting, wake)
		}
	}
}

// TestABarredLaneIsProbedByOneTrip lets the rest end: one trip tries, however much waits, and a trip of another lane
// does not join in.
func TestABarredLaneIsProbedByOneTrip(t *testing.T) {
	m := newMachine(testConfig())
	h := m.s.host("two.example", m.now)
	for range 5 {
		m.letter(spool.Envelope{})
	}
	m.s.step(m.now)
	for _, j := range m.s.jobs {
		m.s.bar(h, j.trip, unmatched, m.now)
	}
	if len(m.s.jobs) != 5 || h.tracks[ordinary].barred != 1 {
		t.Fatalf("%d trips found out the same, counted as %d failures", len(m.s.jobs), h.tracks[ordinary].barred)
	}
	for _, j := range m.s.jobs {
		m.finished(j.trip, Soft)
	}
	m.s.jobs = nil
	for range 5 {
		m.letter(spool.Envelope{})
	}
	if got := started(m); len(got) != 0 {
		t.Fatalf("the lane rests, and %d trips are started", len(got))
	}
	m.now = h.tracks[ordinary].resting
	m.s.step(m.now)
	if len(m.s.jobs) != 1 {
		t.Fatalf("%d trips probe", len(m.s.jobs))
	}
	probe := m.s.jobs[0].trip
	m.s.jobs = nil
	m.letter(spool.Envelope{TLSOptional: true})
	other := started(m)[lenient]
	m.s.next(other, m.now)
	if task := <-other.offered; task != nil {
		t.Errorf("MID %d goes with a trip of another lane while the lane is probed", task.MID)
	}
	m.s.up(h, ordinary, m.now)
	m.finished(probe, Delivered)
	if got := started(m); len(got) == 0 {
		t.Error("the probe succeeded and nothing follows")
	}
}
