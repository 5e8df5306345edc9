package shell

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"posthouse/internal/safefile"
)

const (
	maxHistory      = 1000      // entries
	maxHistoryBytes = 256 << 10 // of the file
)

// history is what an operator typed at the main prompt: what was there at login, and then this session's own lines.
type history struct {
	entries []string
	path    string // empty: it is not kept
	keep    func(line string) bool
}

// openHistory reads a user's history. A file that cannot be read is an empty history.
func openHistory(dir, user string, keep func(string) bool) *history {
	h := &history{keep: keep}
	if dir == "" || safefile.Name(user) != nil {
		return h
	}
	folder := filepath.Join(dir, "history")
	if os.MkdirAll(folder, 0o700) != nil {
		return h
	}
	h.path = filepath.Join(folder, user)
	data, err := readTail(h.path)
	if err != nil {
		return h
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		if line != "" && checkText(line) == nil {
			h.entries = append(h.entries, line)
		}
	}
	h.shorten()
	return h
}

// readTail reads a file and, when it has grown too long, replaces it by its end.
func readTail(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(data) > maxHistoryBytes {
		data = data[len(data)-maxHistoryBytes/2:]
		data = data[bytes.IndexByte(data, '\n')+1:]
		err = safefile.Write(path, data, 0o600)
	}
	return data, err
}

func (h *history) len() int {
	if h == nil {
		return 0
	}
	return len(h.entries)
}

func (h *history) at(i int) string { return h.entries[i] }

// add takes a line. It is kept on disk unless it may hold a secret.
func (h *history) add(line string) {
	line = strings.TrimSpace(line)
	if h == nil || line == "" || !utf8.ValidString(line) || len(line) > 4<<10 {
		return
	}
	if n := len(h.entries); n > 0 && h.entries[n-1] == line {
		return
	}
	h.entries = append(h.entries, line)
	h.shorten()
	if h.path == "" || !h.keep(line) {
		return
	}
	f, err := os.OpenFile(h.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return // a history is a convenience; its loss is no reason to bother anybody
	}
	defer f.Close()
	f.WriteString(line + "\n")
}

func (h *history) shorten() {
	if over := len(h.entries) - maxHistory; over > 0 {
		h.entries = append([]string(nil), h.entries[over:]...)
	}
}
