package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"

	"posthouse/internal/safefile"
)

// unusedSecrets are swept when they are older than this, so that a session has the time to commit what it put.
const unusedSecrets = 24 * time.Hour

// write puts a snapshot on disk: the pending revision, posthouse.toml, the revision. When it fails, everything that
// Open looks at is what it was; where not even that can be had, the next commit begins with it (see repair).
func (s *Store) write(next *Snapshot, settings []byte, m mark) error {
	r := record{Revision: next.Revision, mark: m, digest: digestOf(settings), refs: maps.Clone(next.Config.Refs)}
	pending := filepath.Join(s.dir, revisionsName, pendingFile(r.Number))
	if err := safefile.WriteFS(s.fsys, pending, encodeRevision(r, settings), 0o600); err != nil {
		s.undo(pending)
		return err
	}
	same := bytes.Equal(settings, s.settings)
	if found, err := readFile(s.settingsPath()); err != nil || !bytes.Equal(found, settings) {
		if err := safefile.WriteFS(s.fsys, s.settingsPath(), settings, 0o600); err != nil {
			s.undo(pending)
			return err
		}
	}
	if err := s.finish(r.Number); err != nil && same {
		s.undo(pending)
		return err
	}
	// Otherwise posthouse.toml holds the commit already: what is left of the rename is done by the next commit or start.
	s.mu.Lock()
	s.history.add(r)
	s.mu.Unlock()
	return nil
}

// finish gives a pending revision its own name.
func (s *Store) finish(number int) error {
	folder := filepath.Join(s.dir, revisionsName)
	if err := s.fsys.Rename(filepath.Join(folder, pendingFile(number)), s.revisionPath(number)); err != nil {
		return fmt.Errorf("write revision: %w", err)
	}
	if err := s.fsys.SyncDir(folder); err != nil {
		return fmt.Errorf("write revision: %w", err)
	}
	return nil
}

// undo takes back what a failed write has left. A write may have failed after its file was in place, so every one of
// them is looked at. Posthouse.toml goes first: as long as it is the new one, its pending revision must be there.
func (s *Store) undo(pending string) {
	s.torn = s.restore(pending) != nil
}

func (s *Store) restore(pending string) error {
	found, err := readFile(s.settingsPath())
	switch {
	case s.settings == nil: // the first set-up: there was none
		if err := removeIfThere(s.fsys, s.settingsPath()); err != nil {
			return err
		}
	case err != nil || !bytes.Equal(found, s.settings):
		if err := safefile.WriteFS(s.fsys, s.settingsPath(), s.settings, 0o600); err != nil {
			return err
		}
	}
	number, _ := numberOf(filepath.Base(pending), pendingExt)
	if err := removeIfThere(s.fsys, s.revisionPath(number)); err != nil {
		return err
	}
	if err := removeIfThere(s.fsys, pending); err != nil {
		return err
	}
	return s.fsys.SyncDir(filepath.Dir(pending))
}

func removeIfThere(fsys safefile.FS, path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fsys.Remove(path)
}

// repair brings the files in line with the running configuration after a write that failed and could not be taken
// back, or whose last rename is missing.
func (s *Store) repair() error {
	number := s.Running().Revision.Number
	folder := filepath.Join(s.dir, revisionsName)
	if s.torn {
		if err := s.restore(filepath.Join(folder, pendingFile(number+1))); err != nil {
			return fmt.Errorf("take back the failed commit: %w", err)
		}
		s.torn = false
	}
	if _, err := os.Lstat(filepath.Join(folder, pendingFile(number))); err == nil {
		return s.finish(number)
	}
	return nil
}

// tidy removes the revisions that are no longer kept and the secrets that none of the others names. The vault stays as
// it is while a revision or a planned commit is damaged, whose secrets nobody knows. What cannot be removed now is met
// again at the next commit.
func (s *Store) tidy() {
	s.mu.Lock()
	keep, damaged, oldest := s.history.named(), len(s.history.damaged)+len(s.damagedPlans) > 0, s.history.oldestKept()
	for _, p := range s.plans {
		for _, refs := range []map[string]string{p.base.Refs, p.own.Refs} {
			for id := range maps.Values(refs) {
				keep[id] = true
			}
		}
	}
	s.mu.Unlock()
	entries, err := os.ReadDir(filepath.Join(s.dir, revisionsName))
	if err != nil {
		return
	}
	for _, e := range entries {
		if number, ok := numberOf(e.Name(), revisionExt); ok && number < oldest {
			s.fsys.Remove(s.revisionPath(number))
		}
	}
	s.tidyPlans()
	if !damaged {
		s.vault.Sweep(keep, unusedSecrets)
	}
}
