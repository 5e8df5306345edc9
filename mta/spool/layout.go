package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"posthouse/internal/safefile"
)

const formatLine = "posthouse spool "

// checkFormat reads DIR/format, and writes it where there is none yet or where an earlier form has no message left.
func checkFormat(dir string) error {
	path := filepath.Join(dir, "format")
	err := readFormat(path)
	if errors.Is(err, ErrOlder) && withoutMessages(dir) || errors.Is(err, os.ErrNotExist) {
		return safefile.Write(path, fmt.Appendf(nil, "%s%d\n", formatLine, version), 0o600)
	}
	return err
}

func readFormat(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	digits, ok := strings.CutPrefix(strings.TrimSpace(string(text)), formatLine)
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 1 {
		return fmt.Errorf("read %q: not a spool's format", path)
	}
	switch {
	case n > version:
		return fmt.Errorf("%w (format %d, this one knows %d)", ErrNewer, n, version)
	case n < version:
		return fmt.Errorf("%w (format %d)", ErrOlder, n)
	}
	return nil
}

// withoutMessages says that a spool of format 1, which had a file for each message, has none.
func withoutMessages(dir string) bool {
	found := false
	err := filepath.WalkDir(filepath.Join(dir, "messages"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".msg") {
			found = true
		}
		return err
	})
	return !found && (err == nil || errors.Is(err, fs.ErrNotExist))
}
