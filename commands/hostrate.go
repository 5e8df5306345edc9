package commands

import (
	"context"
	"fmt"
	"time"

	"posthouse/internal/localtime"
	"posthouse/mta"
	"posthouse/shell"
)

func hostRate(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "hostrate",
		Summary: "Show how much mail goes to one destination, again and again.",
		Roles:   shell.Readers | shell.Guest,
		Batch:   []string{"hostrate HOST SECONDS [COUNT]"},
		Help: `A line every SECONDS: the destination's state, the connections that are open to it, the recipients that wait for it, and
what has changed since the line before: recipients that wait, that were delivered, that were hard bounced, and soft bounces.
It ends as rate does.`,
		Documents: []shell.Document{
			{For: "hostrate", Value: hostRateJSON{}},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			host, err := hostArgument(s, args[:min(1, len(args))])
			if err != nil {
				return err
			}
			if _, ok := a.Engine.Host(host); !ok {
				return unknownHost(host)
			}
			r, err := repetitionWords(s, "hostrate", args[min(1, len(args)):])
			if err != nil {
				return err
			}
			return showHostRate(ctx, s, r, func() mta.HostStatus {
				h, _ := a.Engine.Host(host)
				return h
			})
		},
		Complete: func(_ *shell.Session, args []string) []string {
			if len(args) > 1 {
				return nil
			}
			return startingWith(args, hostNames(a))
		},
	}
}

const hostRateHead = `    Time       Host  CrtCncOut  ActvRcp  ActvRcp   DlvRcp  HrdBncRcp  SftBncEvt
             Status                        Delta    Delta      Delta      Delta
`

type hostRateJSON struct {
	Host string        `json:"host" doc:"a destination's name"`
	Rows []hostRateRow `json:"rows" doc:"one for each display"`
}

// hostRateRow is one line of hostrate.
type hostRateRow struct {
	At              time.Time `json:"at" doc:"when that was so"`
	State           string    `json:"state" doc:"up, down, unknown or suspended"`
	Connections     int       `json:"connections_out" doc:"open to it now"`
	Active          int       `json:"active_recipients" doc:"that wait or are under way"`
	ActiveDelta     int       `json:"active_recipients_delta" doc:"since the row before"`
	DeliveredDelta  int       `json:"delivered_recipients_delta" doc:"since the row before"`
	HardBounceDelta int       `json:"hard_bounced_recipients_delta" doc:"since the row before"`
	SoftBounceDelta int       `json:"soft_bounced_events_delta" doc:"since the row before"`
}

func showHostRate(ctx context.Context, s *shell.Session, r repetition, status func() mta.HostStatus) error {
	if !s.JSON {
		r.heading(s, hostRateHead)
	}
	last := status()
	host, rows := last.Host, []hostRateRow{}
	err := r.repeat(ctx, s, func(now time.Time) error {
		h := status()
		if h.Host == "" { // it was idle for so long that it was forgotten
			h.State = mta.HostUnknown
			last = h
		}
		row := hostRateRow{
			now, string(h.State), h.Connections, h.Active, h.Active - last.Active, h.Delivered - last.Delivered,
			h.HardBounced - last.HardBounced, h.SoftBounced - last.SoftBounced,
		}
		last = h
		if s.JSON {
			rows = append(rows, row)
			return nil
		}
		_, err := fmt.Fprintf(s, "%s%11s%11d%9d%9d%9d%11d%11d\n", localtime.Of(now).Format(time.TimeOnly), row.State, row.Connections, row.Active,
			row.ActiveDelta, row.DeliveredDelta, row.HardBounceDelta, row.SoftBounceDelta)
		return err
	})
	if err != nil || !s.JSON {
		return err
	}
	return s.PrintJSON(hostRateJSON{host, rows})
}
