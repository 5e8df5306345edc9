package queue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"posthouse/config"
	"posthouse/mta/maillog"
	"posthouse/mta/spool"
)

// ErrStopped says that the queue does not run any more.
var ErrStopped = errors.New("the queue has stopped")

// Spool is where the queue's messages lie; *spool.Spool is one.
type Spool interface {
	Messages(do func(spool.Message) error) error
	Message(mid uint64) (spool.Message, error)
	Update(mid uint64, updates ...spool.Update) (finished bool, err error)
	SetAside(mid uint64, reason string) error
	Discard(mid uint64) error
	Sync() error // returns when every update is on stable storage
}

// Options of New. Config, Spool, Log, Deliverer and Bouncer must be given.
type Options struct {
	Config    func() *config.Config // the running configuration; asked anew for every decision
	Spool     Spool
	Log       *maillog.Log
	Deliverer Deliverer
	Bouncer   Bouncer

	// Way says by what the mail for a destination goes where that is not the DNS's to say, such as the name of a route with all
	// that governs it. Destinations with the same way share transactions; those with none, "", do not. nil: none has one.
	Way func(destination string) string

	// Headers are the header fields of a message that the line of its delivery ends with; nil: none ever.
	Headers func(mid uint64) []maillog.Header
	// Bounced is told of every recipient whose delivery has failed for good, once that is durable. nil: nobody is told.
	Bounced func(dcid, mid uint64, sender, recipient string, rid int, f maillog.Failure)

	Hand      Hand                         // remembers what is worked on; nil: nobody does
	Suspended Suspension                   // as the last process left it
	Grace     func() time.Duration         // what deliveries under way get at the end; nil: nothing
	Linger    time.Duration                // how long an open connection waits for the next message; 0: the default, -1: not
	Random    func() float64               // 0 to 1; nil: math/rand
	Fault     func(what string, err error) // told of what fails on our own side; nil: nobody
}

// Queue is the mail that waits for its delivery. Its methods may be called from many goroutines at once; they wait
// until Run has taken up what the spool holds, and do nothing once it has returned.
type Queue struct {
	opt     Options
	wake    chan struct{} // the time of the next event has changed; holds one token
	loaded  chan struct{}
	ending  chan struct{} // closed when no trip and no chore is left
	stopped chan struct{}
	workers sync.WaitGroup

	mu     sync.Mutex      // guards the state; what is done under it waits for nothing
	state  *state          // nil before Run has loaded it, and once it has ended
	work   context.Context // of the deliveries
	timed  instant         // the event that Run waits for
	last   Suspension      // when Run returned; read only once stopped is closed
	totals Totals          // likewise
}

// New returns a queue that Run brings to life.
func New(opt Options) *Queue {
	if opt.Random == nil {
		opt.Random = rand.Float64
	}
	if opt.Fault == nil {
		opt.Fault = func(string, error) {}
	}
	if opt.Way == nil {
		opt.Way = func(string) string { return "" }
	}
	if opt.Hand == nil {
		opt.Hand = nobodyWatches{}
	}
	if opt.Linger == 0 {
		opt.Linger = lingerDefault
	}
	return &Queue{
		opt: opt, wake: make(chan struct{}, 1),
		loaded: make(chan struct{}), ending: make(chan struct{}), stopped: make(chan struct{}),
	}
}

// Loaded is closed when Run has taken up what the spool holds. Listeners are opened after that.
func (q *Queue) Loaded() <-chan struct{} { return q.loaded }

// Run takes up the messages of the spool and delivers until ctx ends. Then it starts nothing more, waits up to the
// grace for deliveries under way, cuts the rest, and returns when none is left.
func (q *Queue) Run(ctx context.Context) error {
	defer close(q.stopped)
	s := newState(q.opt.Config, q.opt.Random)
	s.suspension, s.way, s.hand = q.opt.Suspended, q.opt.Way, q.opt.Hand
	err := q.opt.Spool.Messages(func(m spool.Message) error {
		s.add(m, at(time.Now()))
		return ctx.Err()
	})
	s.sortByAge()
	q.last = s.suspension
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("loading the queue: %w", err)
	}
	work, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	q.mu.Lock()
	q.state, q.work = s, work
	q.mu.Unlock()
	close(q.loaded)
	q.attend(ctx, cut)
	close(q.ending)
	q.workers.Wait()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.last, q.totals = s.suspension, s.sum()
	q.state = nil
	return nil
}

// attend lets happen what time brings, until ctx has ended and no delivery is left.
func (q *Queue) attend(ctx context.Context, cut func()) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	done := ctx.Done()
	var grace <-chan time.Time
	for {
		next, over := q.advance()
		if over {
			return
		}
		if next != 0 {
			timer.Reset(max(time.Until(next.time()), 0))
		} else {
			timer.Stop()
		}
		select {
		case <-q.wake:
		case <-timer.C:
		case <-done:
			q.call(func(s *state) { s.stopping = true })
			done = nil
			grace = time.After(q.grace())
		case <-grace:
			cut()
		}
	}
}

// advance does what is due and says when something is due next, or that all is over.
func (q *Queue) advance() (next instant, over bool) {
	q.call(func(s *state) {
		s.step(at(time.Now()))
		if !s.stopping {
			next = s.nextWake()
		}
		q.timed = next
		over = s.stopping && s.trips == 0 && s.chores == 0
	})
	return next, over
}

// call runs f on the state, lets follow what it makes possible, and starts what that is. It returns false, with f not run,
// when the queue has stopped. f waits for nothing and calls nothing that does.
func (q *Queue) call(f func(*state)) bool {
	select {
	case <-q.loaded:
	case <-q.stopped:
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.state
	if s == nil {
		return false
	}
	f(s)
	s.step(at(time.Now()))
	q.start(s)
	if s.trips == 0 && s.stopping || !s.stopping && q.sooner(s.nextWake()) {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// sooner says whether an event comes before the one that Run waits for.
func (q *Queue) sooner(next instant) bool {
	return next != 0 && (q.timed == 0 || next < q.timed)
}

// start gives every job that the state wants done a goroutine; q.mu is held.
func (q *Queue) start(s *state) {
	for _, j := range s.jobs {
		if j.trip != nil {
			j.trip.queue = q
			ctx, cancel := context.WithCancel(q.work)
			j.trip.cancel = cancel
			q.workers.Go(func() { q.travel(ctx, j.trip) })
			continue
		}
		q.workers.Go(func() { q.chore(j) })
	}
	clear(s.jobs)
	s.jobs = s.jobs[:0]
}

// travel runs one trip. A panic costs the messages it held one attempt and nothing else.
func (q *Queue) travel(ctx context.Context, t *Trip) {
	defer func() {
		t.cancel()
		q.call(func(s *state) { s.ended(t, at(time.Now())) })
	}()
	if !t.ready(t.First) {
		return
	}
	q.guarded("delivery to "+t.host, func() { q.opt.Deliverer.Deliver(ctx, t) })
	for len(t.open) > 0 {
		task := t.open[0]
		var results []Result
		if ctx.Err() == nil {
			results = everyone(task, Soft, internalFailure())
		}
		t.Settle(task, results)
	}
}

// guarded runs f and tells the operator of a panic in it.
func (q *Queue) guarded(what string, f func()) {
	defer func() {
		if r := recover(); r != nil {
			q.opt.Fault(what, fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
		}
	}()
	f()
}

func internalFailure() *Failure {
	return &Failure{
		Class: "4.3.0", Title: "Other mail system problem", Status: "4.3.0", Lines: []string{"internal error"},
	}
}

// everyone gives all of a task's recipients the same outcome.
func everyone(task *Task, o Outcome, f *Failure) []Result {
	var list []Result
	for _, r := range task.Recipients {
		list = append(list, Result{RID: r.RID, Outcome: o, Failure: f})
	}
	return list
}

// chore expires a task or sends a delay warning.
func (q *Queue) chore(j job) {
	defer q.call(func(s *state) { s.chores-- })
	switch {
	case j.expire != nil:
		q.expire(j)
	case j.warn != nil:
		q.guarded("delay warning", func() { q.warn(j) })
		q.letGo(j.warn)
		q.call(func(s *state) {
			s.tried(j.warn.group)
			s.place(j.warn.group, at(time.Now()))
		})
	}
}

func (q *Queue) expire(j job) {
	q.guarded("expiry", func() {
		if err := q.load(j.expire); err != nil {
			q.unreadable(nil, j.expire, err)
			return
		}
		q.settle(nil, 0, j.expire, everyone(j.expire, Hard, expiredFailure(j.last)))
	})
}

// Add takes in a message that the spool holds. One that is known already is left alone.
func (q *Queue) Add(m spool.Message) {
	q.call(func(s *state) {
		if s.add(m, at(time.Now())) {
			s.fresh.add(&m)
		}
		if m.Bounce {
			s.totals.Generated += uint64(len(m.Recipients))
		}
	})
}

// grace is what deliveries under way get at the end.
func (q *Queue) grace() time.Duration {
	if q.opt.Grace == nil {
		return 0
	}
	return q.opt.Grace()
}
