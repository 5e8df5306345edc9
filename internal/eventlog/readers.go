package eventlog

import (
	"context"
	"math"
	"runtime"
	"sync"
	"time"
)

const (
	// fullRate is how many bytes a second are written to logs when mail is taken for busy: some 400 messages a second.
	fullRate = 512 << 10
	// leastShare is the part of the processors that readers get beside busy mail.
	leastShare = 0.025
	// mostCredit is how much processor time readers may have left over, to use at once.
	mostCredit = 20 * time.Millisecond
	// lease is how long a reader keeps others waiting: one that waits for its client longer than that does not work.
	lease = 5 * time.Millisecond
	// rateSpan is over how long the rate of writing is measured, and fading what is left of a higher one with each span: mail that
	// readers hold up writes little, and is busy all the same.
	rateSpan = 500 * time.Millisecond
	fading   = 0.7
)

// Readers bound what operators who read logs take of the processors together. No more than half of the processors read at a
// time, so that mail gets on; and the more lines mail writes, the less is left to readers, down to a fortieth. They work in
// turns of a few milliseconds at most, in the order in which they ask. One Readers serves all logs of an appliance.
type Readers struct {
	processors int
	turns      chan struct{} // a token for each turn in progress
	gate       chan struct{} // a token for the one who waits for credit, all others behind
	now        func() time.Time

	mu      sync.Mutex
	written int64     // bytes since
	since   time.Time // when the present span began
	rate    float64   // bytes a second in the span before

	credit time.Duration // processor time that may be used; less than nothing: others have used more
	filled time.Time     // when credit was counted last
	usual  time.Duration // what a turn takes
}

// NewReaders makes the bound.
func NewReaders() *Readers { return newReaders(runtime.GOMAXPROCS(0), time.Now) }

func newReaders(processors int, now func() time.Time) *Readers {
	return &Readers{
		processors: processors, turns: make(chan struct{}, max(1, processors/2)), gate: make(chan struct{}, 1), now: now,
		since: now(), filled: now(), credit: mostCredit,
	}
}

// wrote counts what was written to a log.
func (r *Readers) wrote(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.measure(r.now())
	r.written += int64(n)
}

// measure ends the present span when it is over; mu is held.
func (r *Readers) measure(now time.Time) {
	if took := now.Sub(r.since); took >= rateSpan {
		r.rate = max(float64(r.written)/took.Seconds(), r.rate*math.Pow(fading, took.Seconds()/rateSpan.Seconds()))
		r.written, r.since = 0, now
	}
}

// busy says how busy mail is: 0 not at all, 1 or more fully; mu is held.
func (r *Readers) busy() float64 {
	now := r.now()
	r.measure(now)
	return max(r.rate, float64(r.written)/rateSpan.Seconds()) / fullRate
}

// free is how busy mail may be for readers to be left alone.
const free = leastShare

// scarce says that readers are held back.
func (r *Readers) scarce() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.busy() > free
}

// turn does work when it is this reader's turn, or returns the context's error.
func (r *Readers) turn(ctx context.Context, work func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	spent, err := r.admit(ctx)
	if err != nil {
		return err
	}
	select {
	case r.turns <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	over := sync.OnceFunc(func() { <-r.turns })
	defer over()
	defer time.AfterFunc(lease, over).Stop()
	began := startMeter()
	err = work()
	r.charge(began.spent() - spent)
	return err
}

// admit waits for credit and takes what a turn usually costs from it.
func (r *Readers) admit(ctx context.Context) (taken time.Duration, err error) {
	if taken, wait := r.take(); wait == 0 {
		return taken, nil
	}
	select {
	case r.gate <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { <-r.gate }()
	for {
		taken, wait := r.take()
		if wait == 0 {
			return taken, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return 0, ctx.Err()
		}
	}
}

// take takes a turn's credit, or says how long to wait before there may be some.
func (r *Readers) take() (taken, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, busy := r.now(), r.busy()
	if busy <= free {
		r.filled, r.credit = now, mostCredit
		return 0, 0
	}
	share := max(float64(cap(r.turns))*(1-busy), float64(r.processors)*leastShare)
	r.credit = min(mostCredit, r.credit+time.Duration(share*float64(now.Sub(r.filled))))
	r.filled = now
	if r.credit > 0 {
		r.credit -= r.usual
		return r.usual, 0
	}
	return 0, min(rateSpan, time.Duration(float64(-r.credit)/share)+time.Millisecond)
}

// charge takes what a turn has cost beyond what was taken for it.
func (r *Readers) charge(more time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.credit -= more
	r.usual = max(0, r.usual+more/8)
}
