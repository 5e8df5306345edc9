package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// errDead is what every step says once the power is gone.
var errDead = errors.New("the power is gone")

// ramDisk is a FileSystem that knows what is on stable storage and what is not yet, and can lose its power.
type ramDisk struct {
	now      map[string]*ramFile
	durable  map[string]*ramFile
	changes  []change // of names, since their folder was synced
	steps    int      // left until the power goes; negative: for ever
	noSync   bool     // planted bug: the content is not synced
	noFolder bool     // planted bug: the names are not synced
}

// change is one change of names: from and to as in a rename, one of them "" for a creation or a removal.
type change struct {
	folder, from, to string
	file             *ramFile
}

// ramFile is content: what is durable and the writes since.
type ramFile struct {
	durable []byte
	writes  []ramWrite
}

type ramWrite struct {
	offset int64
	data   []byte
	cut    bool // a truncation to offset
}

func (w ramWrite) apply(b []byte) []byte {
	end := w.offset + int64(len(w.data))
	if int64(len(b)) < end {
		b = append(b, make([]byte, end-int64(len(b)))...)
	}
	if w.cut {
		return b[:w.offset]
	}
	copy(b[w.offset:], w.data)
	return b
}

func (f *ramFile) content() []byte {
	b := append([]byte(nil), f.durable...)
	for _, w := range f.writes {
		b = w.apply(b)
	}
	return b
}

func newRAMDisk(mid string) *ramDisk {
	f := &ramFile{durable: append(slot(0, 0), slot(1, 0)...)}
	return &ramDisk{now: map[string]*ramFile{mid: f}, durable: map[string]*ramFile{mid: f}, steps: -1}
}

func (d *ramDisk) step() error {
	if d.steps == 0 {
		return errDead
	}
	d.steps--
	return nil
}

func (d *ramDisk) change(c change) {
	c.folder = filepath.Dir(c.from + c.to)
	if c.from != "" && c.to != "" {
		c.folder = filepath.Dir(c.to)
	}
	if c.from != "" {
		delete(d.now, c.from)
	}
	if c.to != "" {
		d.now[c.to] = c.file
	}
	d.changes = append(d.changes, c)
}

func (d *ramDisk) Create(path string) (File, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	if d.now[path] != nil {
		return nil, fs.ErrExist
	}
	f := &ramFile{}
	d.change(change{to: path, file: f})
	return &ramHandle{d, f}, nil
}

func (d *ramDisk) Open(path string) (File, error) {
	f := d.now[path]
	if f == nil {
		return nil, fs.ErrNotExist
	}
	return &ramHandle{d, f}, nil
}

func (d *ramDisk) Modify(path string) (File, error) { return d.Open(path) }

func (d *ramDisk) Rename(from, to string) error {
	if err := d.step(); err != nil {
		return err
	}
	d.change(change{from: from, to: to, file: d.now[from]})
	return nil
}

func (d *ramDisk) Remove(path string) error {
	if err := d.step(); err != nil {
		return err
	}
	if d.now[path] == nil {
		return fs.ErrNotExist
	}
	d.change(change{from: path})
	return nil
}

func (d *ramDisk) Mkdir(string) error { return nil }

func (d *ramDisk) SyncFolder(path string) error {
	if err := d.step(); err != nil || d.noFolder {
		return err
	}
	rest := d.changes[:0]
	for _, c := range d.changes {
		if c.folder == path {
			c.apply(d.durable)
		} else {
			rest = append(rest, c)
		}
	}
	d.changes = rest
	return nil
}

func (c change) apply(names map[string]*ramFile) {
	delete(names, c.from)
	if c.to != "" {
		names[c.to] = c.file
	}
}

func (d *ramDisk) List(folder string) ([]string, error) {
	var names []string
	for path := range d.now {
		if filepath.Dir(path) == folder {
			names = append(names, filepath.Base(path))
		}
	}
	return names, nil
}

func (d *ramDisk) Space(string) (int64, int64, error) { return 1 << 40, 1 << 40, nil }

type ramHandle struct {
	d *ramDisk
	f *ramFile
}

func (h *ramHandle) ReadAt(p []byte, offset int64) (int, error) {
	b := h.f.content()
	if offset >= int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *ramHandle) WriteAt(p []byte, offset int64) (int, error) {
	if err := h.d.step(); err != nil {
		return 0, err
	}
	h.f.writes = append(h.f.writes, ramWrite{offset: offset, data: append([]byte(nil), p...)})
	return len(p), nil
}

func (h *ramHandle) Truncate(size int64) error {
	if err := h.d.step(); err != nil {
		return err
	}
	h.f.writes = append(h.f.writes, ramWrite{offset: size, cut: true})
	return nil
}

func (h *ramHandle) Sync() error {
	if err := h.d.step(); err != nil || h.d.noSync {
		return err
	}
	h.f.durable, h.f.writes = h.f.content(), nil
	return nil
}

func (h *ramHandle) Datasync() error      { return h.Sync() }
func (h *ramHandle) Size() (int64, error) { return int64(len(h.f.content())), nil }
func (h *ramHandle) Close() error         { return nil }

// crash is the disk after a power cut: of what was not synced, each change of a name happened or not, and each write is
// there, missing or torn.
func (d *ramDisk) crash(choose func(n int) int) *ramDisk {
	after := &ramDisk{now: make(map[string]*ramFile), durable: make(map[string]*ramFile), steps: -1,
		noSync: d.noSync, noFolder: d.noFolder}
	names := make(map[string]*ramFile)
	for path, f := range d.durable {
		names[path] = f
	}
	for _, c := range d.changes {
		if choose(2) == 0 {
			c.apply(names)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(names)) {
		f := names[path]
		b := append([]byte(nil), f.durable...)
		for _, w := range f.writes {
			switch choose(3) {
			case 0:
				b = w.apply(b)
			case 1:
				if len(w.data) > 0 {
					w.data = w.data[:choose(len(w.data))]
					b = w.apply(b)
				}
			}
		}
		file := &ramFile{durable: b}
		after.now[path], after.durable[path] = file, file
	}
	return after
}

// model is what was acknowledged.
type model struct {
	messages map[uint64]*modelMessage
	lastMID  uint64
}

type modelMessage struct {
	body    string
	states  []State
	doubt   []Update // the update that the power cut interrupted: it happened whole or not at all
	unsure  bool     // the commit was interrupted: the message is there whole or not at all
	removed bool
}

func (m *modelMessage) finished() bool {
	for _, s := range m.states {
		if !s.Done {
			return false
		}
	}
	return true
}

// lives runs a spool through several power cuts at places that choose picks, and checks after each that nothing
// acknowledged is missing or wrong.
func lives(dir string, d *ramDisk, choose func(n int) int) error {
	m := &model{messages: make(map[uint64]*modelMessage)}
	for range 3 {
		s, err := Open(dir, Options{Files: d})
		if err != nil {
			return err
		}
		err = m.check(s)
		if err == nil {
			d.steps = choose(60)
			m.run(s, choose)
		}
		s.Close()
		if err != nil {
			return err
		}
		d = d.crash(choose)
	}
	return nil
}

// run works until the power is gone.
func (m *model) run(s *Spool, choose func(n int) int) {
	list := slices.Sorted(maps.Keys(m.messages))
	for range 100 {
		if choose(3) == 0 || len(list) == 0 {
			mid := s.NextMID()
			list = append(list, mid)
			if !m.put(s, mid, choose) {
				return
			}
			continue
		}
		mid := list[choose(len(list))]
		if !m.advance(s, mid, choose) {
			return
		}
	}
}

func (m *model) put(s *Spool, mid uint64, choose func(n int) int) bool {
	m.lastMID = max(m.lastMID, mid)
	n := 1 + choose(3)
	mm := &modelMessage{body: strings.Repeat(fmt.Sprint(mid, " "), choose(40000)), states: make([]State, n)}
	m.messages[mid] = mm
	if put(s, mid, mm.body, n) != nil {
		mm.unsure = true
		return false
	}
	return true
}

// advance updates a recipient of a message or removes the message.
func (m *model) advance(s *Spool, mid uint64, choose func(n int) int) bool {
	mm := m.messages[mid]
	if mm.removed {
		return true
	}
	if mm.finished() {
		mm.removed = true
		return s.Remove(mid) == nil
	}
	rid := choose(len(mm.states))
	st := State{Done: choose(2) == 0, Attempts: choose(100), LastError: strings.Repeat("e", choose(50))}
	u := Update{RID: rid, State: st}
	if err := s.Update(mid, u); err != nil {
		mm.doubt = []Update{u}
		return false
	}
	mm.states[rid] = mm.states[rid].next(st)
	return true
}

// check compares what a start finds with what was acknowledged, and settles what was in doubt.
func (m *model) check(s *Spool) error {
	found := make(map[uint64]Message)
	if err := s.Messages(func(msg Message) error { found[msg.MID] = msg; return nil }); err != nil {
		return err
	}
	if p := s.Problems(); len(p) > 0 {
		return fmt.Errorf("problems %q", p)
	}
	for mid, mm := range m.messages {
		msg, there := found[mid]
		delete(found, mid)
		if err := mm.settle(there, msg); err != nil {
			return fmt.Errorf("message %d: %w", mid, err)
		}
		if !there {
			delete(m.messages, mid)
			continue
		}
		r, err := s.Open(mid)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(r)
		if err != nil || string(b) != mm.body {
			return fmt.Errorf("message %d: body of %d bytes instead of %d, %v", mid, len(b), len(mm.body), err)
		}
	}
	if len(found) > 0 {
		return fmt.Errorf("messages that nobody wrote: %v", found)
	}
	if mid := s.NextMID(); mid <= m.lastMID {
		return fmt.Errorf("message ID %d is given out again after %d", mid, m.lastMID)
	}
	return nil
}

func (mm *modelMessage) settle(there bool, msg Message) error {
	states := append([]State(nil), mm.states...)
	for _, u := range mm.doubt {
		states[u.RID] = states[u.RID].next(u.State)
	}
	withDoubt := &modelMessage{states: states}
	if !there {
		if mm.unsure || mm.finished() || withDoubt.finished() {
			return nil
		}
		return errors.New("it is missing")
	}
	if mm.removed || mm.finished() {
		return errors.New("it is finished and came back")
	}
	mm.unsure, mm.doubt = false, nil
	got := fmt.Sprint(msg.States)
	if got == fmt.Sprint(states) {
		mm.states = states
		return nil
	}
	if got != fmt.Sprint(mm.states) {
		return fmt.Errorf("states %v instead of %v or %v", msg.States, mm.states, states)
	}
	return nil
}

func TestPowerCuts(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		choose := func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "choice") }
		if err := lives(dir, newRAMDisk(filepath.Join(dir, "mid")), choose); err != nil {
			rt.Fatal(err)
		}
	})
}

// TestPowerCutsFindPlantedBugs shows that the test above would notice.
func TestPowerCutsFindPlantedBugs(t *testing.T) {
	dir := t.TempDir()
	for name, plant := range map[string]func(d *ramDisk){
		"content not synced": func(d *ramDisk) { d.noSync = true },
		"folder not synced":  func(d *ramDisk) { d.noFolder = true },
	} {
		found := false
		for seed := uint64(0); seed < 200 && !found; seed++ {
			d := newRAMDisk(filepath.Join(dir, "mid"))
			plant(d)
			found = lives(dir, d, rand.New(rand.NewPCG(seed, 0)).IntN) != nil
		}
		if !found {
			t.Errorf("%s: not found", name)
		}
	}
}
