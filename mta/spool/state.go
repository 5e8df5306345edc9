package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// register remembers a message that is there.
func (s *Spool) register(mid uint64, m *scanned) *entry {
	e := &entry{end: m.end, size: m.size}
	for i, r := range m.Recipients {
		e.known.add(r.RID)
		e.waiting.add(r.RID)
		if m.States[i].Done {
			e.waiting.remove(r.RID)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if there, ok := s.entries[mid]; ok {
		return there
	}
	s.entries[mid] = e
	s.used.Add(e.size)
	return e
}

// lookup returns what is remembered of a message, ErrNotFound when it is not there.
func (s *Spool) lookup(mid uint64) (*entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.entries[mid]; ok {
		return e, nil
	}
	return nil, ErrNotFound
}

// Update makes new states of a message's recipients durable, all of them or none. A recipient that is done stays done
// whatever a later update says.
func (s *Spool) Update(mid uint64, updates ...Update) error {
	e, err := s.lookup(mid)
	if err == nil && len(updates) > 0 {
		e.mu.Lock()
		defer e.mu.Unlock()
		err = s.update(e, mid, updates)
	}
	if err != nil {
		return fmt.Errorf("update message %d: %w", mid, full(err))
	}
	return nil
}

func (s *Spool) update(e *entry, mid uint64, updates []Update) error {
	if e.gone {
		return ErrNotFound
	}
	if s.closed.Load() {
		return os.ErrClosed
	}
	updates = slices.Clone(updates)
	for i, u := range updates {
		if !e.known.has(u.RID) {
			return fmt.Errorf("it has no recipient %d", u.RID)
		}
		updates[i].LastError = strings.ToValidUTF8(u.LastError, "\ufffd")
		updates[i].Via = strings.ToValidUTF8(u.Via, "\ufffd")
		updates[i].Next = u.Next.UTC()
	}
	payload, err := json.Marshal(updates)
	if err != nil {
		return err
	}
	if len(payload) > maxRecord {
		return errors.New("state is too long")
	}
	record := appendRecord(nil, mid, e.end, stateRecord, payload)
	if err := s.extend(s.path(mid), record, e.end); err != nil {
		return err
	}
	s.advance(e, int64(len(record)), updates)
	return nil
}

// advance remembers a record that is on stable storage.
func (s *Spool) advance(e *entry, n int64, updates []Update) {
	e.end += n
	s.used.Add(e.end - e.size)
	e.size = e.end
	for _, u := range updates {
		if u.Done {
			e.waiting.remove(u.RID)
		}
	}
}

// extend writes a record at the end of a message's file and waits until it is durable. After a failure the file is cut
// back to what was acknowledged; if even that fails, the next record overwrites the rest, and a reader ignores it.
func (s *Spool) extend(path string, record []byte, end int64) error {
	f, err := s.files.Modify(path)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(record, end); err == nil {
		err = f.Datasync()
	}
	if err != nil {
		return errors.Join(err, f.Truncate(end), f.Close())
	}
	// What is synced is durable; a close that fails after it has nothing left to lose.
	_ = f.Close()
	return nil
}

// Remove removes a message whose recipients are all done; ErrUnfinished otherwise. To remove one twice is no error.
// The removal itself needs no sync: a file that comes back after a power cut says that all its recipients are done.
func (s *Spool) Remove(mid uint64) error {
	e, err := s.lookup(mid)
	if err != nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gone {
		return nil
	}
	if !e.waiting.empty() {
		return fmt.Errorf("remove message %d: %w", mid, ErrUnfinished)
	}
	if err := s.files.Remove(s.path(mid)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove message %d: %w", mid, err)
	}
	s.forget(e, mid)
	return nil
}

// forget drops what is remembered of a message; its mutex is held.
func (s *Spool) forget(e *entry, mid uint64) {
	e.gone = true
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, mid)
	s.used.Add(-e.size)
}

// SetAside moves a message's file to DIR/damaged and names it in Problems. It is for a body that turns out damaged
// when it is read; nothing sends the message any more, and nothing removes it either.
func (s *Spool) SetAside(mid uint64, reason string) error {
	e, err := s.lookup(mid)
	if err != nil {
		return fmt.Errorf("set message %d aside: %w", mid, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gone {
		return fmt.Errorf("set message %d aside: %w", mid, ErrNotFound)
	}
	if err := s.setAside(mid, reason); err != nil {
		return fmt.Errorf("set message %d aside: %w", mid, err)
	}
	s.forget(e, mid)
	return nil
}

func (s *Spool) setAside(mid uint64, reason string) error {
	to := filepath.Join(s.dir, "damaged", filepath.Base(s.path(mid)))
	if err := s.files.Rename(s.path(mid), to); err != nil {
		return err
	}
	s.problem("message %d is set aside as %s: %s", mid, to, reason)
	return nil
}
