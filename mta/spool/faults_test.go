package spool

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// streak makes steps of a disk fail, from one on.
type streak struct {
	cause error
	from  int // 0: none fails
	count int

	steps int
	hit   []stepKind
}

func (f *streak) fail(what stepKind, _ string) error {
	f.steps++
	if f.from == 0 || f.steps < f.from || f.steps >= f.from+f.count {
		return nil
	}
	f.hit = append(f.hit, what)
	return f.cause
}

// TestEachStepFails lets every single step of some messages' lives fail, in turn, alone and with those after it: what was
// acknowledged is there afterwards, what was refused is not, and the spool goes on by itself.
func TestEachStepFails(t *testing.T) {
	seen := make(map[stepKind]bool)
	dir := t.TempDir()
	for _, count := range []int{1, 2, 3, 5} {
		for _, cause := range []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS} {
			for from := 1; ; from++ {
				f := &streak{cause: cause, from: from, count: count}
				synctest.Test(t, func(t *testing.T) { faultyLife(t, dir, f) })
				for _, what := range f.hit {
					seen[what] = true
				}
				if len(f.hit) == 0 || t.Failed() {
					break
				}
			}
		}
	}
	for _, what := range []stepKind{stepSpace, stepCreate, stepWrite, stepSync, stepRename, stepFolder, stepRead, stepRemove, stepTruncate} {
		if !seen[what] {
			t.Errorf("step %q was never reached", what)
		}
	}
}

// faultyLife is a run of messages through a spool whose disk fails for a while.
func faultyLife(t *testing.T, dir string, f *streak) {
	d := newDisk(dir, blank(), newLedger(0))
	s := mustOpen(t, dir, Options{Files: d, SegmentSize: 600, inline: 400, indexEvery: time.Second})
	messages(t, s)
	d.fails(f.fail)
	want := make(map[uint64][]State)
	store := func(mid uint64, size, n int) {
		err := put(s, mid, strings.Repeat("x", size), n)
		if err == nil {
			want[mid] = make([]State, n)
		} else if errors.Is(err, ErrFull) != (f.cause == syscall.ENOSPC) {
			t.Errorf("%v fails with %v: %v", f.hit, f.cause, err)
		}
		time.Sleep(time.Second)
	}
	update := func(mid uint64, rid int, st State) {
		if want[mid] == nil {
			return
		}
		began := time.Now()
		finished, err := s.Update(mid, Update{RID: rid, State: st})
		if err != nil && !errors.Is(err, f.cause) || time.Since(began) > 3*time.Second {
			t.Errorf("after %v, update of %d: %v after %v", f.hit, mid, err, time.Since(began))
		}
		if err == nil {
			want[mid][rid] = st
		}
		if finished {
			delete(want, mid)
		}
	}
	store(1, 100, 1)
	store(2, 1000, 1)
	store(3, 100, 2)
	update(3, 0, State{Done: true})
	store(4, 300, 1)
	update(1, 0, State{Done: true})
	update(2, 0, State{Done: true})
	store(5, 300, 1)
	update(4, 0, State{Done: true})
	time.Sleep(10 * time.Second)
	update(3, 1, State{Attempts: 7})
	store(6, 1000, 1)
	time.Sleep(10 * time.Second)
	d.fails(nil)
	checkAfterFault(t, s, d, want, fmt.Sprintf("%v of %v", f.cause, f.hit))
}

// checkAfterFault: the spool goes on, and after the death of the process all is as it was told.
func checkAfterFault(t *testing.T, s *Spool, d *disk, want map[uint64][]State, what string) {
	time.Sleep(time.Second)
	if err := s.Trouble(); err != nil {
		t.Errorf("after %s is over: trouble %v", what, err)
	}
	if err := put(s, 100, "afterwards", 1); err != nil {
		t.Errorf("after %s is over: %v", what, err)
	}
	want[100] = make([]State, 1)
	checkCounts(t, s)
	d.kill()
	s.Close()
	d.revive(-1, "")
	s = mustOpen(t, d.root, Options{Files: d, SegmentSize: 600, inline: 400})
	defer s.Close()
	for _, m := range messages(t, s) {
		if fmt.Sprint(m.States) != fmt.Sprint(want[m.MID]) {
			t.Errorf("after %s message %d has states %v instead of %v", what, m.MID, m.States, want[m.MID])
		}
		if b, err := readAll(s, m.MID); err != nil || int64(len(b)) != m.Size {
			t.Errorf("after %s message %d: %d bytes of %d, %v", what, m.MID, len(b), m.Size, err)
		}
		delete(want, m.MID)
	}
	if len(want) != 0 || len(s.Problems()) != 0 {
		t.Errorf("after %s these are missing: %v; problems %q", what, want, s.Problems())
	}
}

// TestADiskThatRefusesForLong: messages are refused, updates say that they wait, and all is recorded once the disk takes it.
func TestADiskThatRefusesForLong(t *testing.T) {
	for _, cause := range []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS} {
		synctest.Test(t, func(t *testing.T) {
			d := newDisk(t.TempDir(), blank(), newLedger(0))
			s := mustOpen(t, d.root, Options{Files: d})
			mustPut(t, s, 1, "x", 2)
			mustPut(t, s, 2, "x", 1)
			if err := s.Trouble(); err != nil {
				t.Error(err)
			}
			d.fails(func(what stepKind, _ string) error {
				switch what {
				case stepWrite, stepCreate, stepTruncate, stepSync, stepFolder, stepRename, stepRemove:
					return cause
				}
				return nil
			})
			if err := put(s, 3, "x", 1); !errors.Is(err, cause) || errors.Is(err, ErrFull) != (cause == syscall.ENOSPC) {
				t.Errorf("a message: %v", err)
			}
			if err := s.Trouble(); !errors.Is(err, cause) {
				t.Errorf("trouble %v", err)
			}
			began := time.Now()
			if _, err := s.Update(1, Update{RID: 0, State: State{Done: true}}); !errors.Is(err, ErrStalled) || time.Since(began) != stallLimit {
				t.Errorf("an update: %v after %v", err, time.Since(began))
			}
			if finished, err := s.Update(2, Update{State: State{Done: true}}); !errors.Is(err, ErrStalled) || !finished {
				t.Errorf("the last update: %v %v", finished, err)
			}
			if err := s.Sync(); !errors.Is(err, cause) {
				t.Errorf("sync: %v", err)
			}
			d.fails(nil)
			time.Sleep(retryInterval + SyncInterval + time.Millisecond)
			if err := s.Trouble(); err != nil {
				t.Errorf("trouble afterwards: %v", err)
			}
			s = again(t, s, d)
			list := messages(t, s)
			if len(list) != 1 || list[0].MID != 1 || !list[0].States[0].Done {
				t.Errorf("messages %v", list)
			}
		})
	}
}

func TestRoomIsLeftForStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &small{}
		disk.free.Store(1 << 30)
		s := mustOpen(t, t.TempDir(), Options{Files: disk})
		mustPut(t, s, 1, "x", 1)
		disk.free.Store(1 << 20)
		time.Sleep(roomHolds)
		if _, err := s.Create(2); !errors.Is(err, ErrFull) {
			t.Errorf("a message on a disk that is nearly full: %v", err)
		}
		mustUpdate(t, s, 1, Update{RID: 0, State: State{Done: true}})
		disk.free.Store(1 << 30)
		time.Sleep(roomHolds)
		mustPut(t, s, 2, "y", 1)
	})
}

// TestOpenFailsAtEachStep: a fault of the disk at a start is told, or a segment waits for the next start; no message is lost
// by it, and none that was finished comes back.
func TestOpenFailsAtEachStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t.TempDir(), blank(), newLedger(0))
		o := Options{Files: d, SegmentSize: 600, inline: 400}
		s := mustOpen(t, d.root, o)
		for mid := uint64(1); mid < 9; mid++ {
			mustPut(t, s, mid, strings.Repeat("x", int(mid)*90), 1)
			if mid%3 == 0 {
				mustUpdate(t, s, mid, Update{State: State{Done: true}})
			}
		}
		s.Close()
		for _, name := range []string{"log/000000000001.idx", "log/000000000003.idx"} {
			delete(d.names, name)
		}
		for from := 1; ; from++ {
			f := &streak{cause: syscall.EIO, from: from, count: 1}
			d.fails(f.fail)
			s, err := Open(d.root, o)
			if err == nil {
				if list := messages(t, s); len(list) != 6 && len(s.Problems()) == 0 {
					t.Errorf("step %d, %v, costs messages and nobody says so: %v", from, f.hit, list)
				}
				time.Sleep(time.Minute)
				s.Close()
			}
			d.fails(nil)
			s = mustOpen(t, d.root, o)
			if n := len(messages(t, s)); n != 6 || len(s.Problems()) != 0 {
				t.Errorf("after step %d, %v, failed there are %d messages, problems %q", from, f.hit, n, s.Problems())
			}
			s.Close()
			if len(f.hit) == 0 || t.Failed() {
				return
			}
		}
	})
}

func TestUnreadableIsNotDamaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t.TempDir(), blank(), newLedger(0))
		s := mustOpen(t, d.root, Options{Files: d})
		mustPut(t, s, 1, "x", 1)
		d.fails(func(what stepKind, path string) error {
			if what == stepRead && strings.HasPrefix(path, "log/") {
				return syscall.EIO
			}
			return nil
		})
		if _, err := s.Open(1); !errors.Is(err, syscall.EIO) || errors.Is(err, ErrDamaged) {
			t.Errorf("open: %v", err)
		}
		d.kill()
		s.Close()
		d.revive(-1, "")
		s = mustOpen(t, d.root, Options{Files: d})
		if list := messages(t, s); len(list) != 0 || len(s.Problems()) != 1 {
			t.Errorf("messages %v, problems %q", list, s.Problems())
		}
		s.Close()
		d.fails(nil)
		s = mustOpen(t, d.root, Options{Files: d})
		if list := messages(t, s); len(list) != 1 {
			t.Errorf("the next start finds %v", list)
		}
	})
}

// TestARefusedMessageBehindTheEnd: where even the cut of what was refused failed, the record against it stays as long as the
// segment, indexes or not.
func TestARefusedMessageBehindTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t.TempDir(), blank(), newLedger(0))
		o := Options{Files: d, SegmentSize: 1000}
		s := mustOpen(t, d.root, o)
		mustPut(t, s, 1, "stays", 1)
		d.fails(func(what stepKind, path string) error {
			if what == stepSync || what == stepTruncate {
				return syscall.EIO
			}
			return nil
		})
		if err := put(s, 2, "refused, and written all the same", 1); err == nil {
			t.Fatal("it is not refused")
		}
		d.fails(nil)
		for mid := uint64(3); mid < 30; mid++ {
			mustPut(t, s, mid, strings.Repeat("x", 100), 1)
			mustUpdate(t, s, mid, Update{State: State{Done: true}})
		}
		for range 3 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = mustOpen(t, d.root, o)
			if list := messages(t, s); len(list) != 1 || list[0].MID != 1 {
				t.Errorf("messages %v", list)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			d.mu.Lock()
			delete(d.names, "log/000000000001.idx")
			d.mu.Unlock()
		}
	})
}
