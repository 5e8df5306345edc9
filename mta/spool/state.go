package spool

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// Update records new states of a message's recipients: all of them or none, on stable storage within SyncInterval. A
// recipient that is done stays done whatever a later update says. When all are done the message is finished: it is not
// in the spool any more, and finished is true.
//
// While the disk does not take what is to be recorded, Update waits a few seconds and then returns ErrStalled; what was
// to be recorded is kept and recorded as soon as possible.
func (s *Spool) Update(mid uint64, updates ...Update) (finished bool, err error) {
	own := &s.updates[mid%uint64(len(s.updates))]
	own.Lock()
	b, finished, err := s.update(mid, updates)
	own.Unlock()
	if err == nil {
		err = s.stalled(b)
	}
	if err != nil {
		return finished, fmt.Errorf("update message %d: %w", mid, err)
	}
	return finished, nil
}

func (s *Spool) update(mid uint64, updates []Update) (b *batch, finished bool, err error) {
	s.mu.Lock()
	e, ok := s.entries[mid]
	if !ok || s.closing {
		s.mu.Unlock()
		if !ok {
			return nil, false, ErrNotFound
		}
		return nil, false, os.ErrClosed
	}
	if e.single() && len(updates) == 1 && updates[0].RID == 0 && updates[0].Done {
		b = s.enqueue(s.finish(mid, e)...)
		s.mu.Unlock()
		return b, true, nil
	}
	s.mu.Unlock()
	m, err := s.message(mid)
	if err != nil {
		return nil, false, err
	}
	if err := m.merge(updates); err != nil {
		return nil, false, err
	}
	return s.record(&m)
}

// merge puts updates into the message's states.
func (m *Message) merge(updates []Update) error {
	for _, u := range updates {
		i := indexOf(m.Recipients, u.RID)
		if i < 0 {
			return fmt.Errorf("it has no recipient %d", u.RID)
		}
		u.LastError = strings.ToValidUTF8(u.LastError, "\ufffd")
		m.States[i] = m.States[i].next(u.State)
	}
	return nil
}

// record puts a message's states into the log, or its end.
func (s *Spool) record(m *Message) (b *batch, finished bool, err error) {
	meta := appendStates(nil, m.Recipients, m.States)
	it := &item{head: head{kind: stateRecord, mid: m.MID, meta: uint32(len(meta)), metaSum: sum(meta)}, meta: meta, states: m.States}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[m.MID]
	switch {
	case !ok:
		return nil, false, ErrNotFound
	case s.closing:
		return nil, false, os.ErrClosed
	case m.finished():
		return s.enqueue(s.finish(m.MID, e)...), true, nil
	}
	s.fresh[m.MID] = it
	return s.enqueue(it), false, nil
}

// stalled waits while the disk refuses what was to be recorded. In ordinary times it does not wait at all.
func (s *Spool) stalled(b *batch) error {
	s.mu.Lock()
	ok := s.trouble == nil
	s.mu.Unlock()
	if ok {
		return nil
	}
	limit := time.NewTimer(stallLimit)
	defer limit.Stop()
	for {
		select {
		case <-b.done:
		case <-limit.C:
			return ErrStalled
		case <-s.ended:
			return ErrStalled
		}
		if b.err == nil {
			return nil
		}
		s.mu.Lock()
		over := s.trouble == nil // what settle had put into the batch after this one is written
		if b = s.writing; b == nil {
			b = s.next
		}
		s.mu.Unlock()
		if over {
			return nil
		}
	}
}

// Sync returns when everything that was recorded so far is on stable storage, or with the reason why it is not.
func (s *Spool) Sync() error {
	s.mu.Lock()
	b := s.next
	if len(b.items) == 0 {
		b = s.writing
	} else {
		s.hurry = true
		s.rouse()
	}
	s.mu.Unlock()
	if b == nil {
		return nil
	}
	select {
	case <-b.done:
		return b.err
	case <-s.stopped:
		return os.ErrClosed
	}
}

// Discard finishes a message whatever its recipients' states are: nobody can be sent what cannot be read.
func (s *Spool) Discard(mid uint64) error {
	s.mu.Lock()
	e, ok := s.entries[mid]
	if !ok {
		s.mu.Unlock()
		return fmt.Errorf("discard message %d: %w", mid, ErrNotFound)
	}
	b := s.enqueue(s.finish(mid, e)...)
	s.mu.Unlock()
	return s.stalled(b)
}
