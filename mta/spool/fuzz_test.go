package spool

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// FuzzMessageFile opens a spool with a file of any content: it is a message, or set aside, or refused as newer, and
// whatever is read from it passed its checksum.
func FuzzMessageFile(f *testing.F) {
	dir := f.TempDir()
	s := mustOpen(f, dir, Options{})
	mustPut(f, s, 1, "the body\r\n", 2)
	if err := s.Update(1, Update{RID: 1, State: State{Done: true, Attempts: 1}}); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(s.path(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-5])
	f.Add(append(good[:len(good):len(good)], 0, 0, 0, 0))
	f.Add(appendRecord(appendHead(nil), 1, headSize, stateRecord, []byte("[]")))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		file := &ramHandle{d: &ramDisk{steps: -1}, f: &ramFile{durable: b}}
		m, err := scan(file, 1)
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer) {
				t.Errorf("error %v", err)
			}
			return
		}
		if m.MID != 1 || len(m.States) != len(m.Recipients) || len(m.States) == 0 || m.end > m.size || m.size != int64(len(b)) {
			t.Errorf("message %+v", m)
		}
		r := &body{f: file, mid: 1, offset: headSize, window: window{f: file, size: m.size}}
		if n, err := io.Copy(io.Discard, r); err == nil && n != m.Size || err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
}

// FuzzTornTail cuts a message's file anywhere behind its commit and puts anything there: what was acknowledged before
// the cut stays, and the next update is found.
func FuzzTornTail(f *testing.F) {
	f.Add(uint(0), []byte{})
	f.Add(uint(7), []byte{0, 0, 0})
	f.Add(uint(60), appendRecord(nil, 1, 300, stateRecord, []byte(`[{"rid":0,"done":true}]`)))
	dir := f.TempDir()
	disk := newRAMDisk(filepath.Join(dir, "mid"))
	s := mustOpen(f, dir, Options{Files: disk})
	f.Fuzz(func(t *testing.T, cut uint, tail []byte) {
		mid := s.NextMID()
		mustPut(t, s, mid, "body", 3)
		if err := s.Update(mid, Update{RID: 1, State: State{Done: true}}); err != nil {
			t.Fatal(err)
		}
		acknowledged := s.entries[mid].end
		if err := s.Update(mid, Update{RID: 2, State: State{Done: true, LastError: "some words"}}); err != nil {
			t.Fatal(err)
		}
		file := disk.now[s.path(mid)]
		keep := acknowledged + int64(cut)%(int64(len(file.durable))-acknowledged)
		file.durable = append(file.durable[:keep:keep], tail...)
		m, err := s.read(mid)
		if err != nil || !m.States[1].Done {
			t.Fatalf("after the cut: %+v, %v", m, err)
		}
		s.entries[mid].end = m.end
		if err := s.Update(mid, Update{RID: 0, State: State{Done: true}}); err != nil {
			t.Fatal(err)
		}
		if m, err = s.read(mid); err != nil || !m.States[0].Done || !m.States[1].Done {
			t.Fatalf("after the next update: %+v, %v", m, err)
		}
		s.entries[mid].waiting = nil
		if err := s.Remove(mid); err != nil {
			t.Fatal(err)
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
