package rig

import (
	"crypto/rand"
	"encoding/hex"
	"iter"
	"sync"
	"sync/atomic"
	"time"
)

// Tracker knows of every (message, recipient) pair of one load whether it was acknowledged, and when and how often it came.
// It takes eight bytes a message of one recipient, so a million messages are nothing to it.
type Tracker struct {
	run     string
	rcpts   int
	started time.Time
	pairs   []atomic.Uint32 // how often it came in the lowest countBits, above them the millisecond of the last time
	acked   []atomic.Bool   // by message

	Acknowledged atomic.Int64 // messages
	Pairs        atomic.Int64 // different pairs that came
	Dups         atomic.Int64 // times that a pair came again
	Transactions atomic.Int64
	Corrupt      atomic.Int64 // transactions with a body or a recipient that is not what was sent
	first, last  atomic.Int64 // nanoseconds since started: the first and the last new pair

	mu      sync.Mutex // guards repeats
	repeats []Repeat
}

// Repeat is a pair that came again. Both times count from the tracker's start.
type Repeat struct{ Before, Again time.Duration }

const (
	countBits = 3
	countMask = 1<<countBits - 1
)

// NewTracker is for messages numbered from 0, each with rcpts recipients.
func NewTracker(messages, rcpts int) *Tracker {
	id := make([]byte, 6)
	rand.Read(id)
	return &Tracker{run: hex.EncodeToString(id), rcpts: rcpts, started: time.Now(),
		pairs: make([]atomic.Uint32, messages*rcpts), acked: make([]atomic.Bool, messages)}
}

// Len is how many messages it can tell apart.
func (t *Tracker) Len() int { return len(t.acked) }

// Recipients is how many each message has.
func (t *Tracker) Recipients() int { return t.rcpts }

// Since is the time on the tracker's clock, that of Repeat and Arrivals.
func (t *Tracker) Since() time.Duration { return time.Since(t.started) }

// First and Last are when the first and the last new pair came; zero when none did.
func (t *Tracker) First() time.Time { return t.at(t.first.Load()) }

// Last is described with First.
func (t *Tracker) Last() time.Time { return t.at(t.last.Load()) }

func (t *Tracker) at(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return t.started.Add(time.Duration(nanos))
}

// ack records that the server took the message.
func (t *Tracker) ack(seq int) {
	if !t.acked[seq].Swap(true) {
		t.Acknowledged.Add(1)
	}
}

// arrive counts one transaction with what its message said of itself.
func (t *Tracker) arrive(m mark, rcpts []recipient, damaged bool) {
	t.Transactions.Add(1)
	now := t.Since()
	for _, r := range rcpts {
		if r.seq != m.seq || r.seq < 0 || r.k < 0 || r.k >= t.rcpts || r.seq >= len(t.acked) {
			damaged = true
			continue
		}
		t.count(&t.pairs[r.seq*t.rcpts+r.k], now)
	}
	if damaged {
		t.Corrupt.Add(1)
	}
}

func (t *Tracker) count(pair *atomic.Uint32, now time.Duration) {
	stamp := uint32(now.Milliseconds()) << countBits
	old := pair.Load()
	for !pair.CompareAndSwap(old, stamp|min(old&countMask+1, countMask)) {
		old = pair.Load()
	}
	if old&countMask > 0 {
		t.Dups.Add(1)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.repeats = append(t.repeats, Repeat{stampTime(old), now})
		return
	}
	t.first.CompareAndSwap(0, int64(now))
	for last := t.last.Load(); last < int64(now) && !t.last.CompareAndSwap(last, int64(now)); last = t.last.Load() {
	}
	t.Pairs.Add(1)
}

func stampTime(v uint32) time.Duration { return time.Duration(v>>countBits) * time.Millisecond }

// Repeats returns the pairs that came again so far.
func (t *Tracker) Repeats() []Repeat {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Repeat(nil), t.repeats...)
}

// Arrivals are the times of everything that came, to the millisecond and in no order.
func (t *Tracker) Arrivals() iter.Seq[time.Duration] {
	repeats := t.Repeats()
	return func(yield func(time.Duration) bool) {
		for _, r := range repeats {
			if !yield(r.Before) {
				return
			}
		}
		for i := range t.pairs {
			if v := t.pairs[i].Load(); v != 0 && !yield(stampTime(v)) {
				return
			}
		}
	}
}

// Check returns how many pairs were acknowledged and did not come, and how many came without having been acknowledged (their
// sender did not live to read the answer).
func (t *Tracker) Check() (lost, ghost int64) {
	for seq := range t.acked {
		acked := t.acked[seq].Load()
		for k := range t.rcpts {
			came := t.pairs[seq*t.rcpts+k].Load() != 0
			switch {
			case acked && !came:
				lost++
			case !acked && came:
				ghost++
			}
		}
	}
	return lost, ghost
}
