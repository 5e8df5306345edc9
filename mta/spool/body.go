package spool

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
)

// Open returns a message's content. The content of a long message is checked as it is read: an error that is ErrDamaged
// may come after all of it, so the reader must not take what it has for the whole before io.EOF. It goes on working when the
// message is finished meanwhile.
func (s *Spool) Open(mid uint64) (io.ReadCloser, error) {
	r, err := s.read(mid, true)
	if err != nil {
		return nil, fmt.Errorf("open message %d: %w", mid, err)
	}
	if r.head.kind == messageRecord {
		c := &content{block: r.block}
		c.Reset(r.body)
		return c, nil
	}
	defer putBlock(r.block)
	env, err := parseEnvelope(r.meta, mid)
	if err != nil {
		return nil, fmt.Errorf("open message %d: %w", mid, err)
	}
	f, err := s.openOutside(mid, env.Size, r.head.bodySum)
	if err != nil {
		return nil, fmt.Errorf("open message %d: %w", mid, err)
	}
	return f, nil
}

// content is a content that lies in the log, read and checked whole.
type content struct {
	bytes.Reader
	block *[]byte
}

// Close gives the memory back; nothing may be read any more.
func (c *content) Close() error {
	if c.block != nil {
		c.Reset(nil)
		putBlock(c.block)
		c.block = nil
	}
	return nil
}

func (s *Spool) openOutside(mid uint64, size int64, sum uint32) (*outside, error) {
	f, err := s.files.Open(s.outsidePath(mid))
	if errors.Is(err, fs.ErrNotExist) {
		if s.Has(mid) {
			return nil, fmt.Errorf("%w: its file is missing", ErrDamaged)
		}
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return &outside{f: f, size: size, want: sum}, nil
}

// outside is a content that lies in a file of its own.
type outside struct {
	f         File
	at, size  int64
	sum, want uint32
}

func (o *outside) Close() error { return o.f.Close() }

// Read implements io.Reader.
func (o *outside) Read(p []byte) (int, error) {
	if o.at == o.size {
		if o.sum != o.want {
			return 0, fmt.Errorf("%w: wrong checksum of its file", ErrDamaged)
		}
		return 0, io.EOF
	}
	n, err := o.f.ReadAt(p[:min(int64(len(p)), o.size-o.at)], o.at)
	o.sum = crc32.Update(o.sum, castagnoli, p[:n])
	o.at += int64(n)
	if errors.Is(err, io.EOF) {
		err = nil
		if n == 0 {
			err = fmt.Errorf("%w: its file is too short", ErrDamaged)
		}
	}
	return n, err
}

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

// loseState goes on without a state that is damaged: else the message could never be finished.
func (s *Spool) loseState(mid uint64, was entry, recipients []Recipient, why error) []State {
	s.problem("message %d: its state is damaged; a recipient may be sent to again: %v", mid, why)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.entries[mid]; ok && e.stateSegment == was.stateSegment && e.statePlace == was.statePlace {
		if g := s.segments[uint64(e.stateSegment)]; g != nil {
			g.states--
			s.eased(g)
		}
		e.stateSegment, e.statePlace = 0, 0
		s.entries[mid] = e
	}
	return make([]State, len(recipients))
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
