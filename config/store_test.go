package config

import (
	"testing"
)

var alice = Author{User: "alice", From: "192.0.2.7"}

func newTestStore(t *testing.T) *Store {
	t.Helper()
	s, err := Create(t.TempDir(), Default("mail.example.com"), alice)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCreateThenOpen(t *testing.T) {
	s := newTestStore(t)
	again, err := Open(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := Diff(s.Running().Config, again.Running().Config); len(d) > 0 || again.Running().Revision != s.Running().Revision {
		t.Errorf("opened %+v\n%s", again.Running().Revision, FormatChanges(d))
	}
}
