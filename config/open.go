package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"posthouse/internal/safefile"
)

// handEdit is the author of a revision that posthouse.toml brought itself.
var handEdit = Author{User: "(file)", From: settingsName}

// Open reads the configuration of a data folder that is set up. A posthouse.toml that was edited by hand becomes a new
// revision; a broken one is an error that names file, line and key, and everything is left as it is.
func Open(dir string, opts ...Option) (*Store, error) { return open(safefile.OS, dir, opts...) }

func open(fsys safefile.FS, dir string, opts ...Option) (*Store, error) {
	settings, c, err := readSettings(dir)
	if err != nil {
		return nil, err
	}
	s, err := newStore(fsys, dir, opts)
	if err != nil {
		return nil, err
	}
	if err := s.recoverPending(settings); err != nil {
		return nil, err
	}
	s.dropDone()
	newest := s.history.newest()
	if newest.Number == 0 {
		return nil, noRevision(dir, s.history.damaged)
	}
	match, known := s.history.matching(digestOf(settings))
	if !known {
		match = newest
		if err := s.contentKnown(c, newest); err != nil {
			return nil, err
		}
	}
	c.Refs = maps.Clone(match.refs)
	if match.Number != newest.Number {
		last, err := s.Load(newest.Number)
		if err != nil {
			return nil, err
		}
		c.keepContent(last)
	}
	c.normalizeRefs()
	if known && match.Number == newest.Number {
		s.publish(&Snapshot{Config: c, Revision: match.Revision}, settings)
		s.tidy()
	} else if err := s.adopt(c, settings, match, known); err != nil {
		return nil, err
	}
	s.resumeWait()
	return s, nil
}

// readSettings reads and checks posthouse.toml.
func readSettings(dir string) ([]byte, *Config, error) {
	path := filepath.Join(dir, settingsName)
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("open %s: %w", dir, ErrNotSetUp)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read configuration: %w", err)
	}
	c, err := Decode(data)
	if err != nil {
		var se *SyntaxError
		if errors.As(err, &se) {
			se.File = path
		}
		return nil, nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, nil, located(path, string(data), err)
	}
	return data, c, nil
}

// located adds file and line to the faults that Validate found.
func located(path, text string, err error) error {
	var list []error
	for _, fe := range FieldErrors(err) {
		parts := pathParts(fe.Path)
		line := 0
		for len(parts) > 0 && line == 0 {
			line = lineOfKey(text, parts)
			parts = parts[:len(parts)-1]
		}
		list = append(list, &SyntaxError{File: path, Line: line, Key: fe.Path, Text: fe.Text})
	}
	return errors.Join(list...)
}

// pathParts splits a path into its parts and takes their quotes off.
func pathParts(path string) []string {
	var parts []string
	for path != "" {
		part, rest := path, ""
		if path[0] == '"' {
			end := strings.Index(path[1:], `"`)
			if end < 0 {
				return append(parts, path)
			}
			part, rest = path[1:end+1], strings.TrimPrefix(path[end+2:], ".")
		} else {
			part, rest, _ = strings.Cut(path, ".")
		}
		parts = append(parts, part)
		path = rest
	}
	return parts
}

// recoverPending ends a commit that was cut off: it is finished when posthouse.toml is what it describes, and never
// happened otherwise. Where posthouse.toml was the same before, the rename that is missing was the commit.
func (s *Store) recoverPending(settings []byte) error {
	folder := filepath.Join(s.dir, revisionsName)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("read revisions: %w", err)
	}
	for _, e := range entries {
		number, ok := numberOf(e.Name(), pendingExt)
		if !ok {
			continue
		}
		path := filepath.Join(folder, e.Name())
		r, _, err := readRevision(path)
		digest := digestOf(settings)
		if err == nil && r.Number == number && r.digest == digest && s.history.newest().digest != digest {
			if err := s.finish(number); err != nil {
				return err
			}
			s.history.add(r)
			continue
		}
		if err := removeIfThere(s.fsys, path); err != nil {
			return fmt.Errorf("remove unfinished revision: %w", err)
		}
	}
	return nil
}

// contentKnown refuses an edited file with a certificate profile that has no content: keys are not in posthouse.toml,
// so a profile cannot be made by writing its name there.
func (s *Store) contentKnown(c *Config, newest record) error {
	before, err := s.Load(newest.Number)
	if err != nil {
		return err
	}
	var f faults
	for _, name := range slices.Sorted(maps.Keys(c.Certificates)) {
		if before.Certificates[name] == nil {
			f.add(join("certificates", key(name)), "the file names a certificate profile that certconfig has not made")
		}
	}
	if err := f.err(); err != nil {
		data, _ := readFile(s.settingsPath())
		return located(s.settingsPath(), string(data), err)
	}
	return nil
}

// adopt makes a revision of a posthouse.toml that was edited, or that is a copy of an older one.
func (s *Store) adopt(c *Config, found []byte, match record, copied bool) error {
	s.settings = found
	settings := Encode(c)
	before, err := s.Load(s.history.newest().Number)
	if err != nil {
		return err
	}
	newest := s.history.newest()
	if len(Diff(before, c)) == 0 {
		// Only its form was edited. Bringing that back is no commit.
		if !bytes.Equal(found, settings) {
			if err := safefile.WriteFS(s.fsys, s.settingsPath(), settings, 0o600); err != nil {
				return err
			}
		}
		s.publish(&Snapshot{Config: c, Revision: newest.Revision}, settings)
		return nil
	}
	comment := "posthouse.toml was edited by hand"
	switch {
	case len(s.history.damaged) > 0:
		comment = "posthouse.toml is not that of the newest revision that can be read"
	case copied:
		comment = fmt.Sprintf("posthouse.toml was replaced by that of revision %d", match.Number)
	}
	next := &Snapshot{Config: c, Revision: s.nextRevision(handEdit, comment, true)}
	if err := s.write(next, settings, mark{}); err != nil {
		return err
	}
	s.publish(next, settings)
	s.tidy()
	return nil
}

func noRevision(dir string, damaged []error) error {
	err := fmt.Errorf("%s: no revision can be read, so the keys that belong to posthouse.toml are not known; restore the folder from a backup",
		filepath.Join(dir, revisionsName))
	return errors.Join(append([]error{err}, damaged...)...)
}

// Check says everything that is wrong with the configuration of a data folder, and changes nothing.
func Check(dir string, opts ...Option) error {
	settings, c, err := readSettings(dir)
	if err != nil {
		return err
	}
	h, err := readHistory(filepath.Join(dir, revisionsName))
	if err != nil {
		return err
	}
	_, unread, _, err := readPlans(filepath.Join(dir, plannedName))
	if err != nil {
		return err
	}
	list := h.damaged
	if len(h.records) == 0 {
		list = []error{noRevision(dir, h.damaged)}
	}
	list = append(slices.Clip(list), unread...)
	match, ok := h.matching(digestOf(settings))
	if !ok {
		match = h.newest()
	}
	c.Refs = maps.Clone(match.refs)
	c.normalizeRefs()
	return errors.Join(append(list, lostSecrets(c, safefile.ViewVault(filepath.Join(dir, vaultName), vaultOptions(opts)...))...)...)
}

// lostSecrets names the secrets of a configuration that cannot be had.
func lostSecrets(c *Config, vault *safefile.Vault) (list []error) {
	for _, ref := range slices.Sorted(maps.Keys(c.Refs)) {
		_, err := vault.Get(c.Refs[ref])
		for _, locked := range []error{safefile.ErrLocked, safefile.ErrMasterKey} {
			if errors.Is(err, locked) {
				return append(list, fmt.Errorf("%s: %w", vaultName, locked)) // it is the same for all
			}
		}
		if err != nil {
			list = append(list, fmt.Errorf("%s: %w", refPath(ref), err))
		}
	}
	return list
}

// Faults names what Open has found damaged and could do without: revisions that cannot be read, and secrets of the
// running configuration that are not there.
func (s *Store) Faults() []error {
	s.mu.Lock()
	list := slices.Concat(s.history.damaged, s.damagedPlans)
	s.mu.Unlock()
	return append(list, lostSecrets(s.Running().Config, s.vault)...)
}
