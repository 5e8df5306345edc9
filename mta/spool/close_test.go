package spool

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"
)

// TestCloseGivesUpOnADeadDisk: what cannot be recorded is named, and Close ends.
func TestCloseGivesUpOnADeadDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t.TempDir(), blank(), newLedger(0))
		s := mustOpen(t, d.root, Options{Files: d})
		mustPut(t, s, 1, "x", 1)
		if _, err := s.Update(1, Update{State: State{Attempts: 1}}); err != nil {
			t.Fatal(err)
		}
		d.kill()
		if err := s.Close(); !errors.Is(err, errDead) {
			t.Errorf("close: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close again: %v", err)
		}
	})
}

func TestAClosedSpoolTakesNothing(t *testing.T) {
	s := mustOpen(t, t.TempDir(), Options{})
	mustPut(t, s, 1, "x", 1)
	mustPut(t, s, 2, "x", 2)
	w, err := s.Create(3)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(envelope(1)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("commit: %v", err)
	}
	for mid := uint64(1); mid <= 2; mid++ {
		if _, err := s.Update(mid, Update{State: State{Done: true}}); !errors.Is(err, os.ErrClosed) {
			t.Errorf("update: %v", err)
		}
	}
	if _, err := s.Create(4); !errors.Is(err, os.ErrClosed) {
		t.Errorf("create: %v", err)
	}
	if err := s.Sync(); err != nil {
		t.Errorf("sync: %v", err)
	}
}
