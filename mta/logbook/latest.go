package logbook

import "container/list"

// latest remembers the newest values of growing numbers, up to some.
type latest[T any] struct {
	most  int
	known map[uint64]*list.Element
	order *list.List // of remembered[T], the oldest first
}

// remembered is a value with its number.
type remembered[T any] struct {
	id    uint64
	value *T
}

func newLatest[T any](most int) *latest[T] {
	return &latest[T]{most: most, known: map[uint64]*list.Element{}, order: list.New()}
}

// find is the value of a number; nil: there is none.
func (l *latest[T]) find(id uint64) *T {
	if e := l.known[id]; e != nil {
		return e.Value.(remembered[T]).value
	}
	return nil
}

// add adds a value for a number that has none. Where there are too many it returns the oldest, which is forgotten.
func (l *latest[T]) add(id uint64, value *T) (oldest remembered[T], full bool) {
	if len(l.known) >= l.most {
		oldest, full = l.order.Front().Value.(remembered[T]), true
		l.forget(oldest.id)
	}
	l.known[id] = l.order.PushBack(remembered[T]{id, value})
	return oldest, full
}

func (l *latest[T]) forget(id uint64) {
	if e := l.known[id]; e != nil {
		l.order.Remove(e)
		delete(l.known, id)
	}
}
