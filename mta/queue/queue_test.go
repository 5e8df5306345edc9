package queue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"posthouse/config"
	"posthouse/internal/eventlog"
	"posthouse/mta/maillog"
	"posthouse/mta/spool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a spool in memory that says in which order things were asked of it.
type memory struct {
	mu       sync.Mutex
	messages map[uint64]spool.Message
	trace    []string
	fail     error // of Update
}

func (m *memory) Messages(do func(spool.Message) error) error {
	for _, msg := range m.messages {
		if err := do(msg); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) note(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trace = append(m.trace, fmt.Sprintf(format, args...))
}

func (m *memory) Update(mid uint64, updates ...spool.Update) error {
	for _, u := range updates {
		m.note("update %d/%d done=%v attempts=%d", mid, u.RID, u.Done, u.Attempts)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fail
}

func (m *memory) breakWith(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

func (m *memory) Remove(mid uint64) error {
	m.note("remove %d", mid)
	return nil
}

// notices is a Bouncer that remembers what it was told.
type notices struct {
	*memory
	next uint64
	fail error
}

func (n *notices) Bounce(env *spool.Envelope, failed []Failed, how Notice) (spool.Message, error) {
	n.mu.Lock()
	fail := n.fail
	n.mu.Unlock()
	if fail != nil {
		return spool.Message{}, fail
	}
	n.note("bounce %d to %s: %s", env.MID, how.To, failed[0].Failure.Text())
	return n.letterTo(how), nil
}

func (n *notices) Delay(env *spool.Envelope, late []Failed, until time.Time, how Notice) (spool.Message, error) {
	n.note("delay %d to %s until %s", env.MID, how.To, until.UTC().Format("15:04"))
	return n.letterTo(how), nil
}

func (n *notices) breakWith(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fail = err
}

func (n *notices) letterTo(how Notice) spool.Message {
	n.next++
	return letter(n.next, "", how.To)
}

func letter(mid uint64, sender string, to ...string) spool.Message {
	env := spool.Envelope{MID: mid, Sender: sender, Received: time.Now()}
	for i, a := range to {
		env.Recipients = append(env.Recipients, spool.Recipient{RID: i, Address: a})
	}
	return spool.Message{Envelope: env, States: make([]spool.State, len(to))}
}

// delivery is a Deliverer made of a function.
type delivery func(ctx context.Context, t *Trip)

func (d delivery) Deliver(ctx context.Context, t *Trip) { d(ctx, t) }

// bench is a queue that runs in a bubble of synctest.
type bench struct {
	*Queue
	spool   *memory
	notices *notices
	conf    *config.Config
	start   time.Time
	stop    func() error
	lines   func() []string

	mu   sync.Mutex
	told []string // faults
}

func (b *bench) faults() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.told)
}

// run starts a queue in the present bubble.
func run(t *testing.T, d delivery, change ...func(*bench, *Options)) *bench {
	t.Helper()
	dir := t.TempDir()
	log, err := eventlog.Open(eventlog.Options{Dir: dir, Name: "mail_logs", File: "mail", Type: "Text Mail Logs"})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{spool: &memory{messages: map[uint64]spool.Message{}}, conf: testConfig(), start: time.Now()}
	b.notices = &notices{memory: b.spool, next: 1000}
	opt := Options{
		Config: func() *config.Config { return b.conf }, Spool: b.spool, Log: maillog.New(log), Deliverer: d, Bouncer: b.notices,
		Random: func() float64 { return 0 }, Linger: -1,
		Fault: func(what string, err error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.told = append(b.told, what+": "+err.Error())
		},
	}
	for _, f := range change {
		f(b, &opt)
	}
	b.Queue = New(opt)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	b.stop = sync.OnceValue(func() error {
		cancel()
		err := <-done
		log.Close()
		return err
	})
	b.lines = func() []string {
		b.stop()
		return readLog(t, dir)
	}
	t.Cleanup(func() { b.stop() })
	<-b.Loaded()
	return b
}

// readLog returns the texts of all lines but the head's and the end's.
func readLog(t *testing.T, dir string) []string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "mail_logs", "*.s"))
	var lines []string
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			_, text, _ := strings.Cut(strings.TrimSpace(line), " Info: ")
			if !strings.HasPrefix(text, "Begin") && !strings.HasPrefix(text, "Version") && !strings.HasPrefix(text, "Time offset") && !strings.HasPrefix(text, "End") {
				lines = append(lines, text)
			}
		}
	}
	return lines
}

// pause lets time go by in the bubble, and then everything that this set off.
func pause(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n  %s\nwant:\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

var later = &Failure{Class: "4.1.0", Title: "Unknown address error", Code: 450, Lines: []string{"4.2.1 busy"}, Status: "4.2.1"}
var never = &Failure{Class: "5.1.0", Title: "Unknown address error", Code: 550, Lines: []string{"5.1.1 no such user"}, Status: "5.1.1", Kind: FiveXX}

func TestRetriesGrowUntilTheMessageExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Duration
		start := time.Now()
		b := run(t, func(_ context.Context, trip *Trip) {
			if trip.First.Envelope.Sender == "" {
				trip.Settle(trip.First, everyone(trip.First, Delivered, nil))
				return
			}
			tries = append(tries, time.Since(start))
			trip.Settle(trip.First, everyone(trip.First, Soft, later))
		})
		b.Add(letter(1, "a@x.example", "b@two.example"))
		pause(3 * time.Hour)
		want := []time.Duration{0, 60 * time.Second, 180 * time.Second, 420 * time.Second, 900 * time.Second, 1500 * time.Second}
		if !slices.Equal(tries, want) {
			t.Errorf("tries at %v, want %v", tries, want)
		}
		if h, ok := b.Host("two.example"); !ok || h.ExpiredHard != 1 || h.SoftBounced != 5 || h.Active != 0 {
			t.Errorf("host %+v", h)
		}
		trace := strings.Join(b.spool.trace, "\n")
		if !strings.Contains(trace, "bounce 1 to a@x.example: timeout; last error: 4.2.1 busy\nupdate 1/0 done=true attempts=6\n") {
			t.Errorf("trace:\n%s", trace)
		}
		lines := b.lines()
		for _, want := range []string{
			"Delayed: DCID 0 MID 1 to RID 0 - 4.1.0 - Unknown address error ('450', ['4.2.1 busy']) []",
			"MID 1 to RID [0] pending till " + start.Add(time.Minute).Local().Format("Mon Jan _2 15:04:05 2006") + " [Default]",
			"Bounced: DCID 0 MID 1 to RID 0 - 5.4.7 - Delivery expired (message too old) ('000', ['timeout; last error: 4.2.1 busy']) []",
			"MID 1001 was generated for bounce of MID 1",
			"Message finished MID 1 done",
		} {
			if !slices.Contains(lines, want) {
				t.Errorf("no line %q in\n%s", want, strings.Join(lines, "\n"))
			}
		}
	})
}

func TestResultsAreDurableBeforeTheyAreSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, func(_ context.Context, trip *Trip) {
			trip.Connected(7)
			trip.Up("none")
			task := trip.First
			results := []Result{
				{RID: 0, Outcome: Delivered, Response: "2.0.0 ok", Protection: Verified},
				{RID: 1, Outcome: Hard, Failure: never}, {RID: 2, Outcome: Delivered, Response: "2.0.0 ok", Protection: Verified},
			}
			if task.Envelope.Sender == "" {
				results = results[:1]
			}
			trip.Settle(task, results)
		})
		b.Add(letter(1, "a@x.example", "b@two.example", "c@Two.Example", "d@two.example"))
		synctest.Wait()
		compare(t, "trace", b.spool.trace, []string{
			"bounce 1 to a@x.example: 5.1.1 no such user", "update 1/0 done=true attempts=0", "update 1/1 done=true attempts=1",
			"update 1/2 done=true attempts=0", "remove 1", "update 1001/0 done=true attempts=0", "remove 1001",
		})
		totals := b.Totals()
		if totals.Delivered != 3 || totals.HardBounced != 1 || totals.Protected[Verified] != 3 || totals.Messages != 0 {
			t.Errorf("totals %+v", totals)
		}
		compare(t, "log", b.lines(), []string{
			"Message done DCID 7 MID 1 to RID [0, 2]", "MID 1 RID [0, 2] Response '2.0.0 ok'",
			"Bounced: DCID 7 MID 1 to RID 1 - 5.1.0 - Unknown address error ('550', ['5.1.1 no such user']) []",
			"Start MID 1001 ICID 0", "MID 1001 was generated for bounce of MID 1", "MID 1001 ICID 0 From: <>",
			"MID 1001 ICID 0 RID 0 To: <a@x.example>", "MID 1001 queued for delivery", "Message finished MID 1 done",
			"Message done DCID 7 MID 1001 to RID [0]", "MID 1001 RID [0] Response '2.0.0 ok'", "Message finished MID 1001 done",
		})
	})
}

func TestDoubleBouncesAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, func(_ context.Context, trip *Trip) { trip.Settle(trip.First, everyone(trip.First, Hard, never)) })
		b.Add(letter(1, "", "b@two.example"))
		synctest.Wait()
		compare(t, "log", b.lines(), []string{
			"Double bounce: DCID 0 MID 1 to RID 0 - 5.1.0 - Unknown address error ('550', ['5.1.1 no such user']) []",
			"Message finished MID 1 done",
		})
	})
}

func TestABounceThatCannotBeWrittenIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, func(_ context.Context, trip *Trip) {
			outcome := Hard
			if trip.First.Envelope.Sender == "" {
				outcome = Delivered
			}
			trip.Settle(trip.First, everyone(trip.First, outcome, never))
		})
		b.notices.breakWith(errors.New("disk full"))
		b.Add(letter(1, "a@x.example", "b@two.example"))
		synctest.Wait()
		if n := b.Totals(); n.Active != 1 || n.HardBounced != 0 {
			t.Errorf("the recipient is gone without a notice: %+v", n)
		}
		b.notices.breakWith(nil)
		pause(5 * time.Minute)
		if n := b.Totals(); n.HardBounced != 1 {
			t.Errorf("not bounced later: %+v", n)
		}
	})
}

func TestAPanicCostsOneAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		b := run(t, func(_ context.Context, trip *Trip) {
			if first {
				first = false
				panic("boom")
			}
			trip.Settle(trip.First, everyone(trip.First, Delivered, nil))
		})
		b.Add(letter(1, "a@x.example", "b@two.example"))
		synctest.Wait()
		if len(b.faults()) != 1 || !strings.Contains(b.faults()[0], "boom") {
			t.Errorf("faults %q", b.faults())
		}
		if n := b.Totals(); n.Active != 1 || n.Attempted != 1 {
			t.Errorf("totals %+v", n)
		}
		pause(2 * time.Minute)
		if n := b.Totals(); n.Delivered != 1 {
			t.Errorf("totals %+v", n)
		}
	})
}

func TestADownHostIsProbedByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := false
		var tries atomic.Int32
		b := run(t, func(ctx context.Context, trip *Trip) {
			tries.Add(1)
			if !up {
				refused := &Failure{Class: "4.4.0", Title: "Other network problem", Cause: "N3", Lines: []string{"refused"}}
				trip.Down("N3", "refused")
				trip.Settle(trip.First, everyone(trip.First, Soft, refused))
				return
			}
			trip.Up("none")
			for task, ok := trip.First, true; ok; task, ok = trip.Next(ctx) {
				trip.Settle(task, everyone(task, Delivered, nil))
			}
		})
		for i := range 50 {
			b.Add(letter(uint64(i+1), "a@x.example", "b@two.example"))
		}
		synctest.Wait()
		if n := tries.Load(); n > 12 {
			t.Errorf("%d tries at a host that is down", n)
		}
		if h, _ := b.Host("two.example"); h.State != Down || h.LastCause != "N3" || h.NextAttempt.IsZero() {
			t.Errorf("host %+v", h.HostSummary)
		}
		up = true
		if n := b.DeliverNow("two.example"); n != 50 {
			t.Errorf("%d recipients hurried, want 50", n)
		}
		synctest.Wait()
		if h, _ := b.Host("two.example"); h.State != Up || h.Delivered != 50 {
			t.Errorf("after deliver now: %+v", h.HostSummary)
		}
	})
}

func TestMessagesPerConnectionAndRecipientsPerPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var perTrip []int
		var rcpts int
		b := run(t, func(ctx context.Context, trip *Trip) {
			trip.Up("none")
			n := 0
			for task, ok := trip.First, true; ok; task, ok = trip.Next(ctx) {
				n++
				mu.Lock()
				rcpts += len(task.Recipients)
				mu.Unlock()
				trip.Settle(task, everyone(task, Delivered, nil))
			}
			mu.Lock()
			perTrip = append(perTrip, n)
			mu.Unlock()
		}, func(b *bench, _ *Options) {
			b.conf.Destinations["many.example"] = &config.Destination{Messages: new(3), Concurrency: new(1)}
		})
		for i := range 9 {
			b.Add(letter(uint64(i+1), "", "b@many.example"))
		}
		b.Add(letter(20, "", "a@rate.example", "b@rate.example", "c@rate.example", "d@rate.example"))
		synctest.Wait()
		for _, n := range perTrip {
			if n > 3 {
				t.Errorf("%v messages a connection, want at most 3", perTrip)
			}
		}
		if h, _ := b.Host("rate.example"); h.Delivered != 3 || h.Active != 1 {
			t.Errorf("limited host %+v", h.HostSummary)
		}
		pause(11 * time.Minute)
		if h, _ := b.Host("rate.example"); h.Delivered != 4 {
			t.Errorf("limited host after its period %+v", h.HostSummary)
		}
	})
}

func TestSuspendWaitsAndThenCuts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut := false
		b := run(t, func(ctx context.Context, trip *Trip) {
			<-ctx.Done()
			cut = true
		})
		b.Add(letter(1, "", "b@two.example"))
		synctest.Wait()
		begin := time.Now()
		if err := b.Suspend(t.Context(), []string{"Two.Example"}, 30*time.Second); err != nil {
			t.Fatal(err)
		}
		if !cut || time.Since(begin) != 30*time.Second {
			t.Errorf("cut: %v after %v", cut, time.Since(begin))
		}
		if h, _ := b.Host("two.example"); h.State != Suspended || h.Active != 1 || h.Attempted != 0 {
			t.Errorf("host %+v", h)
		}
		if !b.Suspended().Covers("two.example") || b.Suspended().Covers("one.example") {
			t.Errorf("suspended %+v", b.Suspended())
		}
		cut = false
		b.Resume(nil)
		synctest.Wait()
		pause(time.Minute)
		b.stop()
		if !cut {
			t.Error("not tried after the resumption")
		}
		if b.Suspended().Any() {
			t.Errorf("suspended after the end: %+v", b.Suspended())
		}
	})
}

func TestDeleteLeavesWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		b := run(t, func(ctx context.Context, trip *Trip) {
			trip.Up("none")
			<-release
			trip.Settle(trip.First, everyone(trip.First, Delivered, nil))
		})
		for i := range 5 {
			b.Add(letter(uint64(i+1), "A@x.example", "b@one.example"))
		}
		synctest.Wait() // one.example has two connections
		if n, err := b.Delete(t.Context(), Filter{Host: "ONE.example", Sender: "a@X.example"}); n != 3 || err != nil {
			t.Errorf("%d messages deleted, %v; want 3", n, err)
		}
		close(release)
		synctest.Wait()
		if h, _ := b.Host("one.example"); h.Delivered != 2 || h.Deleted != 3 || h.Active != 0 {
			t.Errorf("host %+v", h)
		}
		lines := strings.Join(b.lines(), "\n")
		if !strings.Contains(lines, "Deleted: MID 3 to [0]\nMessage finished MID 3 done") || strings.Contains(lines, "Deleted: MID 1 ") {
			t.Errorf("log:\n%s", lines)
		}
	})
}

func TestDelayWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, func(_ context.Context, trip *Trip) { trip.Settle(trip.First, everyone(trip.First, Soft, later)) },
			func(b *bench, _ *Options) {
				p := b.conf.Bounces[config.DefaultBounceProfile]
				p.MaxRetries, p.DelayWarning, p.DelayWarningAfter, p.DelayWarnings = 1000, true, 600, 2
			})
		b.Add(letter(1, "a@x.example", "b@two.example"))
		b.Suspend(t.Context(), nil, 0)
		pause(3 * time.Hour)
		var got []string
		for _, line := range b.spool.trace {
			if strings.HasPrefix(line, "delay") || strings.HasPrefix(line, "bounce") {
				got = append(got, line)
			}
		}
		until := b.start.Add(2 * time.Hour).UTC().Format("15:04")
		compare(t, "notices", got, []string{
			"delay 1 to a@x.example until " + until, "delay 1 to a@x.example until " + until,
			"bounce 1 to a@x.example: timeout; last error: 4.2.1 busy",
		})
	})
}

func TestRestartTakesUpWhatTheSpoolHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Duration
		begin := time.Now()
		b := run(t, func(_ context.Context, trip *Trip) {
			tries = append(tries, time.Since(begin))
			if trip.First.Recipients[0].RID != 1 || trip.First.Recipients[0].Attempts != 2 {
				t.Errorf("recipients %+v", trip.First.Recipients)
			}
			trip.Settle(trip.First, everyone(trip.First, Delivered, nil))
		}, func(b *bench, _ *Options) {
			m := letter(1, "a@x.example", "b@two.example", "c@two.example")
			m.States[0].Done = true
			m.States[1] = spool.State{Attempts: 2, Next: begin.Add(time.Minute)}
			b.spool.messages[1] = m
		})
		pause(2 * time.Minute)
		if len(tries) != 1 || tries[0] != time.Minute {
			t.Errorf("tries at %v, want at 1m", tries)
		}
		if n := b.Totals(); n.Messages != 0 {
			t.Errorf("totals %+v", n)
		}
	})
}

func TestTheEndLetsDeliveriesFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, func(ctx context.Context, trip *Trip) {
			select {
			case <-time.After(5 * time.Second):
				trip.Settle(trip.First, everyone(trip.First, Delivered, nil))
			case <-ctx.Done():
			}
			if _, ok := trip.Next(ctx); ok {
				t.Error("another task is given at the end")
			}
		}, func(_ *bench, o *Options) { o.Grace = 10 * time.Second })
		b.Add(letter(1, "", "b@one.example"))
		b.Add(letter(2, "", "b@one.example"))
		b.Add(letter(3, "", "b@one.example")) // no connection is left for it
		synctest.Wait()
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(b.spool.trace, " "); strings.Count(got, "remove") != 2 {
			t.Errorf("trace %s", got)
		}
		if b.Totals().Messages != 0 || b.DeliverNow("") != 0 {
			t.Error("a stopped queue answers")
		}
	})
}

func TestIdleConnectionsWaitForTheNextMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trips := 0
		b := run(t, func(ctx context.Context, trip *Trip) {
			trips++
			trip.Up("none")
			for task, ok := trip.First, true; ok; task, ok = trip.Next(ctx) {
				trip.Settle(task, everyone(task, Delivered, nil))
			}
		}, func(_ *bench, o *Options) { o.Linger = time.Second })
		for i := range 5 {
			b.Add(letter(uint64(i+1), "", "b@two.example"))
			pause(500 * time.Millisecond)
		}
		if trips != 1 {
			t.Errorf("%d connections for messages half a second apart, want 1", trips)
		}
		pause(2 * time.Second)
		b.Add(letter(9, "", "b@two.example"))
		synctest.Wait()
		if trips != 2 {
			t.Errorf("%d connections after a longer pause, want 2", trips)
		}
	})
}

func TestBackoff(t *testing.T) {
	p := &config.BounceProfile{InitialRetry: 60, MaxRetry: 3600}
	for n, want := range map[int]time.Duration{1: 60, 2: 120, 6: 1920, 7: 3600, 100: 3600} {
		if got := backoff(p, n, 0); got != want*time.Second {
			t.Errorf("attempt %d: %v, want %vs", n, got, int(want))
		}
		for _, chance := range []float64{0.3, 1} {
			got := backoff(p, n, chance)
			if got < 60*time.Second || got > 3600*time.Second {
				t.Errorf("attempt %d with chance %v: %v is out of bounds", n, chance, got)
			}
		}
	}
}

func TestSuspensionOfDomains(t *testing.T) {
	s := Suspension{}.suspended([]string{"a"}).suspended([]string{"b", "a"}).resumed([]string{"a"})
	if s.Covers("a") || !s.Covers("b") || s.Covers("c") {
		t.Errorf("%+v", s)
	}
	s = s.suspended(nil).resumed([]string{"c", "d"}).suspended([]string{"d"})
	if !s.Covers("a") || s.Covers("c") || !s.Covers("d") || s.resumed(nil).Any() {
		t.Errorf("%+v", s)
	}
}

func TestAPanicInANoticeLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, func(_ context.Context, trip *Trip) { trip.Settle(trip.First, everyone(trip.First, Hard, never)) },
			func(_ *bench, o *Options) { o.Bouncer = panicking{} })
		b.Add(letter(1, "a@x.example", "b@two.example"))
		pause(time.Second)
		if n := b.Totals(); n.Active != 1 || n.HardBounced != 0 || len(b.faults()) != 1 {
			t.Errorf("totals %+v, faults %q", n, b.faults())
		}
		pause(2 * time.Minute)
		if h, _ := b.Host("two.example"); h.SoftBounced < 2 || len(b.spool.trace) != 0 {
			t.Errorf("host %+v, trace %q", h, b.spool.trace)
		}
	})
}

func TestWhatTheDiskRefusesIsRecordedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, func(_ context.Context, trip *Trip) { trip.Settle(trip.First, everyone(trip.First, Delivered, nil)) })
		b.spool.breakWith(errors.New("disk full"))
		b.Add(letter(1, "a@x.example", "b@two.example"))
		pause(25 * time.Second)
		if n := b.Totals(); n.Delivered != 1 || n.Active != 0 || len(b.faults()) != 1 {
			t.Errorf("totals %+v, faults %q", n, b.faults())
		}
		b.spool.breakWith(nil)
		pause(10 * time.Second)
		update := "update 1/0 done=true attempts=0"
		compare(t, "trace", b.spool.trace, []string{update, update, update, update, "remove 1"})
	})
}

// panicking is a Bouncer with a fault.
type panicking struct{}

func (panicking) Bounce(*spool.Envelope, []Failed, Notice) (spool.Message, error) { panic("boom") }
func (panicking) Delay(*spool.Envelope, []Failed, time.Time, Notice) (spool.Message, error) {
	panic("boom")
}
