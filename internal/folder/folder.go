// Package folder is the one folder in which operators' files lie: plain names, plain files, limits on their number and
// size, and uploads that are there whole or not at all. It knows nothing of what the files hold or how they travel.
package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"posthouse/internal/safefile"
)

// Limits bound what operators may put into a folder.
type Limits struct {
	Files    int   // how many files there may be
	FileSize int64 // bytes of one file
	Size     int64 // bytes of all files, those that are being written included
	Reserve  int64 // bytes that stay free on the disk: mail is taken in on the same one
}

// Usual are the limits of /configuration.
var Usual = Limits{Files: 1000, FileSize: 64 << 20, Size: 1 << 30, Reserve: 64 << 20}

// Errors that callers tell apart; each is wrapped with the name that it is about.
var (
	ErrLink     = errors.New("it is a link, a plain file is wanted")
	ErrNotPlain = errors.New("it is not a plain file")
	ErrQuota    = errors.New("quota")
)

// Folder is a folder on disk. It holds nothing open: two values for one path are the same folder.
type Folder struct {
	path   string
	limits Limits
}

// New is the folder at path.
func New(path string, limits Limits) *Folder { return &Folder{path: path, limits: limits} }

// Path is where a file with that plain name lies.
func (d *Folder) Path(name string) string { return filepath.Join(d.path, name) }

// List returns the plain files with plain names, in order of name. What is still being written is not among them.
func (d *Folder) List() ([]fs.FileInfo, error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, Reason(err)
	}
	var list []fs.FileInfo
	for _, e := range entries {
		if !e.Type().IsRegular() || safefile.Name(e.Name()) != nil {
			continue
		}
		if info, err := e.Info(); err == nil { // else it has gone meanwhile
			list = append(list, info)
		}
	}
	return list, nil
}

// Names are the names that List returns.
func (d *Folder) Names() []string {
	list, err := d.List()
	if err != nil {
		return nil
	}
	names := make([]string, len(list))
	for i, info := range list {
		names[i] = info.Name()
	}
	return names
}

// Stat describes a plain file. The error wraps fs.ErrNotExist, ErrLink or ErrNotPlain where it is one of these.
func (d *Folder) Stat(name string) (fs.FileInfo, error) {
	if err := safefile.Name(name); err != nil {
		return nil, err
	}
	info, err := os.Lstat(d.Path(name))
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, Reason(err))
	}
	return info, plain(name, info)
}

func plain(name string, info fs.FileInfo) error {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%q: %w", name, ErrLink)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%q: %w", name, ErrNotPlain)
	}
	return nil
}

// Open opens a plain file for reading. No link is followed, and nothing is opened that could make the reader wait.
func (d *Folder) Open(name string) (*os.File, error) {
	if err := safefile.Name(name); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(d.Path(name), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%q: %w", name, ErrLink)
	}
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, Reason(err))
	}
	info, err := f.Stat()
	if err == nil {
		err = plain(name, info)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Remove removes a plain file.
func (d *Folder) Remove(name string) error {
	if _, err := d.Stat(name); err != nil {
		return err
	}
	if err := os.Remove(d.Path(name)); err != nil {
		return fmt.Errorf("%q: %w", name, Reason(err))
	}
	return safefile.OS.SyncDir(d.path)
}

// Rename gives a plain file another name. Without replace the new name must be free.
func (d *Folder) Rename(from, to string, replace bool) error {
	if _, err := d.Stat(from); err != nil {
		return err
	}
	_, err := d.Stat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !replace:
		return fmt.Errorf("%q: %w", to, fs.ErrExist)
	}
	if err := os.Rename(d.Path(from), d.Path(to)); err != nil {
		return fmt.Errorf("%q: %w", from, Reason(err))
	}
	return safefile.OS.SyncDir(d.path)
}

// Sweep removes what uploads left behind that a sudden death broke off. It is for the start: nothing may be written then.
func (d *Folder) Sweep() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return Reason(err)
	}
	var faults []error
	for _, e := range entries {
		if safefile.Temporary(e.Name()) && e.Type().IsRegular() {
			faults = append(faults, os.Remove(d.Path(e.Name())))
		}
	}
	return errors.Join(faults...)
}

// room says why a file of so many bytes in place of name is too much, the bytes that are being written by others included.
// except is the temporary file of the asker, whose bytes size stands for.
func (d *Folder) room(name, except string, size int64) error {
	if size > d.limits.FileSize {
		return fmt.Errorf("%q: %w: it is larger than %d bytes", name, ErrQuota, d.limits.FileSize)
	}
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return Reason(err)
	}
	files, sum := 1, size
	for _, e := range entries {
		if e.Name() == name || e.Name() == except || !e.Type().IsRegular() {
			continue
		}
		if info, err := e.Info(); err == nil {
			files++
			sum += info.Size()
		}
	}
	switch {
	case files > d.limits.Files:
		return fmt.Errorf("%q: %w: there are %d files already", name, ErrQuota, files-1)
	case sum > d.limits.Size:
		return fmt.Errorf("%q: %w: all files together are larger than %d bytes", name, ErrQuota, d.limits.Size)
	case !d.spare(size):
		return fmt.Errorf("%q: %w: too little room is left on the disk", name, ErrQuota)
	}
	return nil
}

// spare says whether the disk has room for so many more bytes and for the mail.
func (d *Folder) spare(size int64) bool {
	var disk syscall.Statfs_t
	if syscall.Statfs(d.path, &disk) != nil {
		return true // writing will tell
	}
	return int64(disk.Bavail)*disk.Bsize >= size+d.limits.Reserve
}

// Reason is err without the path on the host system, which is not the operator's business.
func Reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}

// Sorted sorts descriptions by name.
func Sorted(list []fs.FileInfo) []fs.FileInfo {
	slices.SortFunc(list, func(a, b fs.FileInfo) int { return strings.Compare(a.Name(), b.Name()) })
	return list
}
