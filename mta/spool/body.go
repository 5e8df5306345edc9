package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Open returns a message's body. Each read checks what it returns: an error that is ErrDamaged may come after a part of
// the body, so the reader must not take what it has for the whole before io.EOF. It goes on working when the message
// is removed meanwhile.
func (s *Spool) Open(mid uint64) (io.ReadCloser, error) {
	b, err := s.openBody(mid)
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("open message %d: %w", mid, err)
	}
	return b, nil
}

func (s *Spool) openBody(mid uint64) (*body, error) {
	f, err := s.files.Open(s.path(mid))
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	b := &body{f: f, mid: mid, offset: headSize, window: window{f: f, size: size}}
	head, err := b.window.at(0, int(min(headSize, size)))
	if err == nil {
		err = checkHead(head)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return b, nil
}

// body reads one message's body record after record.
type body struct {
	f      File
	mid    uint64
	window window
	offset int64  // of the next record
	rest   []byte // of the present record, in the window
	read   int64
	err    error
}

func (b *body) Close() error { return b.f.Close() }

func (b *body) Read(p []byte) (int, error) {
	for len(b.rest) == 0 && b.err == nil {
		b.err = b.next()
	}
	if len(b.rest) == 0 {
		return 0, b.err
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// next takes the next record; io.EOF at the envelope, when the length is the one that was committed.
func (b *body) next() error {
	r, ok, err := b.window.record(b.offset)
	if err != nil {
		return err
	}
	if !ok || r.kind() == stateRecord {
		return fmt.Errorf("%w: message %d has no record at offset %d", ErrDamaged, b.mid, b.offset)
	}
	p, ok, err := b.window.payload(b.mid, r)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%w: message %d has a wrong checksum at offset %d", ErrDamaged, b.mid, b.offset)
	}
	if r.kind() == envelopeRecord {
		var s scanned
		if err := s.decodeEnvelope(p, b.mid, b.read); err != nil {
			return err
		}
		return io.EOF
	}
	b.offset, b.rest = r.end(), p
	b.read += int64(len(p))
	return nil
}

// checkBody reads a body to its end.
func (s *Spool) checkBody(mid uint64) error {
	b, err := s.openBody(mid)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, b)
	return errors.Join(err, b.Close())
}
