package spool

import (
	"testing"
	"testing/synctest"
)

// TestAnIndexWaitsForTheEnds: an index leaves out the states of what is finished, so it must not be there before the record
// that says so. Else a message that comes back has lost a state that was recorded.
func TestAnIndexWaitsForTheEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t.TempDir(), blank(), newLedger(0))
		s := mustOpen(t, d.root, Options{Files: d, SegmentSize: 1})
		mustPut(t, s, 1, "x", 2)
		mustUpdate(t, s, 1, Update{RID: 0, State: State{Done: true}})
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		mustPut(t, s, 2, "x", 1) // seals the segment with the state
		d.fails(logWrites)
		mustUpdate(t, s, 1, Update{RID: 1, State: State{Done: true}})
		for _, g := range s.ordered() {
			if err := s.writeIndex(g); err == nil {
				t.Errorf("segment %d has its index already", g.number)
			}
		}
		d.fails(nil)
	})
}
