package queue

import "time"

// DeliverNow makes what is queued for a destination ("" for all) due at once, and lets a destination that is down be
// tried again. It begins at once and goes on by itself: a million messages take some seconds.
func (q *Queue) DeliverNow(domain string) {
	q.call(func(s *state) {
		w := s.walk(Filter{Host: domain}, at(time.Now()))
		q.workers.Go(func() {
			for more := true; more; {
				running := q.call(func(s *state) { more = s.hurryOn(w) })
				more = more && running
			}
		})
	})
}

// hurryOn takes a step of the walk. It is false when there is none left.
func (s *state) hurryOn(w *walk) bool {
	if s.stopping {
		w.end()
		return false
	}
	var at *host
	return w.step(walkStep, func(g *group) {
		if g.host != at {
			at = g.host
			s.unblock(at)
		}
		s.hurry(g)
	})
}

// unblock lets a host that is down be tried.
func (s *state) unblock(h *host) {
	if h.failures > 0 {
		h.blocked = 0
	}
	for l := range h.tracks {
		h.tracks[l].resting = 0
	}
	s.mark(h)
	s.rearm(h)
}

// hurry makes a group due now.
func (s *state) hurry(g *group) {
	h := g.host
	if g.delayedAt < 0 {
		return
	}
	h.delayed.remove(g)
	g.due = 0
	h.tracked(g).ready.push(g)
	s.mark(h)
	s.rearm(h)
}
