package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"posthouse/config"
	"posthouse/mta/spool"
)

// nobody delivers: the tests below look at what waits.
func nobody(t *testing.T) delivery {
	return func(context.Context, *Trip) { t.Error("a delivery began") }
}

func TestBounceTellsTheSenders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, nobody(t))
		b.Suspend(nil)
		b.Add(letter(1, "a@x.example", "b@one.example", "c@two.example"))
		b.Add(letter(2, "", "b@one.example"))
		b.Add(letter(3, "a@x.example", "b@three.example"))
		done, err := b.Bounce(t.Context(), Filter{Host: "one.example"}, nil)
		if done != (Changed{2, 2}) || err != nil {
			t.Errorf("%+v, %v", done, err)
		}
		if list := b.recipients(t, Filter{}); len(list) != 3 || list[0].Host != "two.example" || list[1].MID != 3 || list[2].Recipient != "a@x.example" {
			t.Errorf("left: %+v", list)
		}
		if h, _ := b.Host("one.example"); h.OtherHard != 2 || h.Active != 0 {
			t.Errorf("host %+v", h)
		}
		lines := b.lines()
		for _, want := range []string{
			"Bounced: DCID 0 MID 1 to RID 0 - 5.3.0 - Other mail system problem ('000', ['bounced by the administrator']) []",
			"MID 1001 was generated for bounce of MID 1",
			"Double bounce: DCID 0 MID 2 to RID 0 - 5.3.0 - Other mail system problem ('000', ['bounced by the administrator']) []",
			"Message finished MID 2 done",
		} {
			if !slices.Contains(lines, want) {
				t.Errorf("no line %q in\n%s", want, strings.Join(lines, "\n"))
			}
		}
		if slices.Contains(lines, "Message finished MID 1 done") {
			t.Error("a message with a recipient left is finished")
		}
	})
}

// TestABounceThatCannotBeWrittenIsNotCounted: what is printed is true.
func TestABounceThatCannotBeWrittenIsNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, nobody(t))
		b.Suspend(nil)
		b.Add(letter(1, "a@x.example", "b@one.example"))
		b.Add(letter(2, "", "b@one.example"))
		b.notices.breakWith(errors.New("disk full"))
		done, err := b.Bounce(t.Context(), Filter{}, nil)
		if done != (Changed{1, 1}) || !errors.Is(err, errNotFinal) {
			t.Errorf("%+v, %v", done, err)
		}
		if list := b.recipients(t, Filter{}); len(list) != 1 || list[0].MID != 1 {
			t.Errorf("left: %+v", list)
		}
	})
}

func TestDeleteGivesBackWhatTheSpoolRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []uint64
		b := run(t, func(_ context.Context, trip *Trip) {
			sent = append(sent, trip.First.MID)
			trip.Settle(trip.First, everyone(trip.First, Delivered, nil))
		})
		b.Suspend(nil)
		b.Add(letter(1, "a@x.example", "b@one.example", "c@one.example"))
		b.spool.breakWith(errors.New("disk full"))
		done, err := b.Delete(t.Context(), Filter{}, nil)
		if done != (Changed{}) || err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Errorf("%+v, %v", done, err)
		}
		if n := b.Totals(); n.Active != 2 || n.Deleted != 0 {
			t.Errorf("totals %+v", n)
		}
		b.spool.breakWith(nil)
		b.Resume(nil)
		synctest.Wait()
		if !slices.Equal(sent, []uint64{1}) {
			t.Errorf("delivered: %v", sent)
		}
	})
}

// TestAnInterruptStopsWithATrueCount: what is counted is gone, and the rest is still there.
func TestAnInterruptStopsWithATrueCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const all = 5 * changeStep
		b := run(t, nobody(t))
		b.Suspend(nil)
		for i := range all {
			b.Add(letter(uint64(i+1), "a@x.example", "b@one.example"))
		}
		ctx, interrupt := context.WithCancel(t.Context())
		var shares []float64
		done, err := b.Delete(ctx, Filter{}, func(done Changed, share float64) {
			if shares = append(shares, share); done.Messages == 2*changeStep {
				interrupt()
			}
		})
		if !errors.Is(err, context.Canceled) || done != (Changed{2 * changeStep, 2 * changeStep}) || len(shares) != 2 || shares[0] < 0.19 || shares[0] > 0.21 {
			t.Errorf("%+v, %v, progress %v", done, err, shares)
		}
		if left := b.recipients(t, Filter{}); len(left) != all-done.Recipients || left[0].MID != 2*changeStep+1 {
			t.Errorf("%d are left", len(left))
		}
		done, err = b.Delete(t.Context(), Filter{MID: 700}, nil)
		if done != (Changed{1, 1}) || err != nil {
			t.Errorf("one of them: %+v, %v", done, err)
		}
	})
}

// TestRedirectConcernsWhatIsQueued and nothing else, also after a restart.
func TestRedirectConcernsWhatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, nobody(t))
		b.Suspend(nil)
		first := letter(1, "a@x.example", "b@one.example", "c@two.example", "d@two.example")
		first.States[2] = spool.State{Done: true}
		b.Add(first)
		relay, err := config.ParseMachine("Relay.example:2525")
		if err != nil {
			t.Fatal(err)
		}
		if done, err := b.Redirect(t.Context(), relay, nil); done != (Changed{1, 2}) || err != nil {
			t.Errorf("%+v, %v", done, err)
		}
		pause(time.Second)
		b.Add(letter(2, "a@x.example", "e@one.example"))
		check := func(b *bench, state HostState) {
			t.Helper()
			var got []string
			for _, r := range b.recipients(t, Filter{}) {
				got = append(got, fmt.Sprintf("%d/%d %s to %s", r.MID, r.RID, r.Recipient, r.Host))
			}
			compare(t, "queue", got, []string{
				"1/0 b@one.example to [relay.example]:2525", "1/1 c@two.example to [relay.example]:2525", "2/0 e@one.example to one.example",
			})
			if h, ok := b.Host("[Relay.example]:2525"); !ok || h.Active != 2 || h.State != state {
				t.Errorf("host %+v", h.HostSummary)
			}
		}
		check(b, Suspended)
		if done, err := b.Redirect(t.Context(), relay, nil); done != (Changed{1, 1}) || err != nil {
			t.Errorf("a second time: %+v, %v", done, err)
		}
		b.spool.messages[2].States[0].Via = "" // as if it had not been
		if lines := b.lines(); !slices.Contains(lines, "Redirected: MID 1 to RID [0, 1] by way of [relay.example]:2525") {
			t.Errorf("log:\n%s", strings.Join(lines, "\n"))
		}

		var mu sync.Mutex
		routes := map[string][]string{}
		again := run(t, func(_ context.Context, trip *Trip) {
			mu.Lock()
			defer mu.Unlock()
			for _, r := range trip.First.Recipients {
				routes[trip.Destination()] = append(routes[trip.Destination()], r.Address)
			}
			trip.Settle(trip.First, everyone(trip.First, Soft, later))
		}, func(after *bench, o *Options) {
			after.spool.messages = b.spool.messages
			o.Suspended = Suspension{All: true}
		})
		check(again, Suspended)
		again.Resume(nil)
		synctest.Wait()
		if got := fmt.Sprint(routes); got != "map[[relay.example]:2525:[b@one.example c@two.example] one.example:[e@one.example]]" {
			t.Errorf("sent %s", got)
		}
		if m, _ := again.spool.Message(1); m.States[0].Via != "[relay.example]:2525" || m.States[0].Attempts != 1 {
			t.Errorf("an attempt made it %+v", m.States[0])
		}
	})
}

// TestTheOldestIsFoundAfterARedirection: a list that is out of order would hide it.
func TestTheOldestIsFoundAfterARedirection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, nobody(t))
		b.Suspend(nil)
		relay := config.Hop{Host: "relay.example", Port: 25}
		for i, host := range []string{"one", "two", "one", "two", "three"} {
			b.Add(letter(uint64(i+1), "a@x.example", "b@"+host+".example"))
			pause(time.Minute)
		}
		for _, host := range []string{"three", "two", "one"} { // the newest first
			list, err := b.collect(t.Context(), Filter{Host: host + ".example"}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range slices.Backward(list) {
				b.call(func(s *state) {
					s.grab(h.group)
					s.move(h.group, s.host(config.Redirected(relay), at(time.Now())), at(time.Now()))
				})
			}
		}
		var order []uint64
		b.call(func(s *state) {
			for g := s.hosts["[relay.example]:25"].groups.first; g != nil; g = g.inHost.next {
				order = append(order, g.msg.mid)
			}
		})
		if !slices.Equal(order, []uint64{1, 2, 3, 4, 5}) {
			t.Errorf("order %v", order)
		}
		if mid, received := b.Oldest(); mid != 1 || !received.Equal(b.start) {
			t.Errorf("oldest %d of %v", mid, received)
		}
	})
}

func TestMessageTellsWhyItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, func(_ context.Context, trip *Trip) {
			if trip.Destination() == "one.example" {
				trip.Down(refused)
			}
			trip.Settle(trip.First, everyone(trip.First, Soft, later))
		})
		b.Suspend([]string{"held.example"})
		m := letter(7, "a@x.example", "b@one.example", "c@two.example", "d@held.example", "e@held.example")
		m.RequireTLS, m.States[3].Done = true, true
		b.Add(letter(6, "a@x.example", "b@held.example"))
		b.Add(m)
		synctest.Wait()
		info, err := b.Message(t.Context(), 7)
		if err != nil || info.MID != 7 || info.Sender != "a@x.example" || !info.RequireTLS || len(info.Recipients) != 4 {
			t.Fatalf("%+v, %v", info, err)
		}
		var got []string
		for _, r := range info.Recipients {
			got = append(got, fmt.Sprintf("%s %s %d %v %q place %d of %d %s %s", r.Host, r.Phase, r.Attempts, r.Next.Sub(b.start), r.LastError, r.Place, r.Of, r.HostState, r.HostCause))
		}
		never := time.Time{}.Sub(b.start)
		compare(t, "recipients", got, []string{
			`one.example waiting 1 1m0s "4.2.1 busy" place 1 of 1 down N3`, // a message may fail for reasons of its own
			`two.example waiting 1 1m0s "4.2.1 busy" place 1 of 1 unknown `,
			fmt.Sprintf(`held.example held 0 %v "" place 2 of 2 suspended `, never),
			fmt.Sprintf(`held.example done 0 %v "" place 0 of 0  `, never),
		})
		if _, err := b.Message(t.Context(), 99); !errors.Is(err, spool.ErrNotFound) {
			t.Errorf("no such message: %v", err)
		}
	})
}

// TestAHashIsNotASender: what memory takes for a sender's mail is looked at before it is touched.
func TestAHashIsNotASender(t *testing.T) {
	if senderHash("costarring@x") != senderHash("liquid@x") { // collide in FNV-1a
		t.Fatal("the senders have different hashes")
	}
	synctest.Test(t, func(t *testing.T) {
		b := run(t, nobody(t))
		b.Suspend(nil)
		b.Add(letter(1, "Costarring@x", "b@one.example"))
		b.Add(letter(2, "liquid@X", "b@one.example"))
		if list := b.recipients(t, Filter{Sender: "costarring@x"}); len(list) != 1 || list[0].MID != 1 {
			t.Errorf("shown: %+v", list)
		}
		if done, err := b.Delete(t.Context(), Filter{Sender: "costarring@x"}, nil); done.Messages != 1 || err != nil {
			t.Errorf("%+v, %v", done, err)
		}
		if list := b.recipients(t, Filter{}); len(list) != 1 || list[0].MID != 2 {
			t.Errorf("left: %+v", list)
		}
	})
}

// TestOperationsAreOnStableStorage when they say what they have done.
func TestOperationsAreOnStableStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, nobody(t))
		b.Suspend(nil)
		for mid := range uint64(6) {
			b.Add(letter(mid+1, "a@x.example", fmt.Sprintf("b@d%d.example", mid/2)))
		}
		filter := func(n int) Filter { return Filter{Host: fmt.Sprintf("d%d.example", n)} }
		for i, operation := range []func() (Changed, error){
			func() (Changed, error) { return b.Delete(t.Context(), filter(0), nil) },
			func() (Changed, error) { return b.Bounce(t.Context(), filter(1), nil) },
			func() (Changed, error) {
				return b.Redirect(t.Context(), config.Hop{Host: "relay.example", Port: 25}, nil)
			},
		} {
			done, err := operation()
			b.spool.mu.Lock()
			loose := b.spool.loose
			b.spool.mu.Unlock()
			if done.Recipients == 0 || err != nil || loose {
				t.Errorf("operation %d: %+v, %v; not synced: %v", i, done, err, loose)
			}
		}
	})
}
