package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"posthouse/internal/eventlog"
	"posthouse/internal/folder"
	"posthouse/internal/safefile"
	"posthouse/internal/scp"
	"posthouse/shell"
)

// configurationName is the folder's name in paths.
const configurationName = "configuration"

// FileStore is what scp and sftp reach: the files of /configuration, and the logs under their names, which can be read. It
// is the shell's Files.
func FileStore(a *Appliance) shell.Files { return fileStore{a} }

// SweepFiles removes from /configuration what a sudden death left unfinished there. It is for the start.
func SweepFiles(a *Appliance) error { return configuration(a).Sweep() }

type fileStore struct{ a *Appliance }

// place is what a path means.
type place struct {
	root bool          // the folder of folders
	log  *eventlog.Log // its folder or a file of it; nil: /configuration
	name string        // the file's; empty: the folder itself
}

func (p place) folder() bool { return p.name == "" }

// maxPath is the longest path that is looked at, in bytes.
const maxPath = 512

// find reads a path: /configuration/NAME, configuration/NAME, /NAME and NAME are the same file, /LOG/NAME is a log's.
func (s fileStore) find(path string) (place, error) {
	if len(path) > maxPath {
		return place{}, fmt.Errorf("%.40q...: the path is longer than %d bytes", path, maxPath)
	}
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	var p place
	switch {
	case len(parts) == 0:
		p.root = true
		return p, nil
	case parts[0] == configurationName:
		parts = parts[1:]
	default:
		if p.log = s.log(parts[0]); p.log != nil {
			parts = parts[1:]
		}
	}
	switch len(parts) {
	case 0:
	case 1:
		p.name = parts[0]
		return p, safefile.Name(p.name)
	default:
		return place{}, noFolder(path)
	}
	return p, nil
}

// noFolder is the refusal of a path into a folder that is not there. It is an fs.ErrNotExist, which clients of sftp have words for.
type noFolder string

func (path noFolder) Error() string {
	return fmt.Sprintf("%q: there are no further folders: a name in /configuration or of a log is wanted", string(path))
}

// Is is errors.Is'.
func (path noFolder) Is(target error) bool { return target == fs.ErrNotExist }

// log is the log with exactly that name.
func (s fileStore) log(name string) *eventlog.Log {
	for _, l := range s.a.logs() {
		if l.Name() == name {
			return l
		}
	}
	return nil
}

// permitted is the place of a path, where the roles are enough to look into it: files may hold secrets, logs none.
func (s fileStore) permitted(by shell.Roles, path string) (place, error) {
	p, err := s.find(path)
	if err != nil {
		return p, err
	}
	need := shell.Operators
	if p.root || p.log != nil {
		need = shell.Readers
	}
	if by&need == 0 {
		return p, fmt.Errorf("%q: %w", path, shell.ErrRole)
	}
	return p, nil
}

// writable is the name in /configuration that a path means.
func (s fileStore) writable(by shell.Roles, path string) (string, error) {
	p, err := s.permitted(by, path)
	switch {
	case err != nil:
		return "", err
	case p.log != nil || by&shell.Operators == 0:
		return "", fmt.Errorf("%q: logs can only be read: %w", path, fs.ErrPermission)
	case p.folder():
		return "", fmt.Errorf("%q: it is a folder", path)
	}
	return p.name, nil
}

// Stat is shell.Files'.
func (s fileStore) Stat(by shell.Roles, path string) (fs.FileInfo, error) {
	p, err := s.permitted(by, path)
	switch {
	case err != nil:
		return nil, err
	case p.root:
		return describe("/", s.a.Files), nil
	case p.folder() && p.log != nil:
		return describe(p.log.Name(), p.log.Folder()), nil
	case p.folder():
		return describe(configurationName, s.a.Files), nil
	case p.log == nil:
		return configuration(s.a).Stat(p.name)
	}
	f, err := openLog(p.log, p.name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

// List is shell.Files'. The folder of folders shows the files of /configuration as well, since they can be named without it.
func (s fileStore) List(by shell.Roles, path string) ([]fs.FileInfo, error) {
	p, err := s.permitted(by, path)
	switch {
	case err != nil:
		return nil, err
	case !p.folder():
		return nil, fmt.Errorf("%q: it is not a folder", path)
	case p.log != nil:
		return listLog(p.log)
	case !p.root:
		return configuration(s.a).List()
	}
	var list []fs.FileInfo
	if by&shell.Operators != 0 {
		if list, err = configuration(s.a).List(); err != nil {
			return nil, err
		}
		list = append(list, describe(configurationName, s.a.Files))
	}
	for _, l := range s.a.logs() {
		list = append(list, describe(l.Name(), l.Folder()))
	}
	return folder.Sorted(list), nil
}

// Open is shell.Files'.
func (s fileStore) Open(by shell.Roles, path string) (scp.File, error) {
	p, err := s.permitted(by, path)
	if err != nil {
		return nil, err
	}
	if p.folder() {
		return nil, fmt.Errorf("%q: it is a folder", path)
	}
	if p.log != nil {
		return openLog(p.log, p.name)
	}
	f, err := configuration(s.a).Open(p.name)
	if err != nil {
		return nil, fileFault("read", p.name, err)
	}
	return f, nil
}

// Create is shell.Files'.
func (s fileStore) Create(by shell.Roles, path string) (scp.Upload, error) {
	name, err := s.writable(by, path)
	if err != nil {
		return nil, err
	}
	u, err := configuration(s.a).Create(name)
	if err != nil {
		return nil, fileFault("write", name, err)
	}
	return u, nil
}

// Remove is shell.Files'.
func (s fileStore) Remove(by shell.Roles, path string) error {
	name, err := s.writable(by, path)
	if err != nil {
		return err
	}
	if err := configuration(s.a).Remove(name); err != nil {
		return fileFault("delete", name, err)
	}
	return nil
}

// Rename is shell.Files'.
func (s fileStore) Rename(by shell.Roles, from, to string, replace bool) error {
	old, err := s.writable(by, from)
	if err != nil {
		return err
	}
	name, err := s.writable(by, to)
	if err != nil {
		return err
	}
	return configuration(s.a).Rename(old, name, replace)
}

// logFile is an open file of a log under the name that it was asked for.
type logFile struct {
	*os.File
	name string
}

// Stat describes it under that name.
func (f logFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	return namedInfo{info, f.name}, err
}

// openLog opens a file of a log. The link to its current file is the only one that is followed, to a file beside it.
func openLog(l *eventlog.Log, name string) (scp.File, error) {
	_ = l.Flush() // on a disk that takes nothing there is still something to read
	files := folder.New(l.Folder(), folder.Usual)
	f, err := files.Open(name)
	if errors.Is(err, folder.ErrLink) {
		target, lerr := os.Readlink(files.Path(name))
		if lerr != nil {
			return nil, fmt.Errorf("%q: %w", name, reason(lerr))
		}
		f, err = files.Open(filepath.Base(target))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, shell.Fail("No such file %q in /%s.%w", name, l.Name(), silent{err})
	}
	if err != nil {
		return nil, err
	}
	return logFile{f, name}, nil
}

// listLog lists a log's files, with the current one under both of its names.
func listLog(l *eventlog.Log) ([]fs.FileInfo, error) {
	files := folder.New(l.Folder(), folder.Usual)
	list, err := files.List()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(l.Folder())
	if err != nil {
		return nil, reason(err)
	}
	for _, e := range entries {
		if e.Type()&fs.ModeSymlink == 0 || safefile.Name(e.Name()) != nil {
			continue
		}
		if f, err := openLog(l, e.Name()); err == nil {
			if info, err := f.Stat(); err == nil {
				list = append(list, info)
			}
			f.Close()
		}
	}
	return folder.Sorted(list), nil
}

// namedInfo is a file's description under another name.
type namedInfo struct {
	fs.FileInfo
	name string
}

func (i namedInfo) Name() string { return i.name }

// folderInfo describes a folder that exists as a word, with the time of change of the one on disk behind it.
type folderInfo struct {
	name    string
	changed time.Time
}

// describe is the description of the folder on disk at path under the name that operators know.
func describe(name, path string) folderInfo {
	info, err := os.Stat(path)
	if err != nil {
		return folderInfo{name, time.Unix(0, 0)}
	}
	return folderInfo{name, info.ModTime()}
}

func (i folderInfo) Name() string       { return i.name }
func (folderInfo) Size() int64          { return 0 }
func (folderInfo) Mode() fs.FileMode    { return fs.ModeDir | 0o700 }
func (i folderInfo) ModTime() time.Time { return i.changed }
func (folderInfo) IsDir() bool          { return true }
func (folderInfo) Sys() any             { return nil }
