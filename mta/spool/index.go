package spool

import (
	"encoding/binary"
	"errors"
)

// An index says what a full segment holds without its contents, so that a start need not read them. It may be missing or
// wrong at any time: then the segment itself is read.
var indexMagic = []byte("PHindex\n")

const indexHead = 32

// What an entry of an index is.
const (
	indexMessage  = 1 // not finished when the index was written
	indexDead     = 2 // finished, with the record that says so in another segment
	indexState    = 3
	indexFinished = 4
)

// indexAged writes the indexes of segments that were full at the last call already.
func (s *Spool) indexAged() {
	for _, g := range s.ordered() {
		s.mu.Lock()
		due := g.sealed && g.aged && g.wantsIndex()
		g.aged = g.sealed
		s.mu.Unlock()
		if due {
			_ = s.writeIndex(g) // the next start reads the segment itself then
		}
	}
}

// wantsIndex says that an index would spare the next start something, and hide nothing from it.
func (g *segment) wantsIndex() bool { return !g.indexed && !g.stuck && !g.unread && !g.idle() }

// indexAll writes the indexes that are missing; nothing else goes on any more.
func (s *Spool) indexAll() {
	for _, g := range s.ordered() {
		if g.wantsIndex() && g.size > segmentHead {
			_ = s.writeIndex(g)
		}
	}
}

// writeIndex writes a segment's index. It is not synced: its checksum tells whether it is whole.
func (s *Spool) writeIndex(g *segment) error {
	b := appendIndexHead(nil, g)
	count := 0
	found, err := g.scan(func(offset int64, h *head, meta []byte) error {
		if h.kind <= outsideRecord {
			count++
		}
		b = s.appendIndexEntry(b, g, offset, h, meta)
		return nil
	})
	if err == nil && len(found.damage()) > 0 {
		err = ErrDamaged // an index would hide it
		s.mu.Lock()
		g.stuck = true
		s.mu.Unlock()
	}
	if err != nil {
		return err
	}
	if err := s.Sync(); err != nil { // it leaves out what is finished, which must not be undone then
		return err
	}
	binary.LittleEndian.PutUint32(b[28:], uint32(count))
	return s.placeIndex(g, binary.LittleEndian.AppendUint32(b, sum(b)))
}

// placeIndex gives a segment its index.
func (s *Spool) placeIndex(g *segment, b []byte) error {
	path := s.indexPath(g.number)
	_ = s.files.Remove(path + tempSuffix)
	f, err := s.files.Create(path + tempSuffix)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err = errors.Join(err, f.Close()); err == nil {
		err = s.files.Rename(path+tempSuffix, path)
	}
	if err == nil {
		s.mu.Lock()
		g.indexed = true
		s.mu.Unlock()
	}
	return err
}

func appendIndexHead(b []byte, g *segment) []byte {
	b = append(b, indexMagic...)
	b = binary.LittleEndian.AppendUint16(b, version)
	b = append(b, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, g.number)
	b = binary.LittleEndian.AppendUint64(b, uint64(g.size))
	return append(b, 0, 0, 0, 0) // the count of messages
}

// appendIndexEntry says what a record is worth now. A message that is finished, or has its content elsewhere too, is dead
// here.
func (s *Spool) appendIndexEntry(b []byte, g *segment, offset int64, h *head, meta []byte) []byte {
	e, ok := s.lookup(h.mid)
	entry := func(kind byte) []byte { return binary.AppendUvarint(append(b, kind), h.mid) }
	switch {
	case h.kind == finishedRecord:
		return entry(indexFinished)
	case h.kind == stateRecord:
		if ok && uint64(e.stateSegment) == g.number && offsetOf(e.statePlace) == offset {
			return binary.LittleEndian.AppendUint32(entry(indexState), e.statePlace)
		}
		return b
	case ok && uint64(e.segment) == g.number && offsetOf(e.place) == offset:
		b = binary.LittleEndian.AppendUint32(entry(indexMessage), e.place)
		b = binary.AppendUvarint(b, uint64(len(meta)))
		return append(b, meta...)
	default:
		return entry(indexDead)
	}
}

// indexEntry is one entry as it is read.
type indexEntry struct {
	kind  byte
	mid   uint64
	place uint32
	meta  []byte
}

var errIndex = errors.New("not this segment's index")

// readIndex calls visit for each entry of a segment's index and returns the segment's length and its count of messages. The error
// says that there is no index that can be used.
func (s *Spool) readIndex(number uint64, visit func(indexEntry) error) (size int64, messages int, err error) {
	b, err := s.readFile(s.indexPath(number))
	if err != nil {
		return 0, 0, err
	}
	le := binary.LittleEndian
	if len(b) < indexHead+4 || sum(b[:len(b)-4]) != le.Uint32(b[len(b)-4:]) ||
		string(b[:len(indexMagic)]) != string(indexMagic) || le.Uint16(b[8:]) != version || le.Uint64(b[12:]) != number {
		return 0, 0, errIndex
	}
	size, messages = int64(le.Uint64(b[20:])), int(le.Uint32(b[28:]))
	for b = b[indexHead : len(b)-4]; len(b) > 0; {
		var e indexEntry
		if e, b, err = parseIndexEntry(b); err == nil {
			err = visit(e)
		}
		if err != nil {
			return 0, 0, err
		}
	}
	return size, messages, nil
}

// readFile reads a whole file.
func (s *Spool) readFile(path string) ([]byte, error) {
	f, err := s.files.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	n, err := f.ReadAt(b, 0)
	if n == len(b) {
		err = nil
	}
	return b[:n], err
}

func parseIndexEntry(b []byte) (e indexEntry, rest []byte, err error) {
	e.kind = b[0]
	mid, n := binary.Uvarint(b[1:])
	if n <= 0 {
		return e, nil, errIndex
	}
	e.mid, b = mid, b[1+n:]
	if e.kind == indexDead || e.kind == indexFinished {
		return e, b, nil
	}
	if len(b) < 4 {
		return e, nil, errIndex
	}
	e.place, b = binary.LittleEndian.Uint32(b), b[4:]
	if e.kind != indexMessage {
		return e, b, nil
	}
	length, n := binary.Uvarint(b)
	if n <= 0 || length > uint64(len(b)-n) {
		return e, nil, errIndex
	}
	e.meta = b[n : n+int(length)]
	return e, b[n+int(length):], nil
}
