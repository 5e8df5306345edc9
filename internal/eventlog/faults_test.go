package eventlog

import (
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// faults makes steps of the disk fail while it says so.
type faults struct {
	create, rename, remove, symlink, write, sync, shut atomic.Bool
	short                                              atomic.Bool // writes take half and then fail
}

var errDisk error = syscall.ENOSPC

func (f *faults) disk() *disk {
	real := osDisk()
	fail := func(b *atomic.Bool) error {
		if b.Load() {
			return errDisk
		}
		return nil
	}
	return &disk{
		create: func(path string) (file, error) {
			if err := fail(&f.create); err != nil {
				return nil, err
			}
			inner, err := real.create(path)
			return &faultyFile{inner, f}, err
		},
		rename: func(from, to string) error {
			if err := fail(&f.rename); err != nil {
				return err
			}
			return real.rename(from, to)
		},
		remove: func(path string) error {
			if err := fail(&f.remove); err != nil {
				return err
			}
			return real.remove(path)
		},
		symlink: func(target, path string) error {
			if err := fail(&f.symlink); err != nil {
				return err
			}
			return real.symlink(target, path)
		},
	}
}

type faultyFile struct {
	file
	f *faults
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if f.f.short.Load() {
		n, _ := f.file.Write(p[:len(p)/2])
		return n, io.ErrShortWrite
	}
	if f.f.write.Load() {
		return 0, errDisk
	}
	return f.file.Write(p)
}

func (f *faultyFile) Sync() error {
	if f.f.sync.Load() {
		return errDisk
	}
	return f.file.Sync()
}

func (f *faultyFile) Close() error {
	err := f.file.Close()
	if f.f.shut.Load() {
		return errDisk
	}
	return err
}

// TestNoStepLosesALine makes each step fail around a rollover and then work again: every line is there, once, in order.
func TestNoStepLosesALine(t *testing.T) {
	for _, tc := range []struct {
		name string
		step func(f *faults) *atomic.Bool
	}{
		{"create", func(f *faults) *atomic.Bool { return &f.create }},
		{"write", func(f *faults) *atomic.Bool { return &f.write }},
		{"short write", func(f *faults) *atomic.Bool { return &f.short }},
		{"sync", func(f *faults) *atomic.Bool { return &f.sync }},
		{"close", func(f *faults) *atomic.Bool { return &f.shut }},
		{"rename", func(f *faults) *atomic.Bool { return &f.rename }},
		{"remove", func(f *faults) *atomic.Bool { return &f.remove }},
		{"symlink", func(f *faults) *atomic.Bool { return &f.symlink }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := &faults{}
			o := testOptions(t, newClock())
			o.disk = f.disk()
			l := mustOpen(t, o)
			l.Line(Info, "one")
			l.Flush()
			tc.step(f).Store(true)
			l.Line(Info, "two")
			l.Flush()
			l.Rollover()
			l.Line(Info, "three")
			l.Flush()
			tc.step(f).Store(false)
			l.Line(Info, "four")
			if err := l.Rollover(); err != nil {
				t.Fatal(err)
			}
			l.Line(Info, "five")
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range texts(t, l) {
				got = append(got, s[len("Sat Apr  7 00:57:53 2018 Info: "):])
			}
			if want := []string{"one", "two", "three", "four", "five"}; !slices.Equal(got, want) {
				t.Errorf("lines %q", got)
			}
			o.disk = nil
			if again := mustOpen(t, o); len(again.Unclean()) != 0 {
				t.Error("a log that was closed is unclean")
			}
		})
	}
}

func TestOpenFails(t *testing.T) {
	f := &faults{}
	f.create.Store(true)
	o := testOptions(t, newClock())
	o.disk = f.disk()
	if _, err := Open(o); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "mail_logs") {
		t.Errorf("error %v", err)
	}
}

func TestStartOnAFullDisk(t *testing.T) {
	f := &faults{}
	f.write.Store(true)
	o := testOptions(t, newClock())
	o.disk = f.disk()
	l := mustOpen(t, o)
	l.Line(Info, "one")
	if err := l.Flush(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("flush: %v", err)
	}
	f.write.Store(false)
	if got := all(t, l); len(got) != 4 || !strings.HasSuffix(got[3], "one") {
		t.Errorf("lines %q", got)
	}
}

func TestADiskThatTakesNothingBlocksNobody(t *testing.T) {
	f := &faults{}
	o := testOptions(t, newClock())
	o.disk = f.disk()
	l := mustOpen(t, o)
	f.write.Store(true)
	text := strings.Repeat("x", 1<<20)
	for range 40 {
		l.Line(Info, text)
	}
	f.write.Store(false)
	l.Flush()
	l.Line(Info, "after")
	got := texts(t, l)
	if s := got[len(got)-2]; !strings.Contains(s, "Warning: 25 lines were lost") && !strings.Contains(s, "Warning: 24 lines were lost") {
		t.Errorf("the line before the last is %.100q", s)
	}
	if !strings.HasSuffix(got[len(got)-1], "Info: after") {
		t.Errorf("the last line is %.100q", got[len(got)-1])
	}
}
