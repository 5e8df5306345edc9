package queue

import (
	"slices"
	"time"

	"posthouse/config"
)

// step does everything that is possible at the moment: it makes due what is due, expires what is too old, and hands
// tasks to waiting and to new trips. What is to be started is left in jobs.
func (s *state) step(now instant) {
	for {
		h, ok := s.wakes.first()
		if !ok || h.wake > now {
			break
		}
		s.awake(h, now)
	}
	if s.stopping {
		s.dismissIdle(func(*host) bool { return true })
		return
	}
	s.meetDeadlines(now)
	// A trip that waits costs no further connection, so its host is served even if there are as many as there may be.
	for len(s.hot) > 0 {
		h := s.hot[len(s.hot)-1]
		s.hot = s.hot[:len(s.hot)-1]
		s.serve(h, now)
	}
	for most := s.config().Delivery.Concurrency; s.run.len() > 0 && s.trips < most; {
		h := s.run.pop()
		h.queued = false
		if s.serve(h, now) {
			s.mark(h)
		}
	}
}

// awake makes ready what has become due, and lets the host run again if it was blocked.
func (s *state) awake(h *host, now instant) {
	for {
		g, ok := h.delayed.first()
		if !ok || g.due > now {
			break
		}
		h.delayed.remove(g)
		h.tracked(g).ready.push(g)
	}
	if h.blocked != 0 && h.blocked <= now {
		h.blocked = 0
	}
	for l := range h.tracks {
		if k := &h.tracks[l]; k.resting <= now {
			k.resting = 0
		}
	}
	s.mark(h)
	s.rearm(h)
}

// serve hands out as many of the host's ready groups as its limits allow. It returns true if only the limit of all
// connections together stands in the way of more.
func (s *state) serve(h *host, now instant) bool {
	conf := s.config()
	for s.mayRun(h, now) {
		if n := len(h.idle); n > 0 {
			t := h.idle[n-1]
			if !s.give(h, t, conf, now) {
				return false
			}
			h.idle = h.idle[:n-1]
			continue
		}
		l, ok := h.pick(now, func(l lane) bool { return s.mayConnect(h, l, conf) })
		if !ok {
			return false
		}
		if s.trips >= conf.Delivery.Concurrency {
			return true
		}
		task := s.take(h, l, conf, now)
		if task == nil {
			return false
		}
		t := newTrip(h, task)
		h.trips[t] = true
		h.carry(t, l)
		s.trips++
		s.jobs = append(s.jobs, job{trip: t})
	}
	return false
}

// give hands one of the ready groups to a trip that is there already. It returns false if there is none for it.
func (s *state) give(h *host, t *Trip, conf *config.Config, now instant) bool {
	l, ok := h.pick(now, func(l lane) bool { return !h.probing(l, t) })
	if !ok {
		return false
	}
	task := s.take(h, l, conf, now)
	if task == nil {
		return false
	}
	h.carry(t, l)
	t.offered <- task
	return true
}

// mayRun says whether the host may be given anything now.
func (s *state) mayRun(h *host, now instant) bool {
	return !s.stopping && !s.suspension.Covers(h.name) && h.blocked <= now
}

// mayConnect says whether the host may have one more connection for a lane. One that is down is probed by a single one.
func (s *state) mayConnect(h *host, l lane, conf *config.Config) bool {
	if h.failures > 0 {
		return len(h.trips) == 0
	}
	if h.probing(l, nil) {
		return false
	}
	dest, _ := conf.Destination(h.name)
	limit := value(dest.Concurrency, 500) * s.exchangers(h, dest)
	return len(h.trips) < min(limit, h.window)
}

// exchangers is by how much the destination's limits are multiplied: 1, or the count of its known addresses where
// they hold for each mail exchanger's address.
func (s *state) exchangers(h *host, dest config.Destination) int {
	if dest.LimitPer != "mx" {
		return 1
	}
	n := 0
	for _, p := range h.route.Addresses {
		n += len(p.Addresses)
	}
	return max(n, 1)
}

func value(p *int, def int) int {
	if p == nil {
		return def
	}
	return *p
}

// take makes a task of the first group that is ready in a lane of the host, or of as much of it as one transaction and the
// limit of recipients in a period allow; and of groups of the same message for other destinations that go the same way. It
// returns nil, and blocks the host until the period ends, when that limit is reached.
func (s *state) take(h *host, l lane, conf *config.Config, now instant) *Task {
	g := s.firstOf(h, l)
	if g == nil {
		return nil
	}
	n := s.allowed(h, min(g.size(), maxRecipients), conf, now)
	if n == 0 {
		s.block(h, h.rateStart.add(period(conf, h)))
		return nil
	}
	first := s.part(g, n)
	s.try(first)
	task := s.grab(first)
	for _, other := range s.spread[g.msg.mid] {
		room := maxRecipients - len(task.Recipients)
		if room == 0 || n < g.size() {
			break
		}
		if l == ordinary && other.ready && s.together(h, other.host, now) {
			if n := s.allowed(other.host, min(other.size(), room), conf, now); n > 0 {
				s.join(task, s.part(other, n))
			}
		}
	}
	return task
}

// together says whether mail for two destinations may share a transaction: both may run, and nothing tells their ways apart.
func (s *state) together(h, other *host, now instant) bool {
	if h == other {
		return true
	}
	way := s.way(h.name)
	return way != "" && s.mayRun(other, now) && other.failures == 0 && way == s.way(other.name)
}

// allowed is how many of n recipients the destination may be sent to in this period; they are counted.
func (s *state) allowed(h *host, n int, conf *config.Config, now instant) int {
	dest, _ := conf.Destination(h.name)
	if limit := value(dest.Recipients, 0) * s.exchangers(h, dest); limit > 0 {
		if now >= h.rateStart.add(period(conf, h)) {
			h.rateStart, h.rateCount = now, 0
		}
		n = min(n, limit-h.rateCount)
	}
	n = max(n, 0)
	h.rateCount += n
	return n
}

// period is in which the destination's recipients are counted.
func period(conf *config.Config, h *host) time.Duration {
	dest, _ := conf.Destination(h.name)
	return time.Duration(value(dest.RecipientMinutes, 60)) * time.Minute
}

// part returns a group of the first n recipients of g, which is g itself if it has no more.
func (s *state) part(g *group, n int) *group {
	if n >= g.size() {
		return g
	}
	all := g.rcpts()
	p := newGroup(g.msg, g.host, g.due, g.last, all[:n]...)
	p.warned = g.warned
	g.hold(all[n:])
	g.host.groups.before(g, p)
	s.splitOff(g, p)
	return p
}

// grab makes a group busy and a task of it.
func (s *state) grab(g *group) *Task {
	s.occupy(g)
	return s.task(g)
}

// occupy makes a group busy.
func (s *state) occupy(g *group) {
	g.busy = true
	g.deadline = 0
	g.host.tracked(g).ready.remove(g)
	g.host.delayed.remove(g)
	s.deadlines.remove(g)
	s.rearm(g.host)
}

// task makes a task of a group.
func (s *state) task(g *group) *Task {
	task := &Task{MID: g.msg.mid, group: g, message: s.fresh.messages[g.msg.mid]}
	task.take(g)
	return task
}

// join makes a group busy and part of a task.
func (s *state) join(task *Task, g *group) {
	s.occupy(g)
	task.also = append(task.also, g)
	task.take(g)
}

// block keeps the host from running until then.
func (s *state) block(h *host, until instant) {
	h.blocked = max(h.blocked, until)
	s.rearm(h)
}

// dismissIdle ends the waiting of trips at the chosen hosts.
func (s *state) dismissIdle(chosen func(*host) bool) {
	for _, h := range s.hosts {
		if len(h.idle) > 0 && chosen(h) {
			for _, t := range h.idle {
				t.offered <- nil
			}
			h.idle = nil
		}
	}
}

// next serves a trip that has nothing to do: at once, or by keeping it among the idle. It returns true if t.offered
// will get the answer.
func (s *state) next(t *Trip, now instant) {
	h := s.hosts[t.host]
	if h == nil || !s.mayRun(h, now) {
		t.offered <- nil
		return
	}
	if h.runnable(now) == 0 {
		h.idle = append(h.idle, t)
		return
	}
	if !s.give(h, t, s.config(), now) {
		t.offered <- nil
	}
}

// giveUp ends a trip's waiting, unless it has been given an answer meanwhile.
func (s *state) giveUp(t *Trip) {
	h := s.hosts[t.host]
	if h == nil {
		return
	}
	if i := slices.Index(h.idle, t); i >= 0 {
		h.idle = slices.Delete(h.idle, i, i+1)
		t.offered <- nil
	}
}

// concluded takes note of whether a trip has achieved anything. If not, its destination rests a moment: whatever sent it home would
// send the next one home as well, which begins as soon as the task is ready again.
func (s *state) concluded(t *Trip, results []settled, now instant) {
	t.achieved = t.achieved || slices.ContainsFunc(results, func(r settled) bool { return r.outcome != Again })
	if h := s.hosts[t.host]; !t.achieved && h != nil {
		s.block(h, now.add(pauseIdle))
	}
}

// ended takes note that a trip is over. One that achieved nothing makes its destination rest a moment.
func (s *state) ended(t *Trip, now instant) {
	h := s.hosts[t.host]
	delete(h.trips, t)
	h.tracks[t.lane].carrying--
	s.trips--
	h.disconnected(t)
	if !t.achieved {
		s.block(h, now.add(pauseIdle))
	}
	s.mark(h)
	s.tellWaiters()
}
