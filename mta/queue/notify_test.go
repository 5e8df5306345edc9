package queue

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"posthouse/config"
	"posthouse/mta/spool"
)

// wishing is a letter from a@x.example whose recipients have these wishes, r0@two.example the first.
func wishing(mid uint64, wishes ...string) spool.Message {
	m := letter(mid, "a@x.example")
	for rid, notify := range wishes {
		m.Recipients = append(m.Recipients, spool.Recipient{RID: rid, Address: "r" + string(rune('0'+rid)) + "@two.example", Notify: notify})
		m.States = append(m.States, spool.State{})
	}
	return m
}

// told are the notices among what was asked of the spool.
func (b *bench) noticesTold() []string {
	b.spool.mu.Lock()
	defer b.spool.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(b.spool.trace), func(line string) bool {
		return strings.HasPrefix(line, "update") || strings.HasPrefix(line, "remove")
	})
}

// settling is a deliverer that gives the nth recipient of letter 1 the nth result, and delivers everything else.
func settling(results ...Result) delivery {
	return func(_ context.Context, trip *Trip) {
		if trip.First.Envelope.Sender == "" {
			trip.Settle(trip.First, everyone(trip.First, Delivered, nil))
			return
		}
		var list []Result
		for _, r := range trip.First.Recipients {
			result := results[min(r.RID, len(results)-1)]
			result.RID = r.RID
			list = append(list, result)
		}
		trip.Settle(trip.First, list)
	}
}

func TestFailureIsToldToWhoWantsToKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, settling(Result{Outcome: Hard, Failure: never}))
		b.Add(wishing(1, "", "NEVER", "SUCCESS,DELAY", "FAILURE"))
		synctest.Wait()
		b.Add(wishing(2, "NEVER", "DELAY"))
		synctest.Wait()
		if n := b.Totals(); n.HardBounced != 6 || n.Messages != 0 {
			t.Errorf("totals %+v", n)
		}
		compare(t, "notices", b.noticesTold(), []string{"bounce 1 to a@x.example: 5.1.1 no such user"})
		compare(t, "recipients in it", b.notices.failed, []string{"r0@two.example", "r3@two.example"})
		lines := strings.Join(b.lines(), "\n")
		for _, want := range []string{
			"Bounced: DCID 0 MID 1 to RID 1 - 5.1.0", "Message finished MID 1 done", "Bounced: DCID 0 MID 2 to RID 0 - 5.1.0", "Message finished MID 2 done",
		} {
			if !strings.Contains(lines, want) {
				t.Errorf("no %q in\n%s", want, lines)
			}
		}
	})
}

// TestANoticeNobodyWantsHoldsNothingUp: what nobody is told of is final although no notice can be written.
func TestANoticeNobodyWantsHoldsNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, settling(Result{Outcome: Hard, Failure: never}))
		b.notices.breakWith(errors.New("disk full"))
		b.Add(wishing(1, "NEVER", "FAILURE"))
		synctest.Wait()
		if n := b.Totals(); n.HardBounced != 1 || n.Active != 1 {
			t.Errorf("totals %+v", n)
		}
	})
}

func TestSuccessIsToldToWhoAskedWhereNobodyElseTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, settling(
			Result{Outcome: Delivered, Handover: Relayed, Response: "ok"}, Result{Outcome: Delivered, Handover: Final, Response: "here"},
			Result{Outcome: Delivered, Handover: PassedOn, Response: "ok"}, Result{Outcome: Possible, Handover: Relayed},
			Result{Outcome: Delivered, Handover: Relayed}, Result{Outcome: Hard, Failure: never},
		), func(b *bench, _ *Options) {
			p := b.conf.Bounces[config.DefaultBounceProfile]
			p.HardBounce, p.NoticeTo = false, "boss@x.example" // success is no bounce
		})
		b.Add(wishing(1, "SUCCESS", "FAILURE,SUCCESS", "SUCCESS", "SUCCESS", "", "SUCCESS,FAILURE"))
		synctest.Wait()
		m := wishing(2, "SUCCESS")
		m.Sender = ""
		b.Add(m)
		synctest.Wait()
		compare(t, "trace", b.spool.trace[:3], []string{
			"success 1 of r0@two.example to a@x.example: 1 ok", "success 1 of r1@two.example to a@x.example: 2 here",
			"update 1/0 done=true attempts=0",
		})
		if told := b.noticesTold(); len(told) != 2 {
			t.Errorf("notices %q", told)
		}
		if lines := b.lines(); !slices.Contains(lines, "MID 1001 was generated for bounce of MID 1") {
			t.Errorf("log\n%s", strings.Join(lines, "\n"))
		}
	})
}

// TestSuccessThatCannotBeToldIsStillOne: nobody is sent a message twice for the sake of a notice.
func TestSuccessThatCannotBeToldIsStillOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, settling(Result{Outcome: Delivered, Handover: Relayed}))
		b.notices.breakWith(errors.New("disk full"))
		b.Add(wishing(1, "SUCCESS"))
		synctest.Wait()
		if n := b.Totals(); n.Delivered != 1 || n.Messages != 0 || len(b.faults()) != 1 {
			t.Errorf("totals %+v, faults %q", n, b.faults())
		}
	})
}

// warnings makes the queue warn after 10 minutes and keep trying for 2 hours.
func warnings(n int) func(*bench, *Options) {
	return func(b *bench, o *Options) {
		p := b.conf.Bounces[config.DefaultBounceProfile]
		p.MaxRetries, p.DelayWarning, p.DelayWarningAfter, p.DelayWarnings = 1000, true, 600, n
		o.Suspended = Suspension{All: true}
	}
}

// warned are the delay warnings so far: which message, and the recipients in them.
func (b *bench) warned() []string {
	b.spool.mu.Lock()
	defer b.spool.mu.Unlock()
	return slices.Clone(b.notices.late)
}

func TestDelayIsToldToWhoWantsToKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, nil, warnings(1))
		b.Add(wishing(1, "", "NEVER", "SUCCESS,FAILURE", "DELAY"))
		b.Add(wishing(2, "NEVER", "FAILURE"))
		pause(time.Hour)
		compare(t, "warnings", b.warned(), []string{"1 r0@two.example r3@two.example"})
	})
}

// TestEveryRecipientIsWarnedOf: what waits for another destination is late too.
func TestEveryRecipientIsWarnedOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, nil, warnings(1))
		b.Add(letter(1, "a@x.example", "b@two.example", "c@three.example"))
		pause(time.Hour)
		got := b.warned()
		slices.Sort(got)
		compare(t, "warnings", got, []string{"1 b@two.example", "1 c@three.example"})
	})
}

// TestARestartRepeatsNoWarning: all that fell due before it count as sent, and the next one comes when it is due.
func TestARestartRepeatsNoWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, nil, warnings(3), func(b *bench, _ *Options) {
			m := letter(1, "a@x.example", "b@two.example")
			m.Received = time.Now().Add(-25 * time.Minute)
			b.spool.messages[1] = m
		})
		pause(4 * time.Minute)
		compare(t, "warnings right after the start", b.warned(), nil)
		pause(2 * time.Minute)
		compare(t, "warnings", b.warned(), []string{"1 b@two.example"})
		pause(time.Hour)
		compare(t, "warnings in the end", b.warned(), []string{"1 b@two.example"})
	})
}

func TestWhenTheLastAttemptWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, settling(Result{Outcome: Hard, Failure: never}))
		b.Add(letter(1, "a@x.example", "b@two.example"))
		synctest.Wait()
		if !b.notices.tried.Equal(b.start) {
			t.Errorf("last attempt %v, want %v", b.notices.tried, b.start)
		}
		b.Suspend(nil)
		b.Add(letter(2, "a@x.example", "b@two.example"))
		pause(3 * time.Hour)
		if len(b.noticesTold()) != 2 || !b.notices.tried.IsZero() {
			t.Errorf("notices %q, last attempt %v", b.noticesTold(), b.notices.tried)
		}
	})
}

func TestTheProfileSaysWhoIsToldAndHow(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(p *config.BounceProfile)
		want   []string
		dsn    bool
	}{
		{"hard_bounce off", func(p *config.BounceProfile) { p.HardBounce = false }, nil, false},
		{"notice_to", func(p *config.BounceProfile) { p.NoticeTo = "boss@x.example" }, []string{"bounce 1 to boss@x.example: 5.1.1 no such user"}, true},
		{"dsn off", func(p *config.BounceProfile) { p.DSN = false }, []string{"bounce 1 to a@x.example: 5.1.1 no such user"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := run(t, settling(Result{Outcome: Hard, Failure: never}), func(b *bench, _ *Options) {
					test.change(b.conf.Bounces[config.DefaultBounceProfile])
				})
				b.Add(wishing(1, "FAILURE", "NEVER"))
				synctest.Wait()
				compare(t, "notices", b.noticesTold(), test.want)
				if n := b.Totals(); n.HardBounced != 2 || n.Messages != 0 || b.notices.how.DSN != test.dsn {
					t.Errorf("totals %+v, DSN %v", n, b.notices.how.DSN)
				}
			})
		})
	}
}
