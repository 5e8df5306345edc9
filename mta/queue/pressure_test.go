package queue

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"posthouse/mta/spool"
)

// crowded is a destination with many messages, in the model and in the queue.
type crowded struct {
	*machine
	host   *host
	window int // the model's
	grown  int // successes with a full window since it changed
	epoch  int // refusals that counted
	closed int // connections
	known  map[*Trip]seen
}

// seen is what had happened when a trip began.
type seen struct{ epoch, closed int }

func newCrowd(t *rapid.T) *crowded {
	c := &crowded{machine: newMachine(testConfig()), window: startWindow, known: map[*Trip]seen{}}
	c.s.config().Delivery.Concurrency = 1000
	for range 300 {
		c.mid++
		env := spool.Envelope{MID: c.mid, Sender: "a@x.example", Received: c.now.time(),
			Recipients: []spool.Recipient{{Address: fmt.Sprintf("u%d@two.example", c.mid)}}}
		c.model = append(c.model, &modelRecipient{mid: c.mid, host: "two.example", sender: env.Sender})
		c.s.add(spool.Message{Envelope: env, States: make([]spool.State, 1)}, c.now)
	}
	c.host = c.s.hosts["two.example"]
	c.work(t)
	return c
}

// work lets the queue start what it wants, and opens the connections of what it starts.
func (c *crowded) work(t *rapid.T) {
	c.step(t)
	for _, trip := range c.trips {
		if _, there := c.known[trip]; !there {
			c.known[trip] = seen{c.epoch, c.closed}
		}
	}
}

func (c *crowded) success() {
	if len(c.trips) < c.window {
		return
	}
	if c.grown++; c.grown >= c.window {
		c.window, c.grown = c.window+1, 0
	}
}

func (c *crowded) shrink(to int) { c.window, c.grown = max(to, 1), 0 }

func (c *crowded) any(t *rapid.T, chosen func(*Trip) bool) *Trip {
	var list []*Trip
	for _, trip := range c.trips {
		if chosen(trip) {
			list = append(list, trip)
		}
	}
	if len(list) == 0 {
		t.Skip("no such trip")
	}
	return rapid.SampledFrom(list).Draw(t, "trip")
}

func isOpen(trip *Trip) bool { return trip.isOpen }
func isNew(trip *Trip) bool  { return !trip.isOpen }

// TestWindowAgainstModel has a peer bear now more and now fewer connections.
func TestWindowAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCrowd(t)
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				if c.host.window != c.window || c.window < 1 {
					t.Fatalf("the window is %d, the model's %d", c.host.window, c.window)
				}
			},
			"connected": func(t *rapid.T) {
				trip := c.any(t, isNew)
				trip.isOpen = true
				c.host.open++
				c.s.up(c.host, trip.lane, c.now)
				c.success()
				before := len(c.trips)
				c.work(t)
				if n := len(c.trips); n > max(before, c.window) {
					t.Fatalf("%d trips with a window of %d", n, c.window)
				}
			},
			"delivered": func(t *rapid.T) {
				trip := c.any(t, func(trip *Trip) bool { return trip.isOpen && len(trip.open) > 0 })
				c.settle(t, trip, func() Outcome { return Delivered })
				c.success()
				c.next(t, trip, false)
				c.work(t)
			},
			"refused": func(t *rapid.T) {
				trip := c.any(t, isNew)
				others := c.host.open > 0 || c.closed > c.known[trip].closed
				if got := c.host.press(trip); got != others {
					t.Fatalf("others are up: %v, want %v", got, others)
				}
				if others && c.known[trip].epoch == c.epoch {
					c.epoch++
					c.shrink(min(c.window, len(c.trips)) / 2)
				}
				if others && !trip.achieved {
					t.Fatal("the destination rests because of it")
				}
				for len(trip.open) > 0 {
					c.settle(t, trip, func() Outcome { return Again })
				}
				c.end(trip)
				c.work(t)
			},
			"closed": func(t *rapid.T) {
				trip := c.any(t, isOpen)
				for len(trip.open) > 0 {
					c.settle(t, trip, func() Outcome { return Delivered })
					c.success()
				}
				c.end(trip)
				c.closed++
				c.work(t)
			},
			"time": func(t *rapid.T) {
				c.now = c.now.add(2 * pauseIdle)
				c.work(t)
			},
		})
	})
}

// TestWindowGrowsOneByOne fills the window with successes.
func TestWindowGrowsOneByOne(t *testing.T) {
	h := newMachine(testConfig()).s.host("one.example", 1)
	for range startWindow {
		h.trips[newTrip(h, &Task{})] = true
	}
	for i := range startWindow {
		if h.window != startWindow {
			t.Fatalf("%d after %d successes", h.window, i)
		}
		h.succeeded()
	}
	if h.window != startWindow+1 {
		t.Errorf("%d after a full window of successes", h.window)
	}
	for range 1000 {
		h.succeeded() // ten connections say nothing of an eleventh
	}
	if h.window != startWindow+1 {
		t.Errorf("%d though it was never used up", h.window)
	}
}
