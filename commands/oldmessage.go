package commands

import (
	"context"
	"time"

	"posthouse/shell"
)

func oldMessage(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "oldmessage",
		Summary: "Show the header of the message that has been in the queue for longest.",
		Roles:   shell.Readers | shell.HelpDesk,
		Batch:   []string{"oldmessage"},
		Help:    "What keeps the oldest message is often what keeps the others. showmessage tells why it waits.",
		Documents: []shell.Document{
			{For: "oldmessage", Value: oldestDocument{}},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			if err := noWords("oldmessage", args); err != nil {
				return err
			}
			mid, received := a.Engine.OldestMessage()
			if s.JSON {
				return s.PrintJSON(oldestJSON(mid, received))
			}
			if mid == 0 {
				s.Say("No messages in the delivery queue.")
				return nil
			}
			s.Println(age(mid, received))
			return printContent(ctx, a, s, mid, false)
		},
	}
}

type oldestDocument struct {
	MID      *uint64    `json:"mid" doc:"null where the queue is empty"`
	Received *time.Time `json:"received" doc:"when it came in"`
}

func oldestJSON(mid uint64, received time.Time) oldestDocument {
	document := oldestDocument{nil, orNil(received)}
	if mid != 0 {
		document.MID = &mid
	}
	return document
}
