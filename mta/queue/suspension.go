package queue

import (
	"context"
	"slices"
	"time"
)

// Suspension says which destinations are not delivered to. It is a value that the engine keeps over a restart.
type Suspension struct {
	All     bool     `json:"all,omitempty"`
	Domains []string `json:"domains,omitempty"` // suspended by name, sorted
	Except  []string `json:"except,omitempty"`  // with All: resumed by name, sorted
}

// Covers says whether a destination is suspended.
func (s Suspension) Covers(domain string) bool {
	if s.All {
		_, resumed := slices.BinarySearch(s.Except, domain)
		return !resumed
	}
	_, named := slices.BinarySearch(s.Domains, domain)
	return named
}

// Any says whether anything is suspended.
func (s Suspension) Any() bool { return s.All || len(s.Domains) > 0 }

// suspended is s with the domains suspended too; none means all.
func (s Suspension) suspended(domains []string) Suspension {
	if len(domains) == 0 {
		return Suspension{All: true}
	}
	if s.All {
		return Suspension{All: true, Except: without(s.Except, domains)}
	}
	return Suspension{Domains: union(s.Domains, domains)}
}

// resumed is s with the domains delivered to again; none means all.
func (s Suspension) resumed(domains []string) Suspension {
	if len(domains) == 0 {
		return Suspension{}
	}
	if s.All {
		return Suspension{All: true, Except: union(s.Except, domains)}
	}
	return Suspension{Domains: without(s.Domains, domains)}
}

func union(a, b []string) []string {
	list := append(slices.Clone(a), b...)
	slices.Sort(list)
	return slices.Compact(list)
}

func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(d string) bool { return slices.Contains(b, d) })
}

// waiter waits until none of the chosen hosts has a trip under way.
type waiter struct {
	chosen func(name string) bool
	over   chan struct{}
}

// watch adds a waiter, which may be over at once.
func (s *state) watch(chosen func(name string) bool) *waiter {
	w := &waiter{chosen: chosen, over: make(chan struct{})}
	s.waiters = append(s.waiters, w)
	s.tellWaiters()
	return w
}

// tellWaiters ends the waiters for whom no trip is left.
func (s *state) tellWaiters() {
	if len(s.waiters) == 0 {
		return
	}
	s.waiters = slices.DeleteFunc(s.waiters, func(w *waiter) bool {
		for name, h := range s.hosts {
			if len(h.trips) > 0 && w.chosen(name) {
				return false
			}
		}
		close(w.over)
		return true
	})
}

// Suspended is what is suspended at present, or was when the queue stopped.
func (q *Queue) Suspended() Suspension {
	var now Suspension
	if !q.call(func(s *state) { now = s.suspension }) {
		return q.last
	}
	return now
}

// Suspend starts no new delivery to the domains, all if none is named. Those under way go on; see Drain.
func (q *Queue) Suspend(domains []string) error {
	ok := q.call(func(s *state) {
		s.suspension = s.suspension.suspended(sorted(domains))
		s.dismissIdle(func(h *host) bool { return s.suspension.Covers(h.name) })
	})
	if !ok {
		return ErrStopped
	}
	return nil
}

// Drain waits up to grace for deliveries under way to those of the domains (all if none is named) that are suspended,
// and then cuts them. It returns when none is left, or with the context's error. What is resumed meanwhile is not
// waited for any more.
func (q *Queue) Drain(ctx context.Context, domains []string, grace time.Duration) error {
	named := Suspension{}.suspended(sorted(domains)).Covers
	var w *waiter
	var covered func(string) bool
	ok := q.call(func(s *state) {
		covered = func(name string) bool { return named(name) && s.suspension.Covers(name) }
		w = s.watch(covered)
	})
	if !ok {
		return ErrStopped
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-w.over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-q.stopped:
		return nil
	case <-timer.C:
	}
	q.call(func(s *state) { s.cut(covered) })
	select {
	case <-w.over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-q.stopped:
		return nil
	}
}

// cut ends the trips to the chosen hosts.
func (s *state) cut(chosen func(name string) bool) {
	for name, h := range s.hosts {
		if chosen(name) {
			for t := range h.trips {
				t.cancel()
			}
		}
	}
}

// Resume delivers to the domains again, or to all if none is named.
func (q *Queue) Resume(domains []string) error {
	ok := q.call(func(s *state) {
		s.suspension = s.suspension.resumed(sorted(domains))
		for _, h := range s.hosts {
			s.mark(h)
		}
		s.tellWaiters()
	})
	if !ok {
		return ErrStopped
	}
	return nil
}

// sorted is the domains as destinations are named, sorted.
func sorted(domains []string) []string {
	var list []string
	for _, d := range domains {
		list = append(list, hostKey(d))
	}
	return union(list, nil)
}
