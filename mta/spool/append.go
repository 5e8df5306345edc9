package spool

import (
	"errors"
	"os"
)

// write places the batch in the log and brings it to stable storage. On an error nothing of it counts.
func (s *Spool) write(b *batch) error {
	g, err := s.current()
	if err != nil {
		return err
	}
	end, err := s.append(g, b)
	if err != nil {
		s.mend(g, b, false)
		return err
	}
	if err := g.f.Datasync(); err != nil {
		s.mend(g, b, true)
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

// mend cuts a segment back to what is good of it. Nothing more is appended to one that could not be synced: the system may
// have forgotten what it had to write, and say next time that all is well. If the cut cannot be made sure of either, the
// messages that were refused are declared finished: they may be there all the same, and must not come back.
func (s *Spool) mend(g *segment, b *batch, unsynced bool) {
	err := g.f.Truncate(g.size)
	if err == nil {
		err = g.f.Datasync()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || unsynced {
		s.seal(g)
	}
	if err == nil {
		return
	}
	g.stuck = true // an index would hide what is behind its end
	for _, it := range b.items {
		if it.head.kind <= outsideRecord {
			it.strewn = it.urgent()
			s.strewn(it, g)
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
	g := &segment{number: number, f: f, size: segmentHead}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.segments[number] = g
	s.cur, s.last = g, number
	s.used.Add(segmentHead)
	s.tidy() // the one before may go now
	return g, nil
}
