package queue

import "strings"

// walkStep is how much is looked at in one go under the mutex: an operator who looks at a million messages never holds up mail for
// more than a millisecond or so.
const walkStep = 1000

// walk goes through the groups of some hosts in steps, between which mail goes on. It meets once what is there when it
// begins and stays; what is newer it does not meet. It is touched under the mutex, and end gives it up before its end.
type walk struct {
	hosts []*host // still to be entered
	at    *host   // nil between two hosts
	last  *group  // the one of at that was met last, or stands where that one stood; nil: none yet
	since instant // what was received later is not met
}

// step meets some of the groups, within a budget for those and for hosts without any. It is false when none is left.
func (w *walk) step(budget int, meet func(*group)) bool {
	for range budget {
		if w.at == nil && !w.enter() {
			return false
		}
		g := w.at.groups.first
		if w.last != nil {
			g = w.last.inHost.next
		}
		if g == nil {
			w.end()
			continue
		}
		w.last = g
		if g.msg.arrived <= w.since {
			meet(g)
		}
	}
	return true
}

// enter goes on to the next host. Its list then keeps last in place.
func (w *walk) enter() bool {
	if len(w.hosts) == 0 {
		return false
	}
	w.at, w.hosts = w.hosts[0], w.hosts[1:]
	w.at.groups.walks = append(w.at.groups.walks, w)
	return true
}

// end leaves the present host.
func (w *walk) end() {
	if w.at == nil {
		return
	}
	for i, o := range w.at.groups.walks {
		if o == w {
			w.at.groups.walks = append(w.at.groups.walks[:i], w.at.groups.walks[i+1:]...)
			break
		}
	}
	w.at, w.last = nil, nil
}

// senderHash is what is compared of senders in memory, in lower case. Who acts on a sender's mail reads the envelope as well.
// It is FNV-1a: a million of them take a few milliseconds.
func senderHash(sender string) uint32 {
	h := uint32(2166136261)
	for _, b := range []byte(strings.ToLower(sender)) {
		h = (h ^ uint32(b)) * 16777619
	}
	return h
}
