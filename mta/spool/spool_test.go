package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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

// files lists every file below the messages' folder.
func files(t testing.TB, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "messages", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestAMessageFromArrivalToRemoval(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	s := mustOpen(t, dir, Options{})
	mid := s.NextMID()
	if mid != 1 || s.LastMID() != 1 {
		t.Errorf("the first message is %d", mid)
	}
	body := strings.Repeat("a line of mail\r\n", 10000)
	mustPut(t, s, mid, body, 2)
	if got := bodyOf(t, s, mid); got != body {
		t.Errorf("the body has %d bytes of %d", len(got), len(body))
	}
	next := received.Add(time.Hour)
	if err := s.Update(mid, Update{RID: 0, State: State{Done: true, Attempts: 1}},
		Update{RID: 1, State: State{Attempts: 1, Next: next, LastError: "454 \xff later"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(mid); !errors.Is(err, ErrUnfinished) {
		t.Errorf("removing an unfinished message: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = mustOpen(t, dir, Options{})
	list := messages(t, s)
	if len(list) != 1 {
		t.Fatalf("%d messages", len(list))
	}
	want := envelope(2)
	want.MID, want.Size = mid, int64(len(body))
	if got := fmt.Sprintf("%+v", list[0].Envelope); got != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %s\nwant %+v", got, want)
	}
	states := []State{{Done: true, Attempts: 1}, {Attempts: 1, Next: next, LastError: "454 \ufffd later"}}
	if !slices.Equal(list[0].States, states) {
		t.Errorf("states %+v", list[0].States)
	}
	if used, free := s.Usage(); used < int64(len(body))/1024 || free <= 0 {
		t.Errorf("usage %d, %d", used, free)
	}
	if err := s.Update(mid, Update{RID: 1, State: State{Done: true, Attempts: 2}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Remove(mid); err != nil {
			t.Fatal(err)
		}
	}
	if used, _ := s.Usage(); used != 0 || len(files(t, dir)) != 0 {
		t.Errorf("after the removal: %d KiB used, files %q", used, files(t, dir))
	}
	if _, err := s.Open(mid); !errors.Is(err, ErrNotFound) {
		t.Errorf("opening a removed message: %v", err)
	}
	if err := s.Update(mid, Update{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("updating a removed message: %v", err)
	}
	if got := s.NextMID(); got != mid+1 {
		t.Errorf("after an orderly stop message %d follows %d", got, mid)
	}
}

func TestBodiesOfAllSizes(t *testing.T) {
	s := mustOpen(t, t.TempDir(), Options{})
	for _, n := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 3 * chunkSize, 1 << 20} {
		body := bytes.Repeat([]byte("0123456789abcde"), n/15+1)[:n]
		mid := s.NextMID()
		w, err := s.Create(mid)
		if err != nil {
			t.Fatal(err)
		}
		for rest := body; len(rest) > 0; {
			m := min(7777, len(rest))
			if k, err := w.Write(rest[:m]); k != m || err != nil {
				t.Fatal(k, err)
			}
			rest = rest[m:]
		}
		if w.Size() != int64(n) {
			t.Errorf("size %d of %d", w.Size(), n)
		}
		if err := w.Commit(envelope(1)); err != nil {
			t.Fatal(err)
		}
		w.Abort()
		if got := bodyOf(t, s, mid); got != string(body) {
			t.Errorf("%d bytes come back as %d", n, len(got))
		}
	}
	if err := Check(s.dir); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNotCommittedIsNotThere(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	w, err := s.Create(1)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "half a mess")
	if err := Check(dir); err != nil {
		t.Errorf("check beside an open writer: %v", err)
	}
	w.Abort()
	if _, err := io.WriteString(w, "age"); err == nil {
		t.Error("a write after Abort succeeds")
	}
	if err := w.Commit(envelope(1)); err == nil {
		t.Error("a commit after Abort succeeds")
	}
	if list := files(t, dir); len(list) != 0 {
		t.Errorf("files %q", list)
	}
	if w, err = s.Create(2); err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "the process dies now")
	s.Close()
	if err := w.Commit(envelope(1)); err == nil {
		t.Error("a commit into a closed spool succeeds")
	}
	os.WriteFile(s.temp(3), []byte("left by a kill"), 0o600)
	s = mustOpen(t, dir, Options{})
	if list := messages(t, s); len(list) != 0 || len(files(t, dir)) != 0 {
		t.Errorf("messages %v, files %q", list, files(t, dir))
	}
}

func TestEnvelopesThatAreRefused(t *testing.T) {
	for name, change := range map[string]func(e *Envelope){
		"no recipient":         func(e *Envelope) { e.Recipients = nil },
		"a recipient twice":    func(e *Envelope) { e.Recipients[1].RID = 0 },
		"a negative recipient": func(e *Envelope) { e.Recipients[1].RID = -1 },
		"sender not UTF-8":     func(e *Envelope) { e.Sender = "\xff@example.org" },
		"recipient not UTF-8":  func(e *Envelope) { e.Recipients[0].Address = "\xff@example.org" },
	} {
		s := mustOpen(t, t.TempDir(), Options{})
		w, err := s.Create(1)
		if err != nil {
			t.Fatal(err)
		}
		e := envelope(2)
		change(&e)
		if err := w.Commit(e); err == nil {
			t.Errorf("%s: it is taken", name)
		}
		if list := files(t, s.dir); len(list) != 0 {
			t.Errorf("%s: files %q", name, list)
		}
	}
}

func TestDoneStaysDone(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	mustPut(t, s, 1, "x", 1)
	for _, st := range []State{{Done: true, Attempts: 1}, {Attempts: 2}} {
		if err := s.Update(1, Update{RID: 0, State: st}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Update(1, Update{RID: 5}); err == nil {
		t.Error("a recipient that the message does not have is updated")
	}
	s.Close()
	s = mustOpen(t, dir, Options{})
	if list := messages(t, s); len(list) != 0 || len(files(t, dir)) != 0 {
		t.Errorf("messages %v, files %q", list, files(t, dir))
	}
}

func TestASpoolIsForOneProcess(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, dir, Options{})
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrInUse) {
		t.Errorf("a second process: %v", err)
	}
}

func TestANewerSpoolIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	mustPut(t, s, 1, "x", 1)
	s.Close()
	format := filepath.Join(dir, "format")
	if text, err := os.ReadFile(format); err != nil || string(text) != "posthouse spool 1\n" {
		t.Errorf("format %q, %v", text, err)
	}
	os.WriteFile(format, []byte("posthouse spool 2\n"), 0o600)
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrNewer) {
		t.Errorf("a newer folder: %v", err)
	}
	if err := Check(dir); !errors.Is(err, ErrNewer) {
		t.Errorf("check of a newer folder: %v", err)
	}
	os.WriteFile(format, []byte("something else\n"), 0o600)
	if _, err := Open(dir, Options{}); err == nil {
		t.Error("a folder of something else is opened")
	}
	os.WriteFile(format, []byte("posthouse spool 1\n"), 0o600)
	b, err := os.ReadFile(s.path(1))
	if err != nil {
		t.Fatal(err)
	}
	b[len(magic)] = 2
	os.WriteFile(s.path(1), b, 0o600)
	s = mustOpen(t, dir, Options{})
	if err := s.Messages(func(Message) error { return nil }); !errors.Is(err, ErrNewer) {
		t.Errorf("a newer message: %v", err)
	}
	if len(files(t, dir)) != 1 {
		t.Error("a newer message is gone")
	}
}

func TestDamageCostsTheDamagedMessageOnly(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	for mid := uint64(1); mid <= 3; mid++ {
		mustPut(t, s, mid, "the body", 1)
	}
	s.Close()
	b, _ := os.ReadFile(s.path(2))
	b[len(b)-3] ^= 1 // in the envelope
	os.WriteFile(s.path(2), b, 0o600)
	if err := Check(dir); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "message 2") {
		t.Errorf("check: %v", err)
	}
	s = mustOpen(t, dir, Options{})
	list := messages(t, s)
	if len(list) != 2 || list[0].MID != 1 || list[1].MID != 3 {
		t.Errorf("messages %v", list)
	}
	if p := s.Problems(); len(p) != 1 || !strings.Contains(p[0], "message 2") || !strings.Contains(p[0], "checksum") {
		t.Errorf("problems %q", p)
	}
	if kept, err := os.ReadFile(filepath.Join(dir, "damaged", "2.msg")); err != nil || !bytes.Equal(kept, b) {
		t.Errorf("the damaged file: %v", err)
	}
	if got := s.NextMID(); got != 4 {
		t.Errorf("next is %d", got)
	}
}

func TestADamagedBodyNeverEndsWell(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	mustPut(t, s, 1, strings.Repeat("x", 3*chunkSize), 1)
	b, _ := os.ReadFile(s.path(1))
	b[headSize+recordHead+chunkSize+100] ^= 4
	os.WriteFile(s.path(1), b, 0o600)
	r, err := s.Open(1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n, err := io.Copy(io.Discard, r); !errors.Is(err, ErrDamaged) || n > chunkSize {
		t.Errorf("%d bytes, %v", n, err)
	}
	if err := s.SetAside(1, "wrong checksum"); err != nil {
		t.Fatal(err)
	}
	if len(s.Problems()) != 1 || len(files(t, dir)) != 0 {
		t.Errorf("problems %q, files %q", s.Problems(), files(t, dir))
	}
	if err := s.SetAside(1, "again"); !errors.Is(err, ErrNotFound) {
		t.Errorf("set aside twice: %v", err)
	}
}

func TestAStateDamagedLaterIsSkipped(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	mustPut(t, s, 1, "x", 3)
	var ends []int64
	for i := range 3 {
		if err := s.Update(1, Update{RID: i, State: State{Done: i != 1, Attempts: 1}}); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, s.entries[1].end)
	}
	s.Close()
	b, _ := os.ReadFile(s.path(1))
	b[ends[0]+recordHead+2] ^= 1
	os.WriteFile(s.path(1), b, 0o600)
	s = mustOpen(t, dir, Options{})
	list := messages(t, s)
	if len(list) != 1 || !slices.Equal(list[0].States, []State{{Done: true, Attempts: 1}, {}, {Done: true, Attempts: 1}}) {
		t.Errorf("messages %+v", list)
	}
	if p := s.Problems(); len(p) != 1 || !strings.Contains(p[0], "1 state records are damaged") {
		t.Errorf("problems %q", p)
	}
}

func TestManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	const workers, each = 16, 20
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range each {
				mid := s.NextMID()
				if err := put(s, mid, fmt.Sprint("body of ", mid), 2); err != nil {
					t.Error(err)
					return
				}
				var inner sync.WaitGroup
				for rid := range 2 {
					inner.Go(func() {
						if err := s.Update(mid, Update{RID: rid, State: State{Done: true}}); err != nil {
							t.Error(err)
						}
					})
				}
				inner.Wait()
				if i%2 == 0 {
					if err := s.Remove(mid); err != nil {
						t.Error(err)
					}
				} else if got := bodyOf(t, s, mid); got != fmt.Sprint("body of ", mid) {
					t.Errorf("message %d: %q", mid, got)
				}
			}
		})
	}
	wg.Wait()
	if n := len(files(t, dir)); n != workers*each/2 {
		t.Errorf("%d files", n)
	}
	if err := Check(dir); err != nil {
		t.Error(err)
	}
}

func TestCheckOfNothing(t *testing.T) {
	if err := Check(filepath.Join(t.TempDir(), "spool")); err != nil {
		t.Error(err)
	}
}

func BenchmarkCommit(b *testing.B) {
	s := mustOpen(b, b.TempDir(), Options{})
	body := strings.Repeat("a line of some length for the benchmark\r\n", 100)
	b.SetParallelism(25)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := put(s, s.NextMID(), body, 1); err != nil {
				b.Error(err)
			}
		}
	})
}
