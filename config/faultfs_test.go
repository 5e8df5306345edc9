package config

import (
	"errors"
	"io/fs"

	"posthouse/internal/safefile"
)

var errDisk = errors.New("disk fault")

// faultFS is a file system that fails at its step number failAt, from 0: once, or from there on as if the power were
// gone. With after set the failing step is done before it reports the failure. The next commit or start meets a
// working one when the count is set back. Nothing is synced for real, which would only take time.
type faultFS struct {
	failAt int // -1: never
	dead   bool
	after  bool
	step   int
	failed int
	log    []string
}

// do runs one step.
func (f *faultFS) do(name string, op func() error) error {
	n := f.step
	f.step++
	f.log = append(f.log, name)
	fails := f.failAt >= 0 && (n == f.failAt || f.dead && n > f.failAt)
	if !fails {
		return op()
	}
	f.failed++
	if f.after && n == f.failAt {
		op()
	}
	return errDisk
}

func (f *faultFS) CreateTemp(dir, pattern string) (file safefile.File, err error) {
	var real safefile.File
	err = f.do("create", func() error {
		real, err = safefile.OS.CreateTemp(dir, pattern)
		return err
	})
	if err != nil {
		if real != nil {
			real.Close()
		}
		return nil, err
	}
	return &faultFile{real, f}, nil
}

func (f *faultFS) Rename(from, to string) error {
	return f.do("rename", func() error { return safefile.OS.Rename(from, to) })
}

func (f *faultFS) Remove(path string) error {
	return f.do("remove", func() error { return safefile.OS.Remove(path) })
}

func (f *faultFS) SyncDir(dir string) error {
	return f.do("syncdir", func() error { return nil })
}

type faultFile struct {
	safefile.File
	fs *faultFS
}

func (f *faultFile) Chmod(perm fs.FileMode) error {
	return f.fs.do("chmod", func() error { return f.File.Chmod(perm) })
}

// Write leaves half of the data when it fails, as a full disk does.
func (f *faultFile) Write(p []byte) (n int, err error) {
	err = f.fs.do("write", func() error {
		n, err = f.File.Write(p)
		return err
	})
	if errors.Is(err, errDisk) {
		n, _ = f.File.Write(p[:len(p)/2])
	}
	return n, err
}

func (f *faultFile) Sync() error { return f.fs.do("sync", func() error { return nil }) }

func (f *faultFile) Close() error {
	err := f.fs.do("close", f.File.Close)
	if errors.Is(err, errDisk) {
		f.File.Close()
	}
	return err
}
