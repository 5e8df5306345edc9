package mta

import (
	"context"
	"maps"
	"sync"
	"time"
)

// countersSaved is how often the counters are written while they change: what a sudden death may cost.
const countersSaved = time.Second

// counts are events by the name under which they are kept on disk.
type counts map[string]uint64

// counters make what the parts of the engine count since the start into counts that outlive it.
type counters struct {
	path string
	live func() counts // since the start; asked whenever somebody wants to know

	mu     sync.Mutex // guards everything below
	before counts     // counted by earlier runs
	reset  counts     // lifetimes at the last reset
	since  time.Time  // of the last reset, zero for never
	saved  counts     // lifetimes as last written
}

// countersFile is the form on disk.
type countersFile struct {
	Lifetime counts    `json:"lifetime"`
	Reset    counts    `json:"reset,omitempty"`
	ResetAt  time.Time `json:"reset_at,omitzero"`
}

// openCounters reads what earlier runs counted. A damaged file costs the counts, not the start: the error says so and
// the counters begin at nothing.
func openCounters(path string, live func() counts) (*counters, error) {
	c := &counters{path: path, live: live, before: counts{}, reset: counts{}}
	var file countersFile
	if err := readState(path, &file); err != nil {
		return c, err
	}
	if file.Lifetime != nil {
		c.before = file.Lifetime
	}
	if file.Reset != nil {
		c.reset = file.Reset
	}
	c.since = file.ResetAt
	return c, nil
}

// values returns a function that gives a count by its name in three reaches, all as of now.
func (c *counters) values() func(name string) Counter {
	live := c.live()
	c.mu.Lock()
	before, reset := c.before, c.reset
	c.mu.Unlock()
	return func(name string) Counter {
		lifetime := before[name] + live[name]
		return Counter{Reset: lifetime - min(reset[name], lifetime), Uptime: live[name], Lifetime: lifetime}
	}
}

// keep writes the counters down while they change, until ctx ends. The caller saves once more when nothing counts any more.
func (c *counters) keep(ctx context.Context) error {
	tick := time.NewTicker(countersSaved)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			// A disk that is full now may have room at the next tick; counting goes on meanwhile.
			_ = c.save()
		}
	}
}

// save writes the lifetimes where one has changed since the last time.
func (c *counters) save() error {
	now := c.live()
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, n := range c.before {
		now[name] += n
	}
	if maps.Equal(now, c.saved) {
		return nil
	}
	if err := writeState(c.path, countersFile{Lifetime: now, Reset: c.reset, ResetAt: c.since}); err != nil {
		return err
	}
	c.saved = now
	return nil
}

// lastReset is when the counters were last reset, zero for never.
func (c *counters) lastReset() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.since
}
