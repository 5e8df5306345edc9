package spool

import (
	"errors"
	"os"
	"testing"
	"time"
)

// TestMessageTellsWhatIsRecorded: what an operator looks at is what a start would find.
func TestMessageTellsWhatIsRecorded(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	mustPut(t, s, 7, "body\r\n", 3)
	next := received.Add(time.Hour)
	if err := s.Update(7, Update{RID: 0, State: State{Attempts: 1, Next: next, LastError: "busy", Via: "[relay.example]:25"}}, Update{RID: 1, State: State{Done: true}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(7, Update{RID: 0, State: State{Attempts: 2, Next: next}}); err != nil {
		t.Fatal(err)
	}
	check := func(s *Spool) {
		t.Helper()
		m, err := s.Message(7)
		if err != nil || m.MID != 7 || m.Sender != "a@example.org" || m.Size != 6 || len(m.Recipients) != 3 {
			t.Fatalf("%+v, %v", m, err)
		}
		want := [3]State{{Attempts: 2, Next: next, Via: "[relay.example]:25"}, {Done: true}, {}}
		if [3]State(m.States) != want {
			t.Errorf("states %+v, want %+v", m.States, want)
		}
	}
	check(s)
	s.Close()
	s = mustOpen(t, dir, Options{})
	if n := len(messages(t, s)); n != 1 {
		t.Fatalf("%d messages", n)
	}
	check(s)
}

func TestMessageThatIsNotThere(t *testing.T) {
	s := mustOpen(t, t.TempDir(), Options{})
	if _, err := s.Message(1); !errors.Is(err, ErrNotFound) {
		t.Errorf("never written: %v", err)
	}
	mustPut(t, s, 2, "body", 1)
	if err := s.Update(2, Update{RID: 0, State: State{Done: true}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(2); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Message(2); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed: %v", err)
	}
	mustPut(t, s, 3, "body", 1)
	if err := os.WriteFile(s.path(3), []byte("not a message"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Message(3); !errors.Is(err, ErrDamaged) {
		t.Errorf("damaged: %v", err)
	}
}
