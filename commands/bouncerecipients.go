package commands

import (
	"context"
	"fmt"

	"posthouse/mta"
	"posthouse/shell"
)

func bounceRecipients(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "bouncerecipients",
		Summary: "Bounce messages in the delivery queue.",
		Roles:   shell.Operators,
		Batch:   []string{"bouncerecipients host HOST", "bouncerecipients sender ADDRESS", "bouncerecipients all"},
		Help: `What is bounced is gone, and its senders are told as their bounce profile says; bounces themselves are dropped. A recipient
whose delivery is under way at that moment is finished first. The sender <> stands for messages without one: bounces and other
notices. The batch forms ask nothing. Ctrl-C stops it: what is said to be bounced is, and the rest waits as before.`,
		WholeWord: true,
		Documents: []shell.Document{
			{For: "bouncerecipients", Value: bouncedJSON{}},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			filter, sure, err := sureFilter(s, "bounce", args, bounceQuestion)
			if err != nil || !sure {
				return err
			}
			return changing{
				doing: "Bouncing messages, please wait.", verb: "bounce every message",
				result: func(done mta.Changed) string { return thousands(done.Messages) + " messages bounced." },
				json: func(done mta.Changed) any {
					return bouncedJSON{done.Messages, done.Recipients}
				},
				work: func(ctx context.Context, p mta.Progress) (mta.Changed, error) { return a.Engine.Bounce(ctx, filter, p) },
			}.run(ctx, s)
		},
		Complete: completeFilter(a),
	}
}

type bouncedJSON struct {
	Messages   int `json:"messages_bounced" doc:"how many"`
	Recipients int `json:"recipients_bounced" doc:"how many"`
}

func bounceQuestion(f mta.Filter) string {
	switch {
	case f.Host != "":
		return fmt.Sprintf("Are you sure you want to bounce all messages being delivered to \"%s\"?", f.Host)
	case f.Sender != "" || f.NullSender:
		return fmt.Sprintf("Are you sure you want to bounce all messages with the Envelope From address of \"%s\"?", senderName(f.Sender))
	}
	return "Are you sure you want to bounce all messages in the delivery queue (all active recipients)?"
}
