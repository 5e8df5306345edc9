package queue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"posthouse/config"
	"posthouse/internal/eventlog"
	"posthouse/mta/maillog"
	"posthouse/mta/spool"
)

// The tests below run with a million messages where POSTHOUSE_MILLION is set, else with a number that takes no time; what
// they hold the queue to is the same.
func crowdSize() int {
	if os.Getenv("POSTHOUSE_MILLION") != "" {
		return 1000000
	}
	return 20000
}

// crowd is a spool that has as many messages as are wanted, made up when they are asked for.
type crowd struct {
	n     int
	began time.Time
}

// errEnough ends a look at the first page.
var errEnough = errors.New("enough")

func (c crowd) Messages(do func(spool.Message) error) error {
	for mid := range c.n {
		m, err := c.Message(uint64(mid + 1))
		if err == nil {
			err = do(m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Message is for one of a few hundred domains, most for a single one, and all wait for their next attempt.
func (c crowd) Message(mid uint64) (spool.Message, error) {
	if mid > uint64(c.n) {
		return spool.Message{}, spool.ErrNotFound
	}
	host := "dead.example"
	if mid%10 == 0 {
		host = fmt.Sprintf("h%d.example", mid/10%500)
	}
	env := spool.Envelope{MID: mid, Sender: fmt.Sprintf("s%d@x.example", mid%1000), Received: c.began.Add(time.Duration(mid) * time.Millisecond)}
	env.Recipients = []spool.Recipient{{RID: 0, Address: fmt.Sprintf("u%d@%s", mid, host)}}
	return spool.Message{Envelope: env, States: []spool.State{{Attempts: 1, Next: c.began.Add(100 * time.Hour).Add(time.Duration(mid*7919%1000003) * time.Millisecond)}}}, nil
}

func (c crowd) Update(uint64, ...spool.Update) (bool, error) { return false, nil }
func (c crowd) SetAside(uint64, string) error                { return nil }
func (c crowd) Discard(uint64) error                         { return nil }
func (c crowd) Sync() error                                  { return nil }

// measured is a queue whose owner is asked all the time, so that the longest wait for it is known.
type measured struct {
	*Queue
	t *testing.T
}

func newMeasured(t *testing.T) *measured {
	t.Helper()
	dir := t.TempDir()
	log, err := eventlog.Open(eventlog.Options{Dir: dir, Name: "mail_logs", File: "mail", Type: "Text Mail Logs"})
	if err != nil {
		t.Fatal(err)
	}
	conf := testConfig()
	for _, p := range conf.Bounces {
		p.MaxQueueTime, p.HardBounce = 1000*3600, false
	}
	m := &measured{t: t, Queue: New(Options{
		Config: func() *config.Config { return conf }, Spool: crowd{crowdSize(), time.Now().Add(-2 * time.Hour)}, Log: maillog.New(log),
		Deliverer: delivery(func(ctx context.Context, trip *Trip) {
			t.Error("a delivery began")
		}), Bouncer: &notices{}, Suspended: Suspension{All: true},
	})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
		log.Close()
	})
	<-m.Loaded()
	return m
}

// run does an operation, which says when it has something to show, and measures how long the owner has no time for anybody
// else meanwhile.
func (m *measured) run(name string, f func(shown func())) {
	m.t.Helper()
	stop, longest := make(chan struct{}), make(chan time.Duration)
	go func() {
		var worst time.Duration
		for tick := time.Tick(100 * time.Microsecond); ; {
			select {
			case <-stop:
				longest <- worst
				return
			case <-tick:
			}
			began := time.Now()
			m.call(func(*state) {})
			worst = max(worst, time.Since(began))
		}
	}()
	began := time.Now()
	var first time.Duration
	f(func() {
		if first == 0 {
			first = time.Since(began)
		}
	})
	whole := time.Since(began)
	if first == 0 {
		first = whole
	}
	close(stop)
	worst := <-longest
	m.t.Logf("%-28s answers in %8v, whole %8v, the owner was away for %8v at most", name,
		first.Round(time.Microsecond), whole.Round(time.Microsecond), worst.Round(time.Microsecond))
	if os.Getenv("POSTHOUSE_MILLION") != "" && first > time.Second {
		m.t.Errorf("%s takes too long", name)
	}
}

// TestOperationsOnACrowd measures every operation beside a queue that goes on.
func TestOperationsOnACrowd(t *testing.T) {
	m := newMeasured(t)
	n := crowdSize()
	ctx := t.Context()
	count := func(f Filter, most int) func(func()) {
		return func(shown func()) {
			seen := 0
			err := m.Recipients(ctx, f, func(RecipientInfo) error {
				shown()
				if seen++; seen == most {
					return errEnough
				}
				return nil
			})
			if seen == 0 || err != nil && !errors.Is(err, errEnough) {
				t.Errorf("%d recipients of %+v, %v", seen, f, err)
			}
		}
	}
	met, steps := 0, 0
	err := m.stroll(ctx, Filter{}, at(time.Now()), func(*state, *group) { met++ }, func() bool {
		if steps++; met > steps*walkStep {
			t.Errorf("%d groups in %d steps", met, steps)
		}
		return true
	})
	if met != n || err != nil {
		t.Errorf("%d groups met, %v", met, err)
	}
	m.run("tophosts, showhosts", func(func()) {
		if hosts := m.Hosts(); len(hosts) != 501 {
			t.Errorf("%d hosts", len(hosts))
		}
	})
	m.run("hoststatus", func(func()) {
		if h, ok := m.Host("dead.example"); !ok || h.Active != n-n/10 {
			t.Errorf("%+v", h)
		}
	})
	m.run("oldmessage", func(func()) {
		if mid, _ := m.Oldest(); mid != 1 {
			t.Errorf("oldest %d", mid)
		}
	})
	m.run("showmessage, the last", func(func()) {
		mid := uint64(n - 1)
		if info, err := m.Message(ctx, mid); err != nil || info.Recipients[0].Phase != Held || info.Recipients[0].Place != n-n/10 {
			t.Errorf("%+v, %v", info, err)
		}
	})
	m.run("showrecipients all, a page", count(Filter{}, 50))
	m.run("showrecipients host, a page", count(Filter{Host: "dead.example"}, 50))
	m.run("showrecipients sender", count(Filter{Sender: "S7@x.example"}, 0))
	m.run("showrecipients all", count(Filter{}, 0))
	m.run("removemessage", func(func()) { m.changed(m.Delete(ctx, Filter{MID: 5}, nil))(1) })
	m.run("delivernow all", func(func()) { m.DeliverNow("") })
	m.run("after delivernow", func(func()) {
		for ready := false; !ready; {
			m.call(func(s *state) { ready = len(s.hosts["dead.example"].delayed.items) == 0 })
		}
	})
	step := func(shown func()) Progress { return func(Changed, float64) { shown() } }
	m.run("deleterecipients sender", func(shown func()) {
		m.changed(m.Delete(ctx, Filter{Sender: "s8@x.example"}, step(shown)))(n / 1000)
	})
	m.run("bouncerecipients host", func(shown func()) {
		m.changed(m.Bounce(ctx, Filter{Host: "h7.example"}, step(shown)))(n / 5000)
	})
	left := m.Totals().Active
	m.run("redirectrecipients", func(shown func()) {
		m.changed(m.Redirect(ctx, config.Hop{Host: "relay.example", Port: 25}, step(shown)))(left)
	})
	m.run("redirectrecipients, again", func(shown func()) {
		m.changed(m.Redirect(ctx, config.Hop{Host: "relay2.example", Port: 25}, step(shown)))(left)
	})
	if mid, _ := m.Oldest(); mid != 1 {
		t.Errorf("oldest %d after the redirections", mid)
	}
	m.run("deleterecipients all", func(shown func()) { m.changed(m.Delete(ctx, Filter{}, step(shown)))(left) })
	if total := m.Totals(); total.Active != 0 || total.Messages != 0 {
		t.Errorf("left %+v", total)
	}
}

// changed compares what an operation has done with what is wanted.
func (m *measured) changed(done Changed, err error) func(messages int) {
	return func(messages int) {
		m.t.Helper()
		if done.Messages != messages || err != nil {
			m.t.Errorf("%+v, %v; want %d messages", done, err, messages)
		}
	}
}
