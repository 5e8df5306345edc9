package spool

import (
	"errors"
)

// Messages calls do for every message that is not finished, in the order of the log. An error of do ends it. It works
// once, for what Open found; messages that are committed meanwhile are the caller's already. One that cannot be read is
// set aside and named by Problems.
func (s *Spool) Messages(do func(Message) error) error {
	defer s.handedOver()
	for _, g := range s.ordered() {
		if g.number > s.found {
			break
		}
		if err := s.messagesOf(g, do); err != nil {
			return err
		}
	}
	return nil
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
