package spool

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// recover learns from the log what there is. Segments are read in the order in which they were written; nothing is ever
// appended to one of an earlier life.
func (s *Spool) recover() error {
	numbers, err := s.listLog()
	if err != nil {
		return err
	}
	if err := s.files.SyncFolder(s.logFolder()); err != nil { // what a killed process removed must not come back
		return err
	}
	r := newRecovery(s, s.tellGaps)
	for _, n := range numbers {
		if err := r.open(n); err != nil {
			return err
		}
	}
	r.readAll()
	s.firm()
	if s.next.items = r.bury(); len(s.next.items) > 0 {
		s.rouse()
	}
	s.found = s.last
	s.countStates()
	s.mids.raise(r.highest)
	return s.listOutside()
}

// listLog returns the numbers of the segments, in order, and removes what has no use beside them: what was never finished, and
// indexes of segments that are gone.
func (s *Spool) listLog() ([]uint64, error) {
	names, err := s.files.List(s.logFolder())
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		segment, isIndex := strings.CutSuffix(name, indexSuffix)
		if strings.HasSuffix(name, tempSuffix) || isIndex && !slices.Contains(names, segment+segmentSuffix) {
			if err := s.files.Remove(filepath.Join(s.logFolder(), name)); err != nil {
				return nil, err
			}
		}
	}
	return numbersOf(names), nil
}

// numbersOf is the segments among the names, in order.
func numbersOf(names []string) (numbers []uint64) {
	for _, name := range names {
		if n, ok := segmentNumber(name); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// recovery is what is known while the log is read.
type recovery struct {
	s       *Spool
	dead    map[uint64][]*segment // messages that do not count where they stand
	graves  map[uint64]*segment   // the latest finished record of each message
	early   map[uint64]entry      // states that stand before the only copy of their message
	highest uint64                // message ID
	tell    func(g *segment, gaps []gap) error
}

func newRecovery(s *Spool, tell func(*segment, []gap) error) *recovery {
	return &recovery{
		s: s, dead: make(map[uint64][]*segment), graves: make(map[uint64]*segment), early: make(map[uint64]entry), tell: tell,
	}
}

// open opens a segment of an earlier life. Its head tells about the one before; a damaged one is no more than that, as each
// record says where it belongs.
func (r *recovery) open(number uint64) error {
	s := r.s
	f, err := s.files.Open(s.segmentPath(number))
	if err != nil {
		return err
	}
	g := &segment{number: number, f: f, sealed: true, aged: true}
	if g.size, err = f.Size(); err != nil {
		return errors.Join(err, f.Close())
	}
	s.segments[number], s.last = g, number
	b := make([]byte, segmentHead)
	if n, err := f.ReadAt(b, 0); n < segmentHead && !errors.Is(err, io.EOF) {
		return nil // read will say so
	}
	before, err := parseSegmentHead(b, number)
	if errors.Is(err, ErrNewer) {
		return err
	}
	g.headless = err != nil
	if old := s.segments[number-1]; old != nil {
		old.synced = before
	}
	return nil
}

// readAll reads what was opened.
func (r *recovery) readAll() {
	for _, g := range r.s.ordered() {
		err := r.read(g)
		r.s.used.Add(g.size)
		if err != nil {
			r.s.distrust(g, err)
		}
	}
}

// firm brings to stable storage what was read: a process that was killed may have written the last of a segment without a
// sync. From now on it counts, so it must be there when the machine dies. An index holds nothing else.
func (s *Spool) firm() {
	for _, g := range s.ordered() {
		if g.indexed || g.unread || g.doubt >= g.size {
			continue
		}
		if err := s.writeAgain(g); err != nil {
			s.distrust(g, err)
		}
	}
}

// writeAgain writes what is in doubt of a segment once more, as it is, and syncs it. A sync alone is not enough: after one
// that failed, the system may show what it will never write.
func (s *Spool) writeAgain(g *segment) error {
	f, err := s.files.Modify(s.segmentPath(g.number))
	if err != nil {
		return err
	}
	b := make([]byte, min(writeChunk, g.size-g.doubt))
	for at := g.doubt; at < g.size && err == nil; at += int64(len(b)) {
		b = b[:min(int64(len(b)), g.size-at)]
		if _, err = g.f.ReadAt(b, at); err == nil {
			_, err = f.WriteAt(b, at)
		}
	}
	if err == nil {
		err = f.Datasync()
	}
	return errors.Join(err, f.Close())
}

// distrust leaves a segment as it is for the next start, and so all others: what it needs of them is not known.
func (s *Spool) distrust(g *segment, why error) {
	g.unread = true
	s.unread++
	s.problem("segment %d waits for the next start, and all others with it: %v", g.number, why)
}

// read learns what a segment holds, by its index where that is good.
func (r *recovery) read(g *segment) error {
	var list []indexEntry
	size, messages, err := r.s.readIndex(g.number, func(e indexEntry) error {
		e.meta = nil
		list = append(list, e)
		return nil
	})
	switch {
	case err != nil, size < g.size:
		return r.scan(g)
	case size > g.size:
		g.synced = size
		return errors.Join(r.scan(g), r.cut(g, list))
	}
	g.synced, g.messages, g.indexed = size, messages, true
	r.learnAll(g, list)
	return nil
}

// cut tells which messages stood where a segment has no bytes any more.
func (r *recovery) cut(g *segment, list []indexEntry) error {
	var lost []gap
	for _, e := range list {
		if at := offsetOf(e.place); e.kind == indexMessage && at >= g.size {
			lost = append(lost, gap{from: at, to: at, mid: e.mid})
		}
	}
	return r.tell(g, lost)
}

// scan reads a segment itself. Of what may never have been on stable storage the contents too: the machine may have died
// before they were there.
func (r *recovery) scan(g *segment) error {
	var last []indexEntry
	var bad []gap
	found, err := g.scan(func(offset int64, h *head, meta []byte) error {
		if h.flags&batchStart != 0 {
			r.learnAll(g, last)
			last = last[:0]
		}
		e, err := entryOf(offset, h, meta)
		if err != nil {
			bad = append(bad, gap{from: offset, to: offset + h.size(), mid: h.mid})
			return nil
		}
		if e.kind == indexMessage {
			g.messages++
		}
		last = append(last, e)
		return nil
	})
	if err != nil {
		return err
	}
	whole := slices.DeleteFunc(last, func(e indexEntry) bool {
		return e.kind == indexMessage && offsetOf(e.place) >= g.synced && !g.whole(e)
	})
	r.learnAll(g, whole)
	damage := append(found.damage(), bad...)
	if g.synced > g.size {
		damage = append(damage, gap{from: g.size, to: g.synced})
	}
	if g.doubt = found.sound; g.doubt <= segmentHead {
		g.doubt = 0
	}
	if g.synced = found.sound; len(found.gaps) == 0 && len(whole) == len(last) {
		g.synced = g.size // firm brings it there
	}
	return r.tell(g, damage)
}

// entryOf is a record as an index would have it.
func entryOf(offset int64, h *head, meta []byte) (indexEntry, error) {
	e := indexEntry{kind: indexState, mid: h.mid, place: uint32(offset / alignment)}
	switch h.kind {
	case messageRecord, outsideRecord:
		env, err := parseEnvelope(meta, h.mid)
		if err != nil {
			return e, err
		}
		it := item{head: *h, single: env.single()}
		e.kind, e.place = indexMessage, e.place|it.bits()
	case finishedRecord:
		e.kind = indexFinished
	}
	return e, nil
}

// whole says that a message's content is in the segment.
func (g *segment) whole(e indexEntry) bool {
	rec, err := g.record(offsetOf(e.place), true)
	if err != nil {
		return false
	}
	putBlock(rec.block)
	return true
}

// listOutside removes the files of long messages that are not there any more. When something is damaged or cannot be read,
// one may be all that is left of its message: then it is set aside or stays.
func (s *Spool) listOutside() error {
	folder := filepath.Join(s.dir, "large")
	names, err := s.files.List(folder)
	if err != nil {
		return err
	}
	keep := make(map[string]bool)
	for mid, e := range s.entries {
		if e.outside() {
			keep[filepath.Base(s.outsidePath(mid))] = true
		}
	}
	for _, name := range names {
		path := filepath.Join(folder, name)
		whole := strings.HasSuffix(name, outsideSuffix)
		switch {
		case keep[name], whole && s.unread > 0:
			s.used.Add(s.fileSize(path))
			continue
		case whole && len(s.problems) > 0:
			err = s.files.Rename(path, filepath.Join(s.dir, "damaged", name))
		default:
			err = s.files.Remove(path)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
