package config

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"posthouse/internal/localtime"
)

const (
	// MaxPlanned and MaxPlannedOf are how many commits can be planned at once, and by one user.
	MaxPlanned   = 50
	MaxPlannedOf = 10
	// MaxAhead is how far ahead a commit can be planned.
	MaxAhead = 366 * 24 * time.Hour
	// MostLate is how late a planned commit is still carried out, where nothing ran at its time: later than that, the hours
	// that it was meant for are over.
	MostLate = time.Hour
)

var (
	// ErrNoPlan is returned by CancelPlanned for a number under which nothing is planned.
	ErrNoPlan = errors.New("no such planned commit")
	// ErrManyPlans is returned by Plan where as much is planned as can be.
	ErrManyPlans = errors.New("too many commits are planned")
	// ErrTime is returned by Plan for a time that is over or too far away.
	ErrTime = errors.New("the time is over, or too far ahead")
)

// Planned describes a commit that is carried out at a time.
type Planned struct {
	Number   int       // grows for ever
	At       time.Time // to the second
	Entered  time.Time
	Author   Author
	Comment  string
	Rollback bool
	Upon     int      // the revision that ran when it was entered
	Changes  []Change // against that one
}

// Outcome tells what became of a planned commit whose time had come.
type Outcome struct {
	Planned
	Result *CommitResult // nil where nothing was committed
	Err    error         // why; ErrNothing where everything of it was in force already
}

// String is the line for the log.
func (o Outcome) String() string {
	line := fmt.Sprintf("Planned commit %d of %s for %s", o.Number, o.Author.User, localtime.Of(o.At).Format(time.ANSIC))
	switch {
	case errors.Is(o.Err, ErrNothing):
		return line + " changes nothing: all of it is in force already."
	case o.Err != nil:
		return line + " is not carried out, and nothing is changed: " + strings.TrimSuffix(strings.ReplaceAll(o.Err.Error(), "\n", "; "), ".") + "."
	case o.Result.Edited != "":
		return line + " is in force; the edited posthouse.toml is put aside as " + o.Result.Edited + "."
	}
	return line + " is in force."
}

// Plan validates a candidate as Check does and has RunPlanned commit it at a time: then it is merged with what has been
// committed meanwhile and validated once more. It survives restarts and asks for no confirmation. The errors are those of
// Check, ErrTime, ErrManyPlans, or a failed write.
func (s *Store) Plan(ctx context.Context, c *Candidate, a Author, comment string, rollback bool, at time.Time) (*CommitResult, Planned, error) {
	if err := s.lock(ctx); err != nil {
		return nil, Planned{}, err
	}
	defer s.unlock()
	now := s.now()
	at = at.Truncate(time.Second).Local()
	if !at.After(now) || at.Sub(now) > MaxAhead {
		return nil, Planned{}, ErrTime
	}
	next, result, err := s.plan(c)
	if err != nil {
		return nil, Planned{}, err
	}
	running := s.Running()
	p := plan{base: running.Config, own: next, Planned: Planned{
		Upon: running.Revision.Number,
		At:   at, Entered: now.Truncate(time.Second).Local(), Author: Author{User: oneLine(a.User), From: oneLine(a.From)},
		Comment: oneLine(comment), Rollback: rollback, Changes: result.Changes,
	}}
	s.mu.Lock()
	own := 0
	for _, other := range s.plans {
		if other.Author.User == p.Author.User {
			own++
		}
	}
	many := len(s.plans) >= MaxPlanned || own >= MaxPlannedOf
	s.lastPlan++
	p.Number = s.lastPlan
	s.mu.Unlock()
	if many {
		return nil, Planned{}, ErrManyPlans
	}
	if err := s.writePlan(p); err != nil {
		return nil, Planned{}, err
	}
	s.mu.Lock()
	s.plans = append(s.plans, p)
	slices.SortStableFunc(s.plans, byTime)
	s.mu.Unlock()
	s.replan()
	return result, p.Planned, nil
}

// Planned returns what is planned, the next first.
func (s *Store) Planned() []Planned {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Planned, len(s.plans))
	for i, p := range s.plans {
		list[i] = p.Planned
	}
	return list
}

// PlannedFor returns what a planned commit was planned upon, and what it wants to put in force. Neither may be changed.
func (s *Store) PlannedFor(number int) (upon, own *Config, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.plans {
		if p.Number == number {
			return p.base, p.own, nil
		}
	}
	return nil, nil, fmt.Errorf("%d: %w", number, ErrNoPlan)
}

// CancelPlanned forgets a planned commit. The error is ErrNoPlan or a failed write.
func (s *Store) CancelPlanned(ctx context.Context, number int) (Planned, error) {
	if err := s.lock(ctx); err != nil {
		return Planned{}, err
	}
	defer s.unlock()
	list := s.Planned()
	i := slices.IndexFunc(list, func(p Planned) bool { return p.Number == number })
	if i < 0 {
		return Planned{}, fmt.Errorf("%d: %w", number, ErrNoPlan)
	}
	if err := s.removePlan(number); err != nil {
		return Planned{}, err
	}
	s.forgetPlan(number)
	s.replan()
	return list[i], nil
}

func (s *Store) forgetPlan(number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plans = slices.DeleteFunc(slices.Clone(s.plans), func(p plan) bool { return p.Number == number })
}

// replan tells RunPlanned that something else is next.
func (s *Store) replan() {
	select {
	case s.replanned <- struct{}{}:
	default: // it looks soon anyway
	}
}

// RunPlanned carries out what is planned until ctx ends, and tells of it. It must not run twice at once, and begins when the
// appliers can be asked.
func (s *Store) RunPlanned(ctx context.Context, tell func(Outcome)) error {
	for ctx.Err() == nil {
		p, wait, ok := s.nextPlan()
		if ok && wait <= 0 {
			if o, done := s.carryOut(ctx, p); done {
				tell(o)
			}
			continue
		}
		// The clock of the wall decides, and somebody may set it: it is looked at every minute.
		t := time.NewTimer(min(wait, time.Minute))
		if !ok {
			t.Stop()
		}
		select {
		case <-ctx.Done():
		case <-s.replanned:
		case <-t.C:
		}
		t.Stop()
	}
	return nil
}

// nextPlan returns what is to be carried out next, and how long that is from now.
func (s *Store) nextPlan() (p plan, wait time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.plans) == 0 {
		return plan{}, time.Minute, false
	}
	return s.plans[0], s.plans[0].At.Sub(s.now().Round(0)), true
}

// carryOut commits what is planned, or finds out why it cannot be; either way it is planned no more. It is not done where
// ctx ended before.
func (s *Store) carryOut(ctx context.Context, p plan) (o Outcome, done bool) {
	if err := s.lock(ctx); err != nil {
		return Outcome{}, false
	}
	defer s.unlock()
	if !slices.ContainsFunc(s.Planned(), func(other Planned) bool { return other.Number == p.Number }) {
		return Outcome{}, false // it was cancelled meanwhile
	}
	o.Planned = p.Planned
	o.Result, o.Err = s.commitPlan(ctx, p)
	if o.Err != nil && ctx.Err() != nil {
		return Outcome{}, false
	}
	s.forgetPlan(p.Number)
	// Where this fails, tidy tries again, and after a start the revision says that it is done.
	s.removePlan(p.Number)
	return o, true
}

func (s *Store) commitPlan(ctx context.Context, p plan) (*CommitResult, error) {
	if late := s.now().Sub(p.At); late > MostLate {
		return nil, fmt.Errorf("the appliance did not run at that time, and %v later is too late", late.Truncate(time.Minute))
	}
	if err := s.mayStill(p); err != nil {
		return nil, err
	}
	if err := s.repair(); err != nil {
		return nil, err
	}
	next, result, err := s.plan(&Candidate{Base: &Snapshot{Config: p.base, Revision: Revision{Number: p.Upon}}, Config: p.own})
	if err != nil {
		return nil, err
	}
	result.Revision = s.nextRevision(p.Author, p.Comment, p.Rollback)
	result.Revision.Planned = p.Number
	// What waits for its confirmation goes on waiting: nobody sits here who could see whether it works.
	if result.Edited, err = s.enforce(ctx, &Snapshot{Config: next, Revision: result.Revision}, mark{}); err != nil {
		return nil, err
	}
	result.Waiting, _ = s.Waiting()
	return result, nil
}

// consoleOrigin is where whoever owns the machine comes from; no account decides about that.
const consoleOrigin = "console"

// mayStill refuses what was planned by somebody who has another role since, is locked, or has no account any more.
func (s *Store) mayStill(p plan) error {
	if p.Author.From == consoleOrigin {
		return nil
	}
	then, now := p.base.Users[p.Author.User], s.Running().Config.Users[p.Author.User]
	switch {
	case then == nil: // no account of ours from the beginning
		return nil
	case now == nil:
		return fmt.Errorf("the account %s does not exist any more", p.Author.User)
	case now.Locked:
		return fmt.Errorf("the account %s is locked", p.Author.User)
	case now.Role != then.Role:
		return fmt.Errorf("the role of %s has changed since from %s to %s", p.Author.User, then.Role, now.Role)
	}
	return nil
}

// dropDone forgets the planned commits that a revision says are done: the process was killed before it could.
func (s *Store) dropDone() {
	for _, r := range s.history.records {
		s.lastPlan = max(s.lastPlan, r.Planned)
		if i := slices.IndexFunc(s.plans, func(p plan) bool { return p.Number == r.Planned }); i >= 0 {
			s.removePlan(r.Planned)
			s.forgetPlan(r.Planned)
		}
	}
}
