package spool

// entry is where a message that is not finished lies. There is one for each, which is why it is small.
type entry struct {
	segment, place           uint32 // of its record
	stateSegment, statePlace uint32 // of the state in force; segment 0: there is none
}

// A place is an offset, which is a multiple of 8, with what has to be known of a message without reading it.
const (
	singleBit  = 1 << 31 // it has one recipient, which is 0
	outsideBit = 1 << 30 // its content is in a file of its own
	placeBits  = singleBit | outsideBit
)

func offsetOf(place uint32) int64 { return int64(place&^placeBits) * alignment }

func (e entry) single() bool  { return e.place&singleBit != 0 }
func (e entry) outside() bool { return e.place&outsideBit != 0 }

// bits are what a place says of the item's message.
func (it *item) bits() (b uint32) {
	if it.single {
		b |= singleBit
	}
	if it.head.kind == outsideRecord {
		b |= outsideBit
	}
	return b
}

// apply lets one record count that stands at an offset of a segment; s.mu is held.
func (s *Spool) apply(it *item, g *segment, offset uint32) {
	mid := it.head.mid
	switch it.head.kind {
	case messageRecord, outsideRecord:
		g.messages++
		if it.from == nil {
			g.live++
			s.entries[mid] = entry{segment: uint32(g.number), place: offset/alignment | it.bits()}
			return
		}
		s.moved(it, g, offset)
	case stateRecord:
		s.inForce(it, g, offset)
	case finishedRecord:
		s.buried(it, g)
	}
}

// buried notes that the end of a message is on stable storage. Only now what stood of it counts no more: had its state
// been dropped before, it could come back with an older one.
func (s *Spool) buried(it *item, g *segment) {
	if it.ended {
		it.about.live--
		s.eased(it.about)
		if it.state != nil {
			it.state.states--
			s.eased(it.state)
		}
	}
	if it.from != nil {
		it.about.exhume(it.from)
		s.eased(it.from)
	}
	it.about.bury(it.head.mid, g)
	if it.outside {
		s.orphans = append(s.orphans, it.head.mid)
		s.tidy()
	}
}

// moved notes a copy of a message. As long as the first is there, the message's end must be told of it too.
func (s *Spool) moved(it *item, g *segment, offset uint32) {
	mid := it.head.mid
	e, ok := s.entries[mid]
	if !ok || e.segment != uint32(it.from.number) {
		s.strewn(it, g)
		return
	}
	s.strewn(it, it.from)
	it.from.live--
	s.eased(it.from)
	g.live++
	e.segment, e.place = uint32(g.number), offset/alignment|e.place&placeBits
	s.entries[mid] = e
}

// strewn notes that an item's message may lie in a segment too in which it does not count: it must not come back from there.
// s.mu is held.
func (s *Spool) strewn(it *item, g *segment) {
	mid := it.head.mid
	if _, ok := s.entries[mid]; ok {
		s.copies[mid] = append(s.copies[mid], g)
		return
	}
	own := it.strewn && it.head.kind == outsideRecord
	s.enqueue(&item{head: head{kind: finishedRecord, mid: mid}, about: g, outside: own})
}

// inForce notes a state.
func (s *Spool) inForce(it *item, g *segment, offset uint32) {
	mid := it.head.mid
	if s.fresh[mid] == it {
		delete(s.fresh, mid)
	}
	e, ok := s.entries[mid]
	if !ok {
		return
	}
	if old := s.segments[uint64(e.stateSegment)]; old != nil {
		old.states--
		s.eased(old)
	}
	g.states++
	e.stateSegment, e.statePlace = uint32(g.number), offset/alignment
	s.entries[mid] = e
}

// finish takes a message out of what is known and returns the records that say so; s.mu is held.
func (s *Spool) finish(mid uint64, e entry) []*item {
	delete(s.entries, mid)
	delete(s.fresh, mid)
	list := []*item{{
		head: head{kind: finishedRecord, mid: mid}, outside: e.outside(), ended: true,
		about: s.segments[uint64(e.segment)], state: s.segments[uint64(e.stateSegment)],
	}}
	for _, other := range s.copies[mid] {
		list = append(list, &item{head: head{kind: finishedRecord, mid: mid}, about: other})
	}
	delete(s.copies, mid)
	return list
}

// Has says whether a message is there and not finished.
func (s *Spool) Has(mid uint64) bool {
	_, ok := s.lookup(mid)
	return ok
}

func (s *Spool) lookup(mid uint64) (entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[mid]
	return e, ok
}
