package tlsreport

import (
	"time"

	"posthouse/internal/cause"
)

// The bounds of what is kept about deliveries.
const (
	keptDays       = 30
	maxDestination = 5000 // domains a day; what goes to more is counted under Others
	maxReason      = 200  // bytes
)

// Others is the name under which deliveries are counted that go to more domains than are kept apart in one day.
const Others = "(other domains)"

// day is what went out in one day (UTC).
type day struct {
	Date    time.Time              `json:"date"`
	Domains map[string]*Deliveries `json:"domains"`
	dirty   bool                   // it has changed since it was written
}

// Deliveries is how many recipients of a domain were delivered to in which way, and how many connections were given up
// because TLS was not as it had to be.
type Deliveries struct {
	Verified    int64     `json:"verified" doc:"recipients"`
	Encrypted   int64     `json:"encrypted" doc:"recipients"`
	Clear       int64     `json:"clear" doc:"recipients whose mail went in clear"`
	Failed      int64     `json:"failed" doc:"connections"`
	LastClear   time.Time `json:"last_clear,omitzero" doc:"when mail last went in clear"`
	ClearCause  cause.ID  `json:"clear_cause,omitempty" doc:"and why; empty: TLS was not wanted"`
	LastFailure time.Time `json:"last_failure,omitzero" doc:"when TLS last failed"`
	Cause       cause.ID  `json:"cause,omitempty" doc:"of the last failure"`
	Reason      string    `json:"reason,omitempty" doc:"and its words"`
	LastWeak    time.Time `json:"last_weak,omitzero" doc:"when mail last went encrypted and not verified"`
	WeakCause   cause.ID  `json:"weak_cause,omitempty" doc:"why mail last went encrypted and not verified though verification was wished for"`
}

// plus is the sum of two days; o is the later one.
func (d Deliveries) plus(o Deliveries) Deliveries {
	d.Verified += o.Verified
	d.Encrypted += o.Encrypted
	d.Clear += o.Clear
	d.Failed += o.Failed
	if !o.LastClear.IsZero() {
		d.LastClear, d.ClearCause = o.LastClear, o.ClearCause
	}
	if !o.LastFailure.IsZero() {
		d.LastFailure, d.Cause, d.Reason = o.LastFailure, o.Cause, o.Reason
	}
	if !o.LastWeak.IsZero() {
		d.LastWeak, d.WeakCause = o.LastWeak, o.WeakCause
	}
	return d
}

// turnDay begins a new day's deliveries and forgets the oldest. c.mu is held.
func (c *Collector) turnDay(now time.Time) {
	date := midnight(now)
	if n := len(c.days); n > 0 && !c.days[n-1].Date.Before(date) {
		return // today's, or the clock was set back
	}
	c.days = append(c.days, &day{Date: date, Domains: map[string]*Deliveries{}})
	for len(c.days) > 0 && date.Sub(c.days[0].Date) >= keptDays*24*time.Hour {
		c.old = append(c.old, c.dayPath(c.days[0]))
		c.days = c.days[1:]
	}
}

// today is the count for a domain. c.mu is held.
func (c *Collector) today(domain string) *Deliveries {
	today := c.days[len(c.days)-1]
	d := today.Domains[domain]
	if d == nil {
		if len(domain) > 255 || len(today.Domains) >= maxDestination {
			domain = Others
		}
		if d = today.Domains[domain]; d == nil {
			d = &Deliveries{}
			today.Domains[domain] = d
		}
	}
	today.dirty = true
	return d
}

// delivered counts a delivery. c.mu is held.
func (c *Collector) delivered(domain string, p Protection, id cause.ID, n int64, now time.Time) {
	d := c.today(domain)
	switch p {
	case Verified:
		d.Verified += n
	case Encrypted:
		d.Encrypted += n
		if id != "" {
			d.LastWeak, d.WeakCause = now, id
		}
	default:
		d.Clear += n
		d.LastClear, d.ClearCause = now, id
	}
}

// failed counts a connection that was given up because of TLS. c.mu is held.
func (c *Collector) failed(domain string, id cause.ID, reason string, now time.Time) {
	d := c.today(domain)
	d.Failed++
	d.LastFailure, d.Cause, d.Reason = now, id, printable(reason, maxReason)
}
