package spool

import (
	"sync/atomic"
)

// failing is the operating system's FileSystem with one step that fails, and half done where a write can be.
type failing struct {
	osFiles
	err   error
	at    atomic.Int64 // counts down; the step that reaches zero fails
	where atomic.Value // string: the step that failed
}

func (f *failing) step(name string) error {
	if f.at.Add(-1) == 0 {
		f.where.Store(name)
		return f.err
	}
	return nil
}

func (f *failing) wrap(inner File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return &failingFile{inner, f}, nil
}

func (f *failing) Create(path string) (File, error) {
	if err := f.step("create"); err != nil {
		return nil, err
	}
	return f.wrap(f.osFiles.Create(path))
}

func (f *failing) Modify(path string) (File, error) {
	if err := f.step("modify"); err != nil {
		return nil, err
	}
	return f.wrap(f.osFiles.Modify(path))
}

func (f *failing) Open(path string) (File, error) {
	if err := f.step("open"); err != nil {
		return nil, err
	}
	return f.wrap(f.osFiles.Open(path))
}

func (f *failing) Rename(from, to string) error {
	if err := f.step("rename"); err != nil {
		return err
	}
	return f.osFiles.Rename(from, to)
}

func (f *failing) Remove(path string) error {
	if err := f.step("remove"); err != nil {
		return err
	}
	return f.osFiles.Remove(path)
}

func (f *failing) SyncFolder(path string) error {
	if err := f.step("sync folder"); err != nil {
		return err
	}
	return f.osFiles.SyncFolder(path)
}

func (f *failing) Space(path string) (int64, int64, error) {
	if err := f.step("space"); err != nil {
		return 0, 0, err
	}
	return f.osFiles.Space(path)
}

type failingFile struct {
	File
	f *failing
}

func (f *failingFile) WriteAt(p []byte, offset int64) (int, error) {
	if err := f.f.step("write"); err != nil {
		n, _ := f.File.WriteAt(p[:len(p)/2], offset)
		return n, err
	}
	return f.File.WriteAt(p, offset)
}

func (f *failingFile) Sync() error {
	if err := f.f.step("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *failingFile) Datasync() error {
	if err := f.f.step("datasync"); err != nil {
		return err
	}
	return f.File.Datasync()
}

func (f *failingFile) Close() error {
	err := f.File.Close()
	if failed := f.f.step("close"); failed != nil {
		return failed
	}
	return err
}

// small is a disk with so much room.
type small struct {
	osFiles
	free atomic.Int64
}

func (s *small) Space(string) (int64, int64, error) { return s.free.Load(), 1 << 40, nil }
