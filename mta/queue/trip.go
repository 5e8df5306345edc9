package queue

import (
	"context"
	"slices"
	"time"
)

// Trip is one delivery run to one destination: the tasks that one connection carries. It belongs to the goroutine
// that Deliver runs in.
type Trip struct {
	// First is the task that the trip was started for.
	First *Task

	host   string
	queue  *Queue
	cancel context.CancelFunc

	given    int     // tasks on the latest connection
	open     []*Task // given and not settled
	dcid     uint64  // of the latest connection
	achieved bool    // something came of it; touched under the queue's mutex only
	isOpen   bool    // has a connection; likewise

	lane        lane // of the latest task; this and the next are touched under the mutex only
	carries     bool // has been given a task
	known       int  // failures of the host when it was given, and of the lane
	knownBarred int

	knownRefusals int // likewise: refusals of one connection more, and connections that were closed
	knownClosed   int

	offered chan *Task // the state's answer to Next; nil is none
}

func newTrip(h *host, first *Task) *Trip {
	return &Trip{First: first, host: h.name, given: 1, open: []*Task{first}, cancel: func() {}, offered: make(chan *Task, 1)}
}

// Destination is the domain, or the address literal in brackets, that the trip is for; in lower case.
func (t *Trip) Destination() string { return t.host }

// Next gives another message for the destination. It waits a moment for one, and returns false when there is none,
// when the destination's limit of messages a connection is reached, or when deliveries are to end.
func (t *Trip) Next(ctx context.Context) (*Task, bool) {
	dest, _ := t.queue.opt.Config().Destination(t.host)
	if limit := value(dest.Messages, 0); ctx.Err() != nil || (limit > 0 && t.given >= limit) {
		return nil, false
	}
	for {
		task := t.next(ctx)
		if task == nil {
			return nil, false
		}
		t.given++
		t.open = append(t.open, task)
		if t.ready(task) {
			return task, true
		}
	}
}

// next is the state's answer.
func (t *Trip) next(ctx context.Context) *Task {
	if !t.queue.call(func(s *state) { s.next(t, at(time.Now())) }) {
		return nil
	}
	select {
	case task := <-t.offered:
		return task
	default:
	}
	timer := time.NewTimer(t.queue.opt.Linger)
	defer timer.Stop()
	select {
	case task := <-t.offered:
		return task
	case <-timer.C:
	case <-ctx.Done():
	}
	t.queue.call(func(s *state) { s.giveUp(t) })
	return <-t.offered
}

// ready reads what has to be known of a task. One that cannot be read is settled, and false.
func (t *Trip) ready(task *Task) bool {
	err := t.queue.load(task)
	if err == nil {
		return true
	}
	t.forget(task)
	t.queue.unreadable(t, task, err)
	return false
}

// Connected says that a connection was opened, under this DCID. The limit of messages a connection counts from here.
func (t *Trip) Connected(dcid uint64) {
	t.dcid, t.given = dcid, 1
	t.do(func(s *state, h *host) {
		if !t.isOpen {
			t.isOpen = true
			h.open++
		}
	})
}

// Attempted says under which DCID a connection is tried; what fails from here on is logged with it.
func (t *Trip) Attempted(dcid uint64) { t.dcid = dcid }

// Disconnected says that the connection is closed.
func (t *Trip) Disconnected() {
	t.do(func(_ *state, h *host) { h.disconnected(t) })
}

// Up says that the destination was reached and takes mail. tls is what hoststatus says of the connection.
func (t *Trip) Up(tls string) {
	t.do(func(s *state, h *host) {
		h.lastTLS = tls
		s.up(h, t.lane, at(time.Now()))
	})
}

// Down says that no way to the destination led anywhere: it rests for a while.
func (t *Trip) Down(f *Failure) {
	t.do(func(s *state, h *host) { s.down(h, t.known, f, at(time.Now())) })
}

// Bar says that no way to the destination has TLS as the latest task needs it: messages with the same demands rest for a
// while, and others go on.
func (t *Trip) Bar(f *Failure) {
	t.do(func(s *state, h *host) { s.bar(h, t, f, at(time.Now())) })
}

// Routed says where the destination's mail goes at present.
func (t *Trip) Routed(r Routing) {
	t.do(func(s *state, h *host) { h.route = r })
}

func (t *Trip) do(f func(s *state, h *host)) {
	t.queue.call(func(s *state) {
		if h := s.hosts[t.host]; h != nil {
			f(s, h)
		}
	})
}

// forget takes a settled task off the trip's list. It returns false if the task is not on it.
func (t *Trip) forget(task *Task) bool {
	i := slices.Index(t.open, task)
	if i < 0 {
		return false
	}
	t.open = slices.Delete(t.open, i, i+1)
	return true
}
