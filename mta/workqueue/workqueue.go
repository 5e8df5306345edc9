// Package workqueue owns a message between its acceptance and its delivery. There is no filter yet that it would have to
// pass, but an operator can pause the work: what is accepted then stays in the spool, and only its number in memory, until
// the work is resumed. Only mta imports it.
package workqueue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"posthouse/mta/maillog"
	"posthouse/mta/spool"
)

// Spool is where the messages lie that wait; *spool.Spool is one.
type Spool interface {
	Message(mid uint64) (spool.Message, error)
	SetAside(mid uint64, reason string) error
	LastMID() uint64
}

// Pause is that the work was stopped, by whom and why. A message with a number beyond After waits; those before it had
// begun already.
type Pause struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	After  uint64    `json:"after"`
}

// Options of New. All must be given but Paused.
type Options struct {
	Spool  Spool
	Log    *maillog.Log
	Next   func(ctx context.Context, m spool.Message) // takes over a message that is done here
	Keep   func(*Pause) error                         // makes the pause durable; nil is the end of it
	Paused *Pause                                     // as the last process left it; nil: it was not paused
	Fault  func(what string, err error)               // told of what fails on our own side
}

// Queue is the work queue. Its methods may be called from many goroutines at once.
type Queue struct {
	opt  Options
	wake chan struct{} // there may be something to release; capacity 1

	mu      sync.Mutex // guards everything below
	paused  *Pause
	waiting []uint64 // messages, in the order in which they came
	in, out uint64
}

// Status is how the work stands.
type Status struct {
	Paused  *Pause // nil: it goes on
	Waiting int    // messages
	In, Out uint64 // messages since the start
}

// New returns a queue. What waits is released only while Run runs.
func New(o Options) *Queue { return &Queue{opt: o, wake: make(chan struct{}, 1), paused: o.Paused} }

// Hold keeps a message that is in the spool where the work is paused, or where others wait that came before it. Whoever
// brings one that is not held hands it to Accepted.
func (q *Queue) Hold(mid uint64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.in++
	if q.paused == nil && len(q.waiting) == 0 || q.paused != nil && mid <= q.paused.After {
		q.out++
		return false
	}
	q.waiting = append(q.waiting, mid)
	return true
}

// Accepted takes a message that is not held.
func (q *Queue) Accepted(ctx context.Context, m spool.Message) { q.opt.Next(ctx, m) }

// Load keeps a message that is in the spool at the start, if it waited here when the last process ended. What came through
// no listener never did, nor what was tried already.
func (q *Queue) Load(m spool.Message) bool {
	begun := slices.ContainsFunc(m.States, func(s spool.State) bool { return s.Done || s.Attempts > 0 })
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.paused == nil || m.ICID == 0 || m.MID <= q.paused.After || begun {
		return false
	}
	q.waiting = append(q.waiting, m.MID)
	return true
}

// Pause stops the work for what is accepted from now on. The error says that it will not outlive a restart.
func (q *Queue) Pause(by, reason string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := &Pause{By: by, Reason: reason, At: time.Now(), After: q.opt.Spool.LastMID()}
	if len(q.waiting) > 0 { // of an earlier pause
		p.After = min(p.After, slices.Min(q.waiting)-1)
	}
	q.paused = p
	return q.opt.Keep(p)
}

// Resume lets the work go on. What waits is released in the order in which it came.
func (q *Queue) Resume() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.paused = nil
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return q.opt.Keep(nil)
}

// Status says how the work stands.
func (q *Queue) Status() Status {
	q.mu.Lock()
	defer q.mu.Unlock()
	return Status{Paused: q.paused, Waiting: len(q.waiting), In: q.in, Out: q.out}
}

// unreadable is how long a message rests that the disk does not give at the moment.
const unreadable = 10 * time.Second

// Run releases what waits whenever the work is not paused, until ctx ends.
func (q *Queue) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-q.wake:
		}
		for ctx.Err() == nil && q.release(ctx) {
		}
	}
}

// release hands on the first message that waits; false when there is none or the work is paused.
func (q *Queue) release(ctx context.Context) bool {
	mid, ok := q.first()
	if !ok {
		return false
	}
	m, err := q.opt.Spool.Message(mid)
	switch {
	case err == nil:
		q.opt.Log.Queued(mid)
		q.opt.Next(ctx, m)
	case errors.Is(err, spool.ErrNotFound): // somebody has removed it
	case errors.Is(err, spool.ErrDamaged):
		if fault := q.opt.Spool.SetAside(mid, err.Error()); fault != nil {
			err = errors.Join(err, fault)
		}
		q.opt.Fault(fmt.Sprintf("MID %d in the work queue", mid), err)
	default:
		q.opt.Fault(fmt.Sprintf("MID %d in the work queue", mid), err)
		q.back(ctx, mid)
	}
	return true
}

// first takes the first message that waits.
func (q *Queue) first() (mid uint64, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.paused != nil || len(q.waiting) == 0 {
		return 0, false
	}
	mid = q.waiting[0]
	if q.waiting = q.waiting[1:]; len(q.waiting) == 0 {
		q.waiting = nil
	}
	q.out++
	return mid, true
}

// back puts a message behind the others and waits a while.
func (q *Queue) back(ctx context.Context, mid uint64) {
	q.mu.Lock()
	q.waiting = append(q.waiting, mid)
	q.out--
	q.mu.Unlock()
	timer := time.NewTimer(unreadable)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
