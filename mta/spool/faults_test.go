package spool

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// failing is the operating system's FileSystem with one step that fails, and half done where a write can be.
type failing struct {
	osFiles
	err   error
	at    atomic.Int64 // counts down; the step that reaches zero fails
	where atomic.Value // string: the step that failed
}

func (f *failing) step(name string) error {
	if f.at.Add(-1) == 0 {
		f.where.Store(name)
		return f.err
	}
	return nil
}

func (f *failing) wrap(inner File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return &failingFile{inner, f}, nil
}

func (f *failing) Create(path string) (File, error) {
	if err := f.step("create"); err != nil {
		return nil, err
	}
	return f.wrap(f.osFiles.Create(path))
}

func (f *failing) Modify(path string) (File, error) {
	if err := f.step("modify"); err != nil {
		return nil, err
	}
	return f.wrap(f.osFiles.Modify(path))
}

func (f *failing) Open(path string) (File, error) {
	if err := f.step("open"); err != nil {
		return nil, err
	}
	return f.wrap(f.osFiles.Open(path))
}

func (f *failing) Rename(from, to string) error {
	if err := f.step("rename"); err != nil {
		return err
	}
	return f.osFiles.Rename(from, to)
}

func (f *failing) Remove(path string) error {
	if err := f.step("remove"); err != nil {
		return err
	}
	return f.osFiles.Remove(path)
}

func (f *failing) SyncFolder(path string) error {
	if err := f.step("sync folder"); err != nil {
		return err
	}
	return f.osFiles.SyncFolder(path)
}

func (f *failing) Space(path string) (int64, int64, error) {
	if err := f.step("space"); err != nil {
		return 0, 0, err
	}
	return f.osFiles.Space(path)
}

type failingFile struct {
	File
	f *failing
}

func (f *failingFile) WriteAt(p []byte, offset int64) (int, error) {
	if err := f.f.step("write"); err != nil {
		n, _ := f.File.WriteAt(p[:len(p)/2], offset)
		return n, err
	}
	return f.File.WriteAt(p, offset)
}

func (f *failingFile) Sync() error {
	if err := f.f.step("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *failingFile) Datasync() error {
	if err := f.f.step("datasync"); err != nil {
		return err
	}
	return f.File.Datasync()
}

func (f *failingFile) Close() error {
	err := f.File.Close()
	if failed := f.f.step("close"); failed != nil {
		return failed
	}
	return err
}

// TestEachStepFails lets every single step of a message's life fail once, in turn: what was acknowledged is there
// afterwards, what was refused is not, nothing is left over, and the spool goes on working.
func TestEachStepFails(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", chunkSize/8)
	seen := make(map[string]bool)
	dir := t.TempDir()
	for _, cause := range []error{syscall.ENOSPC, syscall.EIO} {
		for at := int64(1); ; at++ {
			f := &failing{err: cause}
			s, err := Open(dir, Options{Files: f})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Messages(func(m Message) error { return fmt.Errorf("message %d is left over", m.MID) }); err != nil {
				t.Fatal(err)
			}
			mid := s.NextMID()
			f.at.Store(at)
			stored := put(s, mid, body, 2)
			var updated error
			if stored == nil {
				updated = s.Update(mid, Update{RID: 1, State: State{Done: true}})
			}
			where, failed := f.where.Load().(string)
			for _, err := range []error{stored, updated} {
				if err != nil && (errors.Is(err, ErrFull) != (cause == syscall.ENOSPC)) {
					t.Errorf("%s fails with %v: %v", where, cause, err)
				}
			}
			f.at.Store(0)
			mustPut(t, s, mid+1, "afterwards", 1)
			if err := Check(dir); err != nil {
				t.Errorf("after a failed %s: %v", where, err)
			}
			checkAfterFault(t, s, dir, mid, stored, updated, where)
			if !failed {
				break
			}
			seen[where] = true
		}
	}
	for _, step := range []string{"space", "create", "write", "sync", "close", "rename", "sync folder", "modify", "datasync"} {
		if !seen[step] {
			t.Errorf("step %q was never reached", step)
		}
	}
}

// checkAfterFault opens the spool again and empties it.
func checkAfterFault(t *testing.T, s *Spool, dir string, mid uint64, stored, updated error, where string) {
	t.Helper()
	want := 2
	if stored != nil {
		want = 1
	}
	if list := files(t, dir); len(list) != want {
		t.Errorf("after a failed %s (%v): files %q", where, stored, list)
	}
	s.Close()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	list := messages(t, s)
	if len(list) != want || len(s.Problems()) != 0 {
		t.Errorf("after a failed %s (%v): messages %v, problems %q", where, stored, list, s.Problems())
	}
	for _, m := range list {
		if m.MID == mid && m.States[1].Done != (updated == nil) {
			t.Errorf("after a failed %s: update gave %v, the state is %+v", where, updated, m.States[1])
		}
		for _, r := range m.Recipients {
			if err := s.Update(m.MID, Update{RID: r.RID, State: State{Done: true}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Remove(m.MID); err != nil {
			t.Fatal(err)
		}
	}
}

// small is a disk with so much room.
type small struct {
	osFiles
	free atomic.Int64
}

func (s *small) Space(string) (int64, int64, error) { return s.free.Load(), 1 << 40, nil }

func TestRoomIsLeftForStates(t *testing.T) {
	disk := &small{}
	disk.free.Store(1 << 30)
	s := mustOpen(t, t.TempDir(), Options{Files: disk})
	mustPut(t, s, 1, "x", 1)
	disk.free.Store(1 << 20)
	if _, err := s.Create(2); !errors.Is(err, ErrFull) {
		t.Errorf("a message on a disk that is nearly full: %v", err)
	}
	if err := s.Update(1, Update{RID: 0, State: State{Done: true}}); err != nil {
		t.Error(err)
	}
	disk.free.Store(1 << 30)
	mustPut(t, s, 2, "y", 1)
}

func TestOpenFailsAtEachStep(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, dir, Options{}).Close()
	for at := int64(1); ; at++ {
		f := &failing{err: syscall.EIO}
		f.at.Store(at)
		s, err := Open(dir, Options{Files: f})
		if _, failed := f.where.Load().(string); !failed {
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
			break
		}
		if err == nil {
			t.Errorf("step %d fails and nobody says so", at)
			s.Close()
		}
	}
	s := mustOpen(t, dir, Options{}) // no failure left the spool locked
	mustPut(t, s, 1, "x", 1)
}

func TestUnreadableIsNotDamaged(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	mustPut(t, s, 1, "x", 1)
	s.Close()
	f := &failing{err: syscall.EIO}
	s = mustOpen(t, dir, Options{Files: f})
	f.at.Store(1)
	if list := messages(t, s); len(list) != 0 || len(s.Problems()) != 1 {
		t.Errorf("messages %v, problems %q", list, s.Problems())
	}
	s.Close()
	s = mustOpen(t, dir, Options{})
	if list := messages(t, s); len(list) != 1 {
		t.Errorf("the next start finds %v", list)
	}
}
