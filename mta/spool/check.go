package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
)

// Check reads every message in dir that is not finished, contents too, and changes nothing. It may run beside an open
// Spool. The error joins all faults; a folder that does not exist has none.
func Check(dir string) error {
	if err := readFormat(filepath.Join(dir, "format")); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("check spool %q: %w", dir, err)
	}
	faults := check(dir)
	if len(faults) > 0 { // what an open spool moves or removes meanwhile is missing once; a fault stays
		again := make(map[string]bool)
		for _, f := range check(dir) {
			again[f.Error()] = true
		}
		faults = slices.DeleteFunc(faults, func(f error) bool { return !again[f.Error()] })
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("check spool %q: %w", dir, err)
	}
	return nil
}

// check looks once.
func check(dir string) (faults []error) {
	s := &Spool{
		dir: dir, files: osFiles{},
		entries: make(map[uint64]entry), segments: make(map[uint64]*segment), copies: make(map[uint64][]*segment),
	}
	names, err := s.files.List(s.logFolder())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return []error{err}
	}
	r := newRecovery(s, func(g *segment, gaps []gap) error {
		for _, p := range gaps {
			faults = append(faults, fmt.Errorf("%w: %s", ErrDamaged, g.describe(p)))
		}
		return nil
	})
	for _, n := range numbersOf(names) {
		if err := r.open(n); err != nil && !errors.Is(err, fs.ErrNotExist) { // one that has gone is finished
			faults = append(faults, err)
		}
	}
	r.readAll()
	r.bury()
	for mid := range s.entries {
		if err := s.checkMessage(mid); err != nil {
			faults = append(faults, fmt.Errorf("message %d: %w", mid, err))
		}
	}
	for _, p := range s.Problems() {
		faults = append(faults, errors.New(p))
	}
	if err := s.closeFiles(); err != nil {
		faults = append(faults, err)
	}
	return faults
}

// checkMessage reads one message whole.
func (s *Spool) checkMessage(mid uint64) error {
	env, err := s.envelope(mid)
	if err != nil {
		return err
	}
	if _, err := s.statesOf(mid, env.Recipients); err != nil {
		return err
	}
	c, err := s.Open(mid)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, c)
	return errors.Join(err, c.Close())
}
