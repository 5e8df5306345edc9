package commands

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"posthouse/config"
	"posthouse/shell"
)

func commitDetail(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "commitdetail",
		Summary: "Show a commit: when, by whom, and what it changed.",
		Batch: []string{
			"commitdetail [N]",
			"commitdetail revision NUMBER",
			"commitdetail list",
		},
		Help: `Without words the latest commit is shown. N counts back: 1 is the latest, 2 the one before it. revision names one by
the number that it keeps for ever; list shows all that are kept with their numbers.`,
		Documents: []shell.Document{
			{For: "commitdetail", Value: commitDetailJSON{}},
			{For: "commitdetail list", Value: revisionListJSON{}},
		},
		Roles: shell.Readers,
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			revisions := a.Config.Revisions()
			if len(args) > 0 && strings.EqualFold(args[0], "list") {
				if len(args) > 1 {
					return shell.Usage("Invalid word %q: nothing stands behind commitdetail list.", args[1])
				}
				return listRevisions(s, revisions)
			}
			r, err := chosenRevision(a, revisions, args)
			if err != nil {
				return err
			}
			if r.Number == 0 {
				s.Say("There is no commit yet.")
				return nil
			}
			changes, err := a.Config.ChangesOf(r.Number)
			// What the oldest one replaced is gone; when and by whom it was is known all the same.
			if err != nil && !errors.Is(err, config.ErrNoRevision) {
				return shell.Fail("Unable to read commit %d: %w.", r.Number, err)
			}
			waiting, _ := a.Config.Waiting()
			return printCommit(s, r, waiting, changes, err != nil)
		},
		Complete: func(_ *shell.Session, args []string) []string {
			if len(args) > 1 {
				return nil
			}
			return startingWith(args, []string{"list", "revision"})
		},
	}
}

// chosenRevision is the revision that the words name; without a number where there is none yet.
func chosenRevision(a *Appliance, revisions []config.Revision, args []string) (config.Revision, error) {
	byNumber := len(args) > 0 && abbreviated(args[0], []string{"revision"}) == 0
	if byNumber {
		args = args[1:]
		if len(args) == 0 {
			return config.Revision{}, shell.Usage("Invalid use of commitdetail revision: the number is missing.")
		}
	}
	switch {
	case len(args) > 1:
		return config.Revision{}, shell.Usage("Invalid word %q: commitdetail takes one number.", args[1])
	case byNumber:
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return config.Revision{}, shell.Usage("Invalid revision %q: a number is accepted.", args[0])
		}
		for _, r := range revisions {
			if r.Number == n {
				return r, nil
			}
		}
		return config.Revision{}, noRevision(a, n)
	}
	back := 1
	if len(args) == 1 {
		var err error
		if back, err = number("commit", args[0], 1, max(1, len(revisions))); err != nil {
			return config.Revision{}, err
		}
	}
	if len(revisions) == 0 {
		return config.Revision{}, nil
	}
	return revisions[back-1], nil
}

// commitDetailJSON is what --json prints of a commit that is kept.
type commitDetailJSON struct {
	Number  int          `json:"number" doc:"of the revision"`
	Time    time.Time    `json:"time" doc:"of the commit"`
	User    string       `json:"user" doc:"the account"`
	From    string       `json:"from" doc:"the address that the operator came from"`
	Comment string       `json:"comment" doc:"as the operator gave it"`
	Confirm *time.Time   `json:"confirm_by,omitempty" doc:"until when it waits to be confirmed"`
	Planned int          `json:"planned,omitempty" doc:"the number of the planned commit that it was"`
	Changes []changeJSON `json:"changes" doc:"settings that differ"`
}

func printCommit(s *shell.Session, r config.Revision, w config.Waiting, changes []config.Change, gone bool) error {
	if s.JSON {
		return s.PrintJSON(commitDetailJSON{r.Number, r.Time, r.Author.User, r.Author.From, r.Comment, confirmBy(w, r.Number), r.Planned, changesJSON(changes)})
	}
	if r.Comment == "" {
		s.Say("Commit at %s without comments.", stamp(r.Time))
	} else {
		s.Say("Commit at %s with comments: \"%s\".", stamp(r.Time), r.Comment)
	}
	s.Say("By %s from %s.", r.Author.User, r.Author.From)
	if r.Planned > 0 {
		s.Say("It was planned commit %d.", r.Planned)
	}
	if w.Has(r.Number) {
		s.Println("Not confirmed yet. " + deadline(w))
	}
	if gone {
		s.Say("What it replaced is not kept any more.")
	}
	printChanges(s, changes)
	return nil
}

// keptRevisionJSON is one line of commitdetail list.
type keptRevisionJSON struct {
	Number  int       `json:"number" doc:"of the revision"`
	Time    time.Time `json:"time" doc:"of the commit"`
	User    string    `json:"user" doc:"the account"`
	From    string    `json:"from" doc:"the address that the operator came from"`
	Comment string    `json:"comment" doc:"as the operator gave it"`
}

// revisionListJSON is what --json prints of commitdetail list.
type revisionListJSON struct {
	Revisions []keptRevisionJSON `json:"revisions" doc:"the newest first"`
}

func listRevisions(s *shell.Session, revisions []config.Revision) error {
	if s.JSON {
		document := revisionListJSON{[]keptRevisionJSON{}}
		for _, r := range revisions {
			document.Revisions = append(document.Revisions, keptRevisionJSON{r.Number, r.Time, r.Author.User, r.Author.From, r.Comment})
		}
		return s.PrintJSON(document)
	}
	table := shell.Table{Head: []string{"Revision", "Committed On", "User", "Description"}, Right: []bool{true}}
	for _, r := range revisions {
		table.Rows = append(table.Rows, []string{strconv.Itoa(r.Number), stamp(r.Time), r.Author.User, r.Comment})
	}
	s.Table(table)
	return nil
}
