package spool

import (
	"errors"
	"io"
)

// gap is a piece of a segment in which no good record stands.
type gap struct {
	from, to int64
	mid      uint64 // of the message whose record's head is good; 0: not known
}

// survey is what a walk through a segment found.
type survey struct {
	gaps  []gap
	sound int64 // what stands before this was on stable storage once: where the last batch begins, or behind that
}

// damage is the gaps in what was on stable storage. The others are no damage: the machine died while it wrote, or the disk
// refused.
func (v *survey) damage() (list []gap) {
	for _, p := range v.gaps {
		if max(p.from, segmentHead) < v.sound { // the head goes with the first batch
			list = append(list, p)
		}
	}
	return list
}

const windowSize = 256 << 10

// window reads a file forwards through one buffer.
type window struct {
	f    io.ReaderAt
	end  int64 // of the file
	base int64
	buf  []byte
}

// at returns up to n bytes at offset, fewer at the file's end; they are valid until the next call.
func (w *window) at(offset int64, n int) ([]byte, error) {
	if offset < w.base || offset+int64(n) > w.base+int64(len(w.buf)) {
		want := max(n, int(min(windowSize, w.end-offset)))
		if cap(w.buf) < want {
			w.buf = make([]byte, want)
		}
		m, err := w.f.ReadAt(w.buf[:want], offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		w.base, w.buf = offset, w.buf[:m]
	}
	b := w.buf[offset-w.base:]
	return b[:min(n, len(b))], nil
}

// head returns the record's head at offset; false when none stands there.
func (w *window) head(segment uint64, offset int64) (head, bool, error) {
	b, err := w.at(offset, headSize)
	if err != nil || len(b) < headSize {
		return head{}, false, err
	}
	if h, ok := parseHead(b, segment, offset); ok {
		return h, true, nil
	}
	return head{}, false, nil
}

// scan walks through a segment's records and calls visit for each whose head and meta are good; the content is not
// looked at. What is not good is stepped over to the next head that is.
func (g *segment) scan(visit func(offset int64, h *head, meta []byte) error) (survey, error) {
	found := survey{sound: g.synced}
	if g.headless {
		found.gaps = append(found.gaps, gap{to: segmentHead})
	}
	w := &window{f: g.f, end: g.size}
	for offset := int64(segmentHead); offset < g.size; {
		h, ok, err := w.head(g.number, offset)
		if err != nil {
			return found, err
		}
		if !ok || offset+h.size() > g.size {
			next, err := w.nextHead(g, offset+alignment)
			if err != nil {
				return found, err
			}
			found.gaps = append(found.gaps, gap{from: offset, to: next, mid: h.mid})
			offset = next
			continue
		}
		if h.flags&batchStart != 0 {
			found.sound = max(found.sound, offset)
		}
		meta, err := w.at(offset+headSize, int(h.meta))
		if err != nil {
			return found, err
		}
		if !sound(meta, h.metaSum) {
			found.gaps = append(found.gaps, gap{from: offset, to: offset + h.size(), mid: h.mid})
		} else if err := visit(offset, &h, meta); err != nil {
			return found, err
		}
		offset += h.size()
	}
	return found, nil
}

// nextHead is where the next good head stands, or the end.
func (w *window) nextHead(g *segment, offset int64) (int64, error) {
	for ; offset < g.size; offset += alignment {
		h, ok, err := w.head(g.number, offset)
		if err != nil {
			return 0, err
		}
		if ok && offset+h.size() <= g.size {
			return offset, nil
		}
	}
	return g.size, nil
}
