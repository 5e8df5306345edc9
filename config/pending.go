package config

import "slices"

// Pending is what the commit of a candidate would change now.
type Pending struct {
	// Changes are against what is in force, in the order of their paths. Where a commit would be refused, the new value is
	// the candidate's.
	Changes   []Change
	Conflicts []*ConflictError // why a commit would be refused, one for each object
}

// Pending compares a candidate with what is in force: what others committed since it was made is no change of its own. It
// does not validate.
func (s *Store) Pending(c *Candidate) Pending {
	running := s.Running()
	if c.Base == running {
		return Pending{Changes: c.Changes()}
	}
	wanted := c.Config.Clone()
	wanted.Normalize()
	base := s.carry(c.Base, wanted)
	next, paths := merge(base, running.Config, wanted)
	p := Pending{Changes: Diff(running.Config, next)}
	if len(paths) == 0 {
		return p
	}
	p.Conflicts = ConflictErrors(s.conflict(paths, c.Base.Revision.Number, base, running.Config, wanted))
	for _, e := range p.Conflicts {
		for _, v := range e.Values {
			change := Change{v.Path, v.Theirs, v.Ours}
			if isUserSecret(v.Path) {
				change.Old, change.New = "", secretValue
			}
			p.Changes = append(p.Changes, change)
		}
	}
	slices.SortStableFunc(p.Changes, func(a, b Change) int { return comparePaths(a.Path, b.Path) })
	return p
}

// Conflicting says whether a change is what a commit would be refused for.
func (p Pending) Conflicting(c Change) bool {
	return slices.ContainsFunc(p.Conflicts, func(e *ConflictError) bool {
		return slices.ContainsFunc(e.Values, func(v ConflictValue) bool { return v.Path == c.Path })
	})
}
