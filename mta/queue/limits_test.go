package queue

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"posthouse/config"
	"posthouse/mta/spool"
)

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
		if err := b.Suspend([]string{"Two.Example"}); err != nil {
			t.Fatal(err)
		}
		if err := b.Drain(t.Context(), []string{"Two.Example"}, 30*time.Second); err != nil {
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

func TestNobodyWaitsForWhatIsResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, func(ctx context.Context, trip *Trip) { <-ctx.Done() })
		b.Add(letter(1, "", "b@two.example"))
		synctest.Wait()
		b.Suspend([]string{"two.example"})
		drained := make(chan error, 1)
		begin := time.Now()
		go func() { drained <- b.Drain(t.Context(), nil, time.Minute) }()
		synctest.Wait()
		b.Resume([]string{"two.example"})
		if err := <-drained; err != nil || time.Since(begin) != 0 {
			t.Errorf("%v after %v", err, time.Since(begin))
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
		if n, err := b.Delete(t.Context(), Filter{Host: "ONE.example", Sender: "a@X.example"}, nil); n != (Changed{3, 3}) || err != nil {
			t.Errorf("%+v deleted, %v; want 3", n, err)
		}
		close(release)
		synctest.Wait()
		if h, _ := b.Host("one.example"); h.Delivered != 2 || h.Deleted != 3 || h.Active != 0 {
			t.Errorf("host %+v", h)
		}
		lines := b.lines()
		deleted, finished := slices.Index(lines, "Deleted: MID 3 to [0]"), slices.Index(lines, "Message finished MID 3 done")
		if deleted < 0 || finished < deleted || slices.Contains(lines, "Deleted: MID 1 to [0]") {
			t.Errorf("log:\n%s", strings.Join(lines, "\n"))
		}
	})
}

func TestTheNullSenderCanBeChosen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, func(context.Context, *Trip) { t.Error("a delivery began") })
		b.Suspend(nil)
		b.Add(letter(1, "", "a@x.example"))
		b.Add(letter(2, "b@one.example", "c@x.example"))
		if found := b.recipients(t, Filter{NullSender: true}); len(found) != 1 || found[0].MID != 1 {
			t.Errorf("found %+v", found)
		}
		if n, err := b.Delete(t.Context(), Filter{Host: "x.example", NullSender: true}, nil); n.Messages != 1 || err != nil {
			t.Errorf("%+v deleted, %v", n, err)
		}
		if left := b.recipients(t, Filter{}); len(left) != 1 || left[0].MID != 2 {
			t.Errorf("left %+v", left)
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
		b.Suspend(nil)
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
		}, func(_ *bench, o *Options) { o.Grace = func() time.Duration { return 10 * time.Second } })
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
		b.DeliverNow("") // nothing, and no panic
		if n, err := b.Delete(t.Context(), Filter{}, nil); n != (Changed{}) || !errors.Is(err, ErrStopped) {
			t.Errorf("a stopped queue deletes %+v, %v", n, err)
		}
		if totals := b.Totals(); totals.Messages != 1 || totals.Delivered != 2 {
			t.Errorf("a stopped queue has counted %+v", totals)
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

// TestAPanicInANoticeSendsNothingTwice: who has the message is not sent it again because another's notice fails.
func TestAPanicInANoticeSendsNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := make(map[int]int)
		b := run(t, func(_ context.Context, trip *Trip) {
			var results []Result
			for _, r := range trip.First.Recipients {
				sent[r.RID]++
				results = append(results, Result{RID: r.RID, Outcome: Delivered})
				if r.RID == 1 {
					results[len(results)-1] = Result{RID: 1, Outcome: Hard, Failure: never}
				}
			}
			trip.Settle(trip.First, results)
		}, func(_ *bench, o *Options) { o.Bouncer = panicking{} })
		b.Add(letter(1, "a@x.example", "b@two.example", "c@two.example"))
		pause(3 * time.Minute)
		if sent[0] != 1 || sent[1] < 2 {
			t.Errorf("sent %v", sent)
		}
		compare(t, "the spool", b.spool.trace, []string{"update 1/0 done=true attempts=0"})
		if n := b.Totals(); n.Delivered != 1 || n.Active != 1 {
			t.Errorf("totals %+v", n)
		}
	})
}

// TestTheEndComesWhileTheSpoolIsRead: a big queue must not hold up a shutdown.
func TestTheEndComesWhileTheSpoolIsRead(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := &memory{messages: map[uint64]spool.Message{1: letter(1, "", "a@x.example")}}
	q := New(Options{Config: func() *config.Config { return testConfig() }, Spool: m})
	if err := q.Run(ctx); err != nil {
		t.Error(err)
	}
}

// TestWhatTheDiskRefusesIsTold: the spool records it later by itself, and the queue goes on with what is true.
func TestWhatTheDiskRefusesIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, func(_ context.Context, trip *Trip) { trip.Settle(trip.First, everyone(trip.First, Delivered, nil)) })
		b.spool.breakWith(errors.New("disk full"))
		b.Add(letter(1, "a@x.example", "b@two.example"))
		pause(25 * time.Second)
		if n := b.Totals(); n.Delivered != 1 || n.Active != 0 || len(b.faults()) != 1 {
			t.Errorf("totals %+v, faults %q", n, b.faults())
		}
		compare(t, "trace", b.spool.trace, []string{"update 1/0 done=true attempts=0"})
	})
}

// panicking is a Bouncer with a fault.
type panicking struct{}

func (panicking) Bounce(*spool.Envelope, []Failed, Notice) (spool.Message, error)   { panic("boom") }
func (panicking) Success(*spool.Envelope, []Reached, Notice) (spool.Message, error) { panic("boom") }
func (panicking) Delay(*spool.Envelope, []Failed, time.Time, Notice) (spool.Message, error) {
	panic("boom")
}
