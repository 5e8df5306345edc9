package outbound

import (
	"slices"
	"time"

	"posthouse/internal/cause"
	"posthouse/mta/queue"
	"posthouse/mta/tlspolicy"
)

// SentOutcome is what came of a message for some recipients.
type SentOutcome string

// The outcomes.
const (
	SentDelivered SentOutcome = "delivered" // also where the connection was lost behind the final dot and the operator wants no second try
	SentDelayed   SentOutcome = "delayed"
	SentBounced   SentOutcome = "bounced"
)

// Sent is what came of one message for the recipients that share an outcome and its reason.
type Sent struct {
	// Record is that of the connection, with this message's own wishes; of the last one that was tried where none took the
	// message, and nil where none was.
	Record *tlspolicy.Record

	MID        uint64
	RIDs       []int
	Recipients []string // in the order of RIDs
	Sender     string   // "" is the null sender
	Size       int64    // bytes

	Outcome    SentOutcome
	Code       int      // of the peer's reply; 0 where there is none
	Response   string   // the peer's words or ours, on one line; not escaped
	Cause      cause.ID // of what is not delivered; empty where the catalogue has none
	Protection queue.Protection

	At       time.Time     // when the transaction began; where there was none, when the delivery was given up
	Duration time.Duration // of the transaction
}

// tellSent tells what came of a task, recipients with one outcome together. What was not tried is not told.
func (d *Deliverer) tellSent(r *tlspolicy.Record, others records, task *queue.Task, results []queue.Result, began time.Time) {
	var list []*Sent
	for i := range results {
		res := &results[i]
		if res.Outcome == queue.Again {
			continue
		}
		to := recipientOf(task, i, res.RID)
		next := sentOf(others.of(r, to.Destination), task, res, began)
		n := slices.IndexFunc(list, next.alike)
		if n < 0 {
			n = len(list)
			list = append(list, &next)
		}
		list[n].RIDs = append(list[n].RIDs, res.RID)
		list[n].Recipients = append(list[n].Recipients, to.Address)
	}
	for _, s := range list {
		d.opt.Sent(*s)
	}
}

// alike says that both tell the same of their recipients.
func (s *Sent) alike(o *Sent) bool {
	return s.Record == o.Record && s.Outcome == o.Outcome && s.Response == o.Response && s.Code == o.Code && s.Cause == o.Cause &&
		s.Protection == o.Protection
}

// recipientOf is whom a result is about; results mostly stand in the order of the recipients.
func recipientOf(task *queue.Task, i, rid int) queue.Recipient {
	if i < len(task.Recipients) && task.Recipients[i].RID == rid {
		return task.Recipients[i]
	}
	for _, r := range task.Recipients {
		if r.RID == rid {
			return r
		}
	}
	return queue.Recipient{}
}

func sentOf(r *tlspolicy.Record, task *queue.Task, res *queue.Result, began time.Time) Sent {
	env := task.Envelope
	s := Sent{
		Record: r, MID: env.MID, Sender: env.Sender, Size: env.Size, Response: res.Response, Protection: res.Protection,
		At: began, Duration: time.Since(began),
	}
	switch res.Outcome {
	case queue.Delivered, queue.Possible:
		s.Outcome, s.Code = SentDelivered, res.Code
	case queue.Soft:
		s.Outcome = SentDelayed
	default:
		s.Outcome = SentBounced
	}
	if f := res.Failure; f != nil {
		s.Code, s.Response, s.Cause = f.Code, f.Text(), f.Cause
	}
	return s
}
