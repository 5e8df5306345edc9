package spool

import (
	"errors"
	"os"
	"testing"
)

func TestMessage(t *testing.T) {
	s := mustOpen(t, t.TempDir(), Options{})
	mid := s.NextMID()
	if _, err := s.Message(mid); !errors.Is(err, ErrNotFound) {
		t.Errorf("before it is there: %v", err)
	}
	mustPut(t, s, mid, "body", 2)
	if err := s.Update(mid, Update{RID: 1, State: State{Attempts: 3}}); err != nil {
		t.Fatal(err)
	}
	m, err := s.Message(mid)
	if err != nil || m.MID != mid || len(m.Recipients) != 2 || m.States[0].Attempts != 0 || m.States[1].Attempts != 3 {
		t.Errorf("%+v, %v", m, err)
	}
	if err := os.Truncate(s.path(mid), 20); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Message(mid); !errors.Is(err, ErrDamaged) {
		t.Errorf("with half of it lost: %v", err)
	}
}
