package folder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"posthouse/internal/safefile"
)

// checkEvery is how many bytes are written between two looks at what all files take.
const checkEvery = 1 << 20

// errClosed is what an upload returns that has ended.
var errClosed = errors.New("the upload has ended")

// Upload is a file that is being written beside the one that it will replace. Its methods may be called at the same time.
type Upload struct {
	folder *Folder
	name   string

	mu      sync.Mutex
	file    *os.File // nil once it has ended
	size    int64    // behind the last byte
	written int64    // bytes, counted as often as they came
	allowed int64    // up to this size all files together were within the limits
	fault   error    // the first one: what is incomplete must not replace anything
}

// Create begins an upload. Commit or Abort ends it.
func (d *Folder) Create(name string) (*Upload, error) {
	if _, err := d.Stat(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := d.room(name, "", 0); err != nil {
		return nil, err
	}
	f, err := safefile.Temp(d.path)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, Reason(err))
	}
	return &Upload{folder: d, name: name, file: f}, nil
}

// WriteAt makes an Upload an io.WriterAt. After an error it cannot be committed any more.
func (u *Upload) WriteAt(b []byte, offset int64) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.file == nil {
		return 0, errClosed
	}
	if u.fault == nil {
		u.fault = u.makeRoom(int64(len(b)), offset)
	}
	if u.fault != nil {
		return 0, u.fault
	}
	n, err := u.file.WriteAt(b, offset)
	u.written += int64(n)
	u.size = max(u.size, offset+int64(n))
	if err != nil {
		u.fault = fmt.Errorf("%q: %w", u.name, Reason(err))
	}
	return n, u.fault
}

// makeRoom checks the limits before so many bytes are written.
func (u *Upload) makeRoom(n, offset int64) error {
	limit := u.folder.limits.FileSize
	if offset < 0 || offset > limit || offset+n > limit {
		return fmt.Errorf("%q: %w: it is larger than %d bytes", u.name, ErrQuota, limit)
	}
	if offset+n <= u.allowed {
		return nil
	}
	size, own := min(offset+n+checkEvery, limit), filepath.Base(u.file.Name())
	if u.folder.room(u.name, own, size) != nil { // not for all of that, perhaps for what is needed
		size = offset + n
		if err := u.folder.room(u.name, own, size); err != nil {
			return err
		}
	}
	u.allowed = size
	return nil
}

// Writer writes from the beginning on.
func (u *Upload) Writer() io.Writer { return io.NewOffsetWriter(u, 0) }

// Size is how many bytes the file has so far.
func (u *Upload) Size() int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.size
}

// Fail notes that what came is not all: the upload cannot be committed any more.
func (u *Upload) Fail(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.fault == nil {
		u.fault = err
	}
}

// Commit puts the file in its place, with that time of change unless it is zero, and returns when it is on stable storage.
// After a fault, or where parts of it never came, the former file stays.
func (u *Upload) Commit(changed time.Time) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.file == nil {
		return errClosed
	}
	defer u.end()
	if u.fault == nil && u.written < u.size {
		u.fault = fmt.Errorf("%q: parts of it did not come", u.name)
	}
	if u.fault != nil {
		return u.fault
	}
	if !changed.IsZero() {
		if err := os.Chtimes(u.file.Name(), changed, changed); err != nil {
			return fmt.Errorf("%q: %w", u.name, Reason(err))
		}
	}
	if _, err := u.folder.Stat(u.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // a folder or a link came to stand there meanwhile
	}
	if err := safefile.Place(u.file, u.folder.Path(u.name)); err != nil {
		return fmt.Errorf("%q: %w", u.name, Reason(err))
	}
	return nil
}

// Abort ends an upload and leaves the former file. After Commit it does nothing.
func (u *Upload) Abort() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.end()
}

// end closes and removes the temporary file, where it still is one. The lock is held.
func (u *Upload) end() {
	if u.file == nil {
		return
	}
	u.file.Close()
	os.Remove(u.file.Name())
	u.file = nil
}

// WriteBy replaces a file by what content writes, within the limits.
func (d *Folder) WriteBy(name string, content func(io.Writer) error) error {
	u, err := d.Create(name)
	if err != nil {
		return err
	}
	defer u.Abort()
	if err := content(u.Writer()); err != nil {
		return err
	}
	return u.Commit(time.Time{})
}

// Write replaces a file by data, within the limits.
func (d *Folder) Write(name string, data []byte) error {
	return d.WriteBy(name, func(w io.Writer) error { _, err := w.Write(data); return err })
}
