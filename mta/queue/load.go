package queue

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"posthouse/mta/spool"
)

// load begins the work on a task and fills in what the queue does not remember of it: the envelope and the recipients'
// addresses. The work ends with letGo.
func (q *Queue) load(task *Task) error {
	if !task.inHand {
		task.inHand, task.slot = true, q.opt.Hand.Take(task.MID)
	}
	m := task.message
	if m == nil {
		read, err := q.opt.Spool.Message(task.MID)
		if err != nil {
			return err
		}
		m = &read
	}
	task.Envelope = &m.Envelope
	for i := range task.Recipients {
		r := &task.Recipients[i]
		known := recipient(m.Recipients, r.RID)
		if known == nil {
			return fmt.Errorf("%w: it has no recipient %d", spool.ErrDamaged, r.RID)
		}
		r.Address, r.Notify, r.ORcpt = known.Address, known.Notify, known.ORcpt
	}
	return nil
}

// letGo ends the work on a task.
func (q *Queue) letGo(task *Task) {
	if task.inHand {
		task.inHand = false
		q.opt.Hand.Put(task.slot, task.MID)
	}
}

// recipient finds a recipient by its ID, which nearly always is its place.
func recipient(list []spool.Recipient, rid int) *spool.Recipient {
	if rid < len(list) && list[rid].RID == rid {
		return &list[rid]
	}
	if i := slices.IndexFunc(list, func(r spool.Recipient) bool { return r.RID == rid }); i >= 0 {
		return &list[i]
	}
	return nil
}

// unreadable settles a task whose message cannot be read. What the disk may give later waits; what it lost is set aside, and
// nobody can be told: the sender's address is lost too.
func (q *Queue) unreadable(t *Trip, task *Task, err error) {
	q.opt.Fault(fmt.Sprintf("MID %d cannot be read", task.MID), err)
	task.Envelope = &spool.Envelope{MID: task.MID}
	if !errors.Is(err, spool.ErrDamaged) && !gone(err) {
		q.settle(t, 0, task, everyone(task, Soft, internalFailure()))
		return
	}
	damaged := errors.Is(err, spool.ErrDamaged)
	if damaged {
		q.setAside(task.MID, err.Error())
	}
	f := internalFailure()
	f.Lines = []string{"the message is damaged"}
	q.settle(t, 0, task, everyone(task, Hard, f))
	if damaged {
		if err := q.opt.Spool.Discard(task.MID); err != nil && !gone(err) {
			q.opt.Fault(fmt.Sprintf("giving up MID %d", task.MID), err)
		}
	}
}

// sortByAge brings each destination's messages into the order of their age after a start: what the spool moved comes late.
func (s *state) sortByAge() {
	for _, h := range s.hosts {
		sorted := true
		for g := h.groups.first; g != nil && g.inHost.next != nil && sorted; g = g.inHost.next {
			sorted = g.msg.arrived <= g.inHost.next.msg.arrived
		}
		if sorted {
			continue
		}
		var list []*group
		for g := h.groups.first; g != nil; g = h.groups.first {
			list = append(list, g)
			h.groups.remove(g)
		}
		slices.SortStableFunc(list, func(a, b *group) int { return cmp.Compare(a.msg.arrived, b.msg.arrived) })
		for _, g := range list {
			h.groups.push(g)
		}
	}
}
