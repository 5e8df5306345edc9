package commands

import (
	"posthouse/config"
	"posthouse/shell"
)

// change lets edit work on a copy of the session's candidate and hands the copy back when edit has succeeded and has
// brought no fault that the candidate did not have before.
func change(s *shell.Session, edit func(c *config.Config) error) error {
	before := s.Candidate()
	c := before.Clone()
	if err := edit(c); err != nil {
		return err
	}
	if err := newFault(before, c); err != nil {
		return err
	}
	s.SetCandidate(c)
	return nil
}

// newFault refuses what has a fault that it did not have before.
func newFault(before, after *config.Config) error {
	if err := firstNewFault(before, after); err != nil {
		return shell.Fail("Error: %v.", err)
	}
	return nil
}

// firstNewFault is the first fault of after that before does not have, or nil.
func firstNewFault(before, after *config.Config) error {
	known := map[string]bool{}
	for _, err := range faults(before) {
		known[err.Error()] = true
	}
	for _, err := range faults(after) {
		if !known[err.Error()] {
			return err
		}
	}
	return nil
}

// faults takes apart what Validate joins.
func faults(c *config.Config) []error {
	err := c.Validate()
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err != nil {
		return []error{err}
	}
	return nil
}
