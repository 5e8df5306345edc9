package spool

import "time"

const (
	// maxGather is the longest that a batch waits for company.
	maxGather = time.Millisecond
	// SyncInterval is the longest that a state waits for a batch, which is how old the states can be that a power cut costs.
	SyncInterval = 20 * time.Millisecond
	// retryInterval is how long the log waits after the disk has refused something.
	retryInterval = 500 * time.Millisecond
	// stallLimit is how long an update waits for a disk that refuses what was to be recorded before.
	stallLimit = 10 * time.Second
	writeChunk = 1 << 20 // bytes in one write
)

// item is one record on its way into the log.
type item struct {
	head   head
	meta   []byte
	body   []byte
	single bool     // a message with one recipient, which is 0
	from   *segment // of a message's copy: where it was read
	strewn bool     // it was refused, and may be on the disk all the same

	states  []State  // of a state record: the same in memory
	about   *segment // of a finished record: where the message lies
	ended   bool     // and counts until this is on stable storage
	state   *segment // where its state does; nil: nowhere
	outside bool     // its content is in a file of its own
}

// urgent says that somebody waits for the item, and nothing is lost if it cannot be written.
func (it *item) urgent() bool { return it.from == nil && it.head.kind <= outsideRecord }

// batch is the items that share one write and one sync.
type batch struct {
	items  []*item
	urgent int
	done   chan struct{} // closed when err is set
	err    error
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

// enqueue puts items into the next batch, which it returns; s.mu is held.
func (s *Spool) enqueue(items ...*item) *batch {
	b := s.next
	first := len(b.items) == 0
	for _, it := range items {
		b.items = append(b.items, it)
		if it.urgent() {
			b.urgent++
			first = first || b.urgent == 1
		}
	}
	if first || (b.urgent > 0 && b.urgent >= s.want) {
		s.rouse()
	}
	return b
}

// run writes batch after batch until the spool is closed and nothing is left, or the disk refuses what is.
func (s *Spool) run() {
	defer close(s.stopped)
	for {
		b, last := s.gather()
		if b == nil {
			return
		}
		began := time.Now()
		err := s.write(b)
		s.settle(b, err)
		if err != nil && last {
			return
		}
		if err != nil {
			s.rest(began)
		}
	}
}

// gather returns the next batch once it is worth writing, nil when the spool is closed and nothing is left. The last try
// is one that is not to be repeated.
func (s *Spool) gather() (b *batch, last bool) {
	var began patience
	for {
		s.mu.Lock()
		b, last = s.next, s.draining
		left, ready := s.worth(b, &began)
		if ready {
			s.next, s.want, s.hurry = newBatch(), 0, false
			s.writing = b
			s.mu.Unlock()
			return b, last
		}
		s.want = max(s.expected/2, 1)
		some := len(b.items) > 0
		s.mu.Unlock()
		switch {
		case some:
			s.pause(left)
		case last:
			return nil, last
		default:
			<-s.wake
		}
	}
}

// patience is since when a batch has had something to write, and a message.
type patience struct{ any, urgent time.Time }

// worth says whether a batch is worth writing, or how long it may wait yet; s.mu is held. A message waits for others
// only where the batches before had several, and then for half of those that are known to come: a lonely session never
// waits. States wait for messages, up to SyncInterval.
func (s *Spool) worth(b *batch, began *patience) (left time.Duration, ready bool) {
	if len(b.items) == 0 {
		return 0, false
	}
	now := time.Now()
	if began.any.IsZero() {
		began.any = now
	}
	left = SyncInterval - now.Sub(began.any)
	if b.urgent > 0 {
		if began.urgent.IsZero() {
			began.urgent = now
		}
		left = maxGather - now.Sub(began.urgent)
		if left <= 0 { // whoever was expected has gone
			s.expected = b.urgent
		}
		ready = b.urgent >= s.expected/2
	}
	return left, ready || left <= 0 || s.closing || s.hurry
}

// pause waits for more to write, or as long as is left.
func (s *Spool) pause(left time.Duration) {
	s.timer.Reset(left)
	select {
	case <-s.wake:
	case <-s.timer.C:
	}
	s.timer.Stop()
}

// rest waits after a failure, unless a message comes that may succeed: its client is waiting for an answer.
func (s *Spool) rest(began time.Time) {
	for {
		s.mu.Lock()
		over := s.draining || s.next.urgent > 0
		s.mu.Unlock()
		left := time.Until(began.Add(retryInterval))
		if over || left <= 0 {
			return
		}
		s.pause(left)
	}
}

// settle lets what was written count, or keeps for the next batch what must not be lost, and tells everybody.
func (s *Spool) settle(b *batch, err error) {
	s.mu.Lock()
	s.writing = nil
	if err == nil {
		if s.trouble != nil {
			s.trouble = nil
			s.tidy()
		}
		s.count(b)
	} else {
		s.trouble = err
		s.keep(b)
	}
	s.mu.Unlock()
	b.err = err
	close(b.done)
}

// count lets a batch's records count and remembers how much company there was; s.mu is held.
func (s *Spool) count(b *batch) {
	g := s.cur
	at := g.size
	for _, it := range b.items {
		at -= it.head.size()
	}
	s.used.Add(g.size - at)
	for _, it := range b.items {
		s.apply(it, g, uint32(at))
		at += it.head.size()
	}
	if b.urgent > 0 {
		s.expected = max(b.urgent+s.next.urgent, s.expected-s.expected/8-1)
	}
}

// keep puts what would be lost in front of the next batch: neither what somebody waits for nor copies are. s.mu is held.
func (s *Spool) keep(b *batch) {
	var kept []*item
	for _, it := range b.items {
		if !it.urgent() && it.from == nil {
			kept = append(kept, it)
		}
	}
	s.next.items = append(kept, s.next.items...)
}
