package outbound

import (
	"context"
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

// trip is one round of a queue's trip: the way to a connection for one task, and what goes over that connection.
type trip struct {
	*journey
	queue *queue.Trip
	first *queue.Task
	began time.Time
}

// Deliver implements queue.Deliverer: it tries the destination's hosts until one takes mail, sends what there is, and
// settles every task that it was given. A message that may not travel on the connection of the others gets one of its own.
func (d *Deliverer) Deliver(ctx context.Context, t *queue.Trip) {
	for task := t.First; task != nil; {
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

func (d *Deliverer) newTrip(t *queue.Trip, task *queue.Task, dem demands) *trip {
	run := &trip{journey: d.newJourney(t.Destination(), dem), queue: t, first: task, began: time.Now()}
	run.audience = t
	run.observe = d.opt.Observe
	run.log = d.opt.Log
	run.use = func(ctx context.Context, c *connection) bool {
		t.Up(c.lastTLS())
		run.apart = run.work(ctx, c)
		return true
	}
	return run
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
	outcome := queue.Soft
	switch {
	case !temporary(f):
		// What is certain holds for every message alike: none has to wait for another try.
		outcome = queue.Hard
	case t.barred:
		t.queue.Bar(f.Cause, f.Text())
	default:
		t.queue.Down(f.Cause, f.Text())
	}
	t.settle(t.last, t.first, everyone(t.first, outcome, f), t.began)
}

// settle gives results to the queue, and tells what came of them there.
func (t *trip) settle(r *tlspolicy.Record, task *queue.Task, results []queue.Result, began time.Time) {
	t.d.tellSent(r, task, t.queue.Settle(task, results), began)
}

// discard takes the mail of a route to /dev/null.
func (t *trip) discard(ctx context.Context) {
	t.queue.Up("none, discarded")
	task, ok := t.first, true
	for ok {
		results := everyone(task, queue.Delivered, nil)
		for i := range results {
			results[i].Response, results[i].Handover, results[i].Status = "discarded: /dev/null", queue.Final, "2.0.0"
		}
		t.settle(nil, task, results, time.Now())
		task, ok = t.queue.Next(ctx)
	}
}
