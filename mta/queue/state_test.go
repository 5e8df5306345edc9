package queue

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"posthouse/config"
	"posthouse/mta/spool"
)

// testConfig is a configuration with nothing in it but what the queue reads.
func testConfig() *config.Config {
	c := config.Default("mail.example.com")
	c.Bounces[config.DefaultBounceProfile] = &config.BounceProfile{
		MaxRetries: 5, MaxQueueTime: 7200, InitialRetry: 60, MaxRetry: 600, HardBounce: true, DSN: true,
	}
	c.Delivery.Concurrency = 6
	c.Destinations["one.example"] = &config.Destination{Concurrency: new(2)}
	c.Destinations["rate.example"] = &config.Destination{Recipients: new(3), RecipientMinutes: new(10), LimitPer: "domain"}
	return c
}

// modelRecipient is all that the model knows of a recipient: enough to say what the queue may and may not do with it.
type modelRecipient struct {
	mid      uint64
	rid      int
	host     string
	sender   string
	attempts int
	due      instant
	busy     bool
	moved    bool // by a redirection since the walk began
}

// machine runs the queue's state beside a model that is a plain list of recipients.
type machine struct {
	s     *state
	now   instant
	mid   uint64
	model []*modelRecipient
	trips []*Trip // open, each with its tasks
	hosts []string

	walk *walk             // that goes on between other things; nil: none
	must []*modelRecipient // whom it has to meet, unless they are done or redirected meanwhile
	met  map[[2]uint64]int
}

// choose is the groups that the filter chooses and that are nobody's, in the order of MIDs as an operation takes them.
func (m *machine) choose(f Filter) []*group {
	var list []*group
	may := f.mayChoose()
	for w := m.s.walk(f, m.now); w.step(2, func(g *group) {
		if may(g) && !g.busy {
			list = append(list, g)
		}
	}); {
	}
	slices.SortStableFunc(list, func(a, b *group) int { return cmp.Compare(a.msg.mid, b.msg.mid) })
	return list
}

// look takes a step of a walk that sees the queue change under it: it meets once whoever stays.
func (m *machine) look(t *rapid.T) {
	if m.walk == nil {
		m.walk, m.must, m.met = m.s.walk(Filter{}, m.now), slices.Clone(m.model), map[[2]uint64]int{}
		for _, r := range m.model {
			r.moved = false
		}
	}
	more := m.walk.step(rapid.IntRange(1, 5).Draw(t, "steps"), func(g *group) {
		for _, r := range g.rcpts() {
			m.met[[2]uint64{g.msg.mid, uint64(r.rid)}]++
		}
	})
	if more {
		return
	}
	for _, r := range m.must {
		n := m.met[[2]uint64{r.mid, uint64(r.rid)}]
		if !r.moved && (n > 1 || n == 0 && m.find(r.mid, r.rid) != nil) {
			t.Fatalf("MID %d RID %d was met %d times", r.mid, r.rid, n)
		}
	}
	m.walk = nil
	for name, h := range m.s.hosts {
		if len(h.groups.walks) != 0 {
			t.Fatalf("a walk that is over is still in the list of %s", name)
		}
	}
}

func (m *machine) find(mid uint64, rid int) *modelRecipient {
	for _, r := range m.model {
		if r.mid == mid && r.rid == rid {
			return r
		}
	}
	return nil
}

// hand takes note of a task that the queue hands out, and checks that it may be.
func (m *machine) hand(t *rapid.T, task *Task, host string) {
	if len(task.Recipients) > maxRecipients {
		t.Fatalf("%d recipients in one task", len(task.Recipients))
	}
	for _, r := range task.Recipients {
		known := m.find(task.MID, r.RID)
		switch {
		case known == nil:
			t.Fatalf("MID %d RID %d is done and handed out", task.MID, r.RID)
		case known.busy:
			t.Fatalf("MID %d RID %d is handed out twice", known.mid, known.rid)
		case known.due > m.now:
			t.Fatalf("MID %d RID %d is handed out %v early", known.mid, known.rid, time.Duration(known.due-m.now))
		case m.s.suspension.Covers(known.host):
			t.Fatalf("a task for the suspended %s", known.host)
		case known.host != host && (m.s.way(host) == "" || m.s.way(host) != m.s.way(known.host)):
			t.Fatalf("MID %d RID %d goes to %s, not %s", known.mid, known.rid, host, known.host)
		}
		known.busy = true
	}
}

// step lets the state work and takes what it starts.
func (m *machine) step(t *rapid.T) {
	m.s.step(m.now)
	for _, j := range m.s.jobs {
		switch {
		case j.trip != nil:
			m.hand(t, j.trip.First, j.trip.host)
			m.trips = append(m.trips, j.trip)
		case j.expire != nil:
			m.expire(t, j.expire)
		}
	}
	m.s.jobs = nil
}

func (m *machine) expire(t *rapid.T, task *Task) {
	var list []settled
	for _, r := range task.Recipients {
		known := m.find(task.MID, r.RID)
		if known == nil || known.busy {
			t.Fatalf("MID %d RID %d expires while it is done or under way", task.MID, r.RID)
		}
		m.drop(known)
		list = append(list, settled{Recipient: r, outcome: Hard, failure: expiredFailure(fault{})})
	}
	m.s.finish(task, list, m.now)
	m.s.chores--
}

func (m *machine) drop(r *modelRecipient) {
	m.model = slices.DeleteFunc(m.model, func(o *modelRecipient) bool { return o == r })
}

// settle finishes a trip's first open task with the outcome for each recipient that choose gives.
func (m *machine) settle(t *rapid.T, trip *Trip, choose func() Outcome) {
	task := trip.open[0]
	trip.forget(task)
	var list []settled
	for _, r := range task.Recipients {
		known := m.find(task.MID, r.RID)
		res := settled{Recipient: r, outcome: choose()}
		known.busy = false
		switch res.outcome {
		case Delivered:
			m.drop(known)
		case Hard:
			res.failure = &Failure{Class: "5.1.0", Kind: FiveXX, Code: 550, Lines: []string{"no"}}
			m.drop(known)
		case Soft:
			res.Attempts++
			res.failure = &Failure{Class: "4.1.0", Code: 450, Lines: []string{"later"}}
			res.next = m.now.add(backoff(m.s.hostProfile(m.s.hosts[known.host]), res.Attempts, 0.5))
			known.attempts, known.due = res.Attempts, res.next
		case Again:
			known.due = 0
		}
		trip.achieved = trip.achieved || res.outcome != Again
		list = append(list, res)
	}
	finished := m.s.finish(task, list, m.now)
	left := slices.ContainsFunc(m.model, func(r *modelRecipient) bool { return r.mid == task.MID })
	if finished == left {
		t.Fatalf("MID %d finished: %v, with recipients left: %v", task.MID, finished, left)
	}
}

func (m *machine) end(trip *Trip) {
	m.trips = slices.DeleteFunc(m.trips, func(o *Trip) bool { return o == trip })
	m.s.giveUp(trip)
	m.s.ended(trip, m.now)
}

func newMachine(conf *config.Config) *machine {
	s := newState(func() *config.Config { return conf }, func() float64 { return 0.5 })
	s.way = func(name string) string {
		return map[string]string{"two.example": "a route", "[192.0.2.1]": "a route"}[name]
	}
	return &machine{
		s:     s,
		now:   at(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)),
		hosts: []string{"one.example", "two.example", "rate.example", "[192.0.2.1]"},
	}
}

// check compares what the queue reports with the model, and its inner order with itself.
func (m *machine) check(t *rapid.T) {
	sum := m.s.sum()
	attempted := 0
	for _, r := range m.model {
		if r.attempts > 0 {
			attempted++
		}
	}
	if sum.Active != len(m.model) || sum.Attempted != attempted {
		t.Fatalf("active %d, attempted %d; the model has %d, %d", sum.Active, sum.Attempted, len(m.model), attempted)
	}
	if len(m.trips) != m.s.trips || m.s.trips > m.s.config().Delivery.Concurrency {
		t.Fatalf("%d trips counted, %d under way", m.s.trips, len(m.trips))
	}
	for name, h := range m.s.hosts {
		if len(h.trips) > 2 && name == "one.example" {
			t.Fatalf("%d connections to %s", len(h.trips), name)
		}
		m.checkPlaces(t, h)
	}
}

// checkPlaces sees that each group is in one place only.
func (m *machine) checkPlaces(t *rapid.T, h *host) {
	n, ready, delayed, prior := 0, 0, 0, instant(0)
	for g := h.groups.first; g != nil; g = g.inHost.next {
		n++
		places := 0
		if g.busy {
			places++
		}
		if g.ready {
			places++
			ready++
		}
		if g.delayedAt >= 0 {
			places++
			delayed++
		}
		if places != 1 || (g.deadlineSlot < 0) != g.busy || g.size() == 0 {
			t.Fatalf("a group of MID %d is in %d places, with deadline at %d", g.msg.mid, places, g.deadlineSlot)
		}
		if received := g.msg.arrived; received < prior {
			t.Fatalf("groups of %s are not in the order of their messages", h.name)
		} else {
			prior = received
		}
	}
	if n != h.groups.n || ready != h.ready() || delayed != len(h.delayed.items) {
		t.Fatalf("%s: %d groups, %d ready, %d delayed; counted %d, %d, %d", h.name, h.groups.n, h.ready(), len(h.delayed.items), n, ready, delayed)
	}
}

// TestQueueAgainstModel runs random operations on the queue's state and on a model of it.
func TestQueueAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(testConfig())
		t.Repeat(map[string]func(*rapid.T){
			"": m.check,
			"add": func(t *rapid.T) {
				m.mid++
				m.now++
				env := spool.Envelope{MID: m.mid, Sender: rapid.SampledFrom([]string{"", "a@x.example"}).Draw(t, "sender"), Received: m.now.time()}
				switch rapid.IntRange(0, 3).Draw(t, "lane") {
				case 0:
					env.TLSOptional = true
				case 1:
					env.RequireTLS = true
				}
				for rid := range rapid.IntRange(1, 6).Draw(t, "recipients") {
					host := rapid.SampledFrom(m.hosts).Draw(t, "host")
					env.Recipients = append(env.Recipients, spool.Recipient{RID: rid, Address: fmt.Sprintf("u%d@%s", rid, strings.ToUpper(host))})
					m.model = append(m.model, &modelRecipient{mid: m.mid, rid: rid, host: host, sender: env.Sender})
				}
				msg := spool.Message{Envelope: env, States: make([]spool.State, len(env.Recipients))}
				m.s.add(msg, m.now)
				m.s.add(msg, m.now) // a second time changes nothing
				m.step(t)
			},
			"time": func(t *rapid.T) {
				m.now = m.now.add(time.Duration(rapid.IntRange(1, 900).Draw(t, "seconds")) * time.Second)
				m.step(t)
			},
			"settle": func(t *rapid.T) {
				if len(m.trips) == 0 {
					t.Skip("no trip")
				}
				trip := rapid.SampledFrom(m.trips).Draw(t, "trip")
				if len(trip.open) > 0 {
					m.settle(t, trip, func() Outcome { return rapid.SampledFrom([]Outcome{Delivered, Soft, Hard, Again}).Draw(t, "outcome") })
				}
				m.next(t, trip, rapid.Bool().Draw(t, "end"))
			},
			"down": func(t *rapid.T) {
				if len(m.trips) > 0 {
					trip := rapid.SampledFrom(m.trips).Draw(t, "trip")
					m.s.down(m.s.hosts[trip.host], trip.known, refused, m.now)
					m.step(t)
				}
			},
			"bar": func(t *rapid.T) {
				if len(m.trips) > 0 {
					trip := rapid.SampledFrom(m.trips).Draw(t, "trip")
					m.s.bar(m.s.hosts[trip.host], trip, unmatched, m.now)
					m.step(t)
				}
			},
			"up": func(t *rapid.T) {
				if len(m.trips) > 0 {
					trip := rapid.SampledFrom(m.trips).Draw(t, "trip")
					m.s.up(m.s.hosts[trip.host], trip.lane, m.now)
					m.step(t)
				}
			},
			"suspend": func(t *rapid.T) {
				domains := rapid.SampledFrom([][]string{nil, {"one.example"}, {"two.example"}}).Draw(t, "domains")
				if rapid.Bool().Draw(t, "resume") {
					m.s.suspension = m.s.suspension.resumed(domains)
					for _, h := range m.s.hosts {
						m.s.mark(h)
					}
				} else {
					m.s.suspension = m.s.suspension.suspended(domains)
				}
				m.step(t)
			},
			"deliver now": func(t *rapid.T) {
				host := rapid.SampledFrom(m.hosts).Draw(t, "host")
				for _, r := range m.model {
					if r.host == host && !r.busy {
						r.due = 0
					}
				}
				for w := m.s.walk(Filter{Host: host}, m.now); m.s.hurryOn(w); {
				}
				m.step(t)
			},
			"delete": func(t *rapid.T) {
				f := Filter{
					Host:   rapid.SampledFrom(append([]string{""}, m.hosts...)).Draw(t, "host"),
					Sender: rapid.SampledFrom([]string{"", "A@x.example"}).Draw(t, "sender"),
				}
				for _, g := range m.choose(f) {
					for _, rcpt := range g.rcpts() {
						r := m.find(g.msg.mid, int(rcpt.rid))
						if r == nil || r.busy || (f.Host != "" && f.Host != r.host) || (f.Sender != "" && r.sender == "") {
							t.Fatalf("MID %d RID %d deleted by %+v", g.msg.mid, rcpt.rid, f)
						}
						m.drop(r)
					}
					m.s.grab(g)
					left := slices.ContainsFunc(m.model, func(r *modelRecipient) bool { return r.mid == g.msg.mid })
					if m.s.drop(g, m.now) == left {
						t.Fatalf("MID %d finished: %v, with recipients left: %v", g.msg.mid, !left, left)
					}
				}
				for _, r := range m.model {
					if !r.busy && (f.Host == "" || f.Host == r.host) && (f.Sender == "" || r.sender != "") {
						t.Fatalf("MID %d RID %d outlived the deletion by %+v", r.mid, r.rid, f)
					}
				}
			},
			"redirect": func(t *rapid.T) {
				to := rapid.SampledFrom([]string{"[relay.example]:25", "[192.0.2.1]:26"}).Draw(t, "to")
				for _, g := range m.choose(Filter{except: to}) {
					for _, rcpt := range g.rcpts() {
						r := m.find(g.msg.mid, int(rcpt.rid))
						r.host, r.due, r.moved = to, 0, true
					}
					m.s.grab(g)
					m.s.move(g, m.s.host(to, m.now), m.now)
				}
				for _, r := range m.model {
					if !r.busy && r.host != to {
						t.Fatalf("MID %d RID %d still goes to %s", r.mid, r.rid, r.host)
					}
				}
				m.step(t)
			},
			"give back": func(t *rapid.T) {
				for _, g := range m.choose(Filter{}) {
					m.s.grab(g)
					m.s.place(g, m.now)
				}
				m.step(t)
			},
			"look": m.look,
		})
		m.drain(t)
	})
}

// next asks for another task for a trip, or ends the trip.
func (m *machine) next(t *rapid.T, trip *Trip, end bool) {
	if end || len(trip.open) > 0 {
		if len(trip.open) == 0 {
			m.end(trip)
		}
		m.step(t)
		return
	}
	m.s.next(trip, m.now)
	m.s.step(m.now)
	m.s.giveUp(trip)
	if task := <-trip.offered; task != nil {
		m.hand(t, task, trip.host)
		trip.open = append(trip.open, task)
	} else {
		m.end(trip)
	}
	m.step(t)
}

// drain sees that nothing is stuck: with peers that take everything, all that is queued is delivered in time.
func (m *machine) drain(t *rapid.T) {
	m.s.suspension = Suspension{}
	for _, h := range m.s.hosts {
		m.s.mark(h)
	}
	m.step(t)
	for range 20000 {
		for _, trip := range slices.Clone(m.trips) {
			m.s.up(m.s.hosts[trip.host], trip.lane, m.now)
			for len(trip.open) > 0 {
				m.settle(t, trip, func() Outcome { return Delivered })
			}
			m.end(trip)
		}
		m.step(t)
		if len(m.model) == 0 {
			break
		}
		if len(m.trips) == 0 {
			wake := m.s.nextWake()
			if wake == 0 {
				t.Fatalf("%d recipients are stuck", len(m.model))
			}
			m.now = max(wake, m.now)
			m.step(t)
		}
	}
	if len(m.model) != 0 || len(m.s.messages) != 0 {
		t.Fatalf("%d recipients of %d messages left", len(m.model), len(m.s.messages))
	}
	if _, ok := m.s.deadlines.first(); ok {
		t.Fatal("deadlines are left of finished messages")
	}
}
