package commands

import (
	"context"
	"fmt"

	"posthouse/mta"
	"posthouse/shell"
)

func deleteRecipients(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "deleterecipients",
		Summary: "Delete messages from the delivery queue.",
		Batch:   []string{"deleterecipients host HOST", "deleterecipients sender ADDRESS", "deleterecipients all"},
		Help: `What is deleted is gone: nobody is told. A recipient whose delivery is under way at that moment is
finished first and counts as delivered. The sender <> stands for messages without one: bounces and other notices.
The batch forms ask nothing.`,
		WholeWord: true,
		JSON:      true,
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			filter, err := recipientFilter(s, "delete", args)
			if err != nil {
				return err
			}
			if s.JSON && len(args) == 0 {
				return shell.Usage("Invalid command: deleterecipients --json needs host, sender or all.")
			}
			if len(args) == 0 {
				if sure, err := s.YesNo(deleteQuestion(filter), false); err != nil || !sure {
					return err
				}
			}
			return deleteChosen(ctx, a, s, filter)
		},
		Complete: completeFilter(a),
	}
}

func deleteQuestion(f mta.Filter) string {
	switch {
	case f.Host != "":
		return fmt.Sprintf("Are you sure you want to delete all messages being delivered to \"%s\"?", f.Host)
	case f.Sender != "" || f.NullSender:
		return fmt.Sprintf("Are you sure you want to delete all messages with the Envelope From address of \"%s\"?", senderName(f.Sender))
	}
	return "Are you sure you want to delete all messages in the delivery queue (all active recipients)?"
}

func deleteChosen(ctx context.Context, a *Appliance, s *shell.Session, f mta.Filter) error {
	if !s.JSON {
		s.Println("Deleting messages, please wait.")
	}
	n, err := a.Engine.Delete(ctx, f)
	if ctx.Err() != nil && !s.JSON {
		s.Closing("%s messages deleted.\n", thousands(n)) // and the rest is left, because of Ctrl-C
		return ctx.Err()
	}
	if err != nil {
		return shell.Fail("Failed to delete every message: %v (%s deleted).", err, thousands(n))
	}
	if s.JSON {
		return s.PrintJSON(struct {
			Deleted int `json:"messages_deleted"`
		}{n})
	}
	s.Printf("%s messages deleted.\n", thousands(n))
	return nil
}
