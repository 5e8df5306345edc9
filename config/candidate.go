package config

import (
	"context"
	"reflect"
)

// Candidate is a configuration that is being edited. It belongs to one session.
type Candidate struct {
	Base   *Snapshot // what was running when the candidate was made
	Config *Config   // a copy of its own
}

// Candidate returns a new candidate, a copy of the running configuration.
func (s *Store) Candidate() *Candidate {
	base := s.Running()
	return &Candidate{Base: base, Config: base.Config.Clone()}
}

// Changes returns what the candidate changes. Shells ask after every command, and mostly nothing was edited, which is seen for a
// fraction of what a Diff costs.
func (c *Candidate) Changes() []Change {
	changes, _ := c.ChangesUntil(context.Background())
	return changes
}

// ChangesUntil is Changes for somebody who may give it up: the end of ctx is its error then.
func (c *Candidate) ChangesUntil(ctx context.Context) ([]Change, error) {
	if reflect.DeepEqual(c.Base.Config, c.Config) {
		return nil, nil
	}
	return DiffUntil(ctx, c.Base.Config, c.Config)
}

// Objects returns the paths of the objects that the candidate changes, in order.
func (c *Candidate) Objects() []string {
	own := c.Config.Clone()
	own.Normalize()
	return changedObjects(c.Base.Config, own)
}

// Clone returns a copy with the same base.
func (c *Candidate) Clone() *Candidate {
	return &Candidate{Base: c.Base, Config: c.Config.Clone()}
}
