package spool

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// tellGaps keeps a copy of what is damaged for people, and names it.
func (s *Spool) tellGaps(g *segment, gaps []gap) error {
	for _, p := range gaps {
		kept := ""
		if p.from < g.size {
			to := filepath.Join(s.dir, "damaged", fmt.Sprintf("%s-%d", segmentName(g.number), p.from))
			if err := s.copyOut(g, p.from, p.to-p.from, to); err != nil {
				return err
			}
			kept = ", set aside as " + to
		}
		s.problem("%s%s", g.describe(p), kept)
	}
	return nil
}

// describe names a damage.
func (g *segment) describe(p gap) string {
	switch {
	case p.from >= g.size && p.mid != 0:
		return fmt.Sprintf("segment %d is cut at byte %d: message %d is lost", g.number, g.size, p.mid)
	case p.from >= g.size:
		return fmt.Sprintf("segment %d is cut at byte %d of %d", g.number, g.size, p.to)
	case p.from == 0:
		return fmt.Sprintf("the head of segment %d is damaged, which costs nothing else", g.number)
	case p.mid != 0:
		return fmt.Sprintf("segment %d is damaged from byte %d to %d: it was message %d's", g.number, p.from, p.to, p.mid)
	}
	return fmt.Sprintf("segment %d is damaged from byte %d to %d: what stood there is not known", g.number, p.from, p.to)
}

// bad sets a message aside of which nothing can be known, and ends it.
func (s *Spool) bad(mid uint64, e entry, why error) error {
	if err := s.SetAside(mid, why.Error()); err != nil {
		s.problem("%v", err)
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enqueue(s.finish(mid, e)...)
	return nil
}

// SetAside keeps a copy of a message, as far as it can be read, in DIR/damaged and names it in Problems. It is for a
// message that turns out damaged when it is read; the caller then finishes it with an Update, and people have the copy.
func (s *Spool) SetAside(mid uint64, reason string) error {
	to, err := s.rescue(mid)
	if err != nil {
		return fmt.Errorf("set message %d aside: %w", mid, err)
	}
	s.problem("message %d is set aside as %s: %s", mid, to, reason)
	return nil
}

// rescue copies what stands where a message should be.
func (s *Spool) rescue(mid uint64) (to string, err error) {
	s.mu.Lock()
	e, ok := s.entries[mid]
	if !ok {
		s.mu.Unlock()
		return "", ErrNotFound
	}
	g := s.segments[uint64(e.segment)]
	g.readers++
	s.mu.Unlock()
	defer s.release(g)
	to = filepath.Join(s.dir, "damaged", fmt.Sprintf("%d.record", mid))
	if e.outside() {
		moved := filepath.Join(s.dir, "damaged", fmt.Sprintf("%d%s", mid, outsideSuffix))
		size := s.fileSize(s.outsidePath(mid))
		if s.files.Rename(s.outsidePath(mid), moved) == nil {
			s.used.Add(-size)
			to = moved
		}
	}
	offset := offsetOf(e.place)
	return to, s.copyOut(g, offset, g.lengthAt(offset), filepath.Join(s.dir, "damaged", fmt.Sprintf("%d.record", mid)))
}

// lengthAt is how long the record at an offset is, as far as its head can be believed.
func (g *segment) lengthAt(offset int64) int64 {
	b := make([]byte, headSize)
	if n, _ := g.f.ReadAt(b, offset); n == headSize {
		if h, ok := parseHead(b, g.number, offset); ok {
			return h.size()
		}
	}
	return firstRead
}

// copyOut writes a piece of a segment into a file for people, in place of one that is there.
func (s *Spool) copyOut(g *segment, offset, length int64, to string) error {
	b := make([]byte, length)
	n, err := g.f.ReadAt(b, offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	_ = s.files.Remove(to)
	f, err := s.files.Create(to)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(b[:n], 0); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
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
