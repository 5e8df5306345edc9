package spool

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
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

// TestAStartReadsIndexes and no segment; without them it finds the same.
func TestAStartReadsIndexes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t.TempDir(), blank(), newLedger(0))
		o := Options{Files: d, SegmentSize: 2000, inline: 100}
		s := mustOpen(t, d.root, o)
		for mid := uint64(1); mid <= 60; mid++ {
			mustPut(t, s, mid, strings.Repeat("x", int(mid)*3), 2)
			mustUpdate(t, s, mid, Update{RID: int(mid % 2), State: State{Done: true, Attempts: int(mid)}})
			if mid%3 == 0 {
				mustUpdate(t, s, mid, Update{RID: 0, State: State{Done: true}}, Update{RID: 1, State: State{Done: true}})
			}
		}
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * indexInterval)
		if n := d.count(indexSuffix); n < 3 {
			t.Errorf("%d indexes after a while", n)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if n, segments := d.count(indexSuffix), d.count(segmentSuffix); n != segments {
			t.Errorf("%d indexes of %d segments after a stop", n, segments)
		}
		d.fails(func(what stepKind, path string) error {
			if what == stepRead && strings.HasSuffix(path, segmentSuffix) {
				return syscall.EIO
			}
			return nil
		})
		s, err := Open(d.root, o)
		if err != nil || len(s.Problems()) != 0 {
			t.Fatalf("with indexes alone: %v, %q", err, s.Problems())
		}
		d.fails(nil)
		with := fmt.Sprint(messages(t, s))
		checkCounts(t, s)
		s.Close()
		for name := range d.names {
			if strings.HasSuffix(name, indexSuffix) {
				delete(d.names, name)
			}
		}
		s = mustOpen(t, d.root, o)
		if without := fmt.Sprint(messages(t, s)); without != with || strings.Count(with, "example.org>") != 40 {
			t.Errorf("with indexes\n%s\nand without\n%s", with, without)
		}
		checkCounts(t, s)
	})
}

// count is how many files of a kind there are.
func (d *disk) count(suffix string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.names {
		if strings.HasSuffix(name, suffix) {
			n++
		}
	}
	return n
}
