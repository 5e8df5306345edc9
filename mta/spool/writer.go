package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"
)

// Writer takes the body of one message, as it will be sent, in CRLF lines. It belongs to one goroutine. Either Commit
// or Abort ends it; Abort after Commit does nothing, so it can be deferred.
type Writer struct {
	s      *Spool
	mid    uint64
	f      File   // nil when it has ended
	out    []byte // complete records that are not in the file yet
	offset int64  // in the file, of out's beginning
	chunk  []byte // body that is not in a record yet, less than chunkSize
	size   int64
	err    error // the first failure; nothing is done after it
}

// reserve is the room that is left alone when messages come in, so that states can still be recorded on a disk that is
// full of messages: 16 MiB, or less on a small disk.
func reserve(total int64) int64 { return min(16<<20, total/64) }

// Create begins a message; ErrFull when the disk has no room for more.
func (s *Spool) Create(mid uint64) (*Writer, error) {
	if s.closed.Load() {
		return nil, fmt.Errorf("create message %d: %w", mid, os.ErrClosed)
	}
	free, total, err := s.files.Space(s.dir)
	if err != nil {
		return nil, fmt.Errorf("create message %d: %w", mid, full(err))
	}
	if free < reserve(total) {
		return nil, fmt.Errorf("create message %d: %w: %d bytes are left", mid, ErrFull, free)
	}
	if _, err := s.lookup(mid); err == nil {
		return nil, fmt.Errorf("create message %d: %w", mid, os.ErrExist)
	}
	f, err := s.files.Create(s.temp(mid))
	if err != nil {
		return nil, fmt.Errorf("create message %d: %w", mid, full(err))
	}
	return &Writer{s: s, mid: mid, f: f, out: appendHead(nil)}, nil
}

// Size is the number of bytes written so far.
func (w *Writer) Size() int64 { return w.size }

// Write adds to the body. After an error the message can only be aborted; ErrFull when the disk is.
func (w *Writer) Write(p []byte) (int, error) {
	if w.err == nil && w.f == nil {
		w.err = os.ErrClosed
	}
	n := 0
	for w.err == nil && len(p) > 0 {
		take := min(len(p), chunkSize-len(w.chunk))
		w.chunk = append(w.chunk, p[:take]...)
		w.size += int64(take)
		n += take
		p = p[take:]
		if len(w.chunk) == chunkSize {
			w.seal()
			w.flush()
		}
	}
	if w.err != nil {
		return n, fmt.Errorf("write message %d: %w", w.mid, w.err)
	}
	return n, nil
}

// seal makes a record of the body that is waiting.
func (w *Writer) seal() {
	if len(w.chunk) > 0 {
		w.record(bodyRecord, w.chunk)
		w.chunk = w.chunk[:0]
	}
}

func (w *Writer) record(kind byte, payload []byte) {
	w.out = appendRecord(w.out, w.mid, w.offset+int64(len(w.out)), kind, payload)
}

// flush writes the complete records to the file.
func (w *Writer) flush() {
	if w.err != nil {
		return
	}
	if _, err := w.f.WriteAt(w.out, w.offset); err != nil {
		w.err = full(err)
		return
	}
	w.offset += int64(len(w.out))
	w.out = w.out[:0]
}

// Commit makes the message durable: when it returns nil, the message survives the death of the machine. It sets
// env.MID and env.Size. On an error nothing of the message is left.
func (w *Writer) Commit(env Envelope) error {
	if w.f == nil {
		return fmt.Errorf("commit message %d: %w", w.mid, os.ErrClosed)
	}
	defer w.Abort()
	env.MID, env.Size = w.mid, w.size
	payload, err := encodeEnvelope(env)
	if err != nil {
		return fmt.Errorf("commit message %d: %w", w.mid, err)
	}
	w.seal()
	w.record(envelopeRecord, payload)
	w.flush()
	if w.err == nil {
		w.err = full(w.store())
	}
	if w.err != nil {
		return fmt.Errorf("commit message %d: %w", w.mid, w.err)
	}
	w.s.register(w.mid, &scanned{Message: Message{Envelope: env, States: make([]State, len(env.Recipients))}, size: w.offset, end: w.offset})
	return nil
}

// store takes what is written to stable storage and gives it its name. The order is what makes a commit durable and
// whole: content, then name, then the folder that holds the name.
func (w *Writer) store() error {
	if w.s.closed.Load() {
		return os.ErrClosed
	}
	if err := w.f.Sync(); err != nil {
		return err
	}
	f := w.f
	w.f = nil
	if err := f.Close(); err != nil {
		return errors.Join(err, w.s.files.Remove(w.s.temp(w.mid)))
	}
	if err := w.s.files.Rename(w.s.temp(w.mid), w.s.path(w.mid)); err != nil {
		return errors.Join(err, w.s.files.Remove(w.s.temp(w.mid)))
	}
	if err := w.s.folders.Sync(w.s.folder(w.mid)); err != nil {
		return errors.Join(err, w.s.files.Remove(w.s.path(w.mid)))
	}
	return nil
}

// Abort drops what was written. What cannot be removed now is removed at the next Open.
func (w *Writer) Abort() {
	if w.f == nil {
		return
	}
	_ = w.f.Close()
	w.f = nil
	_ = w.s.files.Remove(w.s.temp(w.mid))
}

// encodeEnvelope refuses what could not be read back: addresses must be UTF-8 (RFC 6531 §3.3 allows nothing else). The
// other strings are for people, and what is not UTF-8 in them becomes U+FFFD.
func encodeEnvelope(env Envelope) ([]byte, error) {
	if err := checkRecipients(env.Recipients); err != nil {
		return nil, err
	}
	for _, r := range env.Recipients {
		if !utf8.ValidString(r.Address) {
			return nil, fmt.Errorf("recipient %q is not UTF-8", r.Address)
		}
	}
	if !utf8.ValidString(env.Sender) {
		return nil, fmt.Errorf("sender %q is not UTF-8", env.Sender)
	}
	env.Received = env.Received.UTC()
	env.Subject = strings.ToValidUTF8(env.Subject, "\ufffd")
	env.MessageID = strings.ToValidUTF8(env.MessageID, "\ufffd")
	payload, err := json.Marshal(env)
	if err == nil && len(payload) > maxRecord {
		err = errors.New("envelope is too long")
	}
	return payload, err
}
