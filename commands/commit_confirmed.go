package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"posthouse/config"
	"posthouse/shell"
)

const confirmMost = int(config.MaxConfirm / time.Minute)

// minutes reads the word behind confirmed.
func (c *committing) minutes(args []string) (rest []string, err error) {
	if len(args) == 0 {
		return nil, shell.Usage("Invalid use of commit confirmed: the minutes are missing, 1 to %d.", confirmMost)
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 1 || n > confirmMost {
		return nil, shell.Usage("Invalid minutes %q: 1 to %d are accepted.", args[0], confirmMost)
	}
	c.within = time.Duration(n) * time.Minute
	return args[1:], nil
}

// put commits, for good or for a while. A commit of the same user that waits is confirmed only if the user might do that.
func (c *committing) put(ctx context.Context) (*config.CommitResult, error) {
	if c.within > 0 {
		return c.a.Config.CommitConfirmed(ctx, c.s.Uncommitted(), c.s.Author(), c.comment, c.rollback, c.within)
	}
	if w, waits := c.a.Config.Waiting(); waits && c.mayConfirm(w) != nil {
		return c.a.Config.CommitBeside(ctx, c.s.Uncommitted(), c.s.Author(), c.comment, c.rollback)
	}
	return c.a.Config.Commit(ctx, c.s.Uncommitted(), c.s.Author(), c.comment, c.rollback)
}

// unchanged is a commit of nothing: it confirms what waits, or gives it more time.
func (c *committing) unchanged(ctx context.Context) error {
	var denied error
	act := func(ctx context.Context) (config.Waiting, error) {
		return c.a.Config.Confirm(ctx, func(w config.Waiting) error { denied = c.mayConfirm(w); return denied })
	}
	words := "Changes confirmed: "
	if c.within > 0 {
		act = func(ctx context.Context) (config.Waiting, error) {
			return c.a.Config.Prolong(ctx, c.s.Author(), c.within)
		}
		words = "Still to be confirmed: "
	}
	w, err := act(ctx)
	switch {
	case errors.Is(err, config.ErrNothing):
		return c.nothing()
	case denied != nil:
		return denied
	case err != nil:
		return c.refusal(err)
	}
	if c.within == 0 && c.a.Committed != nil {
		c.a.Committed(c.s.User(), "confirmed "+told(w.Revisions[0]))
	}
	if c.s.JSON {
		return c.s.PrintJSON(waitingJSON(w, c.within == 0))
	}
	for _, r := range w.Revisions {
		c.s.Say("%s%s.", words, told(r))
	}
	if c.within > 0 {
		c.s.Say("%s", deadline(w))
	}
	return nil
}

// told says in words which commit is meant.
func told(r config.Revision) string {
	return fmt.Sprintf("what %s from %s committed at %s", r.Author.User, r.Author.From, stamp(r.Time))
}

func deadline(w config.Waiting) string {
	return fmt.Sprintf("Reverts by itself at %s unless a plain commit follows in time.", stamp(w.Until))
}

// waits says after a commit what stays now, and what does not yet.
func (c *committing) waits(r *config.CommitResult) {
	for _, confirmed := range r.Confirmed {
		c.s.Say("Changes confirmed: %s.", told(confirmed))
	}
	switch w := r.Waiting; {
	case w.Has(r.Revision.Number):
		c.s.Say("%s", deadline(w))
	case len(w.Revisions) > 0:
		c.s.Say("Not confirmed yet: %s. It reverts by itself at %s; %s.", told(w.Revisions[0]), stamp(w.Until), c.howConfirmed(w))
	}
}

// confirmBy is the deadline of a revision that waits; nil for one that does not.
func confirmBy(w config.Waiting, number int) *time.Time {
	if !w.Has(number) {
		return nil
	}
	return new(wholeSecond(w.Until))
}

// wholeSecond is a time as the text of a screen has it, without what stands behind the seconds.
func wholeSecond(t time.Time) time.Time { return t.Truncate(time.Second) }

type confirmationJSON struct {
	Committed bool           `json:"committed" doc:"false"`
	Confirmed []revisionJSON `json:"confirmed" doc:"commits that waited and stay now"`
	Waiting   []revisionJSON `json:"waiting" doc:"commits that still wait to be confirmed"`
	ConfirmBy *time.Time     `json:"confirm_by,omitempty" doc:"until when"`
}

func waitingJSON(w config.Waiting, confirmed bool) confirmationJSON {
	document := confirmationJSON{Confirmed: []revisionJSON{}, Waiting: []revisionJSON{}}
	if confirmed {
		document.Confirmed = revisionsJSON(w.Revisions)
		return document
	}
	document.Waiting, document.ConfirmBy = revisionsJSON(w.Revisions), new(wholeSecond(w.Until))
	return document
}

func revisionsJSON(list []config.Revision) []revisionJSON {
	out := []revisionJSON{}
	for _, r := range list {
		out = append(out, revisionOf(r))
	}
	return out
}
