package mta

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"
)

// countersSaved is how often the counters are written while they change. With what the writing takes, a sudden death
// costs less than a second's worth.
const countersSaved = time.Second / 2

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
	recent samples
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
		case now := <-tick.C:
			live := c.live()
			c.sample(now, live)
			// A disk that is full now may have room at the next tick; counting goes on meanwhile.
			_ = c.write(live)
		}
	}
}

// sample takes note of the counts for the rates.
func (c *counters) sample(now time.Time, live counts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recent.add(now, live)
}

// rates returns a function that gives the rate of a count by its name.
func (c *counters) rates(now time.Time) func(name string) Rate {
	live := c.live()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recent.rates(now, live)
}

// save writes the lifetimes where one has changed since the last time.
func (c *counters) save() error { return c.write(c.live()) }

func (c *counters) write(live counts) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.lifetimes(live)
	if maps.Equal(now, c.saved) {
		return nil
	}
	return c.store(now)
}

// lifetimes are the counts of this run and all before it. The caller holds mu.
func (c *counters) lifetimes(live counts) counts {
	all := maps.Clone(live)
	for name, n := range c.before {
		all[name] += n
	}
	return all
}

// store writes the file. The caller holds mu.
func (c *counters) store(lifetimes counts) error {
	if err := writeState(c.path, countersFile{Lifetime: lifetimes, Reset: c.reset, ResetAt: c.since}); err != nil {
		return err
	}
	c.saved = lifetimes
	return nil
}

// begin lets the counters since the last reset begin at nothing, as of now. The error says that they do so until a restart
// only.
func (c *counters) begin(now time.Time) error {
	live := c.live()
	c.mu.Lock()
	defer c.mu.Unlock()
	lifetimes := c.lifetimes(live)
	c.reset, c.since = lifetimes, now
	if err := c.store(lifetimes); err != nil {
		return fmt.Errorf("it is so now, but will not outlive a restart: %w", err)
	}
	return nil
}

// lastReset is when the counters were last reset, zero for never.
func (c *counters) lastReset() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.since
}
