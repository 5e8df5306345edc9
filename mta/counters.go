package mta

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"posthouse/internal/safefile"
)

// countersSaved is how often the counters are written while they change: what a sudden death may cost.
const countersSaved = time.Second

// counter counts one kind of event. The lifetime goes on from what earlier runs counted.
type counter struct {
	uptime atomic.Uint64
	before uint64 // counted by earlier runs; written only before the run begins
	reset  atomic.Uint64
}

func (c *counter) add(n int) { c.uptime.Add(uint64(n)) }

func (c *counter) lifetime() uint64 { return c.before + c.uptime.Load() }

func (c *counter) value() Counter {
	return Counter{Reset: c.lifetime() - c.reset.Load(), Uptime: c.uptime.Load(), Lifetime: c.lifetime()}
}

// counters are the events that status counts, with the part of them that outlives the process.
type counters struct {
	path string

	messagesReceived, recipientsReceived counter
	rejectedRecipients, droppedMessages  counter
	softBounced, completed               counter
	hardBounced, delivered, deleted      counter
	tlsVerified, tlsEncrypted, inClear   counter

	mu    sync.Mutex // guards saved: one writer of the file at a time
	saved map[string]uint64
}

// named lists every counter under its name on disk.
func (c *counters) named() map[string]*counter {
	return map[string]*counter{
		"messages_received": &c.messagesReceived, "recipients_received": &c.recipientsReceived,
		"rejected_recipients": &c.rejectedRecipients, "dropped_messages": &c.droppedMessages,
		"soft_bounced_events": &c.softBounced, "completed_recipients": &c.completed,
		"hard_bounced_recipients": &c.hardBounced, "delivered_recipients": &c.delivered, "deleted_recipients": &c.deleted,
		"tls_verified": &c.tlsVerified, "tls_encrypted": &c.tlsEncrypted, "in_clear": &c.inClear,
	}
}

// openCounters reads what earlier runs counted. A damaged file costs the counts, not the start: the error says so and
// the counters begin at nothing.
func openCounters(path string) (*counters, error) {
	c := &counters{path: path, saved: map[string]uint64{}}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("read counters: %w", err)
	}
	if err := json.Unmarshal(data, &c.saved); err != nil {
		return c, fmt.Errorf("read counters: %s: %w", path, err)
	}
	for name, one := range c.named() {
		one.before = c.saved[name]
	}
	return c, nil
}

// keep writes the counters down while they change, until ctx ends, and once more then.
func (c *counters) keep(ctx context.Context) error {
	tick := time.NewTicker(countersSaved)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return c.save()
		case <-tick.C:
			// A disk that is full now may have room at the next tick; counting goes on meanwhile.
			_ = c.save()
		}
	}
}

// save writes the lifetimes where one has changed since the last time.
func (c *counters) save() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, changed := map[string]uint64{}, false
	for name, one := range c.named() {
		now[name] = one.lifetime()
		changed = changed || now[name] != c.saved[name]
	}
	if !changed {
		return nil
	}
	data, err := json.Marshal(now)
	if err != nil {
		return err
	}
	if err := safefile.Write(c.path, append(data, '\n'), 0o600); err != nil {
		return err
	}
	c.saved = now
	return nil
}
