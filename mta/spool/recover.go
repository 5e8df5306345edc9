package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Messages calls do for every message that is not finished, in the order of MIDs. Finished ones are removed; files
// that do not hold what was written are set aside in DIR/damaged and named by Problems. An error of do ends it.
// It works once, for what Open found; messages that are committed meanwhile are the caller's already.
func (s *Spool) Messages(do func(Message) error) error {
	s.mu.Lock()
	found := s.found
	s.found = nil
	s.mu.Unlock()
	for _, mid := range found {
		m, err := s.recoverMessage(mid)
		if err != nil {
			return fmt.Errorf("recover message %d: %w", mid, err)
		}
		if m == nil {
			continue
		}
		if err := do(m.Message); err != nil {
			return err
		}
	}
	return nil
}

// recoverMessage reads one message that Open found; nil when there is nothing to deliver. A file that cannot be read at
// the moment stays where it is for the next start.
func (s *Spool) recoverMessage(mid uint64) (*scanned, error) {
	m, err := s.read(mid)
	switch {
	case errors.Is(err, ErrDamaged):
		return nil, s.setAside(mid, err.Error())
	case errors.Is(err, ErrNewer), errors.Is(err, os.ErrPermission):
		return nil, err
	case err != nil:
		s.problem("message %d cannot be read and waits for the next start: %s", mid, err)
		return nil, nil
	}
	if m.damaged > 0 {
		s.problem("message %d: %d state records are damaged; a recipient may be sent to again", mid, m.damaged)
	}
	s.register(mid, m)
	if m.finished() {
		return nil, s.Remove(mid)
	}
	return m, nil
}

// read scans one message's file.
func (s *Spool) read(mid uint64) (*scanned, error) {
	f, err := s.files.Open(s.path(mid))
	if err != nil {
		return nil, err
	}
	m, err := scan(f, mid)
	return m, errors.Join(err, f.Close())
}

// Check reads every message in dir as Messages would, bodies too, and changes nothing. It may run beside an open Spool.
// The error joins all faults; a folder that does not exist has none.
func Check(dir string) error {
	if err := readFormat(filepath.Join(dir, "format")); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("check spool %q: %w", dir, err)
	}
	s := &Spool{dir: dir, files: osFiles{}}
	var faults []error
	for i := range shards {
		names, err := s.files.List(s.shard(i))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			faults = append(faults, err)
		}
		for _, name := range names {
			faults = append(faults, s.check(i, name))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("check spool %q: %w", dir, err)
	}
	return nil
}

// check reads one message whole. One that has gone since it was listed is finished, and no fault.
func (s *Spool) check(shard int, name string) error {
	mid, ok := midOf(name)
	if !ok {
		return nil
	}
	if s.path(mid) != filepath.Join(s.shard(shard), name) {
		return fmt.Errorf("message %d: %w: it lies in folder %02x, where nothing looks for it", mid, ErrDamaged, shard)
	}
	m, err := s.read(mid)
	if err == nil && m.damaged > 0 {
		err = fmt.Errorf("%w: %d state records", ErrDamaged, m.damaged)
	}
	if err == nil {
		err = s.checkBody(mid)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("message %d: %w", mid, err)
}
