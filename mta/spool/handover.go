package spool

import "errors"

// Messages calls do for every message that is not finished, in the order of the log. An error of do ends it. It works
// once, for what Open found; messages that are committed meanwhile are the caller's already. One that cannot be read is
// set aside and named by Problems.
func (s *Spool) Messages(do func(Message) error) error {
	defer s.handedOver()
	r := &reader{chunks: make(chan []Message, 2), stop: make(chan struct{})}
	go func() {
		defer close(r.chunks)
		r.err = s.readAhead(r)
	}()
	var err error
	for chunk := range r.chunks {
		for i := range chunk {
			if err = do(chunk[i]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	close(r.stop)
	for range r.chunks { // until the reader has ended
	}
	return errors.Join(err, r.err)
}

// chunkSize is how many messages are handed over at once: so much is read while the caller takes in what was read before.
const chunkSize = 500

// reader is what reads messages ahead of their taker.
type reader struct {
	chunks chan []Message
	stop   chan struct{} // closed when no more are wanted
	next   []Message
	err    error // valid once chunks is closed
}

var errStopped = errors.New("no more messages are wanted")

// put hands one message over, when there are enough.
func (r *reader) put(m Message) error {
	r.next = append(r.next, m)
	if len(r.next) < chunkSize {
		return nil
	}
	return r.flush()
}

func (r *reader) flush() error {
	if len(r.next) == 0 {
		return nil
	}
	select {
	case r.chunks <- r.next:
		r.next = make([]Message, 0, chunkSize)
		return nil
	case <-r.stop:
		return errStopped
	}
}

// readAhead reads what Open found, segment by segment.
func (s *Spool) readAhead(r *reader) error {
	for _, g := range s.ordered() {
		if g.number > s.found {
			break
		}
		if err := s.messagesOf(g, r.put); err != nil {
			return unlessStopped(err)
		}
	}
	return unlessStopped(r.flush())
}

func unlessStopped(err error) error {
	if errors.Is(err, errStopped) {
		return nil
	}
	return err
}

// handedOver lets segments be rewritten: before, Messages might miss what moves.
func (s *Spool) handedOver() {
	s.mu.Lock()
	s.handed = true
	s.mu.Unlock()
	s.tidy()
}

// messagesOf hands over the messages of one segment. What cannot be read of it waits for the next start.
func (s *Spool) messagesOf(g *segment, do func(Message) error) error {
	s.mu.Lock()
	if g.dropped {
		s.mu.Unlock()
		return nil
	}
	g.readers++
	indexed := g.indexed
	s.mu.Unlock()
	defer s.release(g)
	var refused error // by do
	hand := func(mid uint64, offset int64, meta []byte) error {
		refused = s.hand(g, mid, offset, meta, do)
		return refused
	}
	if indexed {
		var list []indexEntry
		if _, _, err := s.readIndex(g.number, func(e indexEntry) error { list = append(list, e); return nil }); err == nil {
			for _, e := range list {
				if e.kind == indexMessage && hand(e.mid, offsetOf(e.place), e.meta) != nil {
					break
				}
			}
			return refused
		}
	}
	_, err := g.scan(func(offset int64, h *head, meta []byte) error { return hand(h.mid, offset, meta) })
	if err != nil && refused == nil && !g.unread {
		s.problem("segment %d cannot be read, and its messages wait for the next start: %v", g.number, err)
	}
	return refused
}

// hand gives one message to do, if this is where it lies.
func (s *Spool) hand(g *segment, mid uint64, offset int64, meta []byte, do func(Message) error) error {
	e, ok := s.lookup(mid)
	if !ok || uint64(e.segment) != g.number || offsetOf(e.place) != offset {
		return nil
	}
	env, err := parseEnvelope(meta, mid)
	if err != nil {
		return s.bad(mid, e, err)
	}
	states, err := s.statesOf(mid, env.Recipients)
	switch {
	case errors.Is(err, ErrDamaged):
		states = s.loseState(mid, e, env.Recipients, err)
	case err != nil:
		s.problem("message %d cannot be read and waits for the next start: %v", mid, err)
		return nil
	}
	return do(Message{Envelope: env, States: states})
}
