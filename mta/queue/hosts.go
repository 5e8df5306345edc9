package queue

import (
	"cmp"
	"slices"
	"time"
)

// eachHost calls visit, under the mutex, for every destination that is known now, in steps.
func (q *Queue) eachHost(visit func(*state, *host)) {
	var hosts []*host
	q.call(func(s *state) { hosts = s.order })
	for step := range slices.Chunk(hosts, walkStep) {
		q.call(func(s *state) {
			for _, h := range step {
				if s.hosts[h.name] == h {
					visit(s, h)
				}
			}
		})
	}
}

// Hosts returns all destinations that the queue knows, by name.
func (q *Queue) Hosts() []HostSummary {
	var list []HostSummary
	q.eachHost(func(s *state, h *host) { list = append(list, s.summary(h)) })
	slices.SortFunc(list, func(a, b HostSummary) int { return cmp.Compare(a.Host, b.Host) })
	return list
}

// Oldest returns the message that waits longest and when it was received; 0 where none waits.
func (q *Queue) Oldest() (mid uint64, received time.Time) {
	var oldest instant
	q.eachHost(func(_ *state, h *host) {
		g := h.groups.first
		if g == nil {
			return
		}
		age := g.msg.arrived
		if mid == 0 || age < oldest || age == oldest && g.msg.mid < mid {
			mid, oldest = g.msg.mid, age
		}
	})
	return mid, oldest.time()
}
