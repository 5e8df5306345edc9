package tlsreport

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"posthouse/internal/dns"
)

const (
	firstPause  = 15 * time.Minute // before what failed is tried again; it doubles
	tryFor      = 24 * time.Hour   // RFC 8460 §5.5
	domainLimit = 2 * time.Minute  // for all places of one domain
)

// ErrOff says that the settings do not allow reports to be sent.
var ErrOff = errors.New("sending TLS reports is off")

// SentReport is what became of one report that was tried now.
type SentReport struct {
	Domain string `json:"domain" doc:"of the report"`
	Posted
}

// sendDue sends what is due.
func (c *Collector) sendDue(ctx context.Context) {
	c.sending.Lock()
	defer c.sending.Unlock()
	now := c.o.Now()
	for _, p := range c.waiting() {
		if !now.Before(p.Next) {
			c.sendPeriod(ctx, p)
		}
	}
}

// SendNow sends the reports of every day that is over without waiting for their hour; with today, also of what was
// counted since midnight, which then is not part of the next report. It returns what was tried, or ErrOff.
func (c *Collector) SendNow(ctx context.Context, today bool) ([]SentReport, error) {
	if !c.o.Config().TLSReports.Send {
		return nil, ErrOff
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	c.turn(c.o.Now())
	if today {
		c.cut()
	}
	var all []SentReport
	for _, p := range c.waiting() {
		all = append(all, c.sendPeriod(ctx, p)...)
	}
	c.keep()
	return all, ctx.Err()
}

// cut ends the open period now.
func (c *Collector) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.o.Now().UTC().Truncate(time.Second)
	if now.After(c.open.Start) && len(c.open.Domains) > 0 {
		c.close(now, now)
		c.open = newPeriod(now)
		c.open.dirty = true // else a restart would begin the day anew, in the file of the part that is over
	}
}

// waiting lists the finished periods of which something is left to be sent.
func (c *Collector) waiting() []*period {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.finished), func(p *period) bool { return p.Done })
}

// sendPeriod sends a period's reports that are not sent yet, and sets the time of the next attempt where some fail.
// Whoever sends holds c.sending, and is the only one to change a finished period.
func (c *Collector) sendPeriod(ctx context.Context, p *period) []SentReport {
	var all []SentReport
	for _, name := range slices.Sorted(maps.Keys(p.Domains)) {
		if !c.o.Config().TLSReports.Send || ctx.Err() != nil {
			break
		}
		if !p.Domains[name].Done {
			all = append(all, c.sendDomain(ctx, p, name)...)
		}
	}
	if ctx.Err() == nil {
		c.settle(p)
	}
	return all
}

// settle says what happens to a period after an attempt.
func (c *Collector) settle(p *period) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.o.Now()
	left := 0
	for _, d := range p.Domains {
		if !d.Done {
			left++
		}
	}
	p.Next = now.Add(firstPause << min(p.Tries, 10))
	p.Tries++
	p.dirty = true
	switch {
	case left == 0, !c.o.Config().TLSReports.Send:
		p.Done = true
	case p.Next.After(p.Due.Add(tryFor)):
		p.Done = true
		c.o.Tell(fmt.Sprintf("TLS reports: for %d domains the report of %s could not be sent in %v", left, p.Start.UTC().Format(time.DateOnly), tryFor))
	}
}

// sendDomain sends a domain's report to every place of its record that does not have it yet.
func (c *Collector) sendDomain(ctx context.Context, p *period, name string) []SentReport {
	ctx, cancel := context.WithTimeout(ctx, domainLimit)
	defer cancel()
	places, err := c.places(ctx, name)
	if err != nil || len(places) == 0 {
		c.note(p, name, func(d *domain) { d.Done = err == nil })
		return nil
	}
	id := whoWeAre(c.o.Config())
	r := p.Domains[name].build(name, p, p.End, id)
	var all []SentReport
	done := true
	for _, to := range places {
		if p.Domains[name].Sent[to].OK {
			continue
		}
		posted := c.post(ctx, r, name, to, id)
		if ctx.Err() != nil && !posted.OK {
			return all
		}
		done = done && posted.OK
		all = append(all, SentReport{name, posted})
		c.note(p, name, func(d *domain) {
			if d.Sent == nil {
				d.Sent = map[string]Posted{}
			}
			d.Sent[to] = posted
		})
	}
	c.note(p, name, func(d *domain) { d.Done = done })
	return all
}

// note changes what is known of a domain in a finished period.
func (c *Collector) note(p *period, name string, edit func(d *domain)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	edit(p.Domains[name])
	p.dirty = true
}

// places asks a domain where it wants its reports. None without an error means that it wants none; the error is a
// question that may be answered later.
func (c *Collector) places(ctx context.Context, name string) ([]string, error) {
	records, err := c.o.Resolver().Text(ctx, "_smtp._tls."+name)
	if dns.Absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	places, err := ParseRecords(records)
	if err != nil {
		return nil, nil // RFC 8460 §3: no usable record is as good as none
	}
	return places, nil
}

// post sends a report to one place.
func (c *Collector) post(ctx context.Context, r Report, name, to string, id identity) Posted {
	posted := Posted{To: to, At: c.o.Now()}
	u, err := url.Parse(to)
	switch {
	case err != nil:
	case strings.EqualFold(u.Scheme, "mailto"):
		err = c.mail(ctx, r, name, u, id)
	default:
		posted.Note, err = c.upload(ctx, r, to)
	}
	posted.OK = err == nil
	if err != nil {
		posted.Note = printable(err.Error(), 300)
	}
	return posted
}

// mail hands a report to our own queue.
func (c *Collector) mail(ctx context.Context, r Report, name string, u *url.URL, id identity) error {
	to, err := mailbox(u)
	if err != nil {
		return err
	}
	key, err := c.o.Key()
	if err != nil {
		return fmt.Errorf("load DKIM key: %w", err)
	}
	message, err := letter(r, name, to, id, key, c.o.Now())
	if err != nil {
		return err
	}
	return c.o.Send(ctx, id.contact, to, message)
}
