package queue

import (
	"slices"
)

// settled is what becomes of one recipient after an attempt, already durable.
type settled struct {
	Recipient         // with the new count of attempts
	outcome   Outcome // Hard where a soft failure was the last allowed
	next      instant // where Soft: when it is tried again
	prot      Protection
	code      int
	response  string
	failure   *Failure

	handover       Handover // this and the next two where Delivered
	status, remote string
}

// told says that the failure is one of those that the sender is told of.
func (r *settled) told() bool { return r.outcome == Hard && r.failure != nil && r.wants(onFailure) }

// done says that the recipient is never sent to again.
func (r *settled) done() bool { return r.outcome != Soft && r.outcome != Again }

// finish takes note of what became of a task's recipients. It returns true when none of the message's is left.
func (s *state) finish(task *Task, results []settled, now instant) (finished bool) {
	for _, g := range task.groups() {
		s.finishGroup(g, task.of(g, results), now)
	}
	s.tried(task.group)
	return s.endOf(task.group.msg)
}

// finishGroup is finish for those of one destination.
func (s *state) finishGroup(g *group, results []*settled, now instant) {
	h := g.host
	h.lastActivity = now
	h.active -= g.size()
	h.attempted -= g.attempted()
	if slices.ContainsFunc(results, func(r *settled) bool { return r.outcome == Delivered }) {
		h.succeeded()
	}
	rest := map[instant][]rcpt{}
	var order []instant
	for _, r := range results {
		s.count(h, r, now)
		if r.done() {
			g.msg.left--
			continue
		}
		next := r.next
		if r.outcome == Again {
			next = 0
			h.rateCount = max(h.rateCount-1, 0)
		}
		if _, seen := rest[next]; !seen {
			order = append(order, next)
		}
		rest[next] = append(rest[next], rcpt{int32(r.RID), int32(r.Attempts)})
		if r.failure != nil {
			g.last = h.lastWords(r.failure.summary())
		}
	}
	for _, next := range order {
		p := newGroup(g.msg, h, next, g.last, rest[next]...)
		p.warned = g.warned
		h.groups.before(g, p)
		h.active += p.size()
		h.attempted += p.attempted()
		s.splitOff(g, p)
		s.place(p, now)
	}
	h.groups.remove(g)
	s.splitOff(g, nil)
	s.rearm(h)
}

// splitOff keeps the list of a message's groups: p comes out of g, or g is no more where p is nil.
func (s *state) splitOff(g, p *group) {
	list, spread := s.spread[g.msg.mid]
	switch {
	case !spread:
	case p != nil:
		s.spread[g.msg.mid] = append(list, p)
	default:
		s.spread[g.msg.mid] = slices.DeleteFunc(list, func(o *group) bool { return o == g })
	}
}

// endOf forgets a message that has no recipient left.
func (s *state) endOf(m *message) (finished bool) {
	if m.left > 0 {
		return false
	}
	delete(s.messages, m.mid)
	delete(s.spread, m.mid)
	delete(s.fresh.messages, m.mid)
	return true
}

// count adds one result to the counters.
func (s *state) count(h *host, r *settled, now instant) {
	switch r.outcome {
	case Delivered, Possible:
		h.counts.delivered++
		s.totals.Delivered++
		if r.prot != Nowhere {
			s.totals.Protected[r.prot]++
		}
	case Soft:
		h.counts.soft++
		s.totals.SoftBounced++
	case Hard:
		s.totals.HardBounced++
		s.totals.Reasons[r.failure.Kind]++
		*h.counts.hardOf(r.failure.Kind)++
	}
	if f := r.failure; f != nil {
		h.learn(f, now)
		if f.Code >= 500 {
			h.last5xx, h.last5xxAt = f.reply(), now
		}
	}
}

// hardOf is the counter for a kind of hard bounce.
func (c *counts) hardOf(k Kind) *int {
	switch k {
	case DNS:
		return &c.dns
	case FiveXX:
		return &c.fiveXX
	case Filtered:
		return &c.filter
	case Expired:
		return &c.expired
	default:
		return &c.other
	}
}

// up takes note that the host was reached and is ready to take mail of a lane. Ordinary mail that TLS holds back makes it
// down still.
func (s *state) up(h *host, l lane, now instant) {
	h.tried, h.failures, h.blocked = true, 0, 0
	h.tracks[l].barred, h.tracks[l].resting = 0, 0
	h.down = h.tracks[ordinary].barred > 0
	h.lastActivity = now
	h.succeeded()
	s.mark(h)
	s.rearm(h)
}

// fall takes note that the host is down, and why.
func (h *host) fall(f *Failure, now instant) {
	if !h.down {
		h.downSince = now
	}
	h.tried, h.down, h.lastActivity = true, true, now
	h.blame(f, now)
}

// down takes note that no way to the host led anywhere. Until it has been reached again, one connection at a time
// probes it, ever less often. known is the count of failures when the attempt began: what several attempts found out
// at the same time is one failure.
func (s *state) down(h *host, known int, f *Failure, now instant) {
	h.fall(f, now)
	if h.failures > known {
		return
	}
	h.failures++
	h.shrink(h.window / 2)
	s.block(h, now.add(backoff(s.hostProfile(h), h.failures, s.random())))
}
