package spool

import (
	"errors"
	"fmt"
	"io"
)

// record is one record as it was read, in a block that has to be given back.
type record struct {
	head       head
	meta, body []byte
	block      *[]byte
}

// firstRead is how much of a record is read before its length is known.
const firstRead = 8 << 10

// read reads a message's record, with its content or without.
func (s *Spool) read(mid uint64, whole bool) (*record, error) {
	s.mu.Lock()
	e, ok := s.entries[mid]
	if !ok {
		s.mu.Unlock()
		return nil, ErrNotFound
	}
	g := s.segments[uint64(e.segment)]
	g.readers++
	s.mu.Unlock()
	defer s.release(g)
	r, err := g.record(offsetOf(e.place), whole)
	if err != nil {
		return nil, err
	}
	if r.head.mid != mid || r.head.kind > outsideRecord {
		putBlock(r.block)
		return nil, fmt.Errorf("%w: another record stands in its place", ErrDamaged)
	}
	return r, nil
}

// record reads and checks the record at an offset.
func (g *segment) record(offset int64, whole bool) (*record, error) {
	r := &record{block: blocks.Get().(*[]byte)}
	if err := r.load(g, offset, whole); err != nil {
		putBlock(r.block)
		return nil, fmt.Errorf("segment %d, offset %d: %w", g.number, offset, err)
	}
	return r, nil
}

func (r *record) load(g *segment, offset int64, whole bool) error {
	b, err := g.fill(r.block, 0, firstRead, offset)
	if err != nil {
		return err
	}
	var ok bool
	if len(b) < headSize {
		return fmt.Errorf("%w: there is no record", ErrDamaged)
	}
	if r.head, ok = parseHead(b, g.number, offset); !ok {
		return fmt.Errorf("%w: there is no record", ErrDamaged)
	}
	end := headSize + int(r.head.meta)
	if whole {
		end += int(r.head.body)
	}
	if b, err = g.fill(r.block, len(b), end, offset); err != nil {
		return err
	}
	if len(b) < end {
		return fmt.Errorf("%w: the record is cut", ErrDamaged)
	}
	r.meta = b[headSize : headSize+int(r.head.meta)]
	if !sound(r.meta, r.head.metaSum) {
		return fmt.Errorf("%w: wrong checksum of what is said of it", ErrDamaged)
	}
	if whole && r.head.kind == messageRecord {
		r.body = b[headSize+int(r.head.meta) : end]
		if !sound(r.body, r.head.bodySum) {
			return fmt.Errorf("%w: wrong checksum of its content", ErrDamaged)
		}
	}
	return nil
}

// fill makes the block hold the file's bytes from offset up to want of them, of which it has some; fewer at the file's end.
func (g *segment) fill(block *[]byte, has, want int, offset int64) ([]byte, error) {
	if want <= has {
		return (*block)[:has], nil
	}
	b := *block
	if cap(b) < want {
		b = append(make([]byte, 0, want), b[:has]...)
	}
	b = b[:want]
	n, err := g.f.ReadAt(b[has:], offset+int64(has))
	if errors.Is(err, io.EOF) {
		err = nil
	}
	*block = b[:has+n]
	return *block, err
}

// Message reads what is known of a message that is not finished: its envelope and the states of its recipients.
// ErrNotFound and ErrDamaged as elsewhere.
func (s *Spool) Message(mid uint64) (Message, error) {
	m, err := s.message(mid)
	if err != nil {
		return Message{}, fmt.Errorf("read message %d: %w", mid, err)
	}
	return m, nil
}

func (s *Spool) message(mid uint64) (m Message, err error) {
	if m.Envelope, err = s.envelope(mid); err != nil {
		return m, err
	}
	e, _ := s.lookup(mid)
	if m.States, err = s.statesOf(mid, m.Recipients); errors.Is(err, ErrDamaged) {
		m.States, err = s.loseState(mid, e, m.Recipients, err), nil
	}
	return m, err
}

func (s *Spool) envelope(mid uint64) (Envelope, error) {
	r, err := s.read(mid, false)
	if err != nil {
		return Envelope{}, err
	}
	defer putBlock(r.block)
	return parseEnvelope(r.meta, mid)
}

// statesOf returns the states in force of a message's recipients.
func (s *Spool) statesOf(mid uint64, recipients []Recipient) ([]State, error) {
	s.mu.Lock()
	it, e := s.fresh[mid], s.entries[mid]
	if it != nil {
		states := append([]State(nil), it.states...)
		s.mu.Unlock()
		return states, nil
	}
	g := s.segments[uint64(e.stateSegment)]
	if g == nil {
		s.mu.Unlock()
		return make([]State, len(recipients)), nil
	}
	g.readers++
	s.mu.Unlock()
	defer s.release(g)
	r, err := g.record(offsetOf(e.statePlace), false)
	if err != nil {
		return nil, err
	}
	defer putBlock(r.block)
	if states, ok := parseStates(r.meta, recipients); ok && r.head.mid == mid && r.head.kind == stateRecord {
		return states, nil
	}
	return nil, fmt.Errorf("%w: another record stands in the place of its state", ErrDamaged)
}
