package queue

import (
	"context"
	"fmt"
	"slices"
	"time"

	"posthouse/mta/spool"
)

// Delete takes the chosen recipients out of the queue for good. Those whose delivery is under way are left to it. When ctx
// ends or the spool fails, what is counted is done and the rest is left.
func (q *Queue) Delete(ctx context.Context, f Filter, p Progress) (Changed, error) {
	c := &change{q: q, filter: f, progress: p, write: q.writeDeleted}
	c.end = func(s *state, task *Task) bool { return s.drop(task.group, at(time.Now())) }
	return c.run(ctx)
}

// writeDeleted makes the deletion of a message's recipients durable, and logs it.
func (q *Queue) writeDeleted(mid uint64, tasks []*Task) (int, error) {
	var updates []spool.Update
	for _, task := range tasks {
		for _, r := range task.Recipients {
			updates = append(updates, spool.Update{RID: r.RID, State: spool.State{Done: true, Attempts: r.Attempts}})
		}
	}
	if _, err := q.opt.Spool.Update(mid, updates...); err != nil && !gone(err) {
		return 0, fmt.Errorf("recording the deletion in MID %d: %w", mid, err)
	}
	rids := ridsOf(updates)
	slices.Sort(rids)
	q.opt.Log.Deleted(mid, rids)
	return len(rids), nil
}

func ridsOf(updates []spool.Update) []int {
	var rids []int
	for _, u := range updates {
		rids = append(rids, u.RID)
	}
	return rids
}

// drop takes a group that is in an operation's hands out of the queue, and returns whether that was its message's end.
func (s *state) drop(g *group, now instant) (finished bool) {
	n := g.size()
	s.leave(g)
	g.busy = false
	g.host.lastActivity = now
	g.host.counts.deleted += n
	s.totals.Deleted += uint64(n)
	g.msg.left -= int32(n)
	return s.endOf(g.msg)
}
