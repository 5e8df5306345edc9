package mtasts

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"posthouse/internal/safefile"
)

// suffix ends the names of the cache's files.
const suffix = ".json"

// maxFile is the largest file that is read: a policy, and what JSON makes of it.
const maxFile = 8 * maxPolicy

// stored is one file of the cache. The text is parsed again when it is read, so that a file holds nothing that a policy
// cannot say.
type stored struct {
	Domain  string    `json:"domain"`
	ID      string    `json:"id"`
	Fetched time.Time `json:"fetched"`
	Used    time.Time `json:"used"`
	Policy  []string  `json:"policy"`
}

// path is the file of a domain; a digest fits every file system, however long the domain is.
func (s *Store) path(domain string) string {
	sum := sha256.Sum256([]byte(domain))
	return filepath.Join(s.o.Dir, hex.EncodeToString(sum[:16])+suffix)
}

// policyFiles lists the cache's files.
func policyFiles(dir string) ([]string, error) {
	return filepath.Glob(filepath.Join(dir, "*"+suffix))
}

// entry is what is known of a domain, from memory or from disk.
func (s *Store) entry(domain string) entry {
	s.mu.Lock()
	e, ok := s.known.get(domain)
	s.mu.Unlock()
	if ok {
		return e
	}
	e, err := load(s.path(domain))
	if err != nil || e.cached.Domain != domain {
		e = entry{cached: Policy{Domain: domain}}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now, ok := s.known.get(domain); ok { // somebody was faster, and may know more
		return now
	}
	s.known.put(domain, e)
	return e
}

// change edits a domain's entry and returns it.
func (s *Store) change(domain string, edit func(e *entry)) entry {
	e := s.entry(domain)
	s.mu.Lock()
	defer s.mu.Unlock()
	if now, ok := s.known.get(domain); ok {
		e = now
	}
	edit(&e)
	s.known.put(domain, e)
	return e
}

// load reads a file of the cache.
func load(path string) (entry, error) {
	info, err := os.Stat(path)
	if err != nil {
		return entry{}, fmt.Errorf("load policy: %w", err)
	}
	if info.Size() > maxFile {
		return entry{}, fmt.Errorf("load policy: %s is larger than %d bytes", path, maxFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return entry{}, fmt.Errorf("load policy: %w", err)
	}
	var f stored
	if err := json.Unmarshal(data, &f); err != nil {
		return entry{}, fmt.Errorf("load policy %s: %w", path, err)
	}
	p, err := parsePolicy([]byte(strings.Join(f.Policy, "\n")))
	if err != nil {
		return entry{}, fmt.Errorf("load policy %s: %w", path, err)
	}
	return entry{used: f.Used, cached: Policy{Domain: f.Domain, Mode: p.mode, MX: p.mx, ID: f.ID, Fetched: f.Fetched,
		Expires: f.Fetched.Add(p.maxAge), Text: p.lines}}, nil
}

// keep writes a domain's policy to disk. A full folder takes no new domain: those that are there keep their protection.
func (s *Store) keep(e entry) {
	path := s.path(e.cached.Domain)
	fresh := false
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		fresh = true
	}
	s.mu.Lock()
	full := fresh && s.files >= keptOnDisk
	if fresh && !full {
		s.files++
	}
	s.mu.Unlock()
	if full {
		s.o.Tell(fmt.Sprintf("MTA-STS: the policy of %s is not kept over a restart: there are %d already", e.cached.Domain, keptOnDisk))
		return
	}
	data, err := json.Marshal(stored{Domain: e.cached.Domain, ID: e.cached.ID, Fetched: e.cached.Fetched, Used: e.used, Policy: e.cached.Text})
	if err == nil {
		err = safefile.Write(path, data, 0o600)
	}
	if err != nil {
		s.o.Tell(fmt.Sprintf("MTA-STS: the policy of %s is not kept over a restart: %v", e.cached.Domain, err))
	}
}

// discard takes a file away.
func (s *Store) discard(path string) {
	if os.Remove(path) == nil {
		s.mu.Lock()
		s.files--
		s.mu.Unlock()
	}
}

// touch notes once a day on disk that a policy is in use.
func (s *Store) touch(domain string, e entry) {
	now := s.o.Now()
	if now.Sub(e.used) < 24*time.Hour {
		return
	}
	s.keep(s.change(domain, func(e *entry) { e.used = now }))
}
