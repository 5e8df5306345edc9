package queue

import (
	"errors"
	"fmt"
	"time"

	"posthouse/config"
	"posthouse/mta/maillog"
	"posthouse/mta/spool"
)

// Settle says what came of a task's recipients; one without a result counts as not tried. What is final is durable
// before this returns, and then logged. Deliver calls it exactly once for every task. It
// returns the results as they stand: Hard also for what was a recipient's last try, Again for what had no result.
func (t *Trip) Settle(task *Task, results []Result) []Result {
	if !t.forget(task) {
		return nil
	}
	list := t.queue.settle(t, t.dcid, task, results)
	stand := make([]Result, 0, len(list))
	for i := range list {
		r := &list[i]
		stand = append(stand, Result{
			RID: r.RID, Outcome: r.outcome, Code: r.code, Response: r.response, Protection: r.prot, Failure: r.failure,
		})
	}
	return stand
}

// settle carries the results into the notices, the spool, the log and the state, in this order: a notice of
// failure must exist before the failure is final, and nobody may believe what is not durable. Whatever panics on the
// way, the state gets its recipients back: as done if that is durable or if they have the message, else to be tried later.
func (q *Queue) settle(t *Trip, dcid uint64, task *Task, results []Result) []settled {
	now := time.Now()
	name, profile := Profile(q.opt.Config(), task.group.host.name, task.Envelope.BounceProfile)
	list := judge(task, results, profile, now, q.opt.Random)
	durable, concluded := false, false
	defer func() {
		if !concluded {
			if !durable {
				list = q.putBack(task, list, at(now.Add(backoff(profile, 1, 1))))
			}
			q.conclude(t, task, list)
		}
	}()
	notices := q.notices(t, task, list, profile, now)
	q.rescue(task.MID, list)
	headers := q.headers(task.MID, list) // after this the spool may let the message go
	q.persist(task.MID, updatesOf(list, now))
	durable = true
	q.report(dcid, task, list, name, headers)
	for i := range notices {
		q.announce(&notices[i], task.MID)
	}
	concluded = true
	q.conclude(t, task, list)
	for _, m := range notices {
		q.Add(m)
	}
	return list
}

// headers are what the operator wants to read of a message that was delivered.
func (q *Queue) headers(mid uint64, list []settled) []maillog.Header {
	for i := range list {
		if q.opt.Headers != nil && list[i].outcome == Delivered {
			return q.opt.Headers(mid)
		}
	}
	return nil
}

// rescue keeps a copy of a message that turned out damaged, for people to look at.
func (q *Queue) rescue(mid uint64, list []settled) {
	for i := range list {
		if f := list[i].failure; f != nil && f.Damaged {
			q.setAside(mid, f.Text())
			return
		}
	}
}

func (q *Queue) setAside(mid uint64, reason string) {
	if err := q.opt.Spool.SetAside(mid, reason); err != nil {
		q.opt.Fault(fmt.Sprintf("setting MID %d aside", mid), err)
	}
}

// putBack is the results where settling them failed half-way: who has the message is not sent it again, and of the
// others nothing is known but that they are not done.
func (q *Queue) putBack(task *Task, results []settled, next instant) []settled {
	var list, delivered []settled
	for i, r := range task.Recipients {
		if o := results[i].outcome; o == Delivered || o == Possible {
			delivered = append(delivered, results[i])
			continue
		}
		list = append(list, settled{Recipient: r, outcome: Soft, next: next, failure: internalFailure()})
	}
	q.persist(task.MID, updatesOf(delivered, time.Now()))
	return append(list, delivered...)
}

// judge turns results into what becomes of the recipients under the bounce profile.
func judge(task *Task, results []Result, p *config.BounceProfile, now time.Time, random func() float64) []settled {
	byRID := make(map[int]*Result, len(results))
	for i := range results {
		byRID[results[i].RID] = &results[i]
	}
	chance := random()
	list := make([]settled, 0, len(task.Recipients))
	for _, rcpt := range task.Recipients {
		r := settled{Recipient: rcpt, outcome: Again}
		if res := byRID[rcpt.RID]; res != nil {
			r.outcome, r.prot, r.failure = res.Outcome, res.Protection, res.Failure
			r.code, r.response = res.Code, res.Response
			r.handover, r.status, r.remote = res.Handover, res.Status, res.Remote
		}
		if r.outcome == Soft || r.outcome == Hard {
			r.Attempts++
		}
		if r.outcome == Soft {
			r.next = at(now.Add(backoff(p, r.Attempts, chance)))
			if spent(p, task.Envelope.Received, r.Attempts, now) {
				r.outcome, r.failure = Hard, expiredBy(r.failure)
			}
		}
		list = append(list, r)
	}
	return list
}

// expiredBy is the expiry of a recipient whose last attempt failed so.
func expiredBy(last *Failure) *Failure {
	text := last.Text()
	f := expiredFailure(fault{words: &text, cause: last.Cause, remote: last.Remote})
	f.before = last
	return f
}

// bounce writes the notice for what failed for good, where there is somebody to tell. If it cannot be written, the
// failures are not final yet: they are tried again.
func (q *Queue) bounce(t *Trip, task *Task, list []settled, p *config.BounceProfile, now time.Time) *spool.Message {
	if task.Envelope.Sender == "" || !p.HardBounce {
		return nil
	}
	tried := now
	if t == nil { // it expired where it lay
		tried = time.Time{}
	}
	var failed []Failed
	for i := range list {
		if r := &list[i]; r.told() {
			failed = append(failed, Failed{r.Recipient, *r.failure, tried})
		}
	}
	if len(failed) == 0 {
		return nil
	}
	m, err := q.opt.Bouncer.Bounce(task.Envelope, failed, notice(task.Envelope, p))
	if err == nil {
		return &m
	}
	q.opt.Fault(fmt.Sprintf("bounce of MID %d", task.MID), err)
	for i := range list {
		if r := &list[i]; r.told() {
			r.outcome = Soft
			r.next = at(now.Add(backoff(p, 1, 1)))
		}
	}
	return nil
}

// notice is how the profile wants its notices for a message.
func notice(env *spool.Envelope, p *config.BounceProfile) Notice {
	to := p.NoticeTo
	if to == "" {
		to = env.Sender
	}
	return Notice{To: to, DSN: p.DSN}
}

// updatesOf is what the spool has to know of the results.
func updatesOf(list []settled, now time.Time) []spool.Update {
	var updates []spool.Update
	for i := range list {
		r := &list[i]
		if r.outcome == Again {
			continue
		}
		st := spool.State{Done: r.done(), Attempts: r.Attempts}
		if !st.Done {
			st = r.state(r.next)
			if r.failure != nil {
				faultOf(r.failure, now).keep(&st)
			}
		}
		updates = append(updates, spool.Update{RID: r.RID, State: st})
	}
	return updates
}

// state is what the spool has to know of a recipient that waits.
func (r *Recipient) state(next instant) spool.State {
	st := spool.State{Attempts: r.Attempts, Next: next.time(), Warned: r.warned}
	if r.Destination != Destination(r.Address) {
		st.Via = r.Destination
	}
	return st
}

// persist records the recipients' new states. A disk that does not take them is told to the operator; the spool keeps them
// and records them as soon as it can.
func (q *Queue) persist(mid uint64, updates []spool.Update) {
	if len(updates) == 0 {
		return
	}
	if _, err := q.opt.Spool.Update(mid, updates...); err != nil && !gone(err) {
		q.opt.Fault(fmt.Sprintf("recording MID %d", mid), err)
	}
}

// gone says that the spool has no such message any more.
func gone(err error) bool { return errors.Is(err, spool.ErrNotFound) }

// report writes the log lines of what became of the recipients.
func (q *Queue) report(dcid uint64, task *Task, list []settled, profile string, headers []maillog.Header) {
	mid := task.MID
	q.reportDelivered(dcid, mid, list, headers)
	for i := range list {
		r := &list[i]
		switch {
		case r.outcome == Soft:
			q.opt.Log.Delayed(dcid, mid, r.RID, r.failure.entry())
		case r.outcome == Hard && task.Envelope.Sender == "":
			q.opt.Log.DoubleBounced(dcid, mid, r.RID, r.failure.entry())
		case r.outcome == Hard:
			q.opt.Log.Bounced(dcid, mid, r.RID, r.failure.entry())
		}
		if r.outcome == Hard && q.opt.Bounced != nil {
			q.opt.Bounced(dcid, mid, task.Envelope.Sender, r.Address, r.RID, r.failure.entry())
		}
	}
	for _, pending := range groupBy(list, func(r *settled) (instant, bool) { return r.next, r.outcome == Soft }) {
		q.opt.Log.PendingTill(mid, pending.rids, pending.key.time(), profile)
	}
}

func (q *Queue) reportDelivered(dcid, mid uint64, list []settled, headers []maillog.Header) {
	type key struct {
		outcome  Outcome
		response string
	}
	for _, done := range groupBy(list, func(r *settled) (key, bool) {
		return key{r.outcome, r.response}, r.outcome == Delivered || r.outcome == Possible
	}) {
		if done.key.outcome == Possible {
			q.opt.Log.PossibleDelivery(dcid, mid, done.rids)
			continue
		}
		q.opt.Log.MessageDone(dcid, mid, done.rids, headers...)
		q.opt.Log.Response(mid, done.rids, done.key.response)
	}
}

// bunch is the recipients that share a key.
type bunch[K comparable] struct {
	key  K
	rids []int
}

// groupBy bunches the recipients that by chooses, in the order in which their keys first appear.
func groupBy[K comparable](list []settled, by func(*settled) (K, bool)) []bunch[K] {
	var bunches []bunch[K]
	index := make(map[K]int)
	for i := range list {
		key, ok := by(&list[i])
		if !ok {
			continue
		}
		n, seen := index[key]
		if !seen {
			n = len(bunches)
			index[key] = n
			bunches = append(bunches, bunch[K]{key: key})
		}
		bunches[n].rids = append(bunches[n].rids, list[i].RID)
	}
	return bunches
}

// announce logs the birth of a notice.
func (q *Queue) announce(m *spool.Message, of uint64) {
	log := q.opt.Log
	log.MessageStarted(m.MID, 0)
	log.BounceGenerated(m.MID, of)
	log.From(m.MID, 0, m.Sender)
	for _, r := range m.Recipients {
		log.To(m.MID, 0, r.RID, r.Address)
	}
	log.Queued(m.MID)
}

// conclude tells the state, and logs the message's end if this was it.
func (q *Queue) conclude(t *Trip, task *Task, list []settled) {
	q.letGo(task)
	finished := false
	q.call(func(s *state) {
		now := at(time.Now())
		if t != nil {
			s.concluded(t, list, now)
		}
		finished = s.finish(task, list, now)
	})
	if finished {
		q.opt.Log.MessageFinished(task.MID)
	}
}

// entry is a failure as mail_logs states it.
func (f *Failure) entry() maillog.Failure {
	return maillog.Failure{Status: f.Class, Words: f.Title, Code: f.Code, Lines: f.Lines}
}

// reply is a failure's reply as the peer sent it, on one line.
func (f *Failure) reply() string { return fmt.Sprintf("%d %s", f.Code, f.summary()) }
