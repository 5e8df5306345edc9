package commands

import (
	"context"
	"errors"

	"posthouse/mta"
	"posthouse/shell"
)

func removeMessage(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "removemessage",
		Summary: "Remove one message from the queue.",
		Roles:   shell.Operators,
		Batch:   []string{"removemessage MID -y"},
		Help: `Shows the message's header and asks; with -y it asks nothing. The message is gone for all its recipients, and nobody is
told. A recipient whose delivery is under way at that moment is finished first and counts as delivered.`,
		WholeWord: true,
		Documents: []shell.Document{
			{For: "removemessage", Value: removedJSON{}},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			sure := len(args) == 2 && args[1] == "-y"
			if sure {
				args = args[:1]
			}
			if len(args) > 1 {
				return shell.Usage("Invalid word %q: removemessage takes a MID and -y.", args[1])
			}
			if s.JSON && !sure {
				return shell.Usage("Invalid command: removemessage --json needs a MID and -y.")
			}
			mid, err := askMID(s, args, "remove")
			if err != nil {
				return err
			}
			m, err := queued(ctx, a, mid)
			if err != nil {
				return err
			}
			if !sure {
				s.Println(age(mid, m.Received))
				if err := printContent(ctx, a, s, mid, false); err != nil && !errors.Is(err, shell.ErrEnough) {
					return err
				}
				s.Println()
				if sure, err := s.YesNo("Remove this message?", false); err != nil || !sure {
					return err
				}
			}
			return remove(ctx, a, s, m)
		},
	}
}

type removedJSON struct {
	MID     uint64 `json:"mid" doc:"message ID"`
	Removed int    `json:"recipients_removed" doc:"how many"`
	Left    int    `json:"recipients_under_way" doc:"to whom a delivery was under way: those are left alone"`
}

func remove(ctx context.Context, a *Appliance, s *shell.Session, m mta.MessageInfo) error {
	waiting := 0
	for _, r := range m.Recipients {
		if r.Phase != mta.Finished {
			waiting++
		}
	}
	done, err := a.Engine.Delete(ctx, mta.Filter{MID: m.MID}, nil)
	switch {
	case errors.Is(err, mta.ErrNoMessage):
		return shell.Fail("Unknown MID %d: it has left the queue meanwhile.", m.MID)
	case err != nil:
		return shell.Fail("Failed to remove MID %d: %v.", m.MID, err)
	}
	if s.JSON {
		return s.PrintJSON(removedJSON{m.MID, done.Recipients, waiting - done.Recipients})
	}
	switch left := waiting - done.Recipients; {
	case done.Recipients == 0:
		return shell.Fail("Failed to remove MID %d: its delivery is under way.", m.MID)
	case left > 0:
		s.Say("MID %d removed for %s; the delivery to %d is under way.", m.MID, counted(done.Recipients, "recipient"), left)
	default:
		s.Say("MID %d removed.", m.MID)
	}
	return nil
}
