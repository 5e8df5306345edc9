package commands

import (
	"context"
	"fmt"
	"time"

	"posthouse/mta"
	"posthouse/shell"
)

// changing is a command that works through the queue: what it says while it does so and at the end.
type changing struct {
	doing  string // "Deleting messages, please wait."
	verb   string // "delete every message", behind Failed to
	result func(mta.Changed) string
	json   func(mta.Changed) any
	work   func(context.Context, mta.Progress) (mta.Changed, error)
}

// run does the work, with its progress at a terminal. What it says was done is done, also after Ctrl-C and when it fails.
func (c changing) run(ctx context.Context, s *shell.Session) error {
	if !s.JSON {
		s.Say("%s", c.doing)
	}
	done, err := c.work(ctx, c.progress(s))
	s.Progress("")
	switch {
	case ctx.Err() != nil:
		if !s.JSON {
			s.Closing("%s\n", c.result(done))
		}
		return ctx.Err()
	case err != nil:
		return shell.Fail("Failed to %s: %v. %s", c.verb, err, c.result(done))
	case s.JSON:
		return s.PrintJSON(c.json(done))
	}
	s.Say("%s", c.result(done))
	return nil
}

const (
	progressFrom  = time.Second // what is over sooner needs no progress
	progressEvery = 250 * time.Millisecond
)

// progress shows what has been done so far, now and then.
func (c changing) progress(s *shell.Session) mta.Progress {
	next := time.Now().Add(progressFrom)
	return func(done mta.Changed, share float64) {
		if now := time.Now(); now.After(next) {
			next = now.Add(progressEvery)
			s.Progress(fmt.Sprintf("%3.0f%%  %s Press Ctrl-C to stop.", 100*share, c.result(done)))
		}
	}
}
