package commands

import (
	"context"
	"time"

	"posthouse/shell"
)

func resetCounters(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "resetcounters",
		Summary: "Let the counters begin at nothing.",
		Roles:   shell.Operators,
		Batch:   []string{"resetcounters"},
		Help: `The first column of status and dnsstatus begins at nothing; the others go on. What hoststatus counts runs since the
start and is left alone.`,
		WholeWord: true,
		Documents: []shell.Document{
			{For: "resetcounters", Value: countersResetJSON{}},
		},
		Run: func(_ context.Context, s *shell.Session, args []string) error {
			if err := noWords("resetcounters", args); err != nil {
				return err
			}
			at, err := a.Engine.ResetCounters()
			if err != nil {
				return shell.Fail("Failed to reset the counters: %v.", err)
			}
			if s.JSON {
				return s.PrintJSON(countersResetJSON{at})
			}
			s.Say("Counters reset: %s", stamp(at))
			return nil
		},
	}
}

type countersResetJSON struct {
	At time.Time `json:"counters_reset" doc:"when"`
}
