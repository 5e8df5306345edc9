package commands

import (
	"context"
	"time"

	"posthouse/config"
	"posthouse/shell"
)

func commitDetail(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "commitdetail",
		Summary: "Show the latest commit: when, by whom, and what it changed.",
		Roles:   shell.Readers,
		Batch:   []string{"commitdetail [N]"},
		Help:    "N counts back: 1 is the latest commit, 2 the one before it.",
		Documents: []shell.Document{
			{For: "commitdetail", Value: commitDetailJSON{}},
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			back := 1
			if len(args) > 1 {
				return shell.Usage("Invalid word %q: commitdetail takes one number.", args[1])
			}
			revisions := a.Config.Revisions()
			if len(args) == 1 {
				var err error
				if back, err = number("commit", args[0], 1, max(1, len(revisions))); err != nil {
					return err
				}
			}
			if len(revisions) == 0 && s.JSON {
				return shell.Fail("Error: there is no commit yet.")
			}
			if len(revisions) == 0 {
				s.Println("There is no commit yet.")
				return nil
			}
			r := revisions[back-1]
			changes, err := a.Config.ChangesOf(r.Number)
			if err != nil {
				return shell.Fail("Unable to read commit %d: %w.", r.Number, err)
			}
			waiting, _ := a.Config.Waiting()
			return printCommit(s, r, waiting, changes)
		},
	}
}

type commitDetailJSON struct {
	Number  int          `json:"number" doc:"of the revision"`
	Time    time.Time    `json:"time" doc:"of the commit"`
	User    string       `json:"user" doc:"the account"`
	From    string       `json:"from" doc:"the address that the operator came from"`
	Comment string       `json:"comment" doc:"as the operator gave it"`
	Confirm *time.Time   `json:"confirm_by,omitempty" doc:"until when it waits to be confirmed"`
	Changes []changeJSON `json:"changes" doc:"settings that differ"`
}

func printCommit(s *shell.Session, r config.Revision, w config.Waiting, changes []config.Change) error {
	if s.JSON {
		return s.PrintJSON(commitDetailJSON{r.Number, r.Time, r.Author.User, r.Author.From, r.Comment, confirmBy(w, r.Number), changesJSON(changes)})
	}
	if r.Comment == "" {
		s.Printf("Commit at %s without comments.\n", stamp(r.Time))
	} else {
		s.Printf("Commit at %s with comments: \"%s\".\n", stamp(r.Time), r.Comment)
	}
	s.Printf("By %s from %s.\n", r.Author.User, r.Author.From)
	if w.Has(r.Number) {
		s.Println("Not confirmed yet. " + deadline(w))
	}
	printChanges(s, changes)
	return nil
}
