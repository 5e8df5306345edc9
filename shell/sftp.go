package shell

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"runtime/debug"

	"github.com/pkg/sftp"
)

// sftpFiles answers the library's requests. Each handler recovers: they run in goroutines of the library's, where a panic
// would take the mail down.
type sftpFiles struct{ v *visit }

func (h sftpFiles) handlers() sftp.Handlers {
	return sftp.Handlers{FileGet: h, FilePut: h, FileCmd: h, FileList: h}
}

// caught turns a panic into the request's failure.
func (h sftpFiles) caught(err *error) {
	if r := recover(); r != nil {
		log(h.v.s.opts.System, fmt.Sprintf("fault in sftp: %v\n%s", r, debug.Stack()))
		*err = sftp.ErrSSHFxFailure
	}
}

// status is err with the code that sftp has for it.
func status(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return sftp.ErrSSHFxNoSuchFile
	case errors.Is(err, ErrRole), errors.Is(err, fs.ErrPermission):
		return sftp.ErrSSHFxPermissionDenied
	}
	return err
}

// Fileread is sftp.FileReader's.
func (h sftpFiles) Fileread(r *sftp.Request) (_ io.ReaderAt, err error) {
	defer h.caught(&err)
	f, err := h.v.Open(r.Filepath)
	if err != nil {
		return nil, status(err)
	}
	return f, nil
}

// Filewrite is sftp.FileWriter's. A file is always written whole: to go on with half of one is refused.
func (h sftpFiles) Filewrite(r *sftp.Request) (_ io.WriterAt, err error) {
	defer h.caught(&err)
	if r.Pflags().Append {
		return nil, sftp.ErrSSHFxOpUnsupported
	}
	if r.Pflags().Excl {
		if _, err := h.v.Stat(r.Filepath); err == nil {
			return nil, fs.ErrExist
		}
	}
	u, err := h.v.Create(r.Filepath)
	if err != nil {
		return nil, status(err)
	}
	return u.(io.WriterAt), nil
}

// Filecmd is sftp.FileCmder's. Modes, owners and times of files are the appliance's business: setting them does nothing.
func (h sftpFiles) Filecmd(r *sftp.Request) (err error) {
	defer h.caught(&err)
	switch r.Method {
	case "Setstat":
		_, err := h.v.Stat(r.Filepath)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // it is on its way and stands there once it is complete
		}
		return status(err)
	case "Remove":
		return status(h.v.remove(r.Filepath))
	case "Rename":
		return status(h.v.rename(r.Filepath, r.Target, false))
	case "PosixRename":
		return status(h.v.rename(r.Filepath, r.Target, true))
	}
	return sftp.ErrSSHFxOpUnsupported
}

// PosixRename is sftp.PosixRenameFileCmder's.
func (h sftpFiles) PosixRename(r *sftp.Request) (err error) {
	defer h.caught(&err)
	return status(h.v.rename(r.Filepath, r.Target, true))
}

// Filelist is sftp.FileLister's.
func (h sftpFiles) Filelist(r *sftp.Request) (_ sftp.ListerAt, err error) {
	defer h.caught(&err)
	if r.Method == "Stat" || r.Method == "Lstat" {
		info, err := h.v.Stat(r.Filepath)
		if err != nil {
			return nil, status(err)
		}
		return &sftpList{list: []fs.FileInfo{info}}, nil
	}
	if r.Method != "List" {
		return nil, sftp.ErrSSHFxOpUnsupported
	}
	if err := h.v.take(); err != nil {
		return nil, err
	}
	list, err := h.v.List(r.Filepath)
	if err != nil {
		h.v.give()
		return nil, status(err)
	}
	return &sftpList{list: list, close: h.v.give}, nil
}

// RealPath is sftp.RealPathFileLister's.
func (h sftpFiles) RealPath(name string) (string, error) {
	const most = 4096
	if len(name) > most {
		return "", sftp.ErrSSHFxFailure
	}
	return path.Clean("/" + name), nil
}

// Readlink is sftp.ReadlinkFileLister's: there are no links.
func (h sftpFiles) Readlink(string) (string, error) { return "", sftp.ErrSSHFxOpUnsupported }

// sftpList is a listing.
type sftpList struct {
	list  []fs.FileInfo
	close func() // nil for one that is never closed
}

// ListAt is sftp.ListerAt's.
func (l *sftpList) ListAt(to []fs.FileInfo, offset int64) (int, error) {
	if offset < 0 || offset >= int64(len(l.list)) {
		return 0, io.EOF
	}
	n := copy(to, l.list[offset:])
	if offset+int64(n) == int64(len(l.list)) {
		return n, io.EOF
	}
	return n, nil
}

// Close ends it.
func (l *sftpList) Close() error {
	if l.close != nil {
		l.close()
		l.close = nil
	}
	return nil
}
