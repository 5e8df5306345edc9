package queue

import "posthouse/mta/spool"

// lane is a class of messages of one destination. What TLS cannot give to one class it may well give to another, so a
// destination that is of no use to one of them need not rest for the others.
type lane uint8

const (
	ordinary  lane = iota
	lenient        // TLS-Required: No (RFC 8689 §3), and TLS reports (RFC 8460 §3)
	demanding      // REQUIRETLS (RFC 8689 §2)
	lanes          // how many there are
)

// laneOf is the lane of a message. REQUIRETLS is weakened by nothing.
func laneOf(env *spool.Envelope) lane {
	switch {
	case env.RequireTLS:
		return demanding
	case env.TLSOptional, env.TLSReport:
		return lenient
	}
	return ordinary
}

// track is one lane of a destination.
type track struct {
	ready    list
	barred   int     // trips in a row whose TLS was not good enough for its messages
	resting  instant // until then because of it
	carrying int     // trips whose latest task is of this lane
}

// tracked is the track that a group belongs to.
func (h *host) tracked(g *group) *track { return &h.tracks[g.msg.lane] }

// ready is how many groups are ready, in all lanes together.
func (h *host) ready() int {
	n := 0
	for l := range h.tracks {
		n += h.tracks[l].ready.n
	}
	return n
}

// runnable is how many groups are ready in lanes that do not rest.
func (h *host) runnable(now instant) int {
	n := 0
	for l := range h.tracks {
		if t := &h.tracks[l]; t.resting <= now {
			n += t.ready.n
		}
	}
	return n
}

// pick chooses the lane whose turn it is among those for which something is ready and which may has nothing against.
func (h *host) pick(now instant, may func(lane) bool) (lane, bool) {
	for i := range lanes {
		l := (h.turn + i) % lanes
		if t := &h.tracks[l]; t.ready.n > 0 && t.resting <= now && may(l) {
			h.turn = (l + 1) % lanes
			return l, true
		}
	}
	return 0, false
}

// carry takes note that a trip has been given a task of a lane; what it finds out from here on is about that one.
func (h *host) carry(t *Trip, l lane) {
	if t.carries {
		h.tracks[t.lane].carrying--
	}
	t.lane, t.carries = l, true
	h.tracks[l].carrying++
	t.known, t.knownBarred, t.knownRefusals = h.failures, h.tracks[l].barred, h.pressure.refusals
	t.knownClosed = h.pressure.closed
}

// probing says that a lane which led nowhere so far is being tried again by a trip other than t.
func (h *host) probing(l lane, t *Trip) bool {
	n := h.tracks[l].carrying
	if t != nil && t.carries && t.lane == l {
		n--
	}
	return h.tracks[l].barred > 0 && n > 0
}

// earliest is when the first of the ready groups may run; 0 for now, or if there is none.
func (h *host) earliest() instant {
	var first instant
	for l := range h.tracks {
		t := &h.tracks[l]
		if t.ready.n == 0 {
			continue
		}
		at := max(h.blocked, t.resting)
		if at == 0 {
			return 0
		}
		first = earlier(first, at)
	}
	return first
}

// bar takes note that TLS to the host was not good enough for the trip's messages: those of its lane rest, ever longer.
// What several trips found out at the same time is one failure.
func (s *state) bar(h *host, t *Trip, f *Failure, now instant) {
	h.fall(f, now)
	k := &h.tracks[t.lane]
	if k.barred > t.knownBarred {
		return
	}
	k.barred++
	h.shrink(h.window / 2)
	k.resting = max(k.resting, now.add(backoff(s.hostProfile(h), k.barred, s.random())))
	s.rearm(h)
}
