package spool

import (
	"errors"
	"os"
	"time"
)

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

// write places the batch in the log and brings it to stable storage. On an error nothing of it counts.
func (s *Spool) write(b *batch) error {
	g, err := s.current()
	if err != nil {
		return err
	}
	end, err := s.append(g, b)
	if err == nil {
		err = g.f.Datasync()
	}
	if err != nil {
		s.mend(g, b)
		return err
	}
	s.mu.Lock()
	g.size, g.synced = end, end
	s.mu.Unlock()
	return nil
}

// append writes the records behind what is good of the segment and returns where they end.
func (s *Spool) append(g *segment, b *batch) (int64, error) {
	buf, at, end := s.buffer[:0], g.size, g.size
	for i, it := range b.items {
		it.head.flags = 0
		if i == 0 {
			it.head.flags = batchStart
		}
		buf = appendRecord(buf, &it.head, g.number, end, it.meta, it.body)
		end += it.head.size()
		if len(buf) >= writeChunk || i == len(b.items)-1 {
			if _, err := g.f.WriteAt(buf, at); err != nil {
				return at, err
			}
			at, buf = end, buf[:0]
		}
	}
	s.buffer = buf
	return end, nil
}

// mend cuts a segment back to what is good of it. If that cannot be made sure of, nothing more is appended to it, and the
// messages that were refused are declared finished: they may be there all the same, and must not come back.
func (s *Spool) mend(g *segment, b *batch) {
	err := g.f.Truncate(g.size)
	if err == nil {
		err = g.f.Datasync()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		return
	}
	s.seal(g)
	for _, it := range b.items {
		if it.head.kind <= outsideRecord {
			s.strewn(it.head.mid, g)
		}
	}
}

// current is the segment to append to, a new one where that is full or there is none.
func (s *Spool) current() (*segment, error) {
	s.mu.Lock()
	g := s.cur
	if g != nil && g.size >= s.segmentSize {
		s.seal(g)
		g = nil
	}
	number, before := s.last+1, int64(0)
	if old := s.segments[s.last]; old != nil {
		before = old.synced
	}
	s.mu.Unlock()
	if g != nil {
		return g, nil
	}
	return s.begin(number, before)
}

// seal ends the current segment; s.mu is held.
func (s *Spool) seal(g *segment) {
	g.sealed = true
	s.cur = nil
	s.tidy()
}

// begin makes a new segment. Its name is durable before anything in it counts.
func (s *Spool) begin(number uint64, before int64) (*segment, error) {
	path := s.segmentPath(number)
	f, err := s.files.Create(path)
	if errors.Is(err, os.ErrExist) { // of a try that failed
		if err = s.files.Remove(path); err == nil {
			f, err = s.files.Create(path)
		}
	}
	if err != nil {
		return nil, err
	}
	if _, err = f.WriteAt(appendSegmentHead(nil, number, before), 0); err == nil {
		err = s.files.SyncFolder(s.logFolder())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), s.files.Remove(path))
	}
	g := &segment{number: number, f: f, size: segmentHead, synced: segmentHead}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.segments[number] = g
	s.cur, s.last = g, number
	s.used.Add(segmentHead)
	s.tidy() // the one before may go now
	return g, nil
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
