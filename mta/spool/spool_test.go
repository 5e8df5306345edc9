package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAMessageFromArrivalToItsEnd(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	s := mustOpen(t, dir, Options{})
	mid := s.NextMID()
	if mid != 1 || s.LastMID() != 1 {
		t.Errorf("the first message is %d", mid)
	}
	body := strings.Repeat("a line of mail\r\n", 10000)
	mustPut(t, s, mid, body, 2)
	if got := bodyOf(t, s, mid); got != body {
		t.Errorf("the content has %d bytes of %d", len(got), len(body))
	}
	next := received.Add(time.Hour)
	if mustUpdate(t, s, mid, Update{RID: 0, State: State{Done: true, Attempts: 1}},
		Update{RID: 1, State: State{Attempts: 1, Next: next, LastError: "454 \xff later", Via: "relay.example", Warned: 1}}) {
		t.Error("it is finished with one recipient of two")
	}
	want := Message{Envelope: envelope(2), States: []State{{Done: true, Attempts: 1},
		{Attempts: 1, Next: next, LastError: "454 \ufffd later", Via: "relay.example", Warned: 1}}}
	want.MID, want.Size = mid, int64(len(body))
	for range 2 {
		if m, err := s.Message(mid); err != nil || fmt.Sprint(m) != fmt.Sprint(want) {
			t.Errorf("before the restart %+v, %v", m, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, dir, Options{})
		if list := messages(t, s); len(list) != 1 || fmt.Sprint(list[0]) != fmt.Sprint(want) {
			t.Errorf("after the restart %+v", list)
		}
	}
	if used, free := s.Usage(); used < int64(len(body))/1024 || free <= 0 || !s.Has(mid) {
		t.Errorf("%d KiB used, %d free", used, free)
	}
	if !mustUpdate(t, s, mid, Update{RID: 1, State: State{Done: true, Attempts: 2}}) || s.Has(mid) {
		t.Error("it is not finished")
	}
	if _, err := s.Open(mid); !errors.Is(err, ErrNotFound) {
		t.Errorf("opening a finished message: %v", err)
	}
	if _, err := s.Update(mid, Update{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("updating a finished message: %v", err)
	}
	if _, err := s.Message(mid); !errors.Is(err, ErrNotFound) {
		t.Errorf("reading a finished message: %v", err)
	}
	s.Close()
	s = mustOpen(t, dir, Options{})
	if list := messages(t, s); len(list) != 0 {
		t.Errorf("it is there again: %+v", list)
	}
	if got := s.NextMID(); got != mid+1 {
		t.Errorf("after an orderly stop message %d follows %d", got, mid)
	}
}

// TestContentsOfAllSizes are around the places where a content goes into a file of its own and from block to block there.
func TestContentsOfAllSizes(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	want := make(map[uint64][]byte)
	for _, n := range []int{0, 1, spillSize, maxInline - 1, maxInline, maxInline + 1, maxInline + spillSize - 1, maxInline + spillSize, maxInline + spillSize + 1, 1 << 20} {
		for _, step := range []int{7777, spillSize, n + 1} {
			body := bytes.Repeat([]byte("0123456789abcde"), n/15+1)[:n]
			mid := s.NextMID()
			w, err := s.Create(mid)
			if err != nil {
				t.Fatal(err)
			}
			for rest := body; len(rest) > 0; {
				m := min(step, len(rest))
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
			want[mid] = body
			if got := bodyOf(t, s, mid); got != string(body) {
				t.Errorf("%d bytes come back as %d", n, len(got))
			}
			if _, err := os.Stat(s.outsidePath(mid)); (err == nil) != (n > maxInline) {
				t.Errorf("of a content of %d bytes: %v", n, err)
			}
		}
	}
	if err := Check(dir); err != nil {
		t.Error(err)
	}
	s.Close()
	s = mustOpen(t, dir, Options{})
	for _, m := range messages(t, s) {
		if got := bodyOf(t, s, m.MID); got != string(want[m.MID]) || m.Size != int64(len(got)) {
			t.Errorf("message %d has %d bytes of %d", m.MID, len(got), len(want[m.MID]))
		}
		delete(want, m.MID)
	}
	if len(want) != 0 {
		t.Errorf("%d messages are missing", len(want))
	}
}

func TestWhatIsNotCommittedIsNotThere(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	for mid, size := range []int{100, maxInline + 1} {
		w, err := s.Create(uint64(mid + 1))
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, strings.Repeat("x", size))
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
	}
	if used, _ := s.Usage(); used != 0 || len(files(t, dir)) != 0 {
		t.Errorf("%d KiB, files %q", used, files(t, dir))
	}
	w, err := s.Create(3)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, strings.Repeat("the process dies now", maxInline))
	s.Close()
	if err := w.Commit(envelope(1)); err == nil {
		t.Error("a commit into a closed spool succeeds")
	}
	for _, name := range []string{"4.body.tmp", "5.body"} {
		os.WriteFile(filepath.Join(dir, "large", name), []byte("left by a kill"), 0o600)
	}
	os.WriteFile(filepath.Join(dir, "log", "000000000009.idx.tmp"), []byte("left by a kill"), 0o600)
	os.WriteFile(filepath.Join(dir, "log", "000000000009.idx"), []byte("of a segment that is gone"), 0o600)
	s = mustOpen(t, dir, Options{})
	if list := messages(t, s); len(list) != 0 || len(files(t, dir)) != 0 || len(s.Problems()) != 0 {
		t.Errorf("messages %v, files %q, problems %q", list, files(t, dir), s.Problems())
	}
	if list, _ := filepath.Glob(filepath.Join(dir, "log", "*")); len(list) != 0 {
		t.Errorf("files %q", list)
	}
}

func TestEnvelopesThatAreRefused(t *testing.T) {
	for name, change := range map[string]func(e *Envelope){
		"no recipient":             func(e *Envelope) { e.Recipients = nil },
		"a recipient twice":        func(e *Envelope) { e.Recipients[1].RID = 0 },
		"a negative recipient":     func(e *Envelope) { e.Recipients[1].RID = -1 },
		"a recipient's ID is much": func(e *Envelope) { e.Recipients[1].RID = maxRID + 1 },
		"sender not UTF-8":         func(e *Envelope) { e.Sender = "\xff@example.org" },
		"recipient not UTF-8":      func(e *Envelope) { e.Recipients[0].Address = "\xff@example.org" },
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
		if s.Has(1) || len(files(t, s.dir)) != 0 {
			t.Errorf("%s: files %q", name, files(t, s.dir))
		}
	}
}

func TestAMessageIDServesOnce(t *testing.T) {
	s := mustOpen(t, t.TempDir(), Options{})
	mustPut(t, s, 1, "x", 1)
	if _, err := s.Create(1); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second message 1: %v", err)
	}
}

func TestDoneStaysDone(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	mustPut(t, s, 1, "x", 2)
	for _, st := range []State{{Done: true, Attempts: 1}, {Attempts: 2}} {
		if mustUpdate(t, s, 1, Update{RID: 0, State: st}) {
			t.Error("it is finished")
		}
	}
	for n := range 2 {
		if m, err := s.Message(1); err != nil || !slices.Equal(m.States, []State{{Done: true, Attempts: 2}, {}}) {
			t.Errorf("%+v, %v", m, err)
		}
		if n == 0 {
			s.Close()
			s = mustOpen(t, dir, Options{})
		}
	}
}

// TestARecipientThatIsNotThere is not updated, and does not finish the message of another.
func TestARecipientThatIsNotThere(t *testing.T) {
	s := mustOpen(t, t.TempDir(), Options{})
	mustPut(t, s, 1, "x", 1)
	e := envelope(1)
	e.Recipients[0].RID = 7
	w, err := s.Create(2)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(e); err != nil {
		t.Fatal(err)
	}
	for mid, rid := range map[uint64]int{1: 5, 2: 0} {
		if _, err := s.Update(mid, Update{RID: rid, State: State{Done: true}}); err == nil || !s.Has(mid) {
			t.Errorf("recipient %d of message %d is updated", rid, mid)
		}
	}
	if !mustUpdate(t, s, 2, Update{RID: 7, State: State{Done: true}}) {
		t.Error("its own recipient does not finish it")
	}
}

// TestThousandRecipients are done one after the other, some before a restart.
func TestThousandRecipients(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{SegmentSize: 1 << 20})
	const n = 1000
	mustPut(t, s, 1, "to many", n)
	want := make([]State, n)
	r := rand.New(rand.NewPCG(1, 1))
	for k, rid := range r.Perm(n) {
		st := State{Done: k%3 != 0, Attempts: k % 5, LastError: strings.Repeat("e", k%7)}
		want[rid] = st
		if mustUpdate(t, s, 1, Update{RID: rid, State: st}) {
			t.Fatal("it is finished")
		}
		if k%250 == 249 {
			s.Close()
			s = mustOpen(t, dir, Options{SegmentSize: 1 << 20})
			if list := messages(t, s); len(list) != 1 || !slices.Equal(list[0].States, want) {
				t.Fatalf("after %d updates and a restart the states are others", k+1)
			}
		}
	}
	var rest []Update
	for rid := range want {
		if !want[rid].Done {
			rest = append(rest, Update{RID: rid, State: State{Done: true}})
		}
	}
	if mustUpdate(t, s, 1, rest[1:]...) || !mustUpdate(t, s, 1, rest[0]) {
		t.Error("it is finished too early, or not at all")
	}
}

func TestASpoolIsForOneProcess(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, dir, Options{})
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrInUse) {
		t.Errorf("a second process: %v", err)
	}
}

func TestOtherFormats(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	mustPut(t, s, 1, "x", 1)
	s.Close()
	format := filepath.Join(dir, "format")
	if text, err := os.ReadFile(format); err != nil || string(text) != "posthouse spool 2\n" {
		t.Errorf("format %q, %v", text, err)
	}
	os.Mkdir(filepath.Join(dir, "messages"), 0o700)
	os.Mkdir(filepath.Join(dir, "messages", "00"), 0o700)
	old := filepath.Join(dir, "messages", "00", "1.msg")
	os.WriteFile(old, nil, 0o600)
	for text, want := range map[string]error{"posthouse spool 3\n": ErrNewer, "posthouse spool 1\n": ErrOlder, "something else\n": nil} {
		os.WriteFile(format, []byte(text), 0o600)
		if _, err := Open(dir, Options{}); err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("open %q: %v", text, err)
		}
		if err := Check(dir); err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("check %q: %v", text, err)
		}
	}
	os.Remove(old)
	os.WriteFile(format, []byte("posthouse spool 1\n"), 0o600)
	s = mustOpen(t, dir, Options{}) // without messages it is taken over
	s.Close()
	path := s.segmentPath(1)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	newer := appendSegmentHead(nil, 1, 0)
	newer[8] = version + 1
	le.PutUint32(newer[32:], sum(newer[:32]))
	os.WriteFile(path, append(newer, b[segmentHead:]...), 0o600)
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrNewer) {
		t.Errorf("a newer segment: %v", err)
	}
	if len(files(t, dir)) != 1 {
		t.Error("a newer segment is gone")
	}
}
