package config

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"posthouse/internal/localtime"
)

// timer is the author of a revision that takes back what was not confirmed.
var timer = Author{User: "(timer)", From: "commit confirmed"}

// retryRevert is the time after which a revert that failed is tried again.
const retryRevert = time.Minute

// Reversal tells of commits whose time for confirmation is up.
type Reversal struct {
	Of       []Revision // what was not confirmed, the newest first
	Revision Revision   // the revision that took it back
	Nothing  bool       // there was nothing to take back, and there is no revision
	Kept     []string   // the paths of the objects that stay as they are, because others need them or changed them since
	Edited   string     // as in CommitResult
	Err      error      // why nothing was taken back; it is tried again
}

// String is the line for the log, and where there is a revision its comment.
func (r Reversal) String() string {
	last, first := r.Of[0], r.Of[len(r.Of)-1]
	line := fmt.Sprintf("The commit of %s at %s was not confirmed and ", last.Author.User, localtime.Of(last.Time).Format(time.ANSIC))
	if len(r.Of) > 1 {
		line = fmt.Sprintf("The commits of %s from %s to %s were not confirmed and ", last.Author.User,
			localtime.Of(first.Time).Format(time.ANSIC), localtime.Of(last.Time).Format(time.ANSIC))
	}
	switch {
	case r.Err != nil:
		return line + "cannot be reverted yet: " + strings.ReplaceAll(r.Err.Error(), "\n", "; ")
	case r.Nothing:
		line += "nothing of it is left to revert"
	default:
		line += "is reverted"
	}
	if len(r.Kept) > 0 {
		line += ", but for " + strings.Join(r.Kept, ", ")
	}
	if r.Edited != "" {
		line += "; the edited posthouse.toml is put aside as " + r.Edited
	}
	return line + "."
}

// Run reverts what is not confirmed in time until ctx ends, and tells of it. It must not run twice at once, and begins
// when the appliers can be asked.
func (s *Store) Run(ctx context.Context, tell func(Reversal)) error {
	s.mu.Lock()
	done := s.atOpen
	s.atOpen = nil
	s.mu.Unlock()
	for _, r := range done {
		tell(r)
	}
	told := ""
	for s.await(ctx) {
		r, ok := s.revert(ctx)
		switch {
		case ctx.Err() != nil:
		case ok && r.Err == nil:
			tell(r)
		case ok && r.String() != told:
			told = r.String()
			tell(r)
		}
		if ok && r.Err != nil {
			s.mu.Lock()
			if !s.due.IsZero() {
				s.due = s.now().Add(retryRevert)
			}
			s.mu.Unlock()
		}
	}
	return nil
}

// await returns true when the time of what waits is up and false when ctx has ended.
func (s *Store) await(ctx context.Context) bool {
	for ctx.Err() == nil {
		if s.overdue() {
			return true
		}
		s.mu.Lock()
		due := s.due
		s.mu.Unlock()
		var ring <-chan time.Time
		stop := func() bool { return true }
		if !due.IsZero() {
			t := time.NewTimer(due.Sub(s.now()))
			ring, stop = t.C, t.Stop
		}
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-ring:
		}
		stop()
	}
	return false
}

// resumeWait goes on waiting after a start. What is overdue is reverted before anything runs with it; where that fails,
// Run tries again and says why.
func (s *Store) resumeWait() {
	s.mu.Lock()
	r, ok := s.history.wait()
	s.mu.Unlock()
	if !ok {
		return
	}
	s.schedule(r.mark)
	if !s.overdue() {
		return
	}
	if done, ok := s.revert(context.Background()); ok && done.Err == nil {
		s.atOpen = append(s.atOpen, done)
	}
}

// revert takes back what waits and is overdue. It returns false when there is nothing overdue any more.
func (s *Store) revert(ctx context.Context) (r Reversal, ok bool) {
	if err := s.lock(ctx); err != nil {
		return Reversal{}, false
	}
	defer s.unlock()
	w, ok := s.Waiting()
	if !ok || !s.overdue() {
		return Reversal{}, false
	}
	r.Of = w.Revisions
	r.Err = s.takeBack(ctx, &r)
	return r, true
}

func (s *Store) takeBack(ctx context.Context, r *Reversal) error {
	if err := s.repair(); err != nil {
		return err
	}
	next := s.Running().Config
	for _, of := range r.Of {
		var err error
		if next, err = s.without(next, of.Number, r); err != nil {
			return err
		}
	}
	if changedObjects(s.Running().Config, next) == nil {
		r.Nothing = true
		return s.settle()
	}
	snapshot := &Snapshot{Config: next, Revision: s.nextRevision(timer, strings.TrimSuffix(r.String(), "."), true)}
	edited, err := s.enforce(ctx, snapshot, mark{settled: true})
	if err != nil {
		return err
	}
	r.Revision, r.Edited = snapshot.Revision, edited
	return nil
}

// without returns the configuration without what one revision changed, as far as others have not changed the same
// objects since and what is left is sound. What stays is added to r.Kept.
func (s *Store) without(running *Config, number int, r *Reversal) (*Config, error) {
	after, err := s.Load(number)
	if err != nil {
		return nil, err
	}
	before, err := s.Load(number - 1)
	if err != nil {
		return nil, err
	}
	keepContents(running, after, before)
	from, wanted, conflicts := threeWay(after, running, before)
	next, left := s.takeAll(running, from, wanted)
	r.Kept = append(r.Kept, conflicts...)
	for _, id := range left {
		r.Kept = append(r.Kept, id.path())
	}
	return next, nil
}

// takeAll takes objects from another configuration as long as what comes out is sound, and returns which could not be
// taken: a certificate, say, is not removed while somebody uses it since. Taking one may allow another.
func (s *Store) takeAll(to, from *Config, ids []objectID) (next *Config, left []objectID) {
	next, left = to, ids
	for before := -1; len(left) != before && len(left) > 0; {
		before = len(left)
		next, left = s.take(next, from, left)
	}
	return next, left
}

// take halves what cannot be taken together, so that a few objects in the way of thousands are found in a few steps.
func (s *Store) take(to, from *Config, ids []objectID) (next *Config, left []objectID) {
	next = to.Clone()
	for _, id := range ids {
		next.setObject(id, from.object(id))
	}
	next.Normalize()
	if s.sound(next) == nil {
		return next, nil
	}
	if len(ids) == 1 {
		return to, ids
	}
	next, left = s.take(to, from, ids[:len(ids)/2])
	next, more := s.take(next, from, ids[len(ids)/2:])
	return next, append(slices.Clip(left), more...)
}

// keepContents gives both sides of a revert the certificates that run now, so that no older one comes back.
func keepContents(running, after, before *Config) {
	after.keepContent(running)
	before.keepContent(running)
}

// settle ends the waiting without a revision: nothing is left to take back.
func (s *Store) settle() error {
	s.mu.Lock()
	r, _ := s.history.wait()
	s.mu.Unlock()
	r.settled = true
	return s.rewrite(r)
}
