package tlsreport

import (
	"slices"
	"time"
)

// The bounds of what is counted in one period, so that no list of domains or peers fills memory or disk.
const (
	maxDomains  = 5000
	maxPolicies = 12 // of one domain: its policies of a day, and one for each of its hosts with TLSA records
	maxFailures = 60 // kinds of failures under one policy
)

// period is a span of time for which one report is made for each domain: a day, or a part of it.
type period struct {
	Start   time.Time          `json:"start"`
	End     time.Time          `json:"end,omitzero"` // zero while it goes on
	Due     time.Time          `json:"due,omitzero"` // from when on its reports are sent
	Next    time.Time          `json:"next,omitzero"`
	Tries   int                `json:"tries,omitempty"`
	Done    bool               `json:"done,omitempty"` // nothing of it will be sent any more
	Domains map[string]*domain `json:"domains"`
	dirty   bool               // it has changed since it was written
}

// domain is what was counted for one domain that reports go to.
type domain struct {
	Policies []*tally          `json:"policies"`
	Sent     map[string]Posted `json:"sent,omitempty"` // by the URI of the domain's record
	Done     bool              `json:"done,omitempty"` // it wants no report, or has all
}

// Posted is what became of a report for one of the places that a domain names.
type Posted struct {
	To   string    `json:"to" doc:"\"mailto:...\" or \"https://...\""`
	At   time.Time `json:"at" doc:"the last attempt"`
	OK   bool      `json:"ok" doc:"it was taken"`
	Note string    `json:"note,omitempty" doc:"why not, or what was remarkable"`
}

// tally is the count under one policy.
type tally struct {
	Policy     Policy    `json:"policy"`
	Successful int64     `json:"successful"`
	Failed     int64     `json:"failed"`
	Failures   []Failure `json:"failures,omitempty"`
}

// midnight is the beginning of the day, in UTC (RFC 8460 §4.1).
func midnight(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

func newPeriod(start time.Time) *period { return &period{Start: start, Domains: map[string]*domain{}} }

// turn ends the open period where its day is over.
func (c *Collector) turn(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = newPeriod(midnight(now))
	}
	if end := midnight(c.open.Start).Add(24 * time.Hour); !now.Before(end) {
		c.close(end, end.Add(c.o.Jitter()))
		c.open = newPeriod(midnight(now))
	}
	c.turnDay(now)
}

// close ends the open period; whoever holds c.mu puts the next in its place.
func (c *Collector) close(end, due time.Time) {
	c.open.End, c.open.Due, c.open.Next = end, due, due
	c.open.Done = len(c.open.Domains) == 0
	c.open.dirty = true
	c.finished = append(c.finished, c.open)
	for len(c.finished) > keptPeriods {
		c.old = append(c.old, c.periodPath(c.finished[0]))
		c.finished = c.finished[1:]
	}
}

// add counts one session of a domain under a policy; failure is nil for a successful one. A session that failed in
// several ways counts once: only the first has whole set.
func (p *period) add(name string, policy Policy, failure *Failure, whole bool) {
	d := p.Domains[name]
	if d == nil {
		if len(p.Domains) >= maxDomains {
			return
		}
		d = &domain{}
		p.Domains[name] = d
	}
	t := d.tally(policy)
	if t == nil {
		return
	}
	p.dirty = true
	switch {
	case whole && failure == nil:
		t.Successful++
	case whole:
		t.Failed++
	}
	if failure != nil {
		t.fail(*failure)
	}
}

func (d *domain) tally(policy Policy) *tally {
	for _, t := range d.Policies {
		if t.Policy.same(policy) {
			return t
		}
	}
	if len(d.Policies) >= maxPolicies {
		return nil
	}
	d.Policies = append(d.Policies, &tally{Policy: policy})
	return d.Policies[len(d.Policies)-1]
}

// fail counts a failure by its kind. Of too many kinds only the sum is known.
func (t *tally) fail(f Failure) {
	f.Count = 1
	for i := range t.Failures {
		if t.Failures[i].same(f) {
			t.Failures[i].Count++
			return
		}
	}
	if len(t.Failures) < maxFailures {
		t.Failures = append(t.Failures, f)
	}
}

func (p Policy) same(o Policy) bool {
	return p.Type == o.Type && p.Domain == o.Domain && slices.Equal(p.Text, o.Text) && slices.Equal(p.MX, o.MX)
}

func (f Failure) same(o Failure) bool {
	f.Count = o.Count
	return f == o
}
