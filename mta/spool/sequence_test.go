package spool

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

func mustSequence(t *testing.T, path string) *Sequence {
	t.Helper()
	s, err := OpenSequence(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestSequenceGoesOnAfterAStop(t *testing.T) {
	path := filepath.Join(t.TempDir(), "icid")
	for want := uint64(1); want < 10; want++ {
		s := mustSequence(t, path)
		if s.Current() != want-1 {
			t.Errorf("current is %d, want %d", s.Current(), want-1)
		}
		if got := s.Next(); got != want || s.Current() != want {
			t.Errorf("got %d, want %d", got, want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSequenceNeverRepeatsAfterAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "icid")
	var last uint64
	for n := range 250 {
		s := mustSequence(t, path)
		for range n * 11 % 700 {
			if got := s.Next(); got <= last {
				t.Fatalf("%d follows %d", got, last)
			} else {
				last = got
			}
		}
		if n%3 != 0 {
			s.f.Close() // the process dies
			s.closed = true
		} else {
			s.Close()
		}
		if n > 60 && n%7 != 0 {
			continue
		}
		// A torn write of the slot that is next leaves the other one.
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := int((s.generation+1)%slots) * slotSize
		copy(b[at:at+slotSize/2], slot(s.generation+1, last+5000))
		b[at+slotSize/2-100] ^= 0x55
		os.WriteFile(path, b, 0o600)
	}
}

func TestSequenceOfManyGoroutines(t *testing.T) {
	s := mustSequence(t, filepath.Join(t.TempDir(), "icid"))
	var mu sync.Mutex
	seen := make(map[uint64]bool)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				n := s.Next()
				mu.Lock()
				if seen[n] {
					t.Errorf("%d twice", n)
				}
				seen[n] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if s.Current() != 4000 {
		t.Errorf("current is %d", s.Current())
	}
}

func TestSequenceOnADiskThatFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "icid")
	f := &failing{err: syscall.EIO}
	s, err := openSequence(path, f)
	if err != nil {
		t.Fatal(err)
	}
	f.at.Store(1)
	var last uint64
	for range 3 * block {
		if got := s.Next(); got != last+1 {
			t.Fatalf("%d follows %d", got, last)
		} else {
			last = got
		}
	}
	f.at.Store(1)
	if err := s.Close(); !errors.Is(err, syscall.EIO) {
		t.Errorf("close: %v", err)
	}
	again := mustSequence(t, path)
	if got := again.Next(); got <= last {
		t.Errorf("%d follows %d", got, last)
	}
}

func TestADamagedSequenceIsNotGuessed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "icid")
	os.WriteFile(path, make([]byte, slots*slotSize), 0o600)
	if _, err := OpenSequence(path); !errors.Is(err, ErrDamaged) {
		t.Errorf("error %v", err)
	}
}
