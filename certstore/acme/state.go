package acme

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"posthouse/internal/safefile"
)

// stateName is the file within Options.Dir that survives a restart.
const stateName = "acme.json"

// state is what is known beyond the configuration. Nothing in it is secret: keys are named by their place in the vault.
type state struct {
	Account  account              `json:"account"`
	Profiles map[string]*progress `json:"profiles"`
}

// account is what the authority calls the account.
type account struct {
	Directory string   `json:"directory,omitempty"`
	Key       string   `json:"key,omitempty"` // the thumbprint of its key (RFC 7638)
	URL       string   `json:"url,omitempty"`
	Contact   []string `json:"contact,omitempty"` // as the authority has it
}

// progress is how one profile stands.
type progress struct {
	Settings string    `json:"settings"` // a digest of the settings that the failures belong to
	Schedule schedule  `json:"schedule"`
	Failures int       `json:"failures,omitempty"` // in a row
	Retry    time.Time `json:"retry,omitzero"`     // nothing is tried before, once it has failed
	Tried    time.Time `json:"tried,omitzero"`     // the last order
	Error    string    `json:"error,omitempty"`    // of the last try; one line
	Obtained string    `json:"obtained,omitempty"` // a profile in Options.Keys that could not be installed yet
	Got      time.Time `json:"got,omitzero"`       // the last certificate
	GotNames []string  `json:"got_names,omitempty"`
	Hasty    bool      `json:"hasty,omitzero"` // it came within hours of the one before it
	Next     *nextKey  `json:"next_key,omitempty"`
	Waiting  bool      `json:"waiting,omitzero"` // the renewal is due and waits for the next key's record

	Look time.Time `json:"-"` // when TLSA records are looked up again; after a restart at once
	Hold time.Time `json:"-"` // when a renewal that waits for them is tried again
}

// nextKey is a private key that is told to the DNS before it is used.
type nextKey struct {
	ID   string        `json:"id"` // in Options.Keys
	Kind string        `json:"kind"`
	SPKI string        `json:"spki"`          // SHA-256 of its public key, in hexadecimal digits
	Told time.Time     `json:"told,omitzero"` // when the operator was last told of the record
	Seen time.Time     `json:"seen,omitzero"` // since when the record is there for every name
	TTL  time.Duration `json:"ttl,omitempty"` // the longest that was seen
	At   []string      `json:"at,omitempty"`  // the names whose record has to be there
}

func readState(dir string) (state, error) {
	data, err := os.ReadFile(filepath.Join(dir, stateName))
	if errors.Is(err, fs.ErrNotExist) {
		return decodeState([]byte("{}"))
	}
	if err != nil {
		return state{Profiles: map[string]*progress{}}, fmt.Errorf("read %s: %w", stateName, err)
	}
	return decodeState(data)
}

// decodeState always returns a state that can be used; with an error it is an empty one.
func decodeState(data []byte) (state, error) {
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return state{Profiles: map[string]*progress{}}, fmt.Errorf("read %s: %w", stateName, err)
	}
	for name, p := range s.Profiles {
		if p == nil {
			delete(s.Profiles, name)
		}
	}
	if s.Profiles == nil {
		s.Profiles = map[string]*progress{}
	}
	return s, nil
}

func (s *state) encode() ([]byte, error) {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", stateName, err)
	}
	return append(data, '\n'), nil
}

// forget drops profiles that are no longer managed, and makes an entry for each that is.
func (s *state) forget(settings *Settings) {
	for name := range s.Profiles {
		if settings.managed(name) == nil {
			delete(s.Profiles, name)
		}
	}
	for _, p := range settings.Profiles {
		if s.Profiles[p.Name] == nil {
			s.Profiles[p.Name] = &progress{}
		}
	}
}

// kept names what is still wanted in Options.Keys.
func (s *state) kept() map[string]bool {
	keep := map[string]bool{}
	for _, p := range s.Profiles {
		if p.Next != nil {
			keep[p.Next.ID] = true
		}
		keep[p.Obtained] = true
	}
	return keep
}

// clone is a progress that the caller may change.
func (p *progress) clone() *progress {
	c := *p
	if p.Next != nil {
		next := *p.Next
		c.Next = &next
	}
	return &c
}

// progressOf returns a copy of how a profile stands.
func (m *Manager) progressOf(profile string) *progress {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.state.Profiles[profile]; p != nil {
		return p.clone()
	}
	return &progress{}
}

// keep puts a profile's progress in the place of the one before and on disk. A disk that fails costs only what a
// restart would forget, so it is told and work goes on. A profile that is no longer managed stays forgotten.
func (m *Manager) keep(profile string, p *progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.settings.managed(profile) == nil {
		return
	}
	m.state.Profiles[profile] = p.clone()
	m.writeState()
}

// writeState is called with mu held: Run is the only one who writes, and what it writes is small. What has not changed is
// not written again.
func (m *Manager) writeState() {
	data, err := m.state.encode()
	if err == nil && !bytes.Equal(data, m.written) {
		if err = safefile.Write(filepath.Join(m.opt.Dir, stateName), data, 0o600); err == nil {
			m.written = data
		}
	}
	if err != nil {
		m.opt.Log("ACME: " + oneLine(err))
	}
}

// savedAccount is what is kept of the account with the authority; saveAccount replaces it.
func (m *Manager) savedAccount() account {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.Account
}

func (m *Manager) saveAccount(a account) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.Account = a
	m.writeState()
}

// sweep lets go of keys that nobody waits for. A day's grace keeps what a crash has not named yet.
func (m *Manager) sweep() {
	m.mu.Lock()
	keep := m.state.kept()
	m.mu.Unlock()
	if err := m.opt.Keys.Sweep(keep, 24*time.Hour); err != nil {
		m.opt.Log("ACME: " + oneLine(err))
	}
}
