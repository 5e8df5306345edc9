package commands

import (
	"context"
	"time"

	"posthouse/shell"
)

func clearChanges(*Appliance) *shell.Command {
	return &shell.Command{
		Name:    "clearchanges",
		Aliases: []string{"clear"},
		Summary: "Discard every change since the last commit.",
		Roles:   shell.Readers,
		Batch:   []string{"clearchanges -y"},
		Help: `Only this session's changes are meant. In exec requests and scripts it also forgets that an earlier command has
failed, so that a commit is possible again.`,
		WholeWord: true,
		Documents: []shell.Document{{For: "clearchanges -y", Value: clearedJSON{}}},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			sure := len(args) == 1 && isYes(args[0])
			if len(args) > 0 && !sure {
				return shell.Usage("Invalid word %q: clearchanges takes nothing or -y.", args[0])
			}
			if len(s.Changes()) == 0 && !s.Failed() && !s.JSON {
				s.Say("There are no changes.")
				return nil
			}
			if !sure {
				var err error
				sure, err = s.YesNo("Are you sure you want to clear all changes since the last commit?", true)
				if err != nil || !sure {
					return err
				}
			}
			cleared := changesJSON(s.Changes())
			s.Discard()
			if s.JSON {
				return s.PrintJSON(clearedJSON{cleared})
			}
			s.Say("Changes cleared: %s", stamp(time.Now()))
			return nil
		},
	}
}

type clearedJSON struct {
	Cleared []changeJSON `json:"cleared" doc:"what a commit would have changed"`
}

// isYes says whether a word of a batch form answers a question with yes.
func isYes(word string) bool {
	switch word {
	case "-y", "-Y", "y", "Y", "yes":
		return true
	}
	return false
}
