package spool

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"
)

// example is the disk of a spool with a few messages in two segments, with indexes.
func example(f testing.TB) image {
	d := newDisk(f.TempDir(), blank(), newLedger(0))
	s := mustOpen(f, d.root, Options{Files: d, SegmentSize: 700, inline: 200})
	mustPut(f, s, 1, "short", 1)
	mustPut(f, s, 2, strings.Repeat("long ", 100), 2)
	mustUpdate(f, s, 2, Update{RID: 1, State: State{Done: true, Attempts: 1, Next: received.Add(time.Hour), LastError: "later"}})
	mustPut(f, s, 3, "done", 1)
	mustUpdate(f, s, 3, Update{State: State{Done: true}})
	mustPut(f, s, 4, strings.Repeat("middle ", 20), 3)
	mustPut(f, s, 5, "another", 1)
	if err := s.Close(); err != nil {
		f.Fatal(err)
	}
	img := make(image)
	for name, file := range d.names {
		img[name] = file.data
	}
	if img["log/000000000002.seg"] == nil || img["log/000000000001.idx"] == nil {
		f.Fatalf("files %v", maps.Keys(img))
	}
	return img
}

// openAnything opens a spool on a disk that may hold anything: all that is handed over can be read or is damaged, can be
// finished, and is not there at the next start.
func openAnything(t *testing.T, dir string, img image) {
	d := newDisk(dir, img, newLedger(0))
	o := Options{Files: d, SegmentSize: 700, inline: 200}
	s, err := Open(dir, o)
	if err != nil {
		if !errors.Is(err, ErrNewer) {
			t.Errorf("open: %v", err)
		}
		return
	}
	for _, m := range messages(t, s) {
		if len(m.States) != len(m.Recipients) || len(m.States) == 0 {
			t.Errorf("message %+v", m)
		}
		if b, err := readAll(s, m.MID); err == nil && isOutside(s, m.MID) && int64(len(b)) != m.Size || err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("message %d: %d bytes of %d, %v", m.MID, len(b), m.Size, err)
		}
		var all []Update
		for _, r := range m.Recipients {
			all = append(all, Update{RID: r.RID, State: State{Done: true}})
		}
		if finished, err := s.Update(m.MID, all...); err != nil || !finished {
			t.Errorf("message %d: finished is %v, %v", m.MID, finished, err)
		}
	}
	checkCounts(t, s)
	s.Close()
	if s, err = Open(dir, o); err != nil {
		t.Fatal(err)
	}
	if list := messages(t, s); len(list) != 0 {
		t.Errorf("after all was finished there is %v", list)
	}
	s.Close()
}

func isOutside(s *Spool, mid uint64) bool {
	e, ok := s.lookup(mid)
	return ok && e.outside()
}

// FuzzSegment opens a spool whose first segment has any content.
func FuzzSegment(f *testing.F) {
	img := example(f)
	const name = "log/000000000001.seg"
	good := img[name]
	f.Add(good)
	f.Add(good[:len(good)-5])
	f.Add(good[:segmentHead])
	f.Add(append(append([]byte(nil), good...), make([]byte, 50)...))
	f.Add(append(append([]byte(nil), good...), good...))
	f.Add([]byte{})
	delete(img, "log/000000000001.idx")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		img := maps.Clone(img)
		img[name] = b
		openAnything(t, dir, img)
	})
}

// FuzzRecord opens a spool with one record of any kind and parts, whose checksums are right.
func FuzzRecord(f *testing.F) {
	e := envelope(2)
	meta, err := appendEnvelope(nil, &e)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(byte(messageRecord), uint64(1), meta, []byte("content"))
	f.Add(byte(outsideRecord), uint64(1), meta, []byte{})
	f.Add(byte(stateRecord), uint64(4), appendStates(nil, e.Recipients, []State{{Done: true}, {}}), []byte{})
	f.Add(byte(finishedRecord), uint64(4), []byte{}, []byte{})
	img := example(f)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, kind byte, mid uint64, meta, body []byte) {
		if len(body) > maxInline {
			return
		}
		h := head{kind: kind, flags: batchStart, mid: mid, meta: uint32(len(meta)), body: uint32(len(body)), metaSum: sum(meta), bodySum: sum(body)}
		img := maps.Clone(img)
		img["log/000000000003.seg"] = appendRecord(appendSegmentHead(nil, 3, 0), &h, 3, segmentHead, meta, body)
		delete(img, "log/000000000003.idx")
		openAnything(t, dir, img)
	})
}

// FuzzIndex opens a spool with an index of any content. One with a wrong checksum changes nothing; one that lies with a right
// one makes no start fail, and what it says is in no place where it is not is damaged.
func FuzzIndex(f *testing.F) {
	img := example(f)
	const name = "log/000000000001.idx"
	good := img[name]
	f.Add(good[:len(good)-4], true)
	f.Add(good, false)
	f.Add(good[:len(good)-10], true)
	f.Add(good[:indexHead], true)
	f.Add([]byte{}, true)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte, lies bool) {
		img := maps.Clone(img)
		img[name] = b
		if !lies {
			openAnything(t, dir, img)
			return
		}
		img[name] = le.AppendUint32(append([]byte(nil), b...), sum(b))
		d := newDisk(dir, img, newLedger(0))
		s, err := Open(dir, Options{Files: d})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages(t, s) {
			if _, err := readAll(s, m.MID); err != nil && !errors.Is(err, ErrDamaged) {
				t.Error(err)
			}
			if _, err := s.Update(m.MID, Update{State: State{Attempts: 1}}); err != nil && !errors.Is(err, ErrDamaged) && m.Recipients[0].RID == 0 {
				t.Error(err)
			}
		}
		s.Close()
	})
}

func FuzzEnvelope(f *testing.F) {
	e := envelope(3)
	b, err := appendEnvelope(nil, &e)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := parseEnvelope(b, 7)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Error(err)
			}
			return
		}
		if len(e.Recipients) == 0 || e.MID != 7 {
			t.Errorf("%+v", e)
		}
	})
}

func FuzzStates(f *testing.F) {
	recipients := envelope(3).Recipients
	f.Add(appendStates(nil, recipients, []State{{Done: true}, {}, {Attempts: 3, Next: received, LastError: "x", Via: "y", Warned: 1}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		states, ok := parseStates(b, recipients)
		if !ok {
			return
		}
		if len(states) != len(recipients) {
			t.Errorf("%d states", len(states))
		}
		if back, ok := parseStates(appendStates(nil, recipients, states), recipients); !ok || len(back) != len(states) {
			t.Errorf("%+v does not come back", states)
		}
	})
}

func FuzzSlot(f *testing.F) {
	f.Add(slot(3, 1000))
	f.Fuzz(func(t *testing.T, b []byte) {
		if generation, limit, ok := parseSlot(b); ok && string(slot(generation, limit)) != string(b) {
			t.Errorf("%q is taken for %d %d", b, generation, limit)
		}
	})
}
