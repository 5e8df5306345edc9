package config

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"posthouse/internal/localtime"
	"posthouse/internal/safefile"
)

// MaxConfirm is the longest time that a commit can wait for its confirmation.
const MaxConfirm = 24 * time.Hour

// Waiting describes the commits that are reverted at a time unless they are confirmed. They all are of one user.
type Waiting struct {
	Revisions []Revision // the newest first
	Until     time.Time  // to the second
}

// Has says whether the revision is among those that wait.
func (w Waiting) Has(number int) bool {
	return slices.ContainsFunc(w.Revisions, func(r Revision) bool { return r.Number == number })
}

// By says whether the revisions that wait are the user's. It is false when none waits.
func (w Waiting) By(user string) bool {
	return len(w.Revisions) > 0 && w.Revisions[0].Author.User == oneLine(user)
}

// WaitingError says that another user's commit waits for its confirmation, and that only one user's can.
type WaitingError struct{ Waiting Waiting }

func (e *WaitingError) Error() string {
	return fmt.Sprintf("the commit of %s waits for its confirmation until %s",
		e.Waiting.Revisions[0].Author.User, localtime.Of(e.Waiting.Until).Format(time.ANSIC))
}

// mark is what a revision says about confirmation. It is part of the revision's file, so that a change and the
// deadline for it come into force in one moment, and so does what ends the waiting. The newest revision that says
// anything counts.
type mark struct {
	until   time.Time // when the revisions in waits are reverted; zero for a revision that does not wait
	waits   []int     // the revision itself and those before it that wait with it
	settled bool      // nothing waits from this revision on
}

func (m mark) silent() bool { return m.until.IsZero() && !m.settled }

// wait returns the record that holds the present wait.
func (h *history) wait() (r record, ok bool) {
	for _, r := range h.records {
		if !r.silent() {
			return r, !r.settled
		}
	}
	return record{}, false
}

// Waiting returns the commits that wait for their confirmation; ok is false when there is none.
func (s *Store) Waiting() (w Waiting, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.history.wait()
	if !ok {
		return Waiting{}, false
	}
	w.Until = r.until
	for _, known := range s.history.records {
		if slices.Contains(r.waits, known.Number) {
			w.Revisions = append(w.Revisions, known.Revision)
		}
	}
	return w, true
}

// CommitConfirmed is Commit for a while: what it changes is reverted by Run, or by the first Open after that, unless
// the same user commits again or anybody confirms within the time, which is at least a second and at most MaxConfirm.
// Where the same user's commit waits already, both wait until the new deadline and are reverted together. The error is
// a *WaitingError where another user's commit waits.
func (s *Store) CommitConfirmed(ctx context.Context, c *Candidate, a Author, comment string, rollback bool, within time.Duration) (*CommitResult, error) {
	return s.commit(ctx, c, terms{author: a, comment: comment, rollback: rollback, within: limited(within)})
}

// CommitBeside is Commit, but confirms nothing: what waits goes on waiting, the author's own too. It is for what the
// appliance demands of somebody who has decided nothing about the rest.
func (s *Store) CommitBeside(ctx context.Context, c *Candidate, a Author, comment string, rollback bool) (*CommitResult, error) {
	return s.commit(ctx, c, terms{author: a, comment: comment, rollback: rollback, beside: true})
}

func limited(within time.Duration) time.Duration { return min(max(within, time.Second), MaxConfirm) }

// markFor returns what the commit says about confirmation.
func (s *Store) markFor(next Revision, t terms) (mark, error) {
	waiting, waits := s.Waiting()
	own := waiting.By(t.author.User)
	switch {
	case t.within == 0:
		return mark{settled: own && !t.beside}, nil
	case waits && !own:
		return mark{}, &WaitingError{waiting}
	}
	// What is not there cannot be gone back to.
	if _, err := s.Load(next.Number - 1); err != nil {
		return mark{}, fmt.Errorf("a commit that can be reverted: %w", err)
	}
	m := mark{until: next.Time.Add(t.within), waits: []int{next.Number}}
	for _, r := range waiting.Revisions {
		m.waits = append(m.waits, r.Number)
	}
	return m, nil
}

// Confirm lets what waits stay, whoever committed it, unless may returns an error for it. Nothing else comes to wait while
// may looks. It returns what waited, ErrNothing, or the error of may.
func (s *Store) Confirm(ctx context.Context, may func(Waiting) error) (Waiting, error) {
	return s.remark(ctx, func(w Waiting, m *mark) error {
		m.settled = true
		return may(w)
	})
}

// Prolong gives the user's own commit that waits a new deadline. It returns what waits, ErrNothing, or a *WaitingError
// where what waits is another user's.
func (s *Store) Prolong(ctx context.Context, a Author, within time.Duration) (Waiting, error) {
	until := s.now().Add(limited(within)).Truncate(time.Second).Local()
	w, err := s.remark(ctx, func(w Waiting, m *mark) error {
		if !w.By(a.User) {
			return &WaitingError{w}
		}
		m.until = until
		return nil
	})
	if err != nil {
		return Waiting{}, err
	}
	w.Until = until
	return w, nil
}

// remark replaces the file of the revision that holds the wait by one that says something else about it.
func (s *Store) remark(ctx context.Context, edit func(w Waiting, m *mark) error) (Waiting, error) {
	if err := s.lock(ctx); err != nil {
		return Waiting{}, err
	}
	defer s.unlock()
	if err := s.repair(); err != nil {
		return Waiting{}, err
	}
	before, ok := s.Waiting()
	if !ok {
		return Waiting{}, ErrNothing
	}
	s.mu.Lock()
	r, _ := s.history.wait()
	s.mu.Unlock()
	if err := edit(before, &r.mark); err != nil {
		return Waiting{}, err
	}
	return before, s.rewrite(r)
}

// rewrite replaces the file of a revision by one with another mark.
func (s *Store) rewrite(r record) error {
	path := s.revisionPath(r.Number)
	old, settings, err := readRevision(path)
	if err != nil {
		return err
	}
	if err := safefile.WriteFS(s.fsys, path, encodeRevision(r, settings), 0o600); err != nil {
		// It may be in place all the same. The old one is put back as far as the disk lets us.
		if now, _, rerr := readRevision(path); rerr == nil && !reflect.DeepEqual(now, old) {
			safefile.WriteFS(s.fsys, path, encodeRevision(old, settings), 0o600)
		}
		return err
	}
	s.mu.Lock()
	s.history.replace(r)
	s.mu.Unlock()
	s.schedule(r.mark)
	return nil
}

func (h *history) replace(r record) {
	if i := slices.IndexFunc(h.records, func(known record) bool { return known.Number == r.Number }); i >= 0 {
		h.records[i] = r
	}
}

// schedule tells Run of a new deadline, or that there is none any more. The deadline is kept as the time from now, so
// that a clock that is set meanwhile neither hastens nor delays it.
func (s *Store) schedule(m mark) {
	s.mu.Lock()
	s.due = time.Time{}
	if !m.settled && !m.until.IsZero() {
		now := s.now()
		s.due = now.Add(min(m.until.Sub(now), MaxConfirm))
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // Run looks soon anyway
	}
}

// overdue says whether the time of what waits is up.
func (s *Store) overdue() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.due.IsZero() && !s.now().Before(s.due)
}
