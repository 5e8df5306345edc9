package mtasts

import (
	"container/list"
	"time"
)

// entry is what is known of one domain. It is a value; what its fields refer to is never modified.
type entry struct {
	cached Policy    // with the zero Mode there is none
	used   time.Time // to the day: when it was last asked for

	failure  *fault // of the last fetch; nil where it succeeded
	failedID string // the id it was for
	failedAt time.Time
	told     time.Time // when somebody was last told that the policy cannot be renewed

	lookup   *fault // of the last question for the record
	lookedAt time.Time
}

// policy is the cached policy while it lives, else none.
func (e entry) policy(now time.Time) Policy {
	if e.cached.Mode == "" || !now.Before(e.cached.Expires) {
		return Policy{Domain: e.cached.Domain}
	}
	return e.cached
}

// settles says whether nothing has to be fetched for id: it is there, or its fetch has failed a short while ago.
func (e entry) settles(id string, now time.Time) bool {
	if e.failure != nil && e.failedID == id && now.Sub(e.failedAt) < failureRest {
		return true
	}
	return e.policy(now).Mode != "" && e.cached.ID == id
}

// take puts a fetched policy in force.
func (e *entry) take(p Policy, now time.Time) {
	e.cached, e.used, e.failure = p, now, nil
}

// recent keeps the entries of the domains that were asked for last.
type recent struct {
	most  int
	order *list.List // of named, the latest in front
	at    map[string]*list.Element
}

type named struct {
	domain string
	entry  entry
}

func newRecent(most int) *recent {
	return &recent{most: most, order: list.New(), at: map[string]*list.Element{}}
}

func (r *recent) get(domain string) (entry, bool) {
	at, ok := r.at[domain]
	if !ok {
		return entry{}, false
	}
	r.order.MoveToFront(at)
	return at.Value.(named).entry, true
}

func (r *recent) put(domain string, e entry) {
	if at, ok := r.at[domain]; ok {
		at.Value = named{domain, e}
		r.order.MoveToFront(at)
		return
	}
	r.at[domain] = r.order.PushFront(named{domain, e})
	if r.order.Len() > r.most {
		oldest := r.order.Back()
		delete(r.at, oldest.Value.(named).domain)
		r.order.Remove(oldest)
	}
}
