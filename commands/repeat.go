package commands

import (
	"context"
	"fmt"
	"time"

	"posthouse/shell"
)

// repetition is how rate and its kin show one line after another.
type repetition struct {
	every time.Duration
	count int // how many lines; 0: until somebody has seen enough
}

const (
	everyDefault = 10
	everyMost    = 86400
	countMost    = 1000000
)

// repetitionWords reads SECONDS and COUNT, which are the last words of a command; without them a person is asked for the
// seconds. A program gets one document, of one line where it does not say how many.
func repetitionWords(s *shell.Session, name string, args []string) (r repetition, err error) {
	seconds := everyDefault
	switch {
	case len(args) > 2:
		return r, shell.Usage("Invalid word %q: %s takes a number of seconds and a count.", args[2], name)
	case len(args) > 0:
		seconds, err = number("number of seconds", args[0], 1, everyMost)
	case !s.JSON:
		seconds, err = s.AskInt(shell.Question{
			Text: "Enter the number of seconds between displays.", Default: fmt.Sprint(everyDefault),
		}, 1, everyMost)
	}
	if err == nil && len(args) == 2 {
		r.count, err = number("count", args[1], 1, countMost)
	}
	if s.JSON {
		r.count = max(r.count, 1)
	}
	r.every = time.Duration(seconds) * time.Second
	return r, err
}

// repeat calls show as often as r says. Without a count it goes on until Ctrl-C, or, where nobody sits at a terminal,
// until the input or the connection ends.
func (r repetition) repeat(ctx context.Context, s *shell.Session, show func(now time.Time) error) error {
	s.Endless()
	ended := s.InputEnded()
	if s.Interactive() || r.count > 0 {
		ended = nil
	}
	tick := time.NewTicker(r.every)
	defer tick.Stop()
	for n := 1; ; n++ {
		if err := show(time.Now()); err != nil || n == r.count {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ended:
			return nil
		case <-tick.C:
		}
	}
}

// heading begins a display that goes on.
func (r repetition) heading(s *shell.Session, lines string) {
	if s.Interactive() && r.count == 0 {
		s.Say("Hit Ctrl-C to return to the main prompt.")
	}
	s.Print("\n" + lines)
}
