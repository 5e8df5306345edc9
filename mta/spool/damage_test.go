package spool

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// damaged is a spool folder with five messages in two segments, each in a batch of its own, that a test damages.
//
//	segment 1: messages 1, 2 with a long content, 3 with two recipients, its state, 4
//	segment 2: message 5, a later state of 3
type damaged struct {
	t   *testing.T
	dir string
	s   *Spool // closed
}

var damagedOptions = Options{SegmentSize: 1100, inline: 400}

// state of message 3
var (
	stateBefore = []State{{Done: true, Attempts: 1}, {Attempts: 1, LastError: strings.Repeat("first ", 20)}}
	stateAfter  = []State{{Done: true, Attempts: 1}, {Attempts: 2, LastError: "second"}}
)

func newDamaged(t *testing.T) *damaged {
	d := &damaged{t: t, dir: t.TempDir()}
	s := mustOpen(t, d.dir, damagedOptions)
	messages(t, s)
	put := func(mid uint64, n int) {
		mustPut(t, s, mid, d.body(mid), n)
	}
	update := func(states []State) {
		mustUpdate(t, s, 3, Update{RID: 0, State: states[0]}, Update{RID: 1, State: states[1]})
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	put(1, 1)
	put(2, 1)
	put(3, 2)
	update(stateBefore)
	put(4, 1)
	put(5, 1)
	update(stateAfter)
	for mid, want := range map[uint64]uint64{1: 1, 2: 1, 3: 1, 4: 1, 5: 2} {
		if g := s.segmentOf(mid); g.number != want {
			t.Fatalf("message %d lies in segment %d, which is not what this test is about", mid, g.number)
		}
	}
	s.Close()
	d.s = s
	return d
}

func (d *damaged) body(mid uint64) string {
	if mid == 2 {
		return strings.Repeat("long content\r\n", 100)
	}
	return strings.Repeat("content ", 20)
}

// edit changes a file.
func (d *damaged) edit(path string, do func(b []byte) []byte) {
	d.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, do(b), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// at is where a message's record, or its state, begins in its segment.
func (d *damaged) at(mid uint64, state bool) int64 {
	if e := d.s.entries[mid]; state {
		return offsetOf(e.statePlace)
	} else {
		return offsetOf(e.place)
	}
}

func (d *damaged) withoutIndexes() {
	list, err := filepath.Glob(filepath.Join(d.dir, "log", "*"+indexSuffix))
	if err != nil || len(list) != 2 {
		d.t.Fatal(list, err)
	}
	for _, path := range list {
		os.Remove(path)
	}
}

func flip(at int64) func(b []byte) []byte {
	return func(b []byte) []byte { b[at] ^= 1; return b }
}

// TestDamageCostsWhatIsDamagedOnly damages one thing after the other. All else is delivered, what is damaged is named by
// Problems at the start or when it is read, copied to damaged/, and Check finds it.
func TestDamageCostsWhatIsDamagedOnly(t *testing.T) {
	type damage struct {
		name    string
		index   bool // the indexes are there
		do      func(d *damaged)
		lost    []uint64 // messages that are not handed over
		bad     []uint64 // messages whose content turns out damaged
		states  []State  // of message 3; nil: those that were recorded last
		problem string   // words in the one problem; "": none
		kept    string   // file in damaged/
	}
	for _, c := range []damage{
		{name: "nothing", do: func(*damaged) {}},
		{name: "nothing, with indexes", index: true, do: func(*damaged) {}},
		{name: "an envelope", do: func(d *damaged) { d.edit(d.s.segmentPath(1), flip(d.at(1, false)+headSize+5)) },
			lost: []uint64{1}, problem: "message 1", kept: "000000000001-40"},
		{name: "an envelope of a long message", do: func(d *damaged) { d.edit(d.s.segmentPath(1), flip(d.at(2, false)+headSize+5)) },
			lost: []uint64{2}, problem: "message 2", kept: "2.body"},
		{name: "a record's head", do: func(d *damaged) { d.edit(d.s.segmentPath(1), flip(d.at(1, false)+24)) },
			lost: []uint64{1}, problem: "what stood there is not known", kept: "000000000001-40"},
		{name: "a length", do: func(d *damaged) { d.edit(d.s.segmentPath(1), flip(d.at(1, false)+2)) },
			lost: []uint64{1}, problem: "what stood there is not known", kept: "000000000001-40"},
		{name: "an envelope in the last batch of a segment", do: func(d *damaged) { d.edit(d.s.segmentPath(1), flip(d.at(4, false)+headSize+5)) },
			lost: []uint64{4}, problem: "message 4"},
		{name: "a content", do: func(d *damaged) { d.edit(d.s.segmentPath(1), flip(d.at(1, false)+headSize+150)) },
			bad: []uint64{1}, kept: "1.record"},
		{name: "a content in the last batch of a segment", do: func(d *damaged) { d.edit(d.s.segmentPath(1), flip(d.at(4, false)+headSize+150)) },
			bad: []uint64{4}, kept: "4.record"},
		{name: "a content in the last batch, with indexes", index: true, do: func(d *damaged) { d.edit(d.s.segmentPath(1), flip(d.at(4, false)+headSize+150)) },
			bad: []uint64{4}, kept: "4.record"},
		{name: "a long content", do: func(d *damaged) { d.edit(d.s.outsidePath(2), flip(700)) }, bad: []uint64{2}, kept: "2.body"},
		{name: "the end of a long content", do: func(d *damaged) { d.edit(d.s.outsidePath(2), func(b []byte) []byte { return b[:1000] }) },
			bad: []uint64{2}, kept: "2.body"},
		{name: "a long content is missing", do: func(d *damaged) { os.Remove(d.s.outsidePath(2)) }, bad: []uint64{2}, kept: "2.record"},
		{name: "a state that another followed", do: func(d *damaged) {
			d.edit(d.s.segmentPath(1), func(b []byte) []byte {
				b[strings.Index(string(b), "first")] ^= 1
				return b
			})
		}, problem: "message 3", kept: "000000000001-"},
		{name: "a segment's head", do: func(d *damaged) { d.edit(d.s.segmentPath(1), flip(3)) }, problem: "head of segment 1", kept: "000000000001-0"},
		{name: "the version in a segment's head", do: func(d *damaged) { d.edit(d.s.segmentPath(1), flip(8)) }, problem: "head of segment 1"},
		{name: "an index", index: true, do: func(d *damaged) { d.edit(d.s.indexPath(1), flip(60)) }},
		{name: "the end of an index", index: true, do: func(d *damaged) { d.edit(d.s.indexPath(1), func(b []byte) []byte { return b[:50] }) }},
		{name: "another segment's index", index: true, do: func(d *damaged) { os.Rename(d.s.indexPath(2), d.s.indexPath(1)) }},
		{name: "the end of a segment", do: func(d *damaged) { d.edit(d.s.segmentPath(1), func(b []byte) []byte { return b[:d.at(4, false)] }) },
			lost: []uint64{4}, problem: "segment 1 is cut"},
		{name: "the end of a segment, with indexes", index: true, do: func(d *damaged) { d.edit(d.s.segmentPath(1), func(b []byte) []byte { return b[:d.at(4, false)] }) },
			lost: []uint64{4}, problem: "message 4 is lost"},
		{name: "all of a segment but the head", do: func(d *damaged) { d.edit(d.s.segmentPath(1), func(b []byte) []byte { return b[:segmentHead] }) },
			lost: []uint64{1, 2, 3, 4}, problem: "segment 1 is cut", kept: "2.body"},
		{name: "zeros in the middle", do: func(d *damaged) {
			d.edit(d.s.segmentPath(1), func(b []byte) []byte { clear(b[d.at(2, false)+8 : d.at(4, false)]); return b })
		}, lost: []uint64{2, 3}, problem: "segment 1 is damaged", kept: "2.body"},
		{name: "a state in force", index: true, do: func(d *damaged) { d.edit(d.s.segmentPath(2), flip(d.at(3, true)+headSize+5)) },
			states: []State{{}, {}}, problem: "its state is damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDamaged(t)
			if !c.index {
				d.withoutIndexes()
			}
			c.do(d)
			harmless := len(c.lost)+len(c.bad) == 0 && c.problem == ""
			if err := Check(d.dir); (err == nil) != harmless || err != nil && !errors.Is(err, ErrDamaged) {
				t.Errorf("check: %v", err)
			}
			if c.states == nil {
				c.states = stateAfter
			}
			d.deliver(c.lost, c.bad, c.states, c.problem)
			if list, err := filepath.Glob(filepath.Join(d.dir, "damaged", c.kept+"*")); c.kept != "" && len(list) == 0 {
				all, _ := filepath.Glob(filepath.Join(d.dir, "damaged", "*"))
				t.Errorf("%s is not among %q, %v", c.kept, all, err)
			}
		})
	}
}

// deliver opens the spool and ends all that it hands over.
func (d *damaged) deliver(lost, bad []uint64, states []State, problem string) {
	t := d.t
	s := mustOpen(t, d.dir, damagedOptions)
	var list []uint64
	for _, m := range messages(t, s) {
		list = append(list, m.MID)
		if m.MID == 3 && !slices.Equal(m.States, states) {
			t.Errorf("message 3 has states %+v", m.States)
		}
		d.send(s, m, slices.Contains(bad, m.MID))
	}
	for mid := uint64(1); mid <= 5; mid++ {
		if slices.Contains(list, mid) == slices.Contains(lost, mid) {
			t.Errorf("message %d is there, or is not: %v", mid, list)
		}
	}
	p := s.Problems()
	if named := strings.Join(p, "\n"); !strings.Contains(named, problem) || problem == "" && len(p) != len(bad) {
		t.Errorf("problems %q", p)
	}
	s.Close()
	s = mustOpen(t, d.dir, damagedOptions)
	if list := messages(t, s); len(list) != 0 {
		t.Errorf("afterwards there is %v", list)
	}
}

// send reads a content as a delivery does.
func (d *damaged) send(s *Spool, m Message, bad bool) {
	b, err := readAll(s, m.MID)
	switch {
	case bad:
		if !errors.Is(err, ErrDamaged) {
			d.t.Errorf("message %d: %d bytes, %v", m.MID, len(b), err)
		}
		if err := s.SetAside(m.MID, "it is damaged"); err != nil {
			d.t.Errorf("message %d: %v", m.MID, err)
		}
	case err != nil || string(b) != d.body(m.MID):
		d.t.Errorf("message %d: %d bytes, %v", m.MID, len(b), err)
	}
	for _, r := range m.Recipients {
		mustUpdate(d.t, s, m.MID, Update{RID: r.RID, State: State{Done: true}})
	}
	if err := s.SetAside(m.MID, "again"); !errors.Is(err, ErrNotFound) {
		d.t.Errorf("a finished message is set aside: %v", err)
	}
}

func readAll(s *Spool, mid uint64) ([]byte, error) {
	r, err := s.Open(mid)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// TestATornTailIsNoDamage cuts the last segment at every byte, as the machine's death may, and lets the next lives see it too.
func TestATornTailIsNoDamage(t *testing.T) {
	d := newDisk(t.TempDir(), blank(), newLedger(0))
	s := mustOpen(t, d.root, Options{Files: d})
	mustPut(t, s, 1, "first", 1)
	mustPut(t, s, 2, "second", 2)
	name := d.rel(s.segmentPath(1))
	whole := append([]byte(nil), d.names[name].data...)
	last := offsetOf(s.entries[2].place)
	d.kill()
	s.Close()
	for cut := range int64(len(whole)) - last {
		img := blank()
		img[name] = whole[:last+cut]
		torn := newDisk(t.TempDir(), img, newLedger(0))
		for life := range 3 {
			s := mustOpen(t, torn.root, Options{Files: torn})
			if list := messages(t, s); len(list) != 1+life || len(s.Problems()) != 0 {
				t.Fatalf("cut %d bytes into the last batch, in life %d: messages %v, problems %q", cut, life, list, s.Problems())
			}
			mustPut(t, s, s.NextMID(), "next", 1)
			torn.kill()
			s.Close()
			torn.revive(-1, "")
		}
	}
}
