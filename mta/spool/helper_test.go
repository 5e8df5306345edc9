package spool

import (
	"encoding/binary"
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var received = time.Date(2026, 3, 13, 6, 9, 18, 123, time.UTC)

func mustOpen(t testing.TB, dir string, o Options) *Spool {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// envelope is one with n recipients.
func envelope(n int) Envelope {
	e := Envelope{ICID: 4, Sender: "a@example.org", Received: received, Subject: "Grüße", MessageID: "<1@example.org>", Relay: true}
	for i := range n {
		e.Recipients = append(e.Recipients, Recipient{RID: i, Address: fmt.Sprintf("%d@example.com", i)})
	}
	return e
}

func put(s *Spool, mid uint64, body string, n int) error {
	w, err := s.Create(mid)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := io.WriteString(w, body); err != nil {
		return err
	}
	return w.Commit(envelope(n))
}

func mustPut(t testing.TB, s *Spool, mid uint64, body string, n int) {
	t.Helper()
	if err := put(s, mid, body, n); err != nil {
		t.Fatal(err)
	}
}

func bodyOf(t testing.TB, s *Spool, mid uint64) string {
	t.Helper()
	r, err := s.Open(mid)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func messages(t testing.TB, s *Spool) []Message {
	t.Helper()
	var list []Message
	if err := s.Messages(func(m Message) error { list = append(list, m); return nil }); err != nil {
		t.Fatal(err)
	}
	return list
}

// mustUpdate says whether the message is finished.
func mustUpdate(t testing.TB, s *Spool, mid uint64, list ...Update) bool {
	t.Helper()
	finished, err := s.Update(mid, list...)
	if err != nil {
		t.Fatal(err)
	}
	return finished
}

// files lists what lies in the log, without indexes, and beside it.
func files(t testing.TB, dir string) []string {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "log", "*"+segmentSuffix))
	if err != nil {
		t.Fatal(err)
	}
	large, err := filepath.Glob(filepath.Join(dir, "large", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return append(logs, large...)
}

var le = binary.LittleEndian
