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
