package spool

func (r *recovery) learnAll(g *segment, list []indexEntry) {
	for _, e := range list {
		r.learn(g, e)
	}
}

// learn takes note of one thing that stands in a segment.
func (r *recovery) learn(g *segment, e indexEntry) {
	s := r.s
	r.highest = max(r.highest, e.mid)
	old, known := s.entries[e.mid]
	switch e.kind {
	case indexMessage:
		if known { // of two copies the later counts
			before := s.segments[uint64(old.segment)]
			before.live--
			r.dead[e.mid] = append(r.dead[e.mid], before)
		} else {
			old = r.early[e.mid]
			delete(r.early, e.mid)
		}
		g.live++
		old.segment, old.place = uint32(g.number), e.place
		s.entries[e.mid] = old
	case indexDead:
		r.dead[e.mid] = append(r.dead[e.mid], g)
	case indexState:
		old.stateSegment, old.statePlace = uint32(g.number), e.place
		if known {
			s.entries[e.mid] = old
		} else {
			r.early[e.mid] = old
		}
	case indexFinished:
		r.graves[e.mid] = g
	}
}

// bury takes out what is finished, and notes which records keep what from coming back. It returns those that are to be
// written anew.
func (r *recovery) bury() (lost []*item) {
	s := r.s
	for mid, grave := range r.graves {
		if e, ok := s.entries[mid]; ok {
			g := s.segments[uint64(e.segment)]
			g.live--
			g.bury(mid, grave)
			delete(s.entries, mid)
		}
		for _, g := range r.dead[mid] {
			g.bury(mid, grave)
		}
		delete(r.dead, mid)
	}
	for mid, list := range r.dead {
		if _, ok := s.entries[mid]; ok {
			s.copies[mid] = list
			continue
		}
		for _, g := range list { // finished, and the record that says so was lost
			lost = append(lost, &item{head: head{kind: finishedRecord, mid: mid}, about: g})
		}
	}
	return lost
}

// countStates counts in each segment the states in force.
func (s *Spool) countStates() {
	for _, e := range s.entries {
		if g := s.segments[uint64(e.stateSegment)]; g != nil {
			g.states++
		}
	}
}
