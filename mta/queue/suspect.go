package queue

// Hand remembers over a sudden death what was being worked on; *inhand.Hand is one.
type Hand interface {
	Take(mid uint64) (slot int)
	Put(slot int, mid uint64)
	Suspect(mid uint64) (suspect, parked bool)
}

// nobodyWatches is the Hand where there is none.
type nobodyWatches struct{}

func (nobodyWatches) Take(uint64) int             { return 0 }
func (nobodyWatches) Put(int, uint64)             {}
func (nobodyWatches) Suspect(uint64) (bool, bool) { return false, false }

// mayTry says whether a group may be worked on now. Suspects are tried one at a time, so that if the process dies again it is
// known of which one.
func (s *state) mayTry(g *group) bool {
	return !g.msg.suspect || s.trying == nil || s.trying == g.msg
}

// try takes note that the work on a message begins.
func (s *state) try(m *message) {
	if m.suspect {
		s.trying = m
	}
}

// firstOf is the first of the ready groups of a lane that may be worked on; nil where all of them have to wait.
func (s *state) firstOf(h *host, l lane) *group {
	for g := h.tracks[l].ready.first; g != nil; g = g.inReady.next {
		if s.mayTry(g) {
			return g
		}
	}
	s.wary[h] = true
	return nil
}

// tried takes note that the work on a suspect is over, and lets the next one come.
func (s *state) tried(m *message) {
	m.suspect = false
	if s.trying != m {
		return
	}
	s.trying = nil
	for h := range s.wary {
		s.mark(h)
	}
	clear(s.wary)
}
