package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	changeStep    = 256 // groups that an operation has in its hands at a time
	changeWriters = 32  // messages that it writes at once: the spool makes many durable together
)

// Progress is told what an operation has done so far, and how much of the way it has gone, from 0 to 1. It may be nil.
type Progress func(done Changed, share float64)

// Changed is what an operation on the queue has done, whatever ended it.
type Changed struct {
	Messages, Recipients int
}

// change is an operation on what a filter chooses.
type change struct {
	q        *Queue
	filter   Filter
	progress Progress

	// write records the change for one message and returns the count of recipients that it is made for. Many of these run
	// at once. What fails or is not counted waits on as before.
	write func(mid uint64, tasks []*Task) (int, error)
	// end is what the state has to know, for each task that was written; it is called under the mutex. It is nil where write has ended the tasks itself.
	end func(*state, *Task) (finished bool)

	done    Changed
	lastMID uint64 // the latest message counted
	skipped bool   // something was under way, or had come back since it was looked for
}

// run does the operation. What it says that it has done is on stable storage: a deletion must not turn into a delivery.
func (c *change) run(ctx context.Context) (Changed, error) {
	err := c.all(ctx)
	if c.done.Recipients > 0 {
		if failed := c.q.opt.Spool.Sync(); failed != nil {
			err = errors.Join(err, fmt.Errorf("recording it on the disk, which is tried again: %w", failed))
		}
	}
	return c.done, err
}

// all does the operation for everything that is chosen at this moment and not under way. What was under way when it came past and
// waits again is looked for once more, until there is nothing left to do. When ctx ends, what was begun is finished.
func (c *change) all(ctx context.Context) error {
	since := time.Now()
	for {
		list, err := c.q.collect(ctx, c.filter, since)
		if err != nil {
			return err
		}
		before := c.done.Recipients
		c.lastMID, c.skipped = 0, false
		for all := len(list); len(list) > 0; {
			n := min(changeStep, len(list))
			for n < len(list) && n < 4*changeStep && list[n].mid == list[n-1].mid {
				n++ // a message's groups are written together
			}
			if err := c.step(ctx, list[:n]); err != nil {
				return err
			}
			list = list[n:]
			if c.progress != nil {
				c.progress(c.done, 1-float64(len(list))/float64(all))
			}
		}
		if c.done.Recipients == before || !c.skipped {
			return nil
		}
	}
}

// work is one message in a step.
type work struct {
	mid   uint64
	tasks []*Task
	count int
	err   error
	end   bool // nothing is left of the message
}

// step takes what is there of some groups out of the deliveries' reach and changes it. It is a chore of the queue, which
// does not end before it is over.
func (c *change) step(ctx context.Context, list []handle) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	list = c.sentAsWanted(list)
	over := make(chan struct{})
	var items []*work
	running := false
	c.q.call(func(s *state) {
		if running = !s.stopping; !running {
			return
		}
		items = c.grab(s, list)
		s.chores++
		c.q.workers.Go(func() {
			defer close(over)
			c.work(ctx, items)
		})
	})
	if !running {
		return ErrStopped
	}
	<-over
	return c.count(ctx, items)
}

// grab takes those of the groups that are there still and nobody's, message by message.
func (c *change) grab(s *state, list []handle) (items []*work) {
	for _, h := range list {
		if h.group.busy || !h.group.listed {
			c.skipped = true
			continue
		}
		if n := len(items); n == 0 || items[n-1].mid != h.mid {
			items = append(items, &work{mid: h.mid})
		}
		item := items[len(items)-1]
		item.tasks = append(item.tasks, s.grab(h.group))
	}
	return items
}

// work changes the messages: what survives a restart first, then what the state knows, then the log's last word on finished ones.
func (c *change) work(ctx context.Context, items []*work) {
	atOnce(items, func(item *work) {
		if ctx.Err() != nil {
			return
		}
		item.err = errInternal // a panic leaves it so
		c.q.guarded(fmt.Sprintf("a command on MID %d", item.mid), func() {
			item.count, item.err = c.write(item.mid, item.tasks)
		})
	})
	c.q.call(func(s *state) {
		s.chores--
		for _, item := range items {
			c.ended(s, item)
		}
	})
	for _, item := range items {
		if item.end {
			c.q.opt.Log.MessageFinished(item.mid)
		}
	}
}

var errInternal = errors.New("internal error")

// ended is the state's part of one message: the change is made, or what is still in our hands goes back to where it waited.
func (c *change) ended(s *state, item *work) {
	for _, task := range item.tasks {
		switch g := task.group; {
		case item.count > 0 && item.err == nil && c.end != nil:
			item.end = c.end(s, task) || item.end
		case g.busy && g.listed:
			s.place(g, at(time.Now()))
		}
	}
}

// atOnce calls f for all items, several at a time.
func atOnce(items []*work, f func(*work)) {
	var next atomic.Int64
	var writers sync.WaitGroup
	for range min(changeWriters, len(items)) {
		writers.Go(func() {
			for i := next.Add(1); i <= int64(len(items)); i = next.Add(1) {
				f(items[i-1])
			}
		})
	}
	writers.Wait()
}

// count adds up what a step has done. The first failure ends the operation: where the disk refuses one message, it refuses
// the next million too.
func (c *change) count(ctx context.Context, items []*work) error {
	var faults []error
	for _, item := range items {
		c.done.Recipients += item.count
		if item.count > 0 && item.mid != c.lastMID {
			c.done.Messages++
			c.lastMID = item.mid
		}
		if item.err != nil && len(faults) < 3 {
			faults = append(faults, item.err)
		}
	}
	return errors.Join(append(faults, ctx.Err())...)
}

// sentAsWanted keeps the groups of messages whose envelope has the sender that is wanted: memory knows a hash of it only. What
// cannot be read is left alone.
func (c *change) sentAsWanted(list []handle) []handle {
	if !c.filter.bySender() {
		return list
	}
	var kept []handle
	sure, mid := false, uint64(0)
	for _, h := range list {
		if h.mid != mid {
			m, err := c.q.opt.Spool.Message(h.mid)
			sure, mid = err == nil && c.filter.sentBy(m.Sender), h.mid
		}
		if sure {
			kept = append(kept, h)
		}
	}
	return kept
}
