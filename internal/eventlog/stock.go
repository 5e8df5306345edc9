package eventlog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// takeStock lists the files that are there, ends those that a dead process left open and remembers which runs did not end.
func (l *Log) takeStock() error {
	entries, err := os.ReadDir(l.folder)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if s, ok := l.stampOf(e.Name(), "."+l.opts.File+".run.@", ""); ok {
			l.unclean = append(l.unclean, s)
		}
		if s, ok := l.stampOf(e.Name(), l.opts.File+".@", finishedSuffix); ok {
			l.stamps = append(l.stamps, s)
		}
		if s, ok := l.stampOf(e.Name(), l.opts.File+".@", openSuffix); ok {
			l.stamps = append(l.stamps, s)
			errs = append(errs, l.adopt(s))
		}
	}
	slices.Sort(l.stamps)
	l.stamps = slices.Compact(l.stamps)
	return errors.Join(errs...)
}

func (l *Log) stampOf(name, prefix, suffix string) (string, bool) {
	s, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return "", false
	}
	if s, ok = strings.CutSuffix(s, suffix); !ok {
		return "", false
	}
	_, err := time.Parse(stampLayout, s)
	return s, err == nil
}

// adopt ends a file that its process could not: a torn last line gets its line end, so that it stays alone.
func (l *Log) adopt(stamp string) error {
	path := l.path(stamp, openSuffix)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var end []byte
	if torn(f) {
		end = append(end, '\n')
	}
	end = l.line(end, "End Logfile")
	// On a full disk the file stays without its last line; that is no reason not to start.
	if _, err := f.Write(end); err == nil {
		_ = f.Sync()
	}
	return l.disk.rename(path, l.path(stamp, finishedSuffix))
}

// torn reports whether the file's last byte is something other than a line end.
func torn(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false
	}
	var last [1]byte
	_, err = f.ReadAt(last[:], info.Size()-1)
	return err == nil && last[0] != '\n'
}

// runPath names the empty file that stands while a run has not ended in order.
func (l *Log) runPath(stamp string) string {
	return filepath.Join(l.folder, "."+l.opts.File+".run.@"+stamp)
}

// Unclean returns the paths, oldest first, of the files of every run that did not end in order and has not been settled,
// the present run's excepted. It is empty after a proper stop.
func (l *Log) Unclean() []string {
	l.fileMu.Lock()
	defer l.fileMu.Unlock()
	if len(l.unclean) == 0 {
		return nil
	}
	first := slices.Min(l.unclean)
	stamps, _, _ := l.snapshot()
	var paths []string
	for _, s := range stamps {
		if s >= first && s < l.run {
			paths = append(paths, l.find(s))
		}
	}
	return paths
}

// Settled says that what the unclean runs left open has been closed by lines of this run: they are forgotten, once those
// lines are in the file.
func (l *Log) Settled() error {
	if err := l.Flush(); err != nil {
		return err
	}
	l.fileMu.Lock()
	defer l.fileMu.Unlock()
	if err := l.forgetRuns(l.unclean...); err != nil {
		return fmt.Errorf("settle log %s: %w", l.opts.Name, err)
	}
	l.unclean = nil
	return nil
}

func (l *Log) forgetRuns(stamps ...string) error {
	for _, s := range stamps {
		if err := l.disk.remove(l.runPath(s)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
