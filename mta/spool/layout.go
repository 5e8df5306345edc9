package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"posthouse/internal/safefile"
)

// Messages lie in folders of 4,096 consecutive IDs each: a million messages make a few hundred folders of a size that
// every file system likes, and messages that arrive together share the sync of one folder.
const (
	shards     = 256
	shardShift = 12
)

const (
	messageSuffix = ".msg"
	tempSuffix    = ".tmp"
)

func (s *Spool) shard(i int) string { return shardPath(s.dir, i) }

func shardPath(dir string, i int) string {
	return filepath.Join(dir, "messages", fmt.Sprintf("%02x", i))
}

func (s *Spool) folder(mid uint64) string { return s.shard(int(mid >> shardShift % shards)) }

// path is where a committed message lies.
func (s *Spool) path(mid uint64) string {
	return filepath.Join(s.folder(mid), strconv.FormatUint(mid, 10)+messageSuffix)
}

// temp is where a message lies before its commit, in the same folder so that one sync makes the rename durable.
func (s *Spool) temp(mid uint64) string {
	return filepath.Join(s.folder(mid), strconv.FormatUint(mid, 10)+tempSuffix)
}

// midOf is the message that a file name stands for.
func midOf(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, messageSuffix)
	if !ok {
		return 0, false
	}
	mid, err := strconv.ParseUint(digits, 10, 64)
	return mid, err == nil && strconv.FormatUint(mid, 10) == digits
}

const formatLine = "posthouse spool "

// checkFormat reads DIR/format, and writes it where there is none yet.
func checkFormat(dir string) error {
	path := filepath.Join(dir, "format")
	err := readFormat(path)
	if errors.Is(err, os.ErrNotExist) {
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
	if n > version {
		return fmt.Errorf("%w (format %d, this one knows %d)", ErrNewer, n, version)
	}
	return nil
}
