package queue

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

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

// TestLongWordsAreNotRemembered: a peer's words are written to the spool at every attempt.
func TestLongWordsAreNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := &Failure{Class: "4.3.0", Code: 451, Status: "4.3.0", Lines: []string{strings.Repeat("\u00fc", 100000)}}
		b := run(t, func(ctx context.Context, trip *Trip) {
			trip.Down(long)
			trip.Settle(trip.First, everyone(trip.First, Soft, long))
		})
		b.Add(letter(1, "a@x.example", "b@one.example"))
		synctest.Wait()
		if h, _ := b.Host("one.example"); len(h.LastError) > maxSummary+len("451 ") || !utf8.ValidString(h.LastError) {
			t.Errorf("%d bytes are kept of the last error", len(h.LastError))
		}
		if n := len(updatesOf([]settled{{outcome: Soft, failure: long}}, time.Now())[0].LastError); n > maxSummary {
			t.Errorf("%d bytes are written to the spool", n)
		}
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
				trip.Down(refused)
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
		b.DeliverNow("two.example")
		synctest.Wait()
		if h, _ := b.Host("two.example"); h.State != Up || h.Delivered != 50 {
			t.Errorf("after deliver now: %+v", h.HostSummary)
		}
	})
}
