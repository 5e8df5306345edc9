package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"posthouse/mta/spool"
)

// Recipients calls do for every chosen recipient that waits at this moment, in the order of MID and RID. What is finished
// meanwhile is left out. It ends with ctx, or with the first error of do.
func (q *Queue) Recipients(ctx context.Context, f Filter, do func(RecipientInfo) error) error {
	mids, err := q.mids(ctx, f)
	if err != nil {
		return err
	}
	for _, mid := range mids {
		if err := ctx.Err(); err != nil {
			return err
		}
		m, err := q.opt.Spool.Message(mid)
		if err != nil {
			if !gone(err) {
				q.opt.Fault(fmt.Sprintf("showing MID %d", mid), err)
			}
			continue
		}
		if !f.sentBy(m.Sender) {
			continue
		}
		if err := eachWaiting(&m, f, do); err != nil {
			return err
		}
	}
	return nil
}

// mids are the messages that the filter chooses as far as memory knows, in order.
func (q *Queue) mids(ctx context.Context, f Filter) ([]uint64, error) {
	var list []uint64
	step := make([]uint64, 0, walkStep)
	err := q.stroll(ctx, f, at(time.Now()),
		func(_ *state, g *group) { step = append(step, g.msg.mid) },
		func() bool {
			list = append(list, step...)
			step = step[:0]
			return true
		})
	slices.Sort(list)
	return slices.Compact(list), err
}

// eachWaiting calls do for the recipients of a message that are not done and wait where the filter says.
func eachWaiting(m *spool.Message, f Filter, do func(RecipientInfo) error) error {
	for i, r := range m.Recipients {
		st := m.States[i]
		host := destinationOf(r, st)
		if st.Done || f.Host != "" && host != hostKey(f.Host) {
			continue
		}
		err := do(RecipientInfo{
			MID: m.MID, RID: r.RID, Size: m.Size, Attempts: st.Attempts, Sender: m.Sender, Recipient: r.Address,
			Subject: m.Subject, Host: host,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// destinationOf is where a recipient waits: where an operator redirected it to, else at its domain.
func destinationOf(r spool.Recipient, st spool.State) string {
	return cmp.Or(st.Via, Destination(r.Address))
}

// Message returns one queued message; spool.ErrNotFound where there is none.
func (q *Queue) Message(ctx context.Context, mid uint64) (MessageInfo, error) {
	m, err := q.opt.Spool.Message(mid)
	if err != nil {
		if gone(err) {
			err = spool.ErrNotFound
		}
		return MessageInfo{}, err
	}
	info := MessageInfo{
		MID: m.MID, ICID: m.ICID, Sender: m.Sender, Subject: m.Subject, MessageID: m.MessageID, Received: m.Received, Size: m.Size,
		Listener: m.Listener, BounceProfile: m.BounceProfile, Relay: m.Relay, Bounce: m.Bounce, EightBit: m.Body8Bit,
		SMTPUTF8: m.SMTPUTF8, RequireTLS: m.RequireTLS, TLSOptional: m.TLSOptional, TLSReport: m.TLSReport, EnvID: m.EnvID, Ret: m.Ret,
	}
	for i, r := range m.Recipients {
		st := m.States[i]
		state := RecipientState{
			RID: r.RID, Address: r.Address, Notify: r.Notify, ORcpt: r.ORcpt, Host: destinationOf(r, st), Redirected: st.Via != "",
			Phase: Unqueued, Attempts: st.Attempts, LastError: st.LastError,
		}
		if st.Done {
			state.Phase = Finished
		}
		info.Recipients = append(info.Recipients, state)
	}
	return info, q.place(ctx, &info)
}

// place finds where in the queue the message's recipients are, destination by destination.
func (q *Queue) place(ctx context.Context, info *MessageInfo) error {
	here := map[string][]*RecipientState{}
	for i := range info.Recipients {
		if r := &info.Recipients[i]; r.Phase != Finished {
			here[r.Host] = append(here[r.Host], r)
		}
	}
	for host, recipients := range here {
		place, left := 0, len(recipients)
		err := q.stroll(ctx, Filter{Host: host}, at(time.Now()),
			func(s *state, g *group) {
				place++
				if g.msg.mid == info.MID {
					left -= s.describe(g, place, recipients)
				}
			},
			func() bool { return left > 0 })
		if err != nil && !errors.Is(err, ErrStopped) {
			return err
		}
	}
	return nil
}

// describe says of a group's recipients where they are, and returns how many of those that are asked about are in it.
func (s *state) describe(g *group, place int, recipients []*RecipientState) (found int) {
	h := g.host
	for _, known := range g.rcpts() {
		i := slices.IndexFunc(recipients, func(r *RecipientState) bool { return r.RID == int(known.rid) })
		if i < 0 {
			continue
		}
		found++
		r := recipients[i]
		r.Phase, r.Next = s.phase(g)
		r.Attempts, r.LastError = int(known.attempts), cmp.Or(r.LastError, g.said())
		r.Place, r.Of = place, h.groups.n
		r.HostState, r.HostCause, r.HostError, r.HostNext = s.hostState(h), string(h.fault.cause), h.fault.said(), s.nextAttempt(h).time()
	}
	return found
}

// phase is where in the queue a group is, and until when it waits.
func (s *state) phase(g *group) (Phase, time.Time) {
	switch {
	case g.busy:
		return Delivering, time.Time{}
	case g.msg.parked:
		return Parked, time.Time{}
	case s.suspension.Covers(g.host.name):
		return Held, time.Time{}
	case g.delayedAt >= 0:
		return Waiting, max(g.due, g.host.blocked, g.host.tracked(g).resting).time()
	}
	return Ready, time.Time{}
}
