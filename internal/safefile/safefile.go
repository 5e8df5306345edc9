// Package safefile is the one way in which Posthouse replaces a file, keeps secrets by their content, and judges the
// names that operators give to files. It knows nothing of what the files hold; every package of the project may
// import it, and it imports none of them.
package safefile

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// FS is what Write and Vault need of the operating system; tests put one in that fails at a chosen step.
type FS interface {
	// CreateTemp makes a new file with a name of its own in dir, mode 0600.
	CreateTemp(dir, pattern string) (File, error)
	Rename(from, to string) error
	Remove(path string) error
	SyncDir(dir string) error
}

// File is a file that is being written.
type File interface {
	io.Writer
	Name() string
	Chmod(perm fs.FileMode) error
	Sync() error
	Close() error
}

// OS is the operating system's file system.
var OS FS = osFS{}

type osFS struct{}

func (osFS) CreateTemp(dir, pattern string) (File, error) { return os.CreateTemp(dir, pattern) }
func (osFS) Rename(from, to string) error                 { return os.Rename(from, to) }
func (osFS) Remove(path string) error                     { return os.Remove(path) }

func (osFS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

// tempPattern names the temporary files: hidden, so that no listing of operators' files shows one that a crash left.
const tempPattern = ".posthouse-*.tmp"

// Write replaces the file at path with data, or leaves it as it was: a reader, and a machine that loses power, sees
// the old content or the new, never a part. When Write returns nil the new content is on stable storage.
//
// When only the last step fails, the fsync of the folder, the new content is in place but may not survive a power
// cut; the error then is a *NotDurableError.
func Write(path string, data []byte, perm fs.FileMode) error { return WriteFS(OS, path, data, perm) }

// WriteFS is Write on another file system.
func WriteFS(fsys FS, path string, data []byte, perm fs.FileMode) error {
	return write(fsys, path, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// WriteBy is Write for content that need not be in memory: content writes it. Where that fails, the file is as it was.
func WriteBy(path string, perm fs.FileMode, content func(io.Writer) error) error {
	return write(OS, path, perm, content)
}

func write(fsys FS, path string, perm fs.FileMode, content func(io.Writer) error) error {
	dir := filepath.Dir(path)
	f, err := fsys.CreateTemp(dir, tempPattern)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := fill(f, perm, content); err != nil {
		fsys.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := fsys.Rename(f.Name(), path); err != nil {
		fsys.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := fsys.SyncDir(dir); err != nil {
		return &NotDurableError{Path: path, Err: err}
	}
	return nil
}

// fill writes, syncs and closes f. The mode is set before the content is there, so that a secret is never readable
// under a wider one.
func fill(f File, perm fs.FileMode, content func(io.Writer) error) error {
	err := f.Chmod(perm)
	if err == nil {
		err = content(f)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// NotDurableError says that the file at Path has its new content, but that a power cut may still bring the old one back.
type NotDurableError struct {
	Path string
	Err  error
}

func (e *NotDurableError) Error() string {
	return fmt.Sprintf("write %s: sync folder: %v", e.Path, e.Err)
}

// Unwrap returns the fault of the folder's fsync.
func (e *NotDurableError) Unwrap() error { return e.Err }
