package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"posthouse/internal/safefile"
)

const (
	settingsName  = "posthouse.toml"
	revisionsName = "revisions"
	vaultName     = "keys"
)

// Author is who made a commit and from where.
type Author struct {
	User string // the account
	From string // the address, or another word for the way in
}

// Revision describes one commit.
type Revision struct {
	Number   int       // from 1, one more for every commit
	Time     time.Time // to the second
	Author   Author
	Comment  string
	Rollback bool // whether the configuration that this one replaced is offered for rollback
	// Renewed is the certificate profile that this revision gave new content, and changed nothing else (see Renew).
	Renewed string
	// Planned is the number of the planned commit that this revision is (see Plan); 0 for one that was made at once.
	Planned int
}

// Snapshot is a configuration that was in force from its revision on. It is never modified.
type Snapshot struct {
	Config   *Config
	Revision Revision
}

// Applier is a part of the appliance that a configuration is put in force in.
type Applier interface {
	// Prepare does everything that can fail (binds ports, loads certificates) and changes nothing that is seen from
	// outside. Exactly one of the result's methods is called later.
	Prepare(ctx context.Context, old, new *Config) (Prepared, error)
}

// Prepared is a configuration that can be put in force without fail.
type Prepared interface {
	Commit()
	Abort()
}

// Store owns the running configuration and its files: posthouse.toml, the revisions and the vault of secrets. Its
// methods may be called at the same time; one process at a time may have the folder.
//
// A commit is in force from the moment posthouse.toml is renamed into its place. The revision's file is written
// before that under a pending name and gets its own afterwards, so that Open can tell which half of a commit a power
// cut left: a pending revision that describes posthouse.toml is finished, any other never happened. Where only
// secrets change, posthouse.toml stays the same and the revision's own rename is the moment.
type Store struct {
	dir     string
	fsys    safefile.FS
	vault   *safefile.Vault
	now     func() time.Time
	running atomic.Pointer[Snapshot]

	// turn holds one token: who takes it may commit. It guards the files and the fields below, except what mu guards.
	turn     chan struct{}
	appliers []Applier
	settings []byte // what posthouse.toml holds as far as the running configuration goes
	torn     bool   // a failed commit could not be undone on disk; the next one does that first

	wake      chan struct{} // tells Run that due is another
	replanned chan struct{} // tells RunPlanned that plans are others

	mu           sync.Mutex
	history      history
	due          time.Time  // when what waits for its confirmation is reverted; zero when nothing waits
	atOpen       []Reversal // what Open has reverted, for Run to tell
	plans        []plan     // in the order of their times
	lastPlan     int        // the highest number ever planned that is known
	damagedPlans []error    // files that cannot be read
}

// Option is a setting of Create, Open and Check.
type Option func(*options)

type options struct{ vault []safefile.VaultOption }

// WithMasterKey encrypts the secrets at rest. What is still in clear, or under a previous key, is encrypted under current
// when the folder is opened. A nil current leaves them in clear; nil previous keys count for nothing.
func WithMasterKey(current *safefile.MasterKey, previous ...*safefile.MasterKey) Option {
	return func(o *options) {
		o.vault = append(o.vault, safefile.WithMasterKey(current), safefile.WithPreviousKeys(previous...))
	}
}

func vaultOptions(opts []Option) []safefile.VaultOption {
	var o options
	for _, set := range opts {
		set(&o)
	}
	return o.vault
}

// Create sets up a data folder with a first configuration. It returns ErrExists for a folder that has one.
func Create(dir string, c *Config, a Author, opts ...Option) (*Store, error) {
	return create(safefile.OS, dir, c, a, opts...)
}

func create(fsys safefile.FS, dir string, c *Config, a Author, opts ...Option) (*Store, error) {
	if IsSetUp(dir) {
		return nil, fmt.Errorf("set up %s: %w", dir, ErrExists)
	}
	c = c.Clone()
	c.Normalize()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	for _, folder := range []string{dir, filepath.Join(dir, revisionsName)} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, fmt.Errorf("set up %s: %w", dir, err)
		}
	}
	s, err := newStore(fsys, dir, opts)
	if err != nil {
		return nil, err
	}
	next := &Snapshot{Config: c, Revision: s.nextRevision(a, "first configuration", false)}
	if err := s.write(next, Encode(c), mark{}); err != nil {
		return nil, fmt.Errorf("set up %s: %w", dir, err)
	}
	s.publish(next, Encode(c))
	return s, nil
}

// newStore opens what is there: the vault and the revisions.
func newStore(fsys safefile.FS, dir string, opts []Option) (*Store, error) {
	vault, err := safefile.OpenVaultFS(fsys, filepath.Join(dir, vaultName), vaultOptions(opts)...)
	if err != nil {
		return nil, err
	}
	h, err := readHistory(filepath.Join(dir, revisionsName))
	if err != nil {
		return nil, err
	}
	plans, damaged, last, err := readPlans(filepath.Join(dir, plannedName))
	if err != nil {
		return nil, err
	}
	return &Store{
		dir: dir, fsys: fsys, vault: vault, now: time.Now, history: h, plans: plans, lastPlan: last, damagedPlans: damaged,
		turn: make(chan struct{}, 1), wake: make(chan struct{}, 1), replanned: make(chan struct{}, 1),
	}, nil
}

// lock waits until no other commit is under way, or for the end of ctx.
func (s *Store) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("another commit is under way: %w", ctx.Err())
	}
}

func (s *Store) unlock() { <-s.turn }

// IsSetUp says whether dir holds a configuration, valid or not.
func IsSetUp(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, settingsName))
	return !errors.Is(err, fs.ErrNotExist)
}

// Vault returns the vault of the secrets that Refs name. What is put into it and not committed within a day is lost.
func (s *Store) Vault() *safefile.Vault { return s.vault }

// Running returns the configuration in force. It never waits.
func (s *Store) Running() *Snapshot { return s.running.Load() }

// SetAppliers says in which parts of the appliance a commit is put in force: prepared and committed in this order,
// aborted in reverse.
func (s *Store) SetAppliers(appliers ...Applier) {
	s.turn <- struct{}{}
	defer s.unlock()
	s.appliers = appliers
}

// Revisions returns the revisions that are kept, the newest first.
func (s *Store) Revisions() []Revision {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Revision, 0, len(s.history.records))
	for _, r := range s.history.records {
		list = append(list, r.Revision)
	}
	return list
}

// Load returns the configuration of a revision, with its references. The error wraps ErrNoRevision when it is not kept.
func (s *Store) Load(number int) (*Config, error) {
	s.mu.Lock()
	_, ok := s.history.find(number)
	s.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("revision %d: %w", number, ErrNoRevision)
	}
	r, settings, err := readRevision(s.revisionPath(number))
	if err != nil && number == s.Running().Revision.Number {
		return s.Running().Config.Clone(), nil // its rename is still to be done
	}
	if err != nil {
		return nil, err
	}
	c, err := Decode(settings)
	if err != nil {
		return nil, fmt.Errorf("revision %d: %w", number, err)
	}
	c.Refs = r.refs
	c.normalizeRefs()
	return c, nil
}

// ChangesOf returns what a revision changed. The very first one changed nothing; for the oldest one that is kept the
// error wraps ErrNoRevision, since what it replaced is gone.
func (s *Store) ChangesOf(number int) ([]Change, error) {
	c, err := s.Load(number)
	if err != nil || number == 1 {
		return nil, err
	}
	s.mu.Lock()
	before, ok := s.history.before(number)
	s.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("revision %d: %w", number-1, ErrNoRevision)
	}
	old, err := s.Load(before)
	if err != nil {
		return nil, err
	}
	return Diff(old, c), nil
}

func (s *Store) settingsPath() string { return filepath.Join(s.dir, settingsName) }

func (s *Store) revisionPath(number int) string {
	return filepath.Join(s.dir, revisionsName, revisionFile(number))
}
