package spool

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// scanned is what one message's file says.
type scanned struct {
	Message
	size    int64 // of the file
	end     int64 // behind the last good record: where the next one goes
	damaged int   // state records lost to damage that others follow
}

// window reads pieces of a file through one buffer, so that a small message costs one read.
type window struct {
	f    io.ReaderAt
	size int64
	base int64
	buf  []byte
}

const windowSize = 16 << 10

// at returns n bytes at offset; they are valid until the next call. Past the file's end it returns io.ErrUnexpectedEOF.
func (w *window) at(offset int64, n int) ([]byte, error) {
	if offset < 0 || offset+int64(n) > w.size {
		return nil, io.ErrUnexpectedEOF
	}
	if offset < w.base || offset+int64(n) > w.base+int64(len(w.buf)) {
		want := min(int64(max(n, windowSize)), w.size-offset)
		if int64(cap(w.buf)) < want {
			w.buf = make([]byte, want)
		}
		w.buf, w.base = w.buf[:want], offset
		if m, err := w.f.ReadAt(w.buf, offset); m < len(w.buf) {
			w.buf = w.buf[:0]
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return w.buf[offset-w.base:][:n:n], nil
}

// record reads the head of the record at offset; ok is false when no record can stand there.
func (w *window) record(offset int64) (r recordInfo, ok bool, err error) {
	head, err := w.at(offset, recordHead)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return r, false, nil
	}
	if err != nil {
		return r, false, err
	}
	r.offset = offset
	copy(r.head[:], head)
	return r, r.plausible(w.size), nil
}

// payload reads and checks a record's payload; ok is false when it is not what was written.
func (w *window) payload(mid uint64, r recordInfo) (p []byte, ok bool, err error) {
	p, err = w.at(r.offset+recordHead, r.length())
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return p, r.holds(mid, p), nil
}

// scan reads a message's file but for its body, whose checksums are looked at when it is read. The error is ErrDamaged
// or ErrNewer, or whatever the disk said.
func scan(f File, mid uint64) (*scanned, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	w := &window{f: f, size: size}
	head, err := w.at(0, int(min(headSize, size)))
	if err != nil {
		return nil, err
	}
	if err := checkHead(head); err != nil {
		return nil, err
	}
	s := &scanned{size: size}
	if err := s.readEnvelope(w, mid); err != nil {
		return nil, err
	}
	return s, s.readStates(w, mid)
}

// readEnvelope steps over the body to the envelope.
func (s *scanned) readEnvelope(w *window, mid uint64) error {
	var body int64
	offset := int64(headSize)
	for {
		r, ok, err := w.record(offset)
		if err != nil {
			return err
		}
		if !ok || r.kind() == stateRecord {
			return fmt.Errorf("%w: no record at offset %d", ErrDamaged, offset)
		}
		if r.kind() == bodyRecord {
			body += int64(r.length())
			offset = r.end()
			continue
		}
		p, ok, err := w.payload(mid, r)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%w: wrong checksum of the envelope at offset %d", ErrDamaged, offset)
		}
		s.end = r.end()
		return s.decodeEnvelope(p, mid, body)
	}
}

func (s *scanned) decodeEnvelope(p []byte, mid uint64, body int64) error {
	if err := json.Unmarshal(p, &s.Envelope); err != nil {
		return fmt.Errorf("%w: envelope: %w", ErrDamaged, err)
	}
	if s.MID != mid || s.Size != body {
		return fmt.Errorf("%w: the envelope is for message %d of %d bytes, the file has %d of %d", ErrDamaged, s.MID, s.Size, mid, body)
	}
	if err := checkRecipients(s.Recipients); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	s.States = make([]State, len(s.Recipients))
	return nil
}

// readStates applies the state records. Behind the last good one there may be a torn one, which was never acknowledged
// and means nothing. A bad one that good ones follow was damaged later: it is counted, and costs at most that a
// recipient is sent to again.
func (s *scanned) readStates(w *window, mid uint64) error {
	index := make(map[int]int, len(s.Recipients))
	for i, r := range s.Recipients {
		index[r.RID] = i
	}
	skipped := false
	for offset := s.end; offset < s.size; {
		updates, end, err := readState(w, mid, offset)
		if err != nil {
			return err
		}
		if end == 0 {
			offset, skipped = offset+1, true
			continue
		}
		if skipped {
			s.damaged++
			skipped = false
		}
		for _, u := range updates {
			if i, ok := index[u.RID]; ok {
				s.States[i] = s.States[i].next(u.State)
			}
		}
		offset, s.end = end, end
	}
	return nil
}

// readState returns the updates at offset and where the next record begins; 0 when no good state record stands there.
func readState(w *window, mid uint64, offset int64) ([]Update, int64, error) {
	r, ok, err := w.record(offset)
	if err != nil || !ok || r.kind() != stateRecord {
		return nil, 0, err
	}
	p, ok, err := w.payload(mid, r)
	if err != nil || !ok {
		return nil, 0, err
	}
	var updates []Update
	if json.Unmarshal(p, &updates) != nil {
		return nil, 0, nil
	}
	return updates, r.end(), nil
}

// next is the state after an update: what is done stays done, and what is redirected stays so, since who reports an attempt
// need not know of it.
func (s State) next(u State) State {
	u.Done = u.Done || s.Done
	u.Via = cmp.Or(u.Via, s.Via)
	return u
}

// finished reports whether every recipient is done.
func (m *Message) finished() bool {
	for _, s := range m.States {
		if !s.Done {
			return false
		}
	}
	return true
}

// maxRID bounds recipient IDs, so that a damaged one cannot ask for endless memory.
const maxRID = 1 << 20

func checkRecipients(list []Recipient) error {
	if len(list) == 0 {
		return errors.New("message has no recipient")
	}
	seen := make(map[int]bool, len(list))
	for _, r := range list {
		if r.RID < 0 || r.RID > maxRID || seen[r.RID] {
			return fmt.Errorf("recipient ID %d is out of range or there twice", r.RID)
		}
		seen[r.RID] = true
	}
	return nil
}
