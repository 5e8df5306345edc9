package eventlog

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"posthouse/internal/localtime"
)

// maxLine bounds the memory that a file without line ends costs a reader; longer lines come in pieces.
const maxLine = 64 << 10

// LineTime is the time at the beginning of a line, in the zone of logs, or in the "time" with which a line of JSON begins; ok is
// false when the line has none.
func LineTime(line string) (t time.Time, ok bool) {
	if value, is := strings.CutPrefix(line, `{"time":"`); is {
		value, _, _ = strings.Cut(value, `"`)
		t, err := time.Parse(time.RFC3339, value)
		return localtime.In(t), err == nil
	}
	if len(line) < len(timeLayout) {
		return time.Time{}, false
	}
	t, err := time.ParseInLocation(timeLayout, line[:len(timeLayout)], localtime.Current())
	return t, err == nil
}

// eachLine calls do with every complete line of r, without its line end and valid only during the call, and returns how
// many bytes those were.
func eachLine(r io.Reader, do func(line []byte) error) (int64, error) {
	b := bufio.NewReaderSize(r, maxLine)
	var read int64
	for {
		line, err := b.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return read, nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return read, err
		}
		read += int64(len(line))
		if err == nil {
			line = line[:len(line)-1]
		}
		if err := do(line); err != nil {
			return read, err
		}
	}
}

// ReadFile calls do with every complete line of one log file, without its line end and valid only during the call, and ends
// with do's error.
func ReadFile(path string, do func(line []byte) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	_, err = eachLine(f, do)
	return errors.Join(err, f.Close())
}

// openStamp opens a file under the suffix that it has at the moment; the writer may be renaming it.
func (l *Log) openStamp(stamp string) (*os.File, error) {
	var err error
	for _, suffix := range []string{openSuffix, finishedSuffix} {
		var f *os.File
		if f, err = os.Open(l.path(stamp, suffix)); !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, err
}

// snapshot is the files' stamps, and a channel that is closed when there is more to read; ended when there
// never will be.
func (l *Log) snapshot() (stamps []string, grown <-chan struct{}, ended bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.stamps...), l.grown, l.complete
}
