package spool

import (
	"errors"
	"io/fs"
	"slices"
	"time"
)

// indexInterval is how often segments that have become full get their index. What is delivered at once never needs one.
const indexInterval = 3 * time.Second

// copyBatch is how much of a segment is on its way into the log at once when it is rewritten.
const copyBatch = 1 << 20

// tidy has sweep look for what can be dropped; s.mu may be held.
func (s *Spool) tidy() {
	select {
	case s.dirty <- struct{}{}:
	default:
	}
}

// eased notes that less of a segment counts than before; s.mu is held.
func (s *Spool) eased(g *segment) {
	if g.idle() || g.sparse() {
		s.tidy()
	}
}

// sweep drops segments in which nothing counts, rewrites those in which little does, and writes indexes, until the spool
// is closed.
func (s *Spool) sweep() {
	defer close(s.swept)
	tick := time.NewTicker(s.indexEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.ended:
			return
		case <-tick.C:
			s.indexAged()
		case <-s.dirty:
		}
		s.removeOrphans()
		s.drop()
		if g := s.sparsest(); g != nil && s.rewrite(g) == nil {
			s.tidy()
		}
	}
}

// drop removes the segments in which nothing counts. Only once the removal is durable may the records go that kept their
// messages from coming back. The latest segment stays, so that no number is ever used again, and all stay when one could not
// be read: what it needs is not known.
func (s *Spool) drop() {
	var idle []*segment
	for _, g := range s.ordered() {
		s.mu.Lock()
		if g.idle() && g.number < s.last && s.unread == 0 {
			idle = append(idle, g)
		}
		s.mu.Unlock()
	}
	var gone []*segment
	for _, g := range idle {
		_ = s.files.Remove(s.indexPath(g.number))
		if err := s.files.Remove(s.segmentPath(g.number)); err == nil || errors.Is(err, fs.ErrNotExist) {
			gone = append(gone, g)
		}
	}
	if len(gone) == 0 || s.files.SyncFolder(s.logFolder()) != nil {
		return // the next sweep tries again
	}
	for _, g := range gone {
		s.forget(g)
	}
}

// forget takes a removed segment out of what is known.
func (s *Spool) forget(g *segment) {
	s.mu.Lock()
	delete(s.segments, g.number)
	g.dropped = true
	for mid, list := range s.copies {
		list = slices.DeleteFunc(list, func(other *segment) bool { return other == g })
		if s.copies[mid] = list; len(list) == 0 {
			delete(s.copies, mid)
		}
	}
	for grave, n := range g.buried {
		grave.graves -= n
		s.eased(grave)
	}
	last := g.readers == 0
	s.mu.Unlock()
	s.used.Add(-g.size)
	if last {
		_ = g.f.Close()
	}
}

// removeOrphans removes the files of long messages that are finished for good.
func (s *Spool) removeOrphans() {
	s.mu.Lock()
	orphans := s.orphans
	s.orphans = nil
	s.mu.Unlock()
	for _, mid := range orphans {
		path := s.outsidePath(mid)
		size := s.fileSize(path)
		if err := s.files.Remove(path); err == nil {
			s.used.Add(-size)
		}
	}
}

// fileSize is a file's length, 0 where there is none.
func (s *Spool) fileSize(path string) int64 {
	f, err := s.files.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return 0
	}
	return size
}

// sparsest is the segment whose rewrite costs least, nil when none is worth it.
func (s *Spool) sparsest() *segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	var best *segment
	if !s.handed || s.trouble != nil || s.unread > 0 {
		return nil
	}
	for _, g := range s.segments {
		if g.sparse() && !g.idle() && (best == nil || g.needed() < best.needed()) {
			best = g
		}
	}
	return best
}

// rewrite brings what counts in a segment into the current one, once. A segment in which something is damaged stays: a copy
// would make the damage look sound.
func (s *Spool) rewrite(g *segment) error {
	r := &rewriting{s: s, g: g, wanted: s.gravesIn(g)}
	found, err := g.scan(r.visit)
	if err == nil {
		err = r.flush()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && len(found.damage()) > 0 && !g.idle() {
		err = ErrDamaged
	}
	g.stuck = g.stuck || err == nil || errors.Is(err, ErrDamaged)
	return err
}

// gravesIn is the messages whose finished records in a segment still count, with the segments where they lie.
func (s *Spool) gravesIn(g *segment) map[uint64][]*segment {
	wanted := make(map[uint64][]*segment)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.segments {
		if t.buried[g] > 0 {
			for _, mid := range t.finished {
				wanted[mid] = append(wanted[mid], t)
			}
		}
	}
	return wanted
}

// rewriting is one segment's rewrite.
type rewriting struct {
	s      *Spool
	g      *segment
	wanted map[uint64][]*segment
	items  []*item
	bytes  int64
}

func (r *rewriting) visit(offset int64, h *head, _ []byte) error {
	switch h.kind {
	case stateRecord:
		return r.restate(offset, h.mid)
	case finishedRecord:
		return r.rebury(h.mid)
	}
	e, ok := r.s.lookup(h.mid)
	if !ok || uint64(e.segment) != r.g.number || offsetOf(e.place) != offset {
		return nil
	}
	rec, err := r.g.record(offset, true)
	if err != nil {
		return err
	}
	return r.add(&item{head: rec.head, meta: rec.meta, body: rec.body, from: r.g}) // its block is the garbage collector's
}

// rebury writes a message's end anew, once for each segment with its content.
func (r *rewriting) rebury(mid uint64) error {
	list := r.wanted[mid]
	delete(r.wanted, mid)
	for _, t := range list {
		if err := r.add(&item{head: head{kind: finishedRecord, mid: mid}, about: t, from: r.g}); err != nil {
			return err
		}
	}
	return nil
}

// restate writes a message's states anew, where those in force stand here.
func (r *rewriting) restate(offset int64, mid uint64) error {
	s := r.s
	own := &s.updates[mid%uint64(len(s.updates))]
	own.Lock()
	defer own.Unlock()
	e, ok := s.lookup(mid)
	if !ok || uint64(e.stateSegment) != r.g.number || offsetOf(e.statePlace) != offset {
		return nil
	}
	m, err := s.message(mid)
	if err == nil {
		_, _, err = s.record(&m)
	}
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

func (r *rewriting) add(it *item) error {
	r.items = append(r.items, it)
	r.bytes += it.head.size()
	if r.bytes < copyBatch {
		return nil
	}
	return r.flush()
}

// flush puts the copies into the log and waits until they are there, states too.
func (r *rewriting) flush() error {
	r.s.mu.Lock()
	r.s.enqueue(r.items...)
	r.s.mu.Unlock()
	r.items, r.bytes = nil, 0
	return r.s.Sync()
}
