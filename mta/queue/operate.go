package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"posthouse/mta/spool"
)

// deleteStep is how many groups are deleted in one go, so that the owner is never held up for long.
const deleteStep = 200

// Totals returns the counts of the whole queue; once it has stopped, those at its end.
func (q *Queue) Totals() Totals {
	var t Totals
	if !q.call(func(s *state) { t = s.sum() }) {
		return q.totals
	}
	return t
}

func (s *state) sum() Totals {
	t := s.totals
	t.Messages = len(s.messages)
	var oldest instant
	for _, h := range s.hosts {
		t.Active += h.active
		t.Attempted += h.attempted
		t.Connections += h.open
		if h.active > 0 {
			t.Destinations++
			oldest = earlier(oldest, h.oldest())
		}
	}
	t.Unattempted = t.Active - t.Attempted
	t.Oldest = oldest.time()
	return t
}

// oldest is when the host's oldest message was accepted; 0 for none. The list of groups is in this order.
func (h *host) oldest() instant {
	if h.groups.first == nil {
		return 0
	}
	return at(h.groups.first.msg.env.Received)
}

// Hosts returns all destinations that the queue knows, by name.
func (q *Queue) Hosts() []HostSummary {
	var list []HostSummary
	q.call(func(s *state) {
		for _, h := range s.hosts {
			list = append(list, s.summary(h))
		}
	})
	slices.SortFunc(list, func(a, b HostSummary) int { return cmp.Compare(a.Host, b.Host) })
	return list
}

func (s *state) summary(h *host) HostSummary {
	return HostSummary{
		Host: h.name, State: s.hostState(h), Active: h.active, Connections: h.open,
		Delivered: h.counts.delivered, SoftBounced: h.counts.soft, HardBounced: h.counts.hard(),
		Oldest: h.oldest().time(), NextAttempt: s.nextAttempt(h).time(), LastCause: h.lastCause, LastError: h.lastError,
	}
}

func (s *state) hostState(h *host) HostState {
	switch {
	case s.suspension.Covers(h.name):
		return Suspended
	case !h.tried:
		return Unknown
	case h.down:
		return Down
	default:
		return Up
	}
}

// nextAttempt is when the host is tried next; 0 for now or never.
func (s *state) nextAttempt(h *host) instant {
	if s.suspension.Covers(h.name) || h.active == 0 || len(h.trips) > 0 {
		return 0
	}
	if h.ready() > 0 {
		return h.earliest()
	}
	if g, ok := h.delayed.first(); ok {
		return max(g.due, h.blocked, h.tracked(g).resting)
	}
	return 0
}

// Host returns all that is known of one destination; false if it is not known.
func (q *Queue) Host(name string) (HostStatus, bool) {
	var st HostStatus
	known := false
	q.call(func(s *state) {
		if h := s.hosts[Destination("@"+name)]; h != nil {
			st, known = s.status(h), true
		}
	})
	return st, known
}

func (s *state) status(h *host) HostStatus {
	c := h.counts
	wanted := 0
	if dest, _ := s.config().Destination(h.name); h.blocked == 0 && !s.suspension.Covers(h.name) {
		wanted = min(h.runnable(at(time.Now())), value(dest.Concurrency, 500))
	}
	return HostStatus{
		HostSummary: s.summary(h),
		DNSHard:     c.dns, FiveXXHard: c.fiveXX, FilterHard: c.filter, ExpiredHard: c.expired, OtherHard: c.other,
		Deleted: c.deleted, Unattempted: h.active - h.attempted, Attempted: h.attempted,
		Pending: len(h.trips) - h.open + wanted, LastActivity: h.lastActivity.time(), LastTLS: h.lastTLS,
		Addresses: h.route.Addresses, AddressesExpire: h.route.Expires, MX: h.route.MX,
		Last5XX: h.last5xx, Last5XXAt: h.last5xxAt.time(),
	}
}

// sentBy says whether the filter chooses messages of the sender.
func (f Filter) sentBy(sender string) bool {
	return (f.Sender == "" || strings.EqualFold(f.Sender, sender)) && (!f.NullSender || sender == "")
}

// chosen calls do for every group that the filter chooses, until do returns false.
func (s *state) chosen(f Filter, do func(*group) bool) {
	for name, h := range s.hosts {
		if f.Host != "" && name != Destination("@"+f.Host) {
			continue
		}
		for g := h.groups.first; g != nil; {
			next := g.inHost.next
			if f.sentBy(g.msg.env.Sender) && !do(g) {
				return
			}
			g = next
		}
	}
}

// Recipients returns the chosen recipients in the order of MID and RID.
func (q *Queue) Recipients(f Filter) []RecipientInfo {
	var list []RecipientInfo
	q.call(func(s *state) {
		s.chosen(f, func(g *group) bool {
			env := g.msg.env
			for _, r := range g.rcpts {
				list = append(list, RecipientInfo{
					MID: env.MID, RID: r.RID, Size: env.Size, Attempts: r.Attempts, Sender: env.Sender,
					Recipient: r.Address, Subject: env.Subject, Host: g.host.name,
				})
			}
			return true
		})
	})
	slices.SortFunc(list, func(a, b RecipientInfo) int {
		return cmp.Or(cmp.Compare(a.MID, b.MID), cmp.Compare(a.RID, b.RID))
	})
	return list
}

// DeliverNow makes what is queued for a destination ("" for all) due at once, and lets a destination that is down be
// tried again. It returns the count of recipients.
func (q *Queue) DeliverNow(domain string) int {
	n := 0
	q.call(func(s *state) {
		for name, h := range s.hosts {
			if domain == "" || name == Destination("@"+domain) {
				n += s.hurry(h)
			}
		}
	})
	return n
}

func (s *state) hurry(h *host) int {
	n := 0
	for g := h.groups.first; g != nil; g = g.inHost.next {
		if g.busy {
			continue
		}
		n += len(g.rcpts)
		if g.delayedAt >= 0 {
			h.delayed.remove(g)
			g.due = 0
			h.tracked(g).ready.push(g)
		}
	}
	if h.failures > 0 {
		h.blocked = 0
	}
	for l := range h.tracks {
		h.tracks[l].resting = 0
	}
	s.mark(h)
	s.rearm(h)
	return n
}

// deletion is one message's part of a deletion.
type deletion struct {
	mid  uint64
	rids []int
	end  conclusion
}

// Delete takes the chosen recipients out of the queue for good and returns how many messages lost one. Those whose
// delivery is under way are left to it. When ctx ends, what was said so far is done and the rest is left.
func (q *Queue) Delete(ctx context.Context, f Filter) (messages int, err error) {
	seen := make(map[uint64]bool)
	var faults []error
	for ctx.Err() == nil {
		var step []deletion
		q.call(func(s *state) { step = s.delete(f) })
		if len(step) == 0 {
			break
		}
		for _, d := range step {
			seen[d.mid] = true
			faults = append(faults, q.deleted(d))
		}
	}
	return len(seen), errors.Join(append(faults, ctx.Err())...)
}

// delete takes some of the chosen groups out of the state.
func (s *state) delete(f Filter) []deletion {
	var step []deletion
	s.chosen(f, func(g *group) bool {
		if g.busy {
			return true
		}
		d := deletion{mid: g.msg.env.MID}
		for _, r := range g.rcpts {
			d.rids = append(d.rids, r.RID)
		}
		s.leave(g)
		g.host.counts.deleted += len(d.rids)
		s.totals.Deleted += uint64(len(d.rids))
		g.msg.left -= len(d.rids)
		d.end = s.endOf(g.msg)
		step = append(step, d)
		return len(step) < deleteStep
	})
	return step
}

// deleted makes a deletion durable and logs it.
func (q *Queue) deleted(d deletion) error {
	slices.Sort(d.rids)
	var updates []spool.Update
	for _, rid := range d.rids {
		updates = append(updates, spool.Update{RID: rid, State: spool.State{Done: true}})
	}
	err := q.opt.Spool.Update(d.mid, updates...)
	q.opt.Log.Deleted(d.mid, d.rids)
	if err != nil {
		q.call(func(*state) {
			q.workers.Go(func() { q.persistLater(d.mid, updates, d.end) })
		})
		return fmt.Errorf("recording the deletion in MID %d: %w", d.mid, err)
	}
	q.dispose(d.mid, d.end)
	return nil
}
