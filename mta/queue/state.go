package queue

import (
	"time"

	"posthouse/config"
	"posthouse/mta/spool"
)

const (
	maxRecipients = 100                    // in one transaction: what every server must take (RFC 5321 §4.5.3.1.8)
	maxChores     = 4                      // expiries and delay warnings being written at once
	startWindow   = 10                     // connections that a destination may have before any succeeded
	pauseIdle     = time.Second            // how long a destination rests after a trip that achieved nothing
	minLife       = 60 * time.Second       // a recipient is tried at least once before it expires, unless this has passed
	sweepHosts    = 20000                  // destinations remembered before the idle ones are forgotten
	persistAgain  = 10 * time.Second       // between two tries to record what the disk did not take
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

// message is what all groups of one message share.
type message struct {
	env  *spool.Envelope // without its recipients
	left int             // recipients that are not done

	damaged string // why its file is to be set aside in the end; empty for a sound one
}

// group is recipients of one message at one destination that are due together. It is in exactly one of three places:
// delayed (in its host's heap), ready (in its host's list) or busy (in the hands of a trip or a chore).
type group struct {
	msg      *message
	host     *host
	rcpts    []Recipient
	due      instant // when delayed
	deadline instant // when it expires or a warning is due; 0 while busy
	last     string  // the latest failure in words
	warned   int     // delay warnings sent

	inHost, inReady         links
	delayedAt, deadlineSlot int
	busy                    bool
}

// host is one destination.
type host struct {
	name    string
	groups  list // all of them, the oldest first
	tracks  [lanes]track
	turn    lane // whose ready groups come first
	delayed *heap[*group]
	wake    instant // when something becomes possible here by itself
	wakeAt  int
	queued  bool // is in the state's run queue

	trips  map[*Trip]bool // under way
	idle   []*Trip        // of these, those that wait for a task
	window int            // connections that its behaviour has earned

	failures int // connections in a row that led nowhere
	blocked  instant
	tried    bool
	down     bool // the last attempt led nowhere

	rateStart instant // of the period in which recipients are counted
	rateCount int

	open                    int // connections
	active, attempted       int // recipients
	counts                  counts
	lastCause, lastError    string
	lastTLS, last5xx        string
	lastActivity, last5xxAt instant
	route                   Routing
}

// counts are a destination's counters since the start.
type counts struct {
	soft, delivered, deleted            int
	dns, fiveXX, filter, expired, other int
}

func (c counts) hard() int { return c.dns + c.fiveXX + c.filter + c.expired + c.other }

// state is the whole queue. Only the owner goroutine touches it; it starts nothing and waits for nothing, which is
// what makes it testable against a model.
type state struct {
	config func() *config.Config
	random func() float64 // 0 to 1

	messages  map[uint64]*message
	hosts     map[string]*host
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
	last   string    // with expire and warn: what the latest attempt said
}

func newState(conf func() *config.Config, random func() float64) *state {
	return &state{
		config: conf, random: random, sweepAt: sweepHosts,
		messages: make(map[uint64]*message),
		hosts:    make(map[string]*host),
		wakes: newHeap(func(a, b *host) bool { return a.wake < b.wake },
			func(h *host) *int { return &h.wakeAt }),
		deadlines: newHeap(func(a, b *group) bool { return a.deadline < b.deadline },
			func(g *group) *int { return &g.deadlineSlot }),
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
		groups: list{at: func(g *group) *links { return &g.inHost }},
		delayed: newHeap(func(a, b *group) bool { return a.due < b.due },
			func(g *group) *int { return &g.delayedAt }),
		lastActivity: now,
	}
	for l := range h.tracks {
		h.tracks[l].ready.at = func(g *group) *links { return &g.inReady }
	}
	s.hosts[name] = h
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
	s.sweepAt = max(sweepHosts, 2*len(s.hosts))
}

// add takes in a message. One that is known is left alone. It returns false if no recipient is left to be delivered.
func (s *state) add(m spool.Message, now instant) bool {
	if s.messages[m.MID] != nil {
		return true
	}
	env := m.Envelope
	env.Recipients = nil
	msg := &message{env: &env}
	byHost := make(map[string][]*group)
	var order []*group
	for i, r := range m.Recipients {
		var st spool.State
		if i < len(m.States) {
			st = m.States[i]
		}
		if st.Done {
			continue
		}
		name := Destination(r.Address)
		due := at(st.Next)
		var g *group
		for _, known := range byHost[name] {
			if known.due == due {
				g = known
			}
		}
		if g == nil {
			g = &group{msg: msg, host: s.host(name, now), due: due, last: st.LastError, delayedAt: -1, deadlineSlot: -1}
			byHost[name] = append(byHost[name], g)
			order = append(order, g)
		}
		g.rcpts = append(g.rcpts, Recipient{RID: r.RID, Address: r.Address, Notify: r.Notify, ORcpt: r.ORcpt, Attempts: st.Attempts})
		msg.left++
	}
	if msg.left == 0 {
		return false
	}
	s.messages[m.MID] = msg
	for _, g := range order {
		s.assumeWarned(g, now)
		s.enter(g, now)
	}
	return true
}

// enter puts a new group into its destination.
func (s *state) enter(g *group, now instant) {
	h := g.host
	h.groups.push(g)
	h.active += len(g.rcpts)
	h.attempted += attempted(g.rcpts)
	s.place(g, now)
}

// leave takes a group out of everything.
func (s *state) leave(g *group) {
	h := g.host
	h.groups.remove(g)
	h.tracked(g).ready.remove(g)
	h.delayed.remove(g)
	s.deadlines.remove(g)
	h.active -= len(g.rcpts)
	h.attempted -= attempted(g.rcpts)
	s.rearm(h)
}

func attempted(rcpts []Recipient) int {
	n := 0
	for i := range rcpts {
		if rcpts[i].Attempts > 0 {
			n++
		}
	}
	return n
}

// place puts a group that is nobody's where it belongs: among the delayed, or at the end of the ready.
func (s *state) place(g *group, now instant) {
	g.busy = false
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
