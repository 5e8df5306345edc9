package spool

import (
	"errors"
	"io"
	"io/fs"
)

// handle is an open file.
type handle struct {
	d      *disk
	f      *inode
	closed bool
}

// allowed says whether a step may be taken with the open file; d.mu is held.
func (h *handle) allowed(kind stepKind) error {
	if h.closed {
		return fs.ErrClosed
	}
	return h.d.may(kind, h.f.path)
}

func (h *handle) ReadAt(p []byte, offset int64) (int, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if err := h.allowed(stepRead); err != nil {
		if offset < int64(len(h.f.data)) && !h.d.dead {
			return copy(p[:len(p)/2], h.f.data[offset:]), err // it may have come halfway
		}
		return 0, err
	}
	if offset >= int64(len(h.f.data)) {
		return 0, io.EOF
	}
	n := copy(p, h.f.data[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) WriteAt(p []byte, offset int64) (int, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	err := h.allowed(stepWrite)
	if errors.Is(err, errDead) || errors.Is(err, fs.ErrClosed) {
		return 0, err
	}
	if err != nil {
		p = p[:len(p)/2] // a write that fails may have come halfway
	}
	st := step{kind: stepWrite, file: h.f, offset: offset, data: append([]byte(nil), p...)}
	h.f.change(st)
	h.d.note(st)
	return len(p), err
}

func (h *handle) Truncate(size int64) error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if err := h.allowed(stepTruncate); err != nil {
		return err
	}
	st := step{kind: stepTruncate, file: h.f, offset: size}
	h.f.change(st)
	h.d.note(st)
	return nil
}

func (f *inode) change(st step) {
	if !f.own {
		f.data, f.own = append([]byte(nil), f.data...), true
	}
	f.data = st.apply(f.data)
}

// apply does to b what the step does to a file's content.
func (st *step) apply(b []byte) []byte {
	end := st.offset + int64(len(st.data))
	if int64(len(b)) < end {
		b = append(b, make([]byte, end-int64(len(b)))...)
	}
	if st.kind == stepTruncate {
		return b[:st.offset]
	}
	copy(b[st.offset:], st.data)
	return b
}

func (h *handle) Sync() error {
	if h.f.path != "mid" { // for which others wait with a mutex, and a bubble's time stands still then
		h.d.wait()
	}
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	err := h.allowed(stepSync)
	switch {
	case err == nil:
		h.d.note(step{kind: stepSync, file: h.f})
	case !h.d.dead && !h.closed:
		h.d.note(step{kind: stepLost, file: h.f})
	}
	return err
}

func (h *handle) Datasync() error { return h.Sync() }

func (h *handle) Size() (int64, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if h.closed {
		return 0, fs.ErrClosed
	}
	return int64(len(h.f.data)), nil
}

func (h *handle) Close() error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if h.closed {
		return fs.ErrClosed
	}
	h.closed = true
	if h.d.dead {
		return nil
	}
	return h.d.may(stepClose, h.f.path)
}
