package eventlog

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
)

// Tail calls do with the last n lines and then with every new one, over rotation, until the context ends (its error is
// returned), do returns an error, or the Log is closed (nil). However slow do is, it holds up no writer. It is Follow for who
// must have every line: no Readers hold it up, and none is left out but those of a file that is gone.
func (l *Log) Tail(ctx context.Context, n int, do func(line string) error) error {
	return l.follow(ctx, n, nil, Follower{
		Lines: func(lines []byte) error {
			for line := range bytes.Lines(lines) {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := do(string(line[:len(line)-1])); err != nil {
					return err
				}
			}
			return nil
		},
		LeftOut: func() error { return nil },
	})
}

// after is the oldest file that is newer than stamp.
func (l *Log) after(stamp string) string {
	stamps, _, _ := l.snapshot()
	for _, s := range stamps {
		if s > stamp {
			return s
		}
	}
	return ""
}

// lastLines finds where the last n complete lines of all files begin.
func (l *Log) lastLines(stamps []string, n int) (stamp string, offset int64, err error) {
	for _, s := range slices.Backward(stamps) {
		f, err := l.openStamp(s)
		if errors.Is(err, fs.ErrNotExist) {
			return stamp, offset, nil // the oldest of them was removed just now
		}
		if err != nil {
			return "", 0, err
		}
		found := 0
		info, err := f.Stat()
		if err == nil {
			offset, found, err = backward(f, info.Size(), n)
		}
		f.Close()
		if err != nil {
			return "", 0, err
		}
		stamp = s
		if n -= found; n <= 0 {
			break
		}
	}
	return stamp, offset, nil
}

// backward returns where the last n complete lines of a file of size bytes begin, and how many there are if fewer.
func backward(f io.ReaderAt, size int64, n int) (offset int64, found int, err error) {
	const step = 32 << 10
	buf := make([]byte, step)
	ends := 0 // line ends seen; the first one ends the last line
	for end := size; end > 0; {
		begin := max(0, end-step)
		b := buf[:end-begin]
		if _, err := f.ReadAt(b, begin); err != nil {
			return 0, 0, err
		}
		for i := bytes.LastIndexByte(b, '\n'); i >= 0; i = bytes.LastIndexByte(b[:i], '\n') {
			if ends++; ends > n {
				return begin + int64(i) + 1, n, nil
			}
		}
		end = begin
	}
	return 0, ends, nil
}
