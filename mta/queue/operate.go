package queue

import "time"

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
	return h.groups.first.msg.arrived
}

func (s *state) summary(h *host) HostSummary {
	return HostSummary{
		Host: h.name, State: s.hostState(h), Active: h.active, Connections: h.open,
		Delivered: h.counts.delivered, SoftBounced: h.counts.soft, HardBounced: h.counts.hard(),
		Oldest: h.oldest().time(), NextAttempt: s.nextAttempt(h).time(),
		LastCause: string(h.fault.cause), LastError: h.fault.said(), LastErrorAt: h.fault.time(), LastErrorHost: h.fault.remote,
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
		if h := s.hosts[hostKey(name)]; h != nil {
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
	var since instant
	if h.down {
		since = h.downSince
	}
	return HostStatus{
		HostSummary: s.summary(h), DownSince: since.time(),
		DNSHard: c.dns, FiveXXHard: c.fiveXX, FilterHard: c.filter, ExpiredHard: c.expired, OtherHard: c.other,
		Deleted: c.deleted, Unattempted: h.active - h.attempted, Attempted: h.attempted,
		Pending: len(h.trips) - h.open + wanted, LastActivity: h.lastActivity.time(), LastTLS: h.lastTLS,
		Addresses: h.route.Addresses, AddressesExpire: h.route.Expires, MX: h.route.MX,
		Last5XX: h.last5xx, Last5XXAt: h.last5xxAt.time(),
	}
}
