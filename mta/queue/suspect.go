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

// mayTry says whether a group may be worked on now. Suspects are tried one at a time, and each with one task, so that if the
// process dies again it is known of which one, and if not, that it is over when the task is.
func (s *state) mayTry(g *group) bool { return !g.msg.suspect || s.trying == nil }

// try takes note that the work on a group begins.
func (s *state) try(g *group) {
	if g.msg.suspect {
		s.trying = g
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

// tried takes note that the work on a group is over. If it was a suspect's, that is none any more, and the next one comes.
func (s *state) tried(g *group) {
	if s.trying != g {
		return
	}
	g.msg.suspect, s.trying = false, nil
	for h := range s.wary {
		s.mark(h)
	}
	clear(s.wary)
}
