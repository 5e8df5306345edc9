package queue

// fifo is hosts in the order in which they came.
type fifo struct {
	items []*host
	head  int
}

func (f *fifo) len() int { return len(f.items) - f.head }

func (f *fifo) push(h *host) { f.items = append(f.items, h) }

// pop returns the first host; there must be one.
func (f *fifo) pop() *host {
	h := f.items[f.head]
	f.items[f.head] = nil
	f.head++
	if f.head > len(f.items)/2 {
		f.items = f.items[:copy(f.items, f.items[f.head:])]
		f.head = 0
	}
	return h
}

// links are a group's neighbours in one list.
type links struct {
	prev, next *group
}

// list is a chain of groups, each of which has its links, and whether it is in the chain, in the places that at returns.
// Taking one out of the middle costs nothing, which is why it is not a slice.
type list struct {
	at          func(*group) (*links, *bool)
	first, last *group
	n           int
	walks       []*walk // that are in this list at the moment
}

func (l *list) links(g *group) *links {
	k, _ := l.at(g)
	return k
}

func (l *list) has(g *group) bool {
	_, in := l.at(g)
	return *in
}

// push puts g at the end.
func (l *list) push(g *group) {
	k, in := l.at(g)
	*k, *in = links{prev: l.last}, true
	if l.last != nil {
		l.links(l.last).next = g
	} else {
		l.first = g
	}
	l.last = g
	l.n++
}

// before puts g in front of mark, or at the end if mark is nil.
func (l *list) before(mark, g *group) {
	if mark == nil {
		l.push(g)
		return
	}
	m := l.links(mark)
	k, in := l.at(g)
	*k, *in = links{prev: m.prev, next: mark}, true
	if m.prev != nil {
		l.links(m.prev).next = g
	} else {
		l.first = g
	}
	m.prev = g
	l.n++
}

// remove takes g out, if it is inside.
func (l *list) remove(g *group) {
	k, in := l.at(g)
	if !*in {
		return
	}
	for _, w := range l.walks {
		if w.last == g {
			w.last = k.prev
		}
	}
	if k.prev != nil {
		l.links(k.prev).next = k.next
	} else {
		l.first = k.next
	}
	if k.next != nil {
		l.links(k.next).prev = k.prev
	} else {
		l.last = k.prev
	}
	*k, *in = links{}, false
	l.n--
}
