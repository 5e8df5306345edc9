package shell

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"

	"posthouse/internal/scp"
)

// Files are the files that scp and sftp reach. Paths are as the client wrote them. Each call says whose roles it is for, and
// is refused with an error that wraps ErrRole where none of them is enough.
type Files interface {
	Stat(by Roles, path string) (fs.FileInfo, error)   // a folder or a plain file
	List(by Roles, path string) ([]fs.FileInfo, error) // what is in a folder
	Open(by Roles, path string) (scp.File, error)      // a plain file
	Create(by Roles, path string) (scp.Upload, error)  // there once it is committed
	Remove(by Roles, path string) error
	Rename(by Roles, from, to string, replace bool) error // without replace the new name must be free
}

// ErrRole says that the user's role does not permit something.
var ErrRole = errors.New("your role does not permit it")

const (
	maxTransfers = 64 // sessions of scp and sftp at once, of all users
	maxHandles   = 16 // files and listings that one of them has open
)

// errHandles says that a client has opened too much at once.
var errHandles = fmt.Errorf("more than %d files are open", maxHandles)

// visit is one client's sight of the files: what its user's role permits at this moment, with a line in cli_logs for
// everything that it does.
type visit struct {
	s     *Session
	files Files
	by    string // "scp" or "sftp"

	mu   sync.Mutex
	open int // files and listings
}

// take counts what is open.
func (v *visit) take() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.open == maxHandles {
		return errHandles
	}
	v.open++
	return nil
}

func (v *visit) give() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.open--
}

// roles is what the user may do with files now: nothing with a key that is bound to a command, nor while the passphrase has
// to be changed.
func (v *visit) roles() Roles {
	if v.s.id.command != "" || v.s.opts.Gate != nil && v.s.opts.Gate(v.s, &Command{Name: v.by}) != nil {
		return 0
	}
	return v.s.role()
}

// idle says that nothing is open.
func (v *visit) idle() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.open == 0
}

// note writes what was done into cli_logs.
func (v *visit) note(what, path string, bytes int64, err error) {
	result := "ok"
	if err != nil {
		result = "failed: " + clip(err.Error())
	}
	if bytes >= 0 {
		result = fmt.Sprintf("%d bytes, %s", bytes, result)
	}
	s := v.s
	log(s.opts.Audit, fmt.Sprintf("Session %d: User %s from %s %s by %s %s: %s", s.live.number(), s.id.user, s.id.remote, what, v.by, quote(path), result))
}

// Stat is scp.Files'.
func (v *visit) Stat(path string) (fs.FileInfo, error) {
	v.s.live.active(v.s.opts.now())
	return v.files.Stat(v.roles(), path)
}

// List is scp.Files'.
func (v *visit) List(path string) ([]fs.FileInfo, error) {
	list, err := v.files.List(v.roles(), path)
	if err != nil {
		v.note("listed", path, -1, err)
	}
	return list, err
}

// Open is scp.Files'.
func (v *visit) Open(path string) (scp.File, error) {
	if err := v.take(); err != nil {
		return nil, err
	}
	f, err := v.files.Open(v.roles(), path)
	if err != nil {
		v.give()
		v.note("fetched", path, -1, err)
		return nil, err
	}
	return &fetched{File: f, v: v, path: path}, nil
}

// Create is scp.Files'.
func (v *visit) Create(path string) (scp.Upload, error) {
	if err := v.take(); err != nil {
		return nil, err
	}
	u, err := v.files.Create(v.roles(), path)
	if err != nil {
		v.give()
		v.note("stored", path, -1, err)
		return nil, err
	}
	return &stored{Upload: u, v: v, path: path}, nil
}

func (v *visit) remove(path string) error {
	err := v.files.Remove(v.roles(), path)
	v.note("deleted", path, -1, err)
	return err
}

func (v *visit) rename(from, to string, replace bool) error {
	err := v.files.Rename(v.roles(), from, to, replace)
	v.note("renamed", from+" to "+to, -1, err)
	return err
}

// fetched is a file that a client reads.
type fetched struct {
	scp.File
	v    *visit
	path string

	mu    sync.Mutex
	bytes int64
	fault error
}

// ReadAt counts what the client gets.
func (f *fetched) ReadAt(b []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, fs.ErrInvalid
	}
	n, err := f.File.ReadAt(b, offset)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bytes += int64(n)
	if err != nil && !errors.Is(err, io.EOF) && f.fault == nil {
		f.fault = err
	}
	return n, err
}

// TransferError is pkg/sftp's: the client has left with the file open.
func (f *fetched) TransferError(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fault == nil {
		f.fault = err
	}
}

// Close ends it; its line says how much was read.
func (f *fetched) Close() error {
	err := f.File.Close()
	f.mu.Lock()
	bytes, fault := f.bytes, f.fault
	f.mu.Unlock()
	f.v.give()
	f.v.note("fetched", f.path, bytes, fault)
	return err
}

// stored is a file that a client writes.
type stored struct {
	scp.Upload
	v    *visit
	path string

	mu    sync.Mutex
	bytes int64
	fault error
	over  bool
}

// WriteAt counts what came.
func (f *stored) WriteAt(b []byte, offset int64) (int, error) {
	n, err := f.Upload.WriteAt(b, offset)
	f.mu.Lock()
	f.bytes += int64(n)
	f.mu.Unlock()
	return n, err
}

// Fail is scp.Upload's.
func (f *stored) Fail(err error) {
	f.mu.Lock()
	if f.fault == nil {
		f.fault = err
	}
	f.mu.Unlock()
	f.Upload.Fail(err)
}

// TransferError is pkg/sftp's: the client has left with the file open.
func (f *stored) TransferError(err error) { f.Fail(err) }

// Commit is scp.Upload's.
func (f *stored) Commit(changed time.Time) error {
	err := f.Upload.Commit(changed)
	f.end(err)
	return err
}

// Abort is scp.Upload's.
func (f *stored) Abort() {
	f.Upload.Abort()
	f.mu.Lock()
	fault := f.fault
	f.mu.Unlock()
	if fault == nil {
		fault = io.ErrUnexpectedEOF
	}
	f.end(fault)
}

// Close is what pkg/sftp calls at the end, with every fault noted before.
func (f *stored) Close() error { return f.Commit(time.Time{}) }

func (f *stored) end(err error) {
	f.mu.Lock()
	over, bytes := f.over, f.bytes
	f.over = true
	f.mu.Unlock()
	if !over {
		f.v.give()
		f.v.note("stored", f.path, bytes, err)
	}
}
