package maillog

import (
	"iter"
	"maps"
	"math/bits"
	"slices"
)

// idSet is a set of IDs. They are given out one after the other, so a million of them that are open take a bit each and
// not the forty bytes of a map.
type idSet struct {
	pages map[uint64]*idPage
	last  *idPage // the page that was used last, which is most often the next one too
}

const pageIDs = 4096

// idPage is which of pageIDs that follow each other are in the set. A page without any is not kept.
type idPage struct {
	number uint64
	count  int
	words  [pageIDs / 64]uint64
}

// page returns the page on which an ID is, nil where there is none.
func (s *idSet) page(id uint64) *idPage {
	if number := id / pageIDs; s.last == nil || s.last.number != number {
		s.last = s.pages[number]
	}
	return s.last
}

func (s *idSet) add(id uint64) {
	p := s.page(id)
	if p == nil {
		if s.pages == nil {
			s.pages = make(map[uint64]*idPage)
		}
		p = &idPage{number: id / pageIDs}
		s.pages[p.number], s.last = p, p
	}
	if word, bit := p.at(id); *word&bit == 0 {
		*word |= bit
		p.count++
	}
}

func (s *idSet) remove(id uint64) {
	p := s.page(id)
	if p == nil {
		return
	}
	word, bit := p.at(id)
	if *word&bit == 0 {
		return
	}
	*word &^= bit
	if p.count--; p.count == 0 {
		delete(s.pages, p.number)
		s.last = nil
	}
}

func (s *idSet) has(id uint64) bool {
	p := s.page(id)
	if p == nil {
		return false
	}
	word, bit := p.at(id)
	return *word&bit != 0
}

// at returns the word that holds an ID, and its bit in it.
func (p *idPage) at(id uint64) (word *uint64, bit uint64) {
	return &p.words[id%pageIDs/64], 1 << (id % 64)
}

// all yields the IDs in ascending order.
func (s *idSet) all() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for _, number := range slices.Sorted(maps.Keys(s.pages)) {
			for i, word := range s.pages[number].words {
				for ; word != 0; word &= word - 1 {
					if !yield(number*pageIDs + uint64(i*64+bits.TrailingZeros64(word))) {
						return
					}
				}
			}
		}
	}
}
