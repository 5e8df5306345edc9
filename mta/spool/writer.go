package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// maxInline is the longest content that lies in the log. What is longer is streamed into a file of its own, so that no
// message is in memory whole.
const maxInline = 128 << 10

// Writer takes the content of one message, as it will be sent, in CRLF lines. It belongs to one goroutine. Either Commit
// or Abort ends it; Abort after Commit does nothing, so it can be deferred.
type Writer struct {
	s     *Spool
	mid   uint64
	ended bool
	size  int64
	err   error // the first failure; nothing is done after it

	block *[]byte // content that is not in a file
	file  File    // nil while all of it fits in the block
	sum   uint32  // of what is in the file
}

// spillSize is how much of a long message is written at once.
const spillSize = 64 << 10

var blocks = sync.Pool{New: func() any { b := make([]byte, 0, 8<<10); return &b }}

// maxPooled is the largest block that is kept for the next message.
const maxPooled = 256 << 10

func putBlock(b *[]byte) {
	if cap(*b) <= maxPooled {
		*b = (*b)[:0]
		blocks.Put(b)
	}
}

// Create begins a message; ErrFull when the disk has no room for more. A message ID serves once, also when the message is
// refused later.
func (s *Spool) Create(mid uint64) (*Writer, error) {
	s.mu.Lock()
	_, there := s.entries[mid]
	closing := s.closing
	s.mu.Unlock()
	err := s.room.check(s)
	switch {
	case closing:
		err = os.ErrClosed
	case there:
		err = os.ErrExist
	}
	if err != nil {
		return nil, fmt.Errorf("create message %d: %w", mid, full(err))
	}
	return &Writer{s: s, mid: mid, block: blocks.Get().(*[]byte)}, nil
}

// room remembers for a moment how much is free.
type room struct {
	mu   sync.Mutex
	at   time.Time
	free error // ErrFull, or why it is not known
}

// roomHolds is how long an answer counts: what comes in meanwhile is far less than the reserve.
const roomHolds = 50 * time.Millisecond

// reserve is the room that is left alone when messages come in, so that states can still be recorded on a disk that is
// full of messages: 16 MiB, or less on a small disk.
func reserve(total int64) int64 { return min(16<<20, total/64) }

func (r *room) check(s *Spool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Sub(r.at) < roomHolds {
		return r.free
	}
	free, total, err := s.files.Space(s.dir)
	if err == nil && free < reserve(total) {
		err = fmt.Errorf("%w: %d bytes are left", ErrFull, free)
	}
	r.at, r.free = now, err
	return err
}

// Size is the number of bytes written so far.
func (w *Writer) Size() int64 { return w.size }

// Write adds to the content. After an error the message can only be aborted; ErrFull when the disk is.
func (w *Writer) Write(p []byte) (int, error) {
	if w.err == nil && w.ended {
		w.err = os.ErrClosed
	}
	if w.err == nil && w.size+int64(len(p)) > w.s.inline {
		w.err = full(w.spill())
	}
	if w.err != nil {
		return 0, fmt.Errorf("write message %d: %w", w.mid, w.err)
	}
	w.size += int64(len(p))
	*w.block = append(*w.block, p...)
	return len(p), nil
}

// spill moves the block to the message's own file.
func (w *Writer) spill() error {
	if w.file == nil {
		f, err := w.s.files.Create(w.s.outsidePath(w.mid) + tempSuffix)
		if err != nil {
			return err
		}
		w.file = f
	} else if len(*w.block) < spillSize {
		return nil
	}
	return w.flush()
}

// flush writes the block behind what the file has.
func (w *Writer) flush() error {
	b := *w.block
	if _, err := w.file.WriteAt(b, w.size-int64(len(b))); err != nil {
		return err
	}
	w.sum = crc32.Update(w.sum, castagnoli, b)
	w.s.used.Add(int64(len(b)))
	*w.block = b[:0]
	return nil
}

// Commit makes the message durable: when it returns nil, the message survives the death of the machine. It sets
// env.MID and env.Size. On an error nothing of the message is left.
func (w *Writer) Commit(env Envelope) error {
	if w.ended {
		return fmt.Errorf("commit message %d: %w", w.mid, os.ErrClosed)
	}
	defer w.Abort()
	env.MID, env.Size = w.mid, w.size
	meta, err := appendEnvelope(nil, &env)
	if err == nil {
		err = w.err
	}
	if err == nil {
		err = full(w.store(meta, env.single()))
	}
	if err != nil {
		return fmt.Errorf("commit message %d: %w", w.mid, err)
	}
	return nil
}

// store takes what is written to stable storage: a content of its own file first, with its name, then the record.
func (w *Writer) store(meta []byte, single bool) error {
	it := &item{head: head{kind: messageRecord, mid: w.mid, meta: uint32(len(meta)), metaSum: sum(meta)}, meta: meta, single: single}
	if w.file == nil {
		it.body = *w.block
		it.head.body, it.head.bodySum = uint32(len(it.body)), sum(it.body)
	} else {
		if err := w.keepFile(); err != nil {
			return err
		}
		it.head.kind, it.head.bodySum = outsideRecord, w.sum
	}
	s := w.s
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return os.ErrClosed
	}
	b := s.enqueue(it)
	s.mu.Unlock()
	<-b.done
	if b.err == nil || it.strewn { // then the file goes once the record that says so is there
		w.close()
	}
	return b.err
}

// keepFile makes the message's own file durable under its name.
func (w *Writer) keepFile() error {
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return err
	}
	path := w.s.outsidePath(w.mid)
	if err := w.s.files.Rename(path+tempSuffix, path); err != nil {
		return err
	}
	return w.s.files.SyncFolder(filepath.Dir(path))
}

// Abort drops what was written. What cannot be removed now is removed at the next Open.
func (w *Writer) Abort() {
	if w.ended {
		return
	}
	if w.file != nil {
		path := w.s.outsidePath(w.mid)
		_ = errors.Join(w.s.files.Remove(path+tempSuffix), w.s.files.Remove(path))
		w.s.used.Add(int64(len(*w.block)) - w.size)
	}
	w.close()
}

func (w *Writer) close() {
	w.ended = true
	if w.file != nil {
		_ = w.file.Close()
		w.file = nil
	}
	putBlock(w.block)
	w.block = nil
}
