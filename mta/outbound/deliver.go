package outbound

import (
	"context"
	"slices"
	"time"

	"posthouse/internal/cause"
	"posthouse/mta/queue"
	"posthouse/mta/spool"
	"posthouse/mta/tlspolicy"
)

// demands are what a message itself says about TLS.
type demands struct {
	require  bool // REQUIRETLS (RFC 8689 §2)
	optional bool // TLS-Required: No (RFC 8689 §3), or a TLS report (RFC 8460 §3)
}

func demandsOf(env *spool.Envelope) demands {
	return demands{require: env.RequireTLS, optional: env.TLSOptional || env.TLSReport}
}

// tasks is where a trip's messages come from and where what came of them goes; *queue.Trip is one.
type tasks interface {
	audience
	Destination() string
	Next(ctx context.Context) (*queue.Task, bool)
	Settle(task *queue.Task, results []queue.Result) []queue.Result
	Up(tls string)
	Down(f *queue.Failure)
	Bar(f *queue.Failure)
	Pressed() (others bool)
}

// trip is one round of a queue's trip: the way to a connection for one task, and what goes over that connection.
type trip struct {
	*journey
	queue tasks
	first *queue.Task
	began time.Time
}

// Deliver implements queue.Deliverer: it tries the destination's hosts until one takes mail, sends what there is, and
// settles every task that it was given. A message that may not travel on the connection of the others gets one of its own.
func (d *Deliverer) Deliver(ctx context.Context, t *queue.Trip) { d.deliver(ctx, t, t.First) }

func (d *Deliverer) deliver(ctx context.Context, t tasks, first *queue.Task) {
	for task := first; task != nil; {
		run := d.newTrip(t, task, demandsOf(task.Envelope))
		apart, failure := run.round(ctx)
		if failure != nil && redactable(task, failure) {
			run = d.newTrip(t, task, demands{})
			apart, failure = run.round(ctx)
		}
		if failure != nil {
			run.fail(ctx, failure)
		}
		task = apart
	}
}

// redactable says that a notice about a message with REQUIRETLS cannot be sent in the same manner. Such notices hold
// nothing of the message, so this one may go without (RFC 8689 §5).
func redactable(task *queue.Task, f *queue.Failure) bool {
	return task.Envelope.Bounce && task.Envelope.RequireTLS && f.Cause == cause.R1 && !temporary(f)
}

func (d *Deliverer) newTrip(t tasks, task *queue.Task, dem demands) *trip {
	run := &trip{journey: d.newJourney(domainOf(task, t), dem), queue: t, first: task, began: time.Now()}
	run.audience = t
	run.observe = d.opt.Observe
	run.log = d.opt.Log
	run.use = func(ctx context.Context, c *connection) bool {
		t.Up(c.lastTLS())
		return run.work(ctx, c)
	}
	return run
}

// domainOf is the destination that a task's connection is made for: mostly a domain. Where a task has recipients of several,
// which share a route, those of the others travel there too as far as they may, and have their turn later if not.
func domainOf(task *queue.Task, t tasks) string {
	if len(task.Recipients) == 0 {
		return t.Destination()
	}
	return task.Recipients[0].Destination
}

// round makes one connection and sends what may travel on it. It returns the task that needs one of its own, if that is
// why it ended, or the failure with which the first task is to be settled.
func (t *trip) round(ctx context.Context) (apart *queue.Task, failure *queue.Failure) {
	found, failure := t.findWay(ctx)
	if failure != nil {
		return nil, failure
	}
	if found.discard {
		t.discard(ctx)
		return nil, nil
	}
	if t.tryHosts(ctx, found) {
		return t.apart, nil
	}
	if t.worst == nil {
		return nil, ourFault("no host to deliver to")
	}
	return nil, t.worst
}

// fail settles the first task when no host took mail. That says nothing where the trip was called off, or where an
// address takes mail over as many connections as it may have.
func (t *trip) fail(ctx context.Context, f *queue.Failure) {
	if ctx.Err() != nil || t.busy {
		t.queue.Settle(t.first, nil)
		return
	}
	if t.tried == 0 && t.told != f.Cause {
		t.tellCause(0, f.Cause)
	}
	if temporary(f) && !t.barred && t.crowded() {
		t.queue.Settle(t.first, nil)
		return
	}
	outcome := queue.Soft
	switch {
	case !temporary(f):
		// What is certain holds for every message alike: none has to wait for another try.
		outcome = queue.Hard
	case t.barred:
		t.queue.Bar(f)
	default:
		t.queue.Down(f)
	}
	concerned := t.first
	if t.barred || outcome == queue.Hard {
		concerned = t.own(t.first) // the others' domains may fare better
	}
	results := everyone(concerned, outcome, f)
	t.settle(t.last, nil, t.first, results, t.began)
}

// crowded says that the peer refuses no more than one connection in addition to those that we have: other trips', or
// connections that are kept, which make room then.
func (t *trip) crowded() bool {
	return t.turned && (t.queue.Pressed() || t.d.keeper.yield(t.last.Remote))
}

// own is a task with the recipients of the trip's own domain only.
func (t *trip) own(task *queue.Task) *queue.Task {
	rest := *task
	others := func(r queue.Recipient) bool { return r.Destination != t.destination }
	rest.Recipients = slices.DeleteFunc(slices.Clone(task.Recipients), others)
	return &rest
}

// settle gives results to the queue, and tells what came of them there.
func (t *trip) settle(r *tlspolicy.Record, others records, task *queue.Task, results []queue.Result, began time.Time) {
	t.d.tellSent(r, others, task, t.queue.Settle(task, results), began)
}

// discard takes the mail of a route to /dev/null.
func (t *trip) discard(ctx context.Context) {
	t.queue.Up("none, discarded")
	task, ok := t.first, true
	for ok {
		results := everyone(task, queue.Delivered, nil)
		for i := range results {
			results[i].Response, results[i].Handover, results[i].Status = "discarded: /dev/null", queue.Final, "2.0.0"
			results[i].Protection = queue.Nowhere
		}
		t.settle(nil, nil, task, results, time.Now())
		task, ok = t.queue.Next(ctx)
	}
}
