package tlsreport

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// DomainDeliveries is what went to one domain in the days that are kept.
type DomainDeliveries struct {
	Domain string `json:"domain" doc:"of the recipients"`
	Deliveries
}

// Since is the beginning of the first day of which deliveries are known.
func (c *Collector) Since() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.days[0].Date
}

// Deliveries returns what went where in the days that are kept, in order of domain.
func (c *Collector) Deliveries() []DomainDeliveries {
	c.mu.Lock()
	defer c.mu.Unlock()
	sums := map[string]Deliveries{}
	for _, d := range c.days {
		for name, count := range d.Domains {
			sums[name] = sums[name].plus(*count)
		}
	}
	var list []DomainDeliveries
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		list = append(list, DomainDeliveries{name, sums[name]})
	}
	return list
}

// Summary is everything that is known of one domain.
type Summary struct {
	Domain   string     `json:"domain" doc:"that was asked about"`
	Since    time.Time  `json:"since" doc:"from when on deliveries are counted"`
	Total    Deliveries `json:"total" doc:"of all days"`
	Days     []DayCount `json:"days" doc:"with deliveries or failures, the oldest first"`
	Counted  []Counted  `json:"reports" doc:"what we report to the domain, the oldest first; the last may go on"`
	Received []Received `json:"received" doc:"what others reported about the domain, the newest first"`
}

// DayCount is one day's deliveries.
type DayCount struct {
	Date time.Time `json:"date" doc:"midnight UTC at its beginning"`
	Deliveries
}

// Counted is what was counted for a report to a domain.
type Counted struct {
	Start    time.Time      `json:"start" doc:"from when"`
	End      time.Time      `json:"end,omitzero" doc:"zero while it goes on"`
	Due      time.Time      `json:"due,omitzero" doc:"from when it is sent"`
	Policies []PolicyReport `json:"policies" doc:"one for each policy that was applied"`
	Sent     []Posted       `json:"sent,omitempty" doc:"in order of place"`
	Done     bool           `json:"done" doc:"nothing is to be sent any more"`
}

// Summary says what is known of a domain; known is false where that is nothing.
func (c *Collector) Summary(name string) (s Summary, known bool) {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	s = Summary{Domain: name, Days: []DayCount{}, Counted: []Counted{}, Received: c.about(name)}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Since = c.days[0].Date
	for _, d := range c.days {
		if count := d.Domains[name]; count != nil {
			s.Days = append(s.Days, DayCount{d.Date, *count})
			s.Total = s.Total.plus(*count)
		}
	}
	for _, p := range append(slices.Clone(c.finished), c.open) {
		if d := p.Domains[name]; d != nil {
			s.Counted = append(s.Counted, d.counted(p))
		}
	}
	return s, len(s.Days) > 0 || len(s.Counted) > 0 || len(s.Received) > 0
}

// counted takes down a domain's part of a period.
func (d *domain) counted(p *period) Counted {
	n := Counted{Start: p.Start, End: p.End, Due: p.Due, Done: d.Done || p.Done}
	for _, t := range d.Policies {
		n.Policies = append(n.Policies, PolicyReport{t.Policy, Sessions{t.Successful, t.Failed}, slices.Clone(t.Failures)})
	}
	for _, place := range slices.Sorted(maps.Keys(d.Sent)) {
		n.Sent = append(n.Sent, d.Sent[place])
	}
	return n
}

// about are the received reports that say something of the domain.
func (c *Collector) about(name string) []Received {
	list := []Received{}
	for _, r := range c.Received(0) {
		if slices.ContainsFunc(r.Report.Policies, func(p PolicyReport) bool { return p.About(name) }) {
			list = append(list, r)
		}
	}
	return list
}

// About says whether the policy is of the domain or, as those of DANE are, of a host below it.
func (p PolicyReport) About(domain string) bool {
	own := strings.TrimSuffix(strings.ToLower(p.Policy.Domain), ".")
	return own == domain || strings.HasSuffix(own, "."+domain)
}
