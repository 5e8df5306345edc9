package queue

import (
	"fmt"
	"testing"
	"time"

	"posthouse/mta/spool"
)

// BenchmarkState measures what the owner does for one message, from Add to its end, while many wait for a dead host.
func BenchmarkState(b *testing.B) {
	conf := testConfig()
	m := newMachine(conf)
	for i := range 100000 {
		env := spool.Envelope{MID: uint64(i + 1), Received: m.now.time(), Recipients: []spool.Recipient{{Address: "u@dead.example"}}}
		m.s.add(spool.Message{Envelope: env, States: make([]spool.State, 1)}, m.now)
	}
	m.s.down(m.s.hosts["dead.example"], 0, refused, m.now)
	m.s.step(m.now)
	for _, j := range m.s.jobs {
		m.s.finish(j.trip.First, delayed(j.trip.First, m.now.add(time.Hour)), m.now)
		m.s.ended(j.trip, m.now)
	}
	m.s.jobs = nil
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.now++
		env := spool.Envelope{MID: uint64(1e6 + i), Received: m.now.time(), Recipients: []spool.Recipient{{Address: fmt.Sprintf("u@h%d.example", i%200)}}}
		m.s.add(spool.Message{Envelope: env, States: make([]spool.State, 1)}, m.now)
		m.s.step(m.now)
		for _, j := range m.s.jobs {
			m.s.finish(j.trip.First, []settled{{Recipient: j.trip.First.Recipients[0], outcome: Delivered}}, m.now)
			m.s.ended(j.trip, m.now)
			m.s.hosts[j.trip.host].blocked = 0
		}
		m.s.jobs = m.s.jobs[:0]
	}
	if left := len(m.s.messages); left > 100000 {
		b.Fatalf("%d messages left", left)
	}
}

// delayed is the results of a task that failed for now.
func delayed(task *Task, next instant) []settled {
	var list []settled
	for _, r := range task.Recipients {
		list = append(list, settled{Recipient: r, outcome: Soft, next: next, failure: internalFailure()})
	}
	return list
}
