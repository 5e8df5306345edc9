package spool

import (
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// history walks along the steps of a disk and knows at each what is on stable storage and what need not be.
type history struct {
	names   map[string]*inode // durable
	changes []step            // of names, since their folder was synced
	files   map[*inode]*stored
	order   []*inode // in which files were met
	ledger  *ledger
	facts   int // that the ledger has taken
	taken   int // steps
	now     time.Time
	stale   []byte // what stood elsewhere on the disk
}

// stored is a file's content: what is durable, and the writes since.
type stored struct {
	data   []byte
	writes []step
}

// beginning is the history of a disk before its first step.
func (d *disk) beginning(l *ledger) *history {
	h := &history{names: maps.Clone(d.first), files: make(map[*inode]*stored), ledger: l}
	for _, st := range d.steps {
		h.meet(st.file)
	}
	return h
}

func (h *history) meet(f *inode) {
	if f != nil && h.files[f] == nil {
		h.files[f] = &stored{data: f.base}
		h.order = append(h.order, f)
	}
}

// take goes one step on.
func (h *history) take(st step) {
	h.now = st.at
	h.taken++
	switch st.kind {
	case stepFact:
		h.facts++
		h.ledger.learn(st.fact, st.at)
	case stepWrite, stepTruncate:
		f := h.files[st.file]
		f.writes = append(f.writes, st)
		if len(st.data) > len(h.stale) {
			h.stale = st.data
		}
	case stepLost:
		f := h.files[st.file]
		if h.taken%2 == 0 { // the system forgets that it has something to write
			f.writes = nil
		}
		f.sync()
	case stepSync:
		h.files[st.file].sync()
	case stepCreate, stepRename, stepRemove:
		h.changes = append(h.changes, st)
	case stepFolder:
		h.changes = slices.DeleteFunc(h.changes, func(c step) bool {
			if c.folder() != st.to {
				return false
			}
			c.rename(h.names)
			return true
		})
	}
}

func (s *stored) sync() {
	s.data = append([]byte(nil), s.data...)
	for i := range s.writes {
		s.data = s.writes[i].apply(s.data)
	}
	s.writes = nil
}

// folder is where a change of names is durable. A name that goes from one folder to another is so when the new one is.
func (st *step) folder() string {
	name := st.to
	if name == "" {
		name = st.from
	}
	i := strings.LastIndexByte(name, '/')
	return name[:max(i, 0)]
}

func (st *step) rename(names map[string]*inode) {
	if st.from != "" {
		delete(names, st.from)
	}
	if st.to != "" {
		names[st.to] = st.file
	}
}

// fate is what becomes of one step that was not synced when the power goes.
type fate uint64

const (
	absent  fate = 0
	present fate = 1 // what is more is torn, and chooses how
)

// pending counts the steps whose fate is open.
func (h *history) pending() int {
	n := len(h.changes)
	for _, f := range h.order {
		n += len(h.files[f].writes)
	}
	return n
}

// crash is the disk after a power cut, with a fate for each pending step.
func (h *history) crash(fates []fate) image {
	names := maps.Clone(h.names)
	for i := range h.changes {
		if fates[i] != absent {
			h.changes[i].rename(names)
		}
	}
	fates = fates[len(h.changes):]
	content := make(map[*inode][]byte)
	for _, f := range h.order {
		s := h.files[f]
		content[f] = s.crash(fates, h.stale)
		fates = fates[len(s.writes):]
	}
	img := make(image)
	for name, f := range names {
		img[name] = f.base
		if b, ok := content[f]; ok {
			img[name] = b
		}
	}
	return img
}

// crash is a file's content after a power cut.
func (s *stored) crash(fates []fate, stale []byte) []byte {
	b, own := s.data, false
	for i := range s.writes {
		if fates[i] == absent {
			continue
		}
		if !own {
			b, own = append([]byte(nil), b...), true
		}
		st := &s.writes[i]
		if fates[i] == present || len(st.data) == 0 {
			b = st.apply(b)
			continue
		}
		b = st.tear(b, stale, rand.New(rand.NewPCG(uint64(fates[i]), 1)))
	}
	return b
}

const sector = 512

// tear does a part of a write: its beginning, its end, or some of its sectors. Where the file became longer and the
// content did not arrive, zeros stand, or what stood on the disk before.
func (st *step) tear(b, stale []byte, r *rand.Rand) []byte {
	n := len(st.data)
	piece := func(from, to int) {
		part := step{kind: stepWrite, offset: st.offset + int64(from), data: st.data[from:to]}
		b = part.apply(b)
	}
	old := len(b)
	switch r.IntN(4) {
	case 0:
		piece(0, r.IntN(n))
		return b
	case 1:
		piece(1+r.IntN(n), n)
	case 2:
		from := r.IntN(n)
		piece(0, from)
		piece(from+r.IntN(n-from+1), n)
	default:
		for from := 0; from < n; {
			to := min(n, from+sector-int(st.offset+int64(from))%sector)
			if r.IntN(2) == 0 {
				piece(from, to)
			}
			from = to
		}
	}
	if r.IntN(2) == 0 {
		st.haunt(b, old, stale)
	}
	return b
}

// haunt puts what stood on the disk before where a file grew and has nothing.
func (st *step) haunt(b []byte, old int, stale []byte) {
	for i := old; i < len(b); i++ {
		if at := i - int(st.offset); b[i] == 0 && i < len(stale) && (at < 0 || at >= len(st.data) || st.data[at] != 0) {
			b[i] = stale[i]
		}
	}
}

// plans are the fates that are tried at one point: all there, all gone, each alone, all but each, each torn; and some more
// at random. Where few steps are pending, that is every subset.
func (h *history) plans(r *rand.Rand, most int) [][]fate {
	n := h.pending()
	all := func(f fate) []fate { return slices.Repeat([]fate{f}, n) }
	list := [][]fate{all(absent), all(present)}
	torn := func() fate { return 2 + fate(r.Uint64N(1<<40)) }
	for i := range n {
		for _, others := range []fate{absent, present} {
			for _, own := range []fate{1 - others, torn()} {
				p := all(others)
				p[i] = own
				list = append(list, p)
			}
		}
	}
	for range n {
		p := all(absent)
		for i := range p {
			if p[i] = fate(r.IntN(3)); p[i] > present {
				p[i] = torn()
			}
		}
		list = append(list, p)
	}
	if len(list) > most { // the first two are always tried
		rest := list[2:]
		r.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
		list = list[:most]
	}
	return list
}

var imageSeed = maphash.MakeSeed()

// hash tells images apart.
func (img image) hash() uint64 {
	var h maphash.Hash
	h.SetSeed(imageSeed)
	for _, name := range slices.Sorted(maps.Keys(img)) {
		fmt.Fprintf(&h, "%s %d ", name, len(img[name]))
		h.Write(img[name])
	}
	return h.Sum64()
}

// tell describes a crash for people.
func (h *history) tell(fates []fate) string {
	var b strings.Builder
	word := func(f fate) string {
		switch f {
		case absent:
			return "absent"
		case present:
			return "present"
		}
		return fmt.Sprintf("torn by %d", f)
	}
	for i := range h.changes {
		c := &h.changes[i]
		fmt.Fprintf(&b, "%s %s %s: %s\n", c.kind, c.from, c.to, word(fates[i]))
	}
	fates = fates[len(h.changes):]
	for _, f := range h.order {
		for _, w := range h.files[f].writes {
			fmt.Fprintf(&b, "%s %s at %d, %d bytes: %s\n", w.kind, f.path, w.offset, len(w.data), word(fates[0]))
			fates = fates[1:]
		}
	}
	return b.String()
}

// trace lists the steps before a point.
func (d *disk) trace(point, n int) string {
	var b strings.Builder
	for i := max(0, point-n); i <= point; i++ {
		st := &d.steps[i]
		fmt.Fprintf(&b, "%5d %v %s %s %s", i, st.at.Format("05.000"), st.kind, st.from, st.to)
		switch {
		case st.fact != nil:
			fmt.Fprintf(&b, "%s %d by %d", st.fact.kind, st.fact.mid, st.fact.owner)
		case st.file != nil:
			fmt.Fprintf(&b, "%s at %d, %d bytes", st.file.path, st.offset, len(st.data))
		}
		b.WriteString("\n")
	}
	return b.String()
}
