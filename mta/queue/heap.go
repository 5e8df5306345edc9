package queue

// heap is a binary heap of items that know their own place in it, so that any of them can be moved or taken out in
// O(log n). Less orders them; place returns where an item keeps its place, which is -1 outside the heap.
type heap[T comparable] struct {
	items []T
	less  func(a, b T) bool
	place func(T) *int32
}

func newHeap[T comparable](less func(a, b T) bool, place func(T) *int32) *heap[T] {
	return &heap[T]{less: less, place: place}
}

// first returns the least item.
func (h *heap[T]) first() (item T, ok bool) {
	if len(h.items) == 0 {
		return item, false
	}
	return h.items[0], true
}

// fix puts the item where its present value belongs, and into the heap if it was outside.
func (h *heap[T]) fix(item T) {
	i := int(*h.place(item))
	if i < 0 {
		i = len(h.items)
		h.items = append(h.items, item)
		*h.place(item) = int32(i)
	}
	if !h.down(i) {
		h.up(i)
	}
}

// remove takes the item out, if it is inside.
func (h *heap[T]) remove(item T) {
	i := int(*h.place(item))
	if i < 0 {
		return
	}
	last := len(h.items) - 1
	if i != last {
		h.swap(i, last)
	}
	var zero T
	h.items[last] = zero
	h.items = h.items[:last]
	*h.place(item) = -1
	if i < last && !h.down(i) {
		h.up(i)
	}
}

func (h *heap[T]) swap(i, j int) {
	h.items[i], h.items[j] = h.items[j], h.items[i]
	*h.place(h.items[i]), *h.place(h.items[j]) = int32(i), int32(j)
}

func (h *heap[T]) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h.less(h.items[i], h.items[parent]) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

// down reports whether the item moved.
func (h *heap[T]) down(i int) bool {
	start := i
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h.items); child++ {
			if h.less(h.items[child], h.items[least]) {
				least = child
			}
		}
		if least == i {
			return i > start
		}
		h.swap(i, least)
		i = least
	}
}
