package queue

import "testing"

// TestOneOutageIsOneFailure has several attempts that began together find a host down: it rests as after one failure.
func TestOneOutageIsOneFailure(t *testing.T) {
	m := newMachine(testConfig())
	h := m.s.host("dead.example", m.now)
	first, second := newTrip(h, &Task{}), newTrip(h, &Task{})
	h.carry(first, ordinary)
	h.carry(second, ordinary)
	m.s.down(h, first.known, "N3", "refused", m.now)
	blocked := h.blocked
	m.s.down(h, second.known, "N4", "timed out", m.now+1)
	if h.failures != 1 || h.blocked != blocked || h.lastCause != "N4" {
		t.Errorf("%d failures, resting until %d, was %d", h.failures, h.blocked, blocked)
	}
	probe := newTrip(h, &Task{})
	h.carry(probe, ordinary)
	m.s.down(h, probe.known, "N3", "refused", m.now+2)
	if h.failures != 2 {
		t.Errorf("%d failures after the probe", h.failures)
	}
}
