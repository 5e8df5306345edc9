package spool

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// File is what the spool does with an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	Sync() error     // content and everything needed to find it
	Datasync() error // content and length
	Truncate(size int64) error
	Size() (int64, error)
	Close() error
}

// FileSystem is every step that the spool takes on disk, so that tests can make each of them fail.
type FileSystem interface {
	Create(path string) (File, error) // for reading and writing, mode 0600; fails where path exists
	Open(path string) (File, error)   // for reading
	Modify(path string) (File, error) // for reading and writing; fails where path does not exist
	Rename(from, to string) error
	Remove(path string) error
	Mkdir(path string) error // mode 0700; no error where it exists
	SyncFolder(path string) error
	List(path string) ([]string, error)               // names, in no order
	Space(path string) (free, total int64, err error) // bytes, free for us
}

// osFiles is the operating system's FileSystem.
type osFiles struct{}

type osFile struct{ *os.File }

func (f osFile) Datasync() error {
	if err := unix.Fdatasync(int(f.Fd())); err != nil {
		return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func open(path string, flags int) (File, error) {
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFiles) Create(path string) (File, error) { return open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL) }
func (osFiles) Open(path string) (File, error)   { return open(path, os.O_RDONLY) }
func (osFiles) Modify(path string) (File, error) { return open(path, os.O_RDWR) }
func (osFiles) Rename(from, to string) error     { return os.Rename(from, to) }
func (osFiles) Remove(path string) error         { return os.Remove(path) }

func (osFiles) Mkdir(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

func (osFiles) SyncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (osFiles) List(path string) ([]string, error) {
	d, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

func (osFiles) Space(path string) (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, 0, &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	return int64(st.Bavail) * int64(st.Bsize), int64(st.Blocks) * int64(st.Bsize), nil
}

// full marks the errors that mean "no room" as ErrFull and leaves the others as they are.
func full(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// lock takes the spool for this process alone, until the file is closed or the process ends.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrInUse
		}
		return nil, &os.PathError{Op: "flock", Path: path, Err: err}
	}
	return f, nil
}
