package eventlog

import (
	"io"
	"os"
)

// file is the part of *os.File that the writer needs.
type file interface {
	io.Writer
	Sync() error
	Close() error
}

// disk is every step that can fail, for the tests.
type disk struct {
	create  func(path string) (file, error) // refuses a path that exists
	rename  func(from, to string) error
	remove  func(path string) error
	symlink func(target, path string) error
}

func osDisk() *disk {
	return &disk{
		create: func(path string) (file, error) {
			return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o640)
		},
		rename:  os.Rename,
		remove:  os.Remove,
		symlink: os.Symlink,
	}
}
