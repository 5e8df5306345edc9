package spool

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

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
