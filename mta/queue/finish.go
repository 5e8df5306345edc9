package queue

import (
	"posthouse/internal/cause"
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

// conclusion is what is to be done with a message's file when the last recipient is done.
type conclusion struct {
	finished bool   // false: others are still to be delivered to
	damaged  string // why it is set aside rather than removed
}

// finish takes note of what became of a task's recipients.
func (s *state) finish(task *Task, results []settled, now instant) conclusion {
	g := task.group
	h := g.host
	h.lastActivity = now
	h.active -= len(g.rcpts)
	h.attempted -= attempted(g.rcpts)
	rest := map[instant][]Recipient{}
	var order []instant
	for i := range results {
		r := &results[i]
		s.count(h, r, now)
		if r.failure != nil && r.failure.Damaged {
			g.msg.damaged = r.failure.Text()
		}
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
		rest[next] = append(rest[next], r.Recipient)
		if r.failure != nil {
			g.last = s.lastWords(h, r.failure)
		}
	}
	for _, next := range order {
		p := &group{msg: g.msg, host: h, rcpts: rest[next], due: next, last: g.last, warned: g.warned, delayedAt: -1, deadlineSlot: -1}
		h.groups.before(g, p)
		h.active += len(p.rcpts)
		h.attempted += attempted(p.rcpts)
		s.place(p, now)
	}
	h.groups.remove(g)
	s.rearm(h)
	return s.endOf(g.msg)
}

// endOf forgets a message that has no recipient left.
func (s *state) endOf(m *message) conclusion {
	if m.left > 0 {
		return conclusion{}
	}
	delete(s.messages, m.env.MID)
	return conclusion{finished: true, damaged: m.damaged}
}

// lastWords is a failure's text. The many messages that a dead host keeps waiting share one string.
func (s *state) lastWords(h *host, f *Failure) string {
	if text := f.summary(); text != h.lastError {
		return text
	}
	return h.lastError
}

// count adds one result to the counters.
func (s *state) count(h *host, r *settled, now instant) {
	switch r.outcome {
	case Delivered, Possible:
		h.counts.delivered++
		s.totals.Delivered++
		s.totals.Protected[r.prot]++
	case Soft:
		h.counts.soft++
		s.totals.SoftBounced++
	case Hard:
		s.totals.HardBounced++
		*h.counts.hardOf(r.failure.Kind)++
	}
	if f := r.failure; f != nil {
		s.fault(h, f.Cause, f.summary())
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

// fault remembers the host's latest failure. An expiry says nothing new about the host.
func (s *state) fault(h *host, id cause.ID, text string) {
	if text = brief(text); text != h.lastError {
		h.lastError = text
	}
	h.lastCause = string(id)
}

// up takes note that the host was reached and is ready to take mail of a lane. Ordinary mail that TLS holds back makes it
// down still.
func (s *state) up(h *host, l lane, now instant) {
	h.tried, h.failures, h.blocked = true, 0, 0
	h.tracks[l].barred, h.tracks[l].resting = 0, 0
	h.down = h.tracks[ordinary].barred > 0
	h.lastActivity = now
	h.window++
	s.mark(h)
	s.rearm(h)
}

// down takes note that no way to the host led anywhere. Until it has been reached again, one connection at a time
// probes it, ever less often. known is the count of failures when the attempt began: what several attempts found out
// at the same time is one failure.
func (s *state) down(h *host, known int, id cause.ID, text string, now instant) {
	h.tried, h.down = true, true
	if h.failures > known {
		h.lastActivity = now
		s.fault(h, id, text)
		return
	}
	h.failures++
	h.window = max(h.window/2, 1)
	h.lastActivity = now
	s.fault(h, id, text)
	s.block(h, now.add(backoff(s.hostProfile(h.name), h.failures, s.random())))
}
