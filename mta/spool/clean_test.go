package spool

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// logWrites is a fault of every write into the log.
func logWrites(what stepKind, path string) error {
	if what == stepWrite && strings.HasSuffix(path, segmentSuffix) {
		return syscall.EIO
	}
	return nil
}

// TestAStateStaysUntilTheEndIsWritten: the segment with a message's state is not dropped before the record of the message's
// end is on stable storage, or it could come back with an older state.
func TestAStateStaysUntilTheEndIsWritten(t *testing.T) {
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
		time.Sleep(time.Minute)
		if !d.has("log/000000000002.seg") {
			t.Error("the state is gone before the end is written")
		}
		d.fails(nil)
		time.Sleep(time.Minute)
		if d.has("log/000000000002.seg") {
			t.Error("the state is there afterwards")
		}
	})
}

// checkCounts recounts what the segments say of themselves, once nothing is on its way any more.
func checkCounts(t testing.TB, s *Spool) {
	t.Helper()
	if err := s.Sync(); err != nil {
		t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	live, states, graves := make(map[uint64]int), make(map[uint64]int), make(map[*segment]int)
	for _, e := range s.entries {
		live[uint64(e.segment)]++
		states[uint64(e.stateSegment)]++
	}
	for _, g := range s.segments {
		for grave, n := range g.buried {
			graves[grave] += n
		}
	}
	for n, g := range s.segments {
		if g.live != live[n] || g.states != states[n] || g.graves != graves[g] {
			t.Errorf("segment %d counts %d messages, %d states, %d graves; there are %d, %d, %d",
				n, g.live, g.states, g.graves, live[n], states[n], graves[g])
		}
	}
	for mid, list := range s.copies {
		for _, g := range list {
			if s.segments[g.number] != g {
				t.Errorf("message %d has a copy in segment %d, which is gone", mid, g.number)
			}
		}
	}
}

// segmentOf is where a message lies.
func (s *Spool) segmentOf(mid uint64) *segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.segments[uint64(s.entries[mid].segment)]
}

// TestARewriteThatIsTriedAgainLosesNothing: copies that a failing disk refused are not written twice, or if they are,
// neither is taken for the copy of a message that is finished.
func TestARewriteThatIsTriedAgainLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t.TempDir(), blank(), newLedger(0))
		s := mustOpen(t, d.root, Options{Files: d, SegmentSize: 1})
		mustPut(t, s, 1, "one", 1)
		mustPut(t, s, 2, "two", 1)
		g := s.segmentOf(1)
		s.mu.Lock()
		g.readers++ // it stays open although the sweep may drop it meanwhile
		s.mu.Unlock()
		d.fails(logWrites)
		for range 3 {
			if err := s.rewrite(g); err == nil {
				t.Error("a rewrite succeeds on a disk that fails")
			}
		}
		d.fails(nil)
		mustPut(t, s, 3, "three", 1)
		for range 2 {
			if err := s.rewrite(g); err != nil {
				t.Fatal(err)
			}
		}
		s.release(g)
		checkCounts(t, s)
		s = again(t, s, d)
		if list := messages(t, s); len(list) != 3 {
			t.Errorf("messages %v", list)
		}
	})
}

// again kills the spool and opens it once more.
func again(t testing.TB, s *Spool, d *disk) *Spool {
	t.Helper()
	d.kill()
	s.Close()
	d.revive(-1, "")
	return mustOpen(t, d.root, Options{Files: d, SegmentSize: s.segmentSize, inline: s.inline})
}

// TestACopyIsBuriedToo: a segment that cannot be rewritten to its end stays, and so do the finished records of what had been
// copied from it.
func TestACopyIsBuriedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t.TempDir(), blank(), newLedger(0))
		s := mustOpen(t, d.root, Options{Files: d, SegmentSize: 200})
		messages(t, s)
		mustPut(t, s, 1, "one", 1)
		mustPut(t, s, 2, "two", 1)
		mustPut(t, s, 3, "seals it", 1)
		g := s.segmentOf(2)
		if s.segmentOf(1) != g || s.segmentOf(3) == g {
			t.Fatal("the messages do not lie as this test wants them")
		}
		d.names[d.rel(s.segmentPath(g.number))].data[offsetOf(s.entries[2].place)+40] ^= 1
		if err := s.rewrite(g); err == nil || !g.stuck {
			t.Fatalf("rewriting a damaged segment: %v", err)
		}
		mustUpdate(t, s, 1, Update{State: State{Done: true}})
		mustUpdate(t, s, 3, Update{State: State{Done: true}})
		for mid := uint64(4); mid < 20; mid++ {
			mustPut(t, s, mid, "to fill segments", 1)
			mustUpdate(t, s, mid, Update{State: State{Done: true}})
		}
		checkCounts(t, s)
		time.Sleep(time.Minute)
		checkCounts(t, s)
		if n := len(s.segments); n > 4 {
			t.Errorf("%d segments are left", n)
		}
		delete(d.names, d.rel(s.indexPath(g.number))) // which may be missing at any time
		s = again(t, s, d)
		for _, m := range messages(t, s) {
			t.Errorf("message %d came back", m.MID)
		}
	})
}

// segmentNames is the segments that are there, without their suffix.
func (d *disk) segmentNames() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []string
	for name := range d.names {
		if n, ok := segmentNumber(strings.TrimPrefix(name, "log/")); ok {
			list = append(list, fmt.Sprint(n))
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// TestASegmentIsDroppedWhole: when everything in it is finished, but not while it has what keeps a message from coming back,
// and never the latest.
func TestASegmentIsDroppedWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t.TempDir(), blank(), newLedger(0))
		s := mustOpen(t, d.root, Options{Files: d, SegmentSize: 1, inline: 100})
		done := func(mid uint64) {
			mustUpdate(t, s, mid, Update{State: State{Done: true}})
			if err := s.Sync(); err != nil {
				t.Fatal(err)
			}
		}
		expect := func(when, want string) {
			t.Helper()
			synctest.Wait()
			if got := d.segmentNames(); got != want {
				t.Errorf("%s there are segments %s instead of %s", when, got, want)
			}
			checkCounts(t, s)
		}
		mustPut(t, s, 1, "x", 1)
		mustPut(t, s, 2, strings.Repeat("a long content ", 20), 1)
		mustPut(t, s, 3, "x", 1)
		expect("with three messages", "1 2 3")
		done(2)
		expect("after the end of the second, in segment 4,", "1 3 4")
		if d.has("large/2.body") {
			t.Error("its long content is still there")
		}
		done(3)
		expect("after that of the third", "1 5")
		s = again(t, s, d)
		s.Messages(func(Message) error { return nil })
		mustUpdate(t, s, 1, Update{State: State{Attempts: 1}})
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		expect("after a state of the first", "1 6")
		done(1)
		expect("after the end of all", "7")
		if list, _ := s.Usage(); list > 1 {
			t.Errorf("%d KiB are used", list)
		}
	})
}

// TestAFinishedRecordStays as long as the message's content lies in another segment, over starts and rewrites of its own.
func TestAFinishedRecordStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t.TempDir(), blank(), newLedger(0))
		s := mustOpen(t, d.root, Options{Files: d, SegmentSize: 400})
		for mid := uint64(1); mid <= 3; mid++ { // into one segment
			mustPut(t, s, mid, "x", 1)
		}
		mustUpdate(t, s, 2, Update{State: State{Done: true}})
		for mid := uint64(10); mid < 40; mid++ { // many come and go
			mustPut(t, s, mid, "x", 1)
			mustUpdate(t, s, mid, Update{State: State{Done: true}})
			if mid%10 == 5 {
				checkCounts(t, s)
				s = again(t, s, d)
				s.Messages(func(Message) error { return nil })
			}
		}
		checkCounts(t, s)
		synctest.Wait()
		if n := strings.Count(d.segmentNames(), " "); n > 4 {
			t.Errorf("segments %s are left", d.segmentNames())
		}
		for name := range d.names { // an index would know
			if strings.HasSuffix(name, indexSuffix) {
				delete(d.names, name)
			}
		}
		s = again(t, s, d)
		list := messages(t, s)
		if len(list) != 2 || list[0].MID != 1 || list[1].MID != 3 {
			t.Errorf("messages %v", list)
		}
	})
}

// TestASparseSegmentIsRewritten: what is left in it moves, with its state, and it goes.
func TestASparseSegmentIsRewritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t.TempDir(), blank(), newLedger(0))
		s := mustOpen(t, d.root, Options{Files: d, SegmentSize: 5000, inline: 100})
		messages(t, s)
		for mid := uint64(1); mid <= 40; mid++ {
			mustPut(t, s, mid, "x", 2)
		}
		long := strings.Repeat("a long content ", 20)
		mustPut(t, s, 41, long, 1)
		mustUpdate(t, s, 7, Update{RID: 1, State: State{Done: true, LastError: "kept"}})
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		for mid := uint64(1); mid <= 40; mid++ {
			if mid != 7 {
				mustUpdate(t, s, mid, Update{RID: 0, State: State{Done: true}}, Update{RID: 1, State: State{Done: true}})
			}
		}
		mustPut(t, s, 42, strings.Repeat("x", 90), 1)
		time.Sleep(time.Minute)
		checkCounts(t, s)
		if d.has("log/000000000001.seg") {
			t.Errorf("segments %s are left", d.segmentNames())
		}
		for range 2 {
			if m, err := s.Message(7); err != nil || !m.States[1].Done || m.States[1].LastError != "kept" || m.States[0].Done {
				t.Errorf("%+v, %v", m, err)
			}
			if bodyOf(t, s, 7) != "x" || bodyOf(t, s, 41) != long {
				t.Error("the contents are others")
			}
			s = again(t, s, d)
			if list := messages(t, s); len(list) != 3 {
				t.Errorf("messages %v", list)
			}
		}
	})
}

// TestADeathInARewrite leaves messages in two places. They are there once, and when they end, for good.
func TestADeathInARewrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t.TempDir(), blank(), newLedger(0))
		s := mustOpen(t, d.root, Options{Files: d, SegmentSize: 400})
		for mid := uint64(1); mid <= 4; mid++ {
			mustPut(t, s, mid, "x", 1)
		}
		g := s.segmentOf(1)
		d.fails(func(what stepKind, path string) error { // the segment cannot be removed before the process dies
			if what == stepRemove {
				return syscall.EIO
			}
			return nil
		})
		if err := s.rewrite(g); err != nil {
			t.Fatal(err)
		}
		s = again(t, s, d)
		if list := messages(t, s); len(list) != 4 || len(s.Problems()) != 0 {
			t.Errorf("messages %v, problems %q", list, s.Problems())
		}
		mustUpdate(t, s, 1, Update{State: State{Done: true}})
		mustUpdate(t, s, 2, Update{State: State{Done: true}})
		checkCounts(t, s)
		for range 2 {
			s = again(t, s, d)
			if list := messages(t, s); len(list) != 2 {
				t.Errorf("messages %v", list)
			}
		}
		d.fails(nil)
		time.Sleep(time.Minute)
		checkCounts(t, s)
		s = again(t, s, d)
		if list := messages(t, s); len(list) != 2 {
			t.Errorf("messages %v", list)
		}
	})
}
