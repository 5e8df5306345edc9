package queue

import (
	"context"
	"fmt"
	"time"

	"posthouse/config"
	"posthouse/mta/spool"
)

// Redirect sends everything that is queued at this moment to another machine, whatever its recipients' domains and their
// routes are, and makes it due at once. It survives a restart, and concerns nothing that comes later. What is under way is left to
// its delivery. When ctx ends or the spool fails, what is counted is done and the rest is left.
func (q *Queue) Redirect(ctx context.Context, to config.Hop, p Progress) (Changed, error) {
	via := config.Redirected(to)
	c := &change{q: q, filter: Filter{except: via}, progress: p}
	c.write = func(mid uint64, tasks []*Task) (int, error) { return q.writeRedirected(mid, tasks, via) }
	c.end = func(s *state, task *Task) bool {
		now := at(time.Now())
		s.move(task.group, s.host(via, now), now)
		return false
	}
	return c.run(ctx)
}

// writeRedirected makes it durable where a message's recipients go, and logs it. How often they were tried is kept.
func (q *Queue) writeRedirected(mid uint64, tasks []*Task, via string) (int, error) {
	m, err := q.opt.Spool.Message(mid)
	if err != nil {
		// One message that is damaged is no reason to leave the others.
		q.opt.Fault(fmt.Sprintf("redirecting MID %d", mid), err)
		return 0, nil
	}
	ours := map[int]bool{}
	for _, task := range tasks {
		for _, r := range task.Recipients {
			ours[r.RID] = true
		}
	}
	var updates []spool.Update
	for i, r := range m.Recipients {
		if st := m.States[i]; ours[r.RID] && !st.Done {
			st.Next, st.Via = time.Time{}, via
			updates = append(updates, spool.Update{RID: r.RID, State: st})
		}
	}
	if _, err := q.opt.Spool.Update(mid, updates...); err != nil {
		return 0, fmt.Errorf("recording where MID %d goes: %w", mid, err)
	}
	q.opt.Log.Redirected(mid, ridsOf(updates), via)
	return len(updates), nil
}

// move makes a group that is in an operation's hands wait for another destination, due at once.
func (s *state) move(g *group, to *host, now instant) {
	from := g.host
	from.groups.remove(g)
	from.active -= g.size()
	from.attempted -= g.attempted()
	s.rearm(from)
	g.host, g.due = to, 0
	to.groups.byAge(g, to.moved)
	to.moved = g
	to.active += g.size()
	to.attempted += g.attempted()
	s.place(g, now)
}

// byAge puts g where its age belongs. It is looked for from the end and, where near is in the list still, from there: a
// million groups that come more or less in the order of their ages need no search.
func (l *list) byAge(g, near *group) {
	age := g.msg.arrived
	if near != nil && (near.host != g.host || !l.has(near)) {
		near = nil
	}
	back := l.last
	for back != nil && back.msg.arrived > age {
		back = l.links(back).prev
		if near == nil {
			continue
		}
		if near.msg.arrived > age {
			near = l.links(near).prev // nil at the beginning, where back arrives too
			continue
		}
		next := l.links(near).next
		if next == nil || next.msg.arrived > age {
			back = near
			break
		}
		near = next
	}
	l.after(back, g)
}

// after puts g behind mark, or at the beginning if mark is nil.
func (l *list) after(mark, g *group) {
	if mark == nil {
		l.before(l.first, g)
		return
	}
	l.before(l.links(mark).next, g)
}
