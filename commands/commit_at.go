package commands

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"posthouse/config"
	"posthouse/internal/localtime"
	"posthouse/shell"
)

const acceptedTimes = "HH:MM, YYYY-MM-DDTHH:MM and +30m are accepted, with h and d for hours and days"

// planned does what commit at does without a commit: it lists and cancels.
func (c *committing) planned(ctx context.Context, args []string) (handled bool, err error) {
	switch {
	case len(args) == 0:
		return true, c.listPlanned()
	case strings.ToLower(args[0]) == "cancel":
		return true, c.cancelPlanned(ctx, args[1:])
	}
	return false, nil
}

// time reads the word behind at.
func (c *committing) time(args []string) (rest []string, err error) {
	if len(args) == 0 {
		return nil, shell.Usage("Invalid use of commit at: the time is missing; %s.", acceptedTimes)
	}
	c.at, err = readTime(args[0], time.Now())
	return args[1:], err
}

// readTime reads when something is to be done: the next time that the clock says so, a day and a time, or a while from now.
func readTime(word string, now time.Time) (time.Time, error) {
	now = localtime.Of(now)
	if ahead, ok := strings.CutPrefix(word, "+"); ok {
		d, err := readAhead(ahead)
		if err != nil || d <= 0 || d > config.MaxAhead {
			return time.Time{}, shell.Usage("Invalid time %q: up to %d days ahead are accepted, such as +30m, +2h or +7d.", word, config.MaxAhead/(24*time.Hour))
		}
		return now.Add(d), nil
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		clock, err := time.Parse(layout, word)
		if err != nil {
			continue
		}
		at := time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, now.Location())
		if !at.After(now) {
			at = time.Date(now.Year(), now.Month(), now.Day()+1, clock.Hour(), clock.Minute(), clock.Second(), 0, now.Location())
		}
		return at, nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339} {
		if at, err := time.ParseInLocation(layout, word, now.Location()); err == nil {
			return at, nil
		}
	}
	return time.Time{}, shell.Usage("Invalid time %q: %s.", word, acceptedTimes)
}

// readAhead reads a duration that may begin with days.
func readAhead(text string) (time.Duration, error) {
	days, rest, ok := strings.Cut(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil || n > 1000 {
		return 0, errors.New("not a number of days")
	}
	d := time.Duration(n) * 24 * time.Hour
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	return d + more, err
}

// plan hands the candidate over until its time.
func (c *committing) plan(ctx context.Context) error {
	result, p, err := c.a.Config.Plan(ctx, c.s.Uncommitted(), c.s.Author(), c.comment, c.rollback, c.at)
	if errors.Is(err, config.ErrNothing) {
		c.s.Committed()
		return c.nothing()
	}
	if err != nil {
		return refusal(err)
	}
	c.s.Committed()
	if c.s.JSON {
		return c.s.PrintJSON(plannedCommitJSON{Planned: plannedOf(p), Kept: revisionsJSON(result.Kept), Changes: changesJSON(p.Changes)})
	}
	c.kept(result.Kept)
	c.s.Say("Planned as commit %d for %s.", p.Number, stamp(p.At))
	return nil
}

func (c *committing) listPlanned() error {
	list := c.a.Config.Planned()
	if c.s.JSON {
		return c.s.PrintJSON(plannedListJSON{plannedAll(list)})
	}
	if len(list) == 0 {
		c.s.Say("There are no planned commits.")
		return nil
	}
	table := shell.Table{Head: []string{"Number", "Planned For", "User", "Changes", "Description"}, Right: []bool{true, false, false, true}}
	for _, p := range list {
		table.Rows = append(table.Rows, []string{strconv.Itoa(p.Number), stamp(p.At), p.Author.User, strconv.Itoa(len(p.Changes)), p.Comment})
	}
	c.s.Table(table)
	return nil
}

func (c *committing) cancelPlanned(ctx context.Context, args []string) error {
	if len(args) > 1 {
		return shell.Usage("Invalid word %q: one number stands behind commit at cancel.", args[1])
	}
	list := c.a.Config.Planned()
	n := 0
	switch {
	case len(args) == 1:
		var err error
		if n, err = strconv.Atoi(args[0]); err != nil {
			return shell.Usage("Invalid number %q: %s.", args[0], acceptedAre(plannedNumbers(list)))
		}
	case len(list) == 1:
		n = list[0].Number
	default:
		return shell.Usage("Invalid use of commit at cancel: the number is missing; %s.", acceptedAre(plannedNumbers(list)))
	}
	if err := c.mayCancel(n); err != nil {
		return err
	}
	p, err := c.a.Config.CancelPlanned(ctx, n)
	if errors.Is(err, config.ErrNoPlan) {
		return shell.Fail("Unknown planned commit %d: %s.", n, acceptedAre(plannedNumbers(list)))
	}
	if err != nil {
		return shell.Fail("Failed to cancel: %w.", err)
	}
	if c.s.JSON {
		return c.s.PrintJSON(cancelledJSON{plannedOf(p)})
	}
	c.s.Say("Cancelled: commit %d, which %s planned for %s.", p.Number, p.Author.User, stamp(p.At))
	return nil
}

func plannedNumbers(list []config.Planned) (numbers []string) {
	for _, p := range list {
		numbers = append(numbers, strconv.Itoa(p.Number))
	}
	return numbers
}

// findPlanned returns the planned commit that a word names.
func findPlanned(a *Appliance, word string) (config.Planned, error) {
	list := a.Config.Planned()
	n, err := strconv.Atoi(word)
	for _, p := range list {
		if err == nil && p.Number == n {
			return p, nil
		}
	}
	return config.Planned{}, shell.Fail("Unknown planned commit %q: %s.", word, acceptedAre(plannedNumbers(list)))
}

// plannedJSON is a planned commit for programs.
type plannedJSON struct {
	Number   int       `json:"number" doc:"it grows for ever"`
	At       time.Time `json:"at" doc:"when it is carried out"`
	Entered  time.Time `json:"entered" doc:"when it was planned"`
	User     string    `json:"user" doc:"the account"`
	From     string    `json:"from" doc:"the address that the operator came from"`
	Comment  string    `json:"comment" doc:"as the operator gave it"`
	Rollback bool      `json:"rollback" doc:"the replaced configuration is offered for rollback"`
	Changes  int       `json:"changes" doc:"how many settings"`
}

func plannedOf(p config.Planned) plannedJSON {
	return plannedJSON{p.Number, p.At, p.Entered, p.Author.User, p.Author.From, p.Comment, p.Rollback, len(p.Changes)}
}

func plannedAll(list []config.Planned) []plannedJSON {
	out := make([]plannedJSON, len(list))
	for i, p := range list {
		out[i] = plannedOf(p)
	}
	return out
}

// plannedCommitJSON is what --json prints of commit at TIME.
type plannedCommitJSON struct {
	Committed bool           `json:"committed" doc:"false: it is planned"`
	Planned   plannedJSON    `json:"planned" doc:"what was planned"`
	Kept      []revisionJSON `json:"kept" doc:"commits of others since the candidate was made"`
	Changes   []changeJSON   `json:"changes" doc:"settings that differ"`
}

// plannedListJSON is what --json prints of commit at.
type plannedListJSON struct {
	Planned []plannedJSON `json:"planned" doc:"the next first"`
}

// cancelledJSON is what --json prints of commit at cancel.
type cancelledJSON struct {
	Cancelled plannedJSON `json:"cancelled" doc:"what is planned no more"`
}
