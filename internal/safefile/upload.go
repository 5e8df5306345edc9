package safefile

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
)

// Temp makes a hidden temporary file in dir, mode 0600, for Place to put into its place; the caller closes it, and removes
// it where Place has not been called or has failed.
func Temp(dir string) (*os.File, error) { return os.CreateTemp(dir, tempPattern) }

// Temporary says whether a name is one that Temp and Write give to what is not finished.
func Temporary(name string) bool {
	ok, err := path.Match(tempPattern, name)
	return ok && err == nil
}

// Place syncs f, which Temp made in the same folder, and renames it to path: what Write does behind its last byte.
func Place(f *os.File, path string) error {
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := OS.SyncDir(filepath.Dir(path)); err != nil {
		return &NotDurableError{Path: path, Err: err}
	}
	return nil
}
