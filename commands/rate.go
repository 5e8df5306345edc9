package commands

import (
	"context"
	"fmt"
	"time"

	"posthouse/internal/localtime"
	"posthouse/mta"
	"posthouse/shell"
)

func rate(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "rate",
		Summary: "Show how much mail goes through, again and again.",
		Roles:   shell.Readers | shell.Guest,
		Batch:   []string{"rate SECONDS [COUNT]"},
		Help: `A line every SECONDS: the connections that are open, the recipients received and completed since the first start ever,
how many of them since the line before, and the kilobytes that the queue takes. It ends with Ctrl-C, after COUNT lines, or
where its input or the connection ends.`,
		Documents: []shell.Document{
			{For: "rate", Value: rateDocument{}},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			r, err := repetitionWords(s, "rate", args)
			if err != nil {
				return err
			}
			return showRate(ctx, s, r, a.Engine.Status)
		},
	}
}

const rateHead = `Time      Connections Recipients           Recipients          Queue
          In   Out   Received     Delta     Completed    Delta   K-Used
`

type rateDocument struct {
	Rows []rateRow `json:"rows" doc:"one for each display"`
}

// rateRow is one line of rate.
type rateRow struct {
	At             time.Time `json:"at" doc:"when that was so"`
	In             int       `json:"connections_in" doc:"open now"`
	Out            int       `json:"connections_out" doc:"open now"`
	Received       uint64    `json:"recipients_received" doc:"since the first start ever"`
	ReceivedDelta  uint64    `json:"recipients_received_delta" doc:"since the row before"`
	Completed      uint64    `json:"recipients_completed" doc:"since the first start ever"`
	CompletedDelta uint64    `json:"recipients_completed_delta" doc:"since the row before"`
	Used           int64     `json:"queue_bytes_used" doc:"bytes"`
}

func showRate(ctx context.Context, s *shell.Session, r repetition, status func() mta.Status) error {
	if !s.JSON {
		r.heading(s, rateHead)
	}
	rows := []rateRow{}
	err := r.repeat(ctx, s, func(now time.Time) error {
		st := status()
		row := rateRow{
			At: now, In: st.InboundConnections, Out: st.OutboundConnections, Received: st.RecipientsReceived.Lifetime,
			Completed: st.CompletedRecipients.Lifetime, Used: st.KilobytesUsed * 1024,
		}
		if n := len(rows); n > 0 {
			row.ReceivedDelta, row.CompletedDelta = row.Received-rows[n-1].Received, row.Completed-rows[n-1].Completed
		}
		if s.JSON {
			rows = append(rows, row)
			return nil
		}
		rows = []rateRow{row}
		_, err := fmt.Fprintf(s, "%s%4d%6d%11d%10d%13d%10d%9d\n", localtime.Of(now).Format(time.TimeOnly), row.In, row.Out, row.Received, row.ReceivedDelta,
			row.Completed, row.CompletedDelta, st.KilobytesUsed)
		return err
	})
	if err != nil || !s.JSON {
		return err
	}
	return s.PrintJSON(rateDocument{rows})
}
