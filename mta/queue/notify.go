package queue

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"posthouse/config"
	"posthouse/mta/spool"
)

// What a sender may ask to be told of a recipient (RFC 3461 §4.1).
const (
	onSuccess = "SUCCESS"
	onFailure = "FAILURE"
	onDelay   = "DELAY"
)

// wants says whether the sender is to be told. Where he said nothing he is told of what went wrong, of delay as the bounce
// profile has it.
func (r *Recipient) wants(event string) bool {
	if r.Notify == "" {
		return event != onSuccess
	}
	return slices.Contains(strings.Split(r.Notify, ","), event)
}

// Handover says who is to tell the sender of a success that he asked to be told of (RFC 3461 §5.2).
type Handover int

const (
	PassedOn Handover = iota // the next hop, which was given the request with the message
	Relayed                  // we: the next hop knows nothing of such requests
	Final                    // we: the delivery ends here
)

// Reached is one recipient whose message is delivered as far as we can tell.
type Reached struct {
	Recipient
	Handover Handover // Relayed or Final
	Code     int      // of the next hop's reply; 0 where there was none
	Response string   // its words or ours
	Status   string   // "2.0.0"
	Remote   string   // the host that took the message; empty where none did
}

// notices writes what the sender is to be told of the results. A failure that could not be told is not final.
func (q *Queue) notices(t *Trip, task *Task, list []settled, p *config.BounceProfile, now time.Time) []spool.Message {
	var written []spool.Message
	for _, m := range []*spool.Message{q.bounce(t, task, list, p, now), q.success(task, list, p)} {
		if m != nil {
			written = append(written, *m)
		}
	}
	return written
}

// success writes the notice for recipients of whose success nobody else tells. It is asked for by the sender alone, so
// neither an alternate address nor the switch for bounces concerns it. To try again what is delivered would do more harm
// than a notice that is lost.
func (q *Queue) success(task *Task, list []settled, p *config.BounceProfile) *spool.Message {
	var reached []Reached
	for i := range list {
		if r := &list[i]; r.outcome == Delivered && r.handover != PassedOn && r.wants(onSuccess) {
			reached = append(reached, Reached{r.Recipient, r.handover, r.code, r.response, r.status, r.remote})
		}
	}
	env := task.Envelope
	if len(reached) == 0 || env.Sender == "" {
		return nil
	}
	m, err := q.opt.Bouncer.Success(env, reached, Notice{To: env.Sender, DSN: p.DSN})
	if err != nil {
		q.opt.Fault(fmt.Sprintf("notice of success for MID %d", env.MID), err)
		return nil
	}
	return &m
}

// warn sends a delay warning to whoever wants one. The recipients are in nobody else's hands meanwhile.
func (q *Queue) warn(j job) {
	if err := q.load(j.warn); err != nil {
		q.opt.Fault(fmt.Sprintf("delay warning of MID %d", j.warn.MID), err)
		return
	}
	env := j.warn.Envelope
	_, profile := Profile(q.opt.Config(), j.warn.group.host.name, env.BounceProfile)
	var late []Failed
	for _, r := range j.warn.Recipients {
		if r.wants(onDelay) {
			f := Failure{Class: "4.4.7", Title: "Delivery delayed", Status: "4.4.7", Lines: []string{j.last.text()}, Cause: j.last.cause, Remote: j.last.remote}
			late = append(late, Failed{Recipient: r, Failure: f})
		}
	}
	if len(late) == 0 {
		return
	}
	m, err := q.opt.Bouncer.Delay(env, late, j.until, notice(env, profile))
	if err != nil {
		q.opt.Fault(fmt.Sprintf("delay warning of MID %d", env.MID), err)
		return
	}
	q.announce(&m, env.MID)
	q.Add(m)
	q.persist(env.MID, warned(j.warn, j.last))
}

// warned is what the spool has to know after a delay warning, so that a restart does not send it again.
func warned(task *Task, last fault) (updates []spool.Update) {
	for _, r := range task.Recipients {
		st := r.state(task.group.due)
		if task.group.last != nil {
			last.keep(&st)
		}
		updates = append(updates, spool.Update{RID: r.RID, State: st})
	}
	return updates
}
