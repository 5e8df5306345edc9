package queue

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// handle is a group that a walk met. It is there as long as it is in its host's list; what became of it otherwise, another
// walk finds.
type handle struct {
	mid   uint64
	group *group
}

// bySender says whether the filter is about senders. The spool knows them for certain, and memory by a hash.
func (f Filter) bySender() bool { return f.Sender != "" || f.NullSender }

// sentBy says whether the filter chooses messages of the sender.
func (f Filter) sentBy(sender string) bool {
	return (f.Sender == "" || strings.EqualFold(f.Sender, sender)) && (!f.NullSender || sender == "")
}

// walk begins a walk through what the filter may choose.
func (s *state) walk(f Filter, since instant) *walk {
	w := &walk{hosts: s.order, since: since}
	if f.Host != "" {
		w.hosts = nil
		if h := s.hosts[hostKey(f.Host)]; h != nil {
			w.hosts = []*host{h}
		}
	}
	return w
}

// hostKey is the name of a destination as the queue has it.
func hostKey(name string) string { return Destination("@" + name) }

// mayChoose says whether the filter chooses a group, as far as memory knows.
func (f Filter) mayChoose() func(*group) bool {
	want := senderHash(f.Sender)
	return func(g *group) bool {
		return (f.MID == 0 || f.MID == g.msg.mid) && (!f.bySender() || g.msg.sender == want) &&
			(f.except == "" || f.except != g.host.name)
	}
}

// stroll goes through what the filter chooses, as far as memory knows, of what was received until then. Meet is called
// under the mutex, and between without it after each step. It ends with ctx, or when between returns false.
func (q *Queue) stroll(ctx context.Context, f Filter, since instant, meet func(*state, *group), between func() bool) error {
	var w *walk
	may := f.mayChoose()
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			q.call(func(*state) { w.abandon() })
			return err
		}
		running := q.call(func(s *state) {
			if w == nil {
				w = s.walk(f, since)
			}
			more = w.step(walkStep, func(g *group) {
				if may(g) {
					meet(s, g)
				}
			})
		})
		if !running {
			return ErrStopped
		}
		if !between() {
			q.call(func(*state) { w.abandon() })
			return nil
		}
	}
	return nil
}

// abandon is end for a walk that may not have begun.
func (w *walk) abandon() {
	if w != nil {
		w.end()
	}
}

// collect returns the groups that the filter chooses as far as memory knows, in the order of MIDs.
func (q *Queue) collect(ctx context.Context, f Filter, since time.Time) ([]handle, error) {
	if f.MID != 0 {
		return q.collectMessage(ctx, f, since)
	}
	var list []handle
	step := make([]handle, 0, walkStep)
	err := q.stroll(ctx, f, at(since),
		func(_ *state, g *group) { step = append(step, handle{g.msg.mid, g}) },
		func() bool {
			list = append(list, step...)
			step = step[:0]
			return true
		})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b handle) int { return cmp.Compare(a.mid, b.mid) })
	return list, nil
}

// collectMessage is collect for one message: it looks only where the spool says that its recipients wait, and no longer than
// until it has found them.
func (q *Queue) collectMessage(ctx context.Context, f Filter, since time.Time) (list []handle, err error) {
	m, err := q.opt.Spool.Message(f.MID)
	if err != nil {
		return nil, err
	}
	waiting := map[string]int{}
	eachWaiting(&m, f, func(r RecipientInfo) error { waiting[r.Host]++; return nil })
	for host, left := range waiting {
		f.Host = host
		err := q.stroll(ctx, f, at(since),
			func(_ *state, g *group) {
				list = append(list, handle{f.MID, g})
				left -= g.size()
			},
			func() bool { return left > 0 })
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}
