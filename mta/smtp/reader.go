package smtp

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

const (
	// fewBytes are what a session has to read into while it waits for a command: all but the strangest commands fit.
	fewBytes   = 512
	readBuffer = 8 << 10
	bulkBuffer = 64 << 10 // for a message of which more has come than fits the readBuffer
)

// errFull says that a line does not fit the readBuffer.
var errFull = errors.New("line longer than the buffer")

// buffers are the larger two kinds of buffer, for the sessions that have something to read into them.
var (
	readBuffers = sync.Pool{New: func() any { return new([readBuffer]byte) }}
	bulkBuffers = sync.Pool{New: func() any { return new([bulkBuffer]byte) }}
)

// reader buffers what a client sends. Most of the time most clients say nothing, so it has a large buffer only while there
// is more than a command to hold.
type reader struct {
	from io.Reader
	buf  []byte // few, or a buffer of the pools; nil before the first read
	r, w int    // buf[r:w] is what was read and not yet taken
	few  [fewBytes]byte
}

// buffered is how many bytes are there to be taken.
func (b *reader) buffered() int { return b.w - b.r }

// line takes the next line with its LF. errFull comes with a readBuffer full of a line that goes on. What it returns is
// valid until the next call.
func (b *reader) line() ([]byte, error) {
	for seen := 0; ; {
		if end := bytes.IndexByte(b.buf[b.r+seen:b.w], '\n'); end >= 0 {
			return b.take(seen + end + 1), nil
		}
		if seen = b.buffered(); seen >= readBuffer {
			return b.take(seen), errFull
		}
		if seen == 0 && (b.w < len(b.buf) || b.buf == nil) { // Where the last read filled the buffer, more is on its way.
			b.use(b.few[:])
		}
		if err := b.fill(); err != nil {
			return nil, err
		}
	}
}

// block returns all that is buffered, at least one byte; take then takes what is used of it.
func (b *reader) block() ([]byte, error) {
	if b.buffered() == 0 {
		switch {
		case len(b.buf) <= fewBytes:
			b.use(readBuffers.Get().(*[readBuffer]byte)[:])
		case len(b.buf) == readBuffer && b.w == readBuffer: // The last block filled it.
			b.use(bulkBuffers.Get().(*[bulkBuffer]byte)[:])
		}
		if err := b.fill(); err != nil {
			return nil, err
		}
	}
	return b.buf[b.r:b.w], nil
}

func (b *reader) take(n int) []byte {
	b.r += n
	return b.buf[b.r-n : b.r]
}

// fill reads once behind what is buffered, and makes room for it where there is none.
func (b *reader) fill() error {
	switch {
	case b.w == fewBytes && len(b.buf) == fewBytes:
		b.use(readBuffers.Get().(*[readBuffer]byte)[:])
	case b.r == b.w:
		b.r, b.w = 0, 0
	case b.w == len(b.buf): // There is room: a line is given up before it fills a readBuffer.
		b.w = copy(b.buf, b.buf[b.r:b.w])
		b.r = 0
	}
	n, err := b.from.Read(b.buf[b.w:])
	if b.w += n; n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// use changes to another buffer, with all that is buffered, and gives the former back to its pool.
func (b *reader) use(buf []byte) {
	former := b.buf
	b.w = copy(buf, former[b.r:b.w])
	b.r, b.buf = 0, buf
	switch len(former) {
	case readBuffer:
		readBuffers.Put((*[readBuffer]byte)(former))
	case bulkBuffer:
		bulkBuffers.Put((*[bulkBuffer]byte)(former))
	}
}

// release gives the buffer back. Nothing can be read any more.
func (b *reader) release() { b.use(nil) }
