package dns

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	maxUnderWay = 200 // questions to one server at once
	// A server that leaves as many questions in a row unanswered is slow: it is asked last, and once for each question,
	// until it answers or has had its rest. One question is unanswered when it has waited for so long.
	slowAfter  = 3
	slowRest   = 30 * time.Second
	unanswered = time.Second
)

// errBusy says that a server has as many questions to answer as it may have.
var errBusy = errors.New("too many questions are under way to it")

// health is what is known of the servers that were asked, by address.
type health struct {
	now func() time.Time

	mu      sync.Mutex
	servers map[string]*condition
}

// condition is one server's. A server whose slots are all taken, since it is dead, holds up nobody who asks another.
type condition struct {
	slots chan struct{}

	missed int       // questions in a row without an answer; guarded by health.mu, as the next
	until  time.Time // slow until then
}

func newHealth(now func() time.Time) *health {
	return &health{now: now, servers: make(map[string]*condition)}
}

// of is what is known of a server. The caller holds mu.
func (h *health) of(address string) *condition {
	c := h.servers[address]
	if c == nil {
		c = &condition{slots: make(chan struct{}, maxUnderWay)}
		h.servers[address] = c
	}
	return c
}

// sort parts the servers that answer from those that are slow, each in their order.
func (h *health) sort(servers []Server) (good, slow []Server) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	for _, s := range servers {
		if now.Before(h.of(s.Address).until) {
			slow = append(slow, s)
		} else {
			good = append(good, s)
		}
	}
	return good, slow
}

// enter takes a slot for a question to a server, waiting for it as long as ctx lasts; leave gives it back.
func (h *health) enter(ctx context.Context, address string) (leave func(), err error) {
	h.mu.Lock()
	slots := h.of(address).slots
	h.mu.Unlock()
	select {
	case slots <- struct{}{}:
		return func() { <-slots }, nil
	case <-ctx.Done():
		return nil, errBusy
	}
}

// note takes note of what came of a question that was sent: an answer of whatever kind, or none.
func (h *health) note(address string, answered bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.of(address)
	if answered {
		c.missed, c.until = 0, time.Time{}
		return
	}
	if c.missed++; c.missed >= slowAfter {
		c.until = h.now().Add(slowRest)
	}
}
