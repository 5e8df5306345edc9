package mta

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"posthouse/internal/safefile"
)

// readState reads a file of the state folder into value. A file that is not there leaves value as it is.
func readState(path string, value any) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(data, value)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// writeState replaces a file of the state folder.
func writeState(path string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return safefile.Write(path, append(data, '\n'), 0o600)
}
