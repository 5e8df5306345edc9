package queue

// pressure is what a destination's window of connections goes by: it grows by one with every window of successes, and is
// halved when the peer refuses one connection more while it keeps others.
type pressure struct {
	successes int // since the window last changed
	refusals  int // of one connection more, ever
	closed    int // connections, ever
}

// Pressed says that the peer refused one connection more than it bears. It returns false where the destination has no other
// connection, and had none since the trip got its task: then the peer does not say that there are too many, and Down is what is
// to be said. One that has just been closed counts, as it made the peer refuse this one, and has made room.
func (t *Trip) Pressed() (others bool) {
	t.do(func(_ *state, h *host) { others = h.press(t) })
	return others
}

// press halves the window, or what of it is in use. What several trips find out at the same time is one refusal.
func (h *host) press(t *Trip) bool {
	others := h.open
	if t.isOpen {
		others--
	}
	if others <= 0 && h.pressure.closed == t.knownClosed {
		return false
	}
	t.achieved = true // the destination need not rest: the others carry on, and there is no room for more
	if h.pressure.refusals > t.knownRefusals {
		return true
	}
	h.pressure.refusals++
	h.shrink(min(h.window, len(h.trips)) / 2)
	return true
}

// disconnected takes note that a trip has no connection any more. To itself that says nothing of others.
func (h *host) disconnected(t *Trip) {
	if t.isOpen {
		t.isOpen = false
		t.knownClosed++
		h.open--
		h.pressure.closed++
	}
}

// shrink sets a smaller window.
func (h *host) shrink(window int) {
	h.window, h.pressure.successes = max(window, 1), 0
}

// succeeded counts a connection that was made, or a message that was taken. A window that is not used up says nothing of
// what the peer would bear beyond it.
func (h *host) succeeded() {
	if len(h.trips) < h.window {
		return
	}
	if h.pressure.successes++; h.pressure.successes >= h.window {
		h.window++
		h.pressure.successes = 0
	}
}
