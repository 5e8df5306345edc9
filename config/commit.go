package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"posthouse/internal/safefile"
)

// CommitResult says what a commit did, or would do.
type CommitResult struct {
	Revision Revision
	Config   *Config    // what is in force with it, or would be; not to be modified
	Kept     []Revision // commits of others since the candidate was made, whose changes stay; the newest first
	Changes  []Change   // against what was running
	// Edited names the file that an edit of posthouse.toml, made by hand since the last commit, was put aside as.
	Edited string
	// Confirmed are the user's own commits that waited for their confirmation and stay now, the newest first.
	Confirmed []Revision
	// Waiting is what waits for its confirmation after the commit; without revisions when nothing does.
	Waiting Waiting
}

// Check says what Commit would do and why it would refuse, without effect.
func (s *Store) Check(ctx context.Context, c *Candidate) (*CommitResult, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.unlock()
	_, result, err := s.plan(c)
	return result, err
}

// Commit puts a candidate in force: it is merged with what others committed meanwhile, validated, prepared, written
// and switched to, or the running configuration stays what it was. The errors are ErrNothing, *ConflictError, that of
// Validate, *PrepareError, or a failed write. The candidate is not modified. Rollback says whether the
// configuration that is replaced is offered for rollback. A commit of the same user that waits for its confirmation
// is confirmed by it.
func (s *Store) Commit(ctx context.Context, c *Candidate, a Author, comment string, rollback bool) (*CommitResult, error) {
	return s.commit(ctx, c, terms{author: a, comment: comment, rollback: rollback})
}

// terms are what is said with a commit.
type terms struct {
	author   Author
	comment  string
	rollback bool
	within   time.Duration // the time for its confirmation; 0 for a commit that stays
	beside   bool          // what waits for its confirmation goes on waiting, the author's too
}

func (s *Store) commit(ctx context.Context, c *Candidate, t terms) (*CommitResult, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.unlock()
	if err := s.repair(); err != nil {
		return nil, err
	}
	next, result, err := s.plan(c)
	if err != nil {
		return nil, err
	}
	result.Revision = s.nextRevision(t.author, t.comment, t.rollback)
	m, err := s.markFor(result.Revision, t)
	if err != nil {
		return nil, err
	}
	before, _ := s.Waiting()
	if result.Edited, err = s.enforce(ctx, &Snapshot{Config: next, Revision: result.Revision}, m); err != nil {
		return nil, err
	}
	if m.settled {
		result.Confirmed = before.Revisions
	}
	result.Waiting, _ = s.Waiting()
	return result, nil
}

// enforce prepares, writes and switches to a configuration that is known to be sound. It returns the name of the file
// that an edited posthouse.toml was put aside as.
func (s *Store) enforce(ctx context.Context, next *Snapshot, m mark) (edited string, err error) {
	prepared, err := s.prepare(ctx, next.Config)
	if err != nil {
		return "", err
	}
	// Deferred, so that a panic in one part does not leave another prepared for ever.
	defer func() { prepared.abort() }()
	if edited, err = s.putAside(); err != nil {
		return "", err
	}
	settings := Encode(next.Config)
	if err := s.write(next, settings, m); err != nil {
		return "", err
	}
	s.publish(next, settings)
	if !m.silent() {
		s.schedule(m)
	}
	prepared.commit()
	prepared = nil
	s.tidy()
	return edited, nil
}

// plan merges and validates.
func (s *Store) plan(c *Candidate) (*Config, *CommitResult, error) {
	running := s.Running()
	wanted := c.Config.Clone()
	wanted.Normalize()
	base := s.carry(c.Base, wanted)
	next, conflicts := merge(base, running.Config, wanted)
	if len(conflicts) > 0 {
		return nil, nil, s.conflict(conflicts, c.Base.Revision.Number, base, running.Config, wanted)
	}
	next.Normalize()
	if reflect.DeepEqual(next, running.Config) {
		return nil, nil, ErrNothing
	}
	if err := s.sound(next); err != nil {
		return nil, nil, err
	}
	return next, &CommitResult{Config: next, Kept: s.since(c.Base.Revision.Number), Changes: Diff(running.Config, next)}, nil
}

// sound validates, and makes sure that the file to be written will be read back as the same configuration and that
// every secret is there: nothing must be put in force that the next start refuses.
func (s *Store) sound(next *Config) error {
	if err := next.Validate(); err != nil {
		return err
	}
	for _, ref := range slices.Sorted(maps.Keys(next.Refs)) {
		if next.Refs[ref] == s.Running().Config.Refs[ref] {
			continue
		}
		if _, err := s.vault.Get(next.Refs[ref]); err != nil {
			return fmt.Errorf("%s: %w", refPath(ref), err)
		}
	}
	back, err := Decode(Encode(next))
	if err != nil {
		return fmt.Errorf("read the configuration back: %w", err)
	}
	back.Refs = next.Refs
	if !reflect.DeepEqual(back, next) {
		return errors.New("read the configuration back: it is not the same")
	}
	return nil
}

// since returns the commits after a revision, the newest first.
func (s *Store) since(number int) []Revision {
	list := s.Revisions()
	end := slices.IndexFunc(list, func(r Revision) bool { return r.Number <= number })
	if end < 0 {
		end = len(list)
	}
	return list[:end:end]
}

func (s *Store) nextRevision(a Author, comment string, rollback bool) Revision {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Revision{
		Number: s.history.last + 1, Time: s.now().Truncate(time.Second).Local(),
		Author:  Author{User: oneLine(a.User), From: oneLine(a.From)},
		Comment: oneLine(comment), Rollback: rollback,
	}
}

// prepareLimit is how long all parts together may take to get ready. Nobody else can commit meanwhile.
const prepareLimit = time.Minute

var errNotReady = fmt.Errorf("the appliance was not ready for it within %v", prepareLimit)

// preparedParts are the parts of the appliance that are ready, in order.
type preparedParts []Prepared

func (p preparedParts) commit() {
	for _, part := range p {
		part.Commit()
	}
}

func (p preparedParts) abort() {
	for _, part := range slices.Backward(p) {
		part.Abort()
	}
}

func (s *Store) prepare(ctx context.Context, next *Config) (ready preparedParts, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, prepareLimit, errNotReady)
	defer cancel()
	done := false
	defer func() {
		if !done {
			ready.abort()
		}
	}()
	for _, a := range s.appliers {
		p, err := a.Prepare(ctx, s.Running().Config, next)
		if err == nil && p != nil {
			ready = append(ready, p)
		}
		if ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err())) {
			err = context.Cause(ctx)
		}
		if err != nil {
			return ready, &PrepareError{Err: err}
		}
	}
	done = true
	return ready, nil
}

// putAside keeps an edit of posthouse.toml that was made while Posthouse runs, since the commit replaces the file.
func (s *Store) putAside() (string, error) {
	found, err := readFile(s.settingsPath())
	if errors.Is(err, fs.ErrNotExist) || err == nil && bytes.Equal(found, s.settings) {
		return "", nil
	}
	name := settingsName + ".edited"
	if err == nil {
		err = safefile.WriteFS(s.fsys, filepath.Join(s.dir, name), found, 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("put the edited posthouse.toml aside: %w", err)
	}
	return name, nil
}

// publish makes a written snapshot the running one.
func (s *Store) publish(next *Snapshot, settings []byte) {
	s.settings = settings
	s.running.Store(next)
}
