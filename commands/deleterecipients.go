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
		Roles:   shell.Operators,
		Batch:   []string{"deleterecipients host HOST", "deleterecipients sender ADDRESS", "deleterecipients all"},
		Help: `What is deleted is gone: nobody is told. A recipient whose delivery is under way at that moment is
finished first and counts as delivered. The sender <> stands for messages without one: bounces and other notices.
The batch forms ask nothing. Ctrl-C stops it: what is said to be deleted is, and the rest waits as before.`,
		WholeWord: true,
		Documents: []shell.Document{
			{For: "deleterecipients", Value: deletedJSON{}},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			filter, sure, err := sureFilter(s, "delete", args, deleteQuestion)
			if err != nil || !sure {
				return err
			}
			return changing{
				doing: "Deleting messages, please wait.", verb: "delete every message",
				result: func(done mta.Changed) string { return thousands(done.Messages) + " messages deleted." },
				json: func(done mta.Changed) any {
					return deletedJSON{done.Messages, done.Recipients}
				},
				work: func(ctx context.Context, p mta.Progress) (mta.Changed, error) { return a.Engine.Delete(ctx, filter, p) },
			}.run(ctx, s)
		},
		Complete: completeFilter(a),
	}
}

type deletedJSON struct {
	Messages   int `json:"messages_deleted" doc:"how many"`
	Recipients int `json:"recipients_deleted" doc:"how many"`
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

// sureFilter takes the choice of recipients from the words, or asks for it and whether it is meant.
func sureFilter(s *shell.Session, verb string, args []string, question func(mta.Filter) string) (mta.Filter, bool, error) {
	if s.JSON && len(args) == 0 {
		return mta.Filter{}, false, shell.Usage("Invalid command: %srecipients --json needs host, sender or all.", verb)
	}
	filter, err := recipientFilter(s, verb, args)
	if err != nil || len(args) > 0 {
		return filter, true, err
	}
	sure, err := s.YesNo(question(filter), false)
	return filter, sure, err
}
