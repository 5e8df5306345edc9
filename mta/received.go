package mta

import (
	"context"
	"slices"
	"strings"

	"posthouse/mta/spool"
)

// holdsReport says whether a recipient who is not done is the address at which TLS reports are taken.
func (e *Engine) holdsReport(m spool.Message) bool {
	ours := e.config().TLSReports.Receive
	return ours != "" && slices.ContainsFunc(pending(m), func(r spool.Recipient) bool { return strings.EqualFold(r.Address, ours) })
}

// pending are the recipients who are not done.
func pending(m spool.Message) (list []spool.Recipient) {
	for i, r := range m.Recipients {
		if i >= len(m.States) || !m.States[i].Done {
			list = append(list, r)
		}
	}
	return list
}

// takeReport reads a TLS report that somebody sent us; the message is done for that recipient and goes on to the others.
// What is no report, or cannot be kept, is delivered like any other mail: nothing that was accepted is lost.
func (e *Engine) takeReport(ctx context.Context, m spool.Message) {
	body, err := e.spool.Open(m.MID)
	if err == nil {
		err = e.reports.Receive(ctx, body)
		body.Close()
	}
	if err != nil {
		e.fault("a message to the address for TLS reports", err)
		e.queue.Add(m)
		return
	}
	for len(m.States) < len(m.Recipients) {
		m.States = append(m.States, spool.State{})
	}
	var done []spool.Update
	for i, r := range m.Recipients {
		if !m.States[i].Done && strings.EqualFold(r.Address, e.config().TLSReports.Receive) {
			m.States[i] = spool.State{Done: true}
			done = append(done, spool.Update{RID: r.RID, State: m.States[i]})
		}
	}
	if _, err := e.spool.Update(m.MID, done...); err != nil {
		e.fault("recording a TLS report", err)
	}
	if len(pending(m)) > 0 {
		e.queue.Add(m)
		return
	}
	e.opt.Log.MessageFinished(m.MID)
}
