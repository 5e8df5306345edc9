package queue

import (
	"maps"
	"slices"
	"time"

	"posthouse/config"
)

const (
	maxRecipients = 100                    // in one transaction: what every server must take (RFC 5321 §4.5.3.1.8)
	maxChores     = 4                      // expiries and delay warnings being written at once
	startWindow   = 10                     // connections that a destination may have before any succeeded
	pauseIdle     = time.Second            // how long a destination rests after a trip that achieved nothing
	minLife       = 60 * time.Second       // a recipient is tried at least once before it expires, unless this has passed
	sweepHosts    = 20000                  // destinations remembered before the idle ones are forgotten
	forgetAfter   = time.Hour              // how long an idle destination is remembered then
	lingerDefault = 200 * time.Millisecond // how long an open connection waits for the next message
)

// instant is a point in time in nanoseconds since 1970; 0 is none. There is one for every queued recipient, which is
// why it is not a time.Time.
type instant int64

func at(t time.Time) instant {
	if t.IsZero() {
		return 0
	}
	return instant(t.UnixNano())
}

func (i instant) time() time.Time {
	if i == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(i))
}

func (i instant) add(d time.Duration) instant { return i + instant(d) }

// earlier is the earlier of two instants of which either may be none.
func earlier(a, b instant) instant {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}

// host is one destination.
type host struct {
	name    string
	groups  list // all of them, the oldest first
	tracks  [lanes]track
	turn    lane // whose ready groups come first
	delayed *heap[*group]
	wake    instant // when something becomes possible here by itself
	wakeAt  int32
	queued  bool // is in the state's run queue

	trips  map[*Trip]bool // under way
	idle   []*Trip        // of these, those that wait for a task
	window int            // connections that its behaviour has earned

	pressure pressure

	failures int // connections in a row that led nowhere
	blocked  instant
	tried    bool
	down     bool // the last attempt led nowhere

	rateStart instant // of the period in which recipients are counted
	rateCount int

	open                    int // connections
	active, attempted       int // recipients
	counts                  counts
	fault                   fault // the latest failure; while it is down, the one that tells why
	downSince               instant
	lastTLS, last5xx        string
	lastActivity, last5xxAt instant
	route                   Routing
	moved                   *group // the latest that was redirected to here
	known                   knownProfile
}

// counts are a destination's counters since the start.
type counts struct {
	soft, delivered, deleted            int
	dns, fiveXX, filter, expired, other int
}

func (c counts) hard() int { return c.dns + c.fiveXX + c.filter + c.expired + c.other }

// state is the whole queue. It is touched under the Queue's mutex only; it starts nothing and waits for nothing, which is
// what makes it testable against a model.
type state struct {
	config func() *config.Config
	random func() float64      // 0 to 1
	way    func(string) string // see Options.Way
	hand   Hand

	trying *group         // of a suspect, that is being tried; nil: none
	wary   map[*host]bool // hosts for which suspects wait until that one is over

	messages  map[uint64]*message
	fresh     fresh               // what has just come in, so that its first delivery need not read it again
	spread    map[uint64][]*group // the groups of messages that have more than one
	profiles  []string            // names of bounce profiles that messages have
	hosts     map[string]*host
	order     []*host // the hosts as they came; grows at its end and is replaced by sweep, so that a walk may keep it
	wakes     *heap[*host]
	deadlines *heap[*group]
	run       fifo    // hosts that may start something, in turn
	hot       []*host // hosts that have both an idle trip and something for it
	sweepAt   int

	trips, chores int
	suspension    Suspension
	waiters       []*waiter
	stopping      bool
	totals        Totals
	jobs          []job // to be started by the queue
}

// job is something for a goroutine of its own: a trip, or a chore for one task.
type job struct {
	trip   *Trip
	expire *Task
	warn   *Task
	until  time.Time // with warn: when the recipients expire
	last   fault     // with expire and warn: how the latest attempt failed
}

func newState(conf func() *config.Config, random func() float64) *state {
	return &state{
		config: conf, random: random, way: func(string) string { return "" }, hand: nobodyWatches{}, sweepAt: sweepHosts,
		wary:     make(map[*host]bool),
		messages: make(map[uint64]*message),
		fresh:    newFresh(),
		spread:   make(map[uint64][]*group),
		profiles: []string{""},
		hosts:    make(map[string]*host),
		wakes: newHeap(func(a, b *host) bool { return a.wake < b.wake },
			func(h *host) *int32 { return &h.wakeAt }),
		deadlines: newHeap(func(a, b *group) bool { return a.deadline < b.deadline },
			func(g *group) *int32 { return &g.deadlineSlot }),
	}
}

// host returns the destination, made if it is new.
func (s *state) host(name string, now instant) *host {
	if h := s.hosts[name]; h != nil {
		return h
	}
	if len(s.hosts) >= s.sweepAt {
		s.sweep(now)
	}
	h := &host{
		name: name, wakeAt: -1, window: startWindow, trips: make(map[*Trip]bool),
		groups: list{at: func(g *group) (*links, *bool) { return &g.inHost, &g.listed }},
		delayed: newHeap(func(a, b *group) bool { return a.due < b.due },
			func(g *group) *int32 { return &g.delayedAt }),
		lastActivity: now,
	}
	for l := range h.tracks {
		h.tracks[l].ready.at = func(g *group) (*links, *bool) { return &g.inReady, &g.ready }
	}
	s.hosts[name] = h
	s.order = append(s.order, h)
	return h
}

// sweep forgets destinations that have had nothing to do for long, so that a stream of ever new names stays small.
func (s *state) sweep(now instant) {
	for name, h := range s.hosts {
		if h.groups.n == 0 && len(h.trips) == 0 && !h.queued && now > h.lastActivity.add(forgetAfter) {
			s.wakes.remove(h)
			delete(s.hosts, name)
		}
	}
	s.order = slices.Collect(maps.Values(s.hosts))
	s.sweepAt = max(sweepHosts, 2*len(s.hosts))
}

// enter puts a new group into its destination.
func (s *state) enter(g *group, now instant) {
	h := g.host
	h.groups.push(g)
	h.active += g.size()
	h.attempted += g.attempted()
	s.place(g, now)
}

// leave takes a group out of everything.
func (s *state) leave(g *group) {
	h := g.host
	h.groups.remove(g)
	h.tracked(g).ready.remove(g)
	h.delayed.remove(g)
	s.deadlines.remove(g)
	h.active -= g.size()
	h.attempted -= g.attempted()
	s.rearm(h)
}

// place puts a group that is nobody's where it belongs: among the delayed, or at the end of the ready.
func (s *state) place(g *group, now instant) {
	g.busy = false
	if g.msg.parked {
		return
	}
	g.deadline = s.deadlineOf(g)
	s.deadlines.fix(g)
	if g.due > now {
		g.host.delayed.fix(g)
	} else {
		g.host.tracked(g).ready.push(g)
		s.mark(g.host)
	}
	s.rearm(g.host)
}

// mark puts the host among those that step looks at.
func (s *state) mark(h *host) {
	if h.ready() == 0 {
		return
	}
	if len(h.idle) > 0 {
		s.hot = append(s.hot, h)
	}
	if !h.queued {
		h.queued = true
		s.run.push(h)
	}
}

// rearm sets when the host has to be looked at again by itself.
func (s *state) rearm(h *host) {
	h.wake = 0
	if g, ok := h.delayed.first(); ok {
		h.wake = g.due
	}
	for l := range h.tracks {
		if k := &h.tracks[l]; k.ready.n > 0 {
			h.wake = earlier(h.wake, max(h.blocked, k.resting))
		}
	}
	if h.wake == 0 {
		s.wakes.remove(h)
	} else {
		s.wakes.fix(h)
	}
}

// nextWake is when step has something to do by itself; 0 if never.
func (s *state) nextWake() instant {
	var next instant
	if h, ok := s.wakes.first(); ok {
		next = h.wake
	}
	if g, ok := s.deadlines.first(); ok && s.chores < maxChores {
		next = earlier(next, g.deadline)
	}
	return next
}
