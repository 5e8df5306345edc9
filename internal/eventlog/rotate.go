package eventlog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// stampLayout is the time in a file's name; names sort as their files began.
const stampLayout = "20060102T150405"

const (
	openSuffix     = ".c" // the file that is being written
	finishedSuffix = ".s"
)

func (l *Log) path(stamp, suffix string) string {
	return filepath.Join(l.folder, l.opts.File+".@"+stamp+suffix)
}

// line appends a line of the log's own making with the present time. A raw log has none.
func (l *Log) line(b []byte, text string) []byte {
	if l.opts.Raw {
		return b
	}
	return appendLine(b, l.opts.Now().Format(timeLayout), Info, text)
}

// begin starts this run's first file.
func (l *Log) begin() error {
	f, stamp, err := l.newFile()
	if err != nil {
		return err
	}
	mark, err := l.disk.create(l.runPath(stamp))
	if err == nil {
		err = mark.Close()
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.file, l.run = f, stamp
	l.stamps = append(l.stamps, stamp)
	l.out = l.head()
	if l.flush() != nil {
		l.kick() // a full disk at the start is no reason not to start
	}
	l.link(stamp)
	l.prune()
	return nil
}

// newFile creates the next file. Its stamp is later than every other, also when the clock is not.
func (l *Log) newFile() (file, string, error) {
	now := l.opts.Now()
	stamp := now.Format(stampLayout)
	if last := l.current(); stamp <= last {
		t, err := time.Parse(stampLayout, last)
		if err != nil {
			return nil, "", err
		}
		stamp = t.Add(time.Second).Format(stampLayout)
	}
	f, err := l.disk.create(l.path(stamp, openSuffix))
	if err != nil {
		return nil, "", err
	}
	return f, stamp, nil
}

// head is the lines that every file begins with.
func (l *Log) head() []byte {
	_, offset := l.opts.Now().Zone()
	b := l.line(nil, "Begin Logfile")
	b = l.line(b, fmt.Sprintf("Version: %s SN: %s", clean(l.opts.Version), clean(l.opts.Serial)))
	return l.line(b, fmt.Sprintf("Time offset from UTC: %d seconds", offset))
}

// current is the stamp of the newest file, "" when there is none.
func (l *Log) current() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.stamps) == 0 {
		return ""
	}
	return l.stamps[len(l.stamps)-1]
}

// Rollover finishes the current file and begins a new one.
func (l *Log) Rollover() error {
	l.fileMu.Lock()
	defer l.fileMu.Unlock()
	if l.ended {
		return fmt.Errorf("roll over log %s: it is closed", l.opts.Name)
	}
	if err := l.flush(); err != nil {
		return fmt.Errorf("roll over log %s: %w", l.opts.Name, err)
	}
	if err := l.roll(); err != nil {
		return fmt.Errorf("roll over log %s: %w", l.opts.Name, err)
	}
	return nil
}

// roll makes the new file before it ends the old one, so that a failure leaves a file to write to; fileMu is held.
func (l *Log) roll() error {
	f, stamp, err := l.newFile()
	if err != nil {
		return err
	}
	head := l.head()
	if _, err := f.Write(head); err != nil {
		return errors.Join(err, f.Close(), l.disk.remove(l.path(stamp, openSuffix)))
	}
	old := l.current()
	// An old file whose end fails is still readable as .c, and the next start ends it.
	_ = l.end(old)
	l.file, l.size = f, int64(len(head))
	l.mu.Lock()
	l.stamps = append(l.stamps, stamp)
	l.announce()
	l.mu.Unlock()
	l.link(stamp)
	l.prune()
	return nil
}

// end finishes the file that is being written; fileMu is held.
func (l *Log) end(stamp string) error {
	_, err := l.file.Write(l.line(nil, "End Logfile"))
	err = errors.Join(err, l.file.Sync(), l.file.Close())
	if err != nil {
		return err
	}
	if err := l.disk.rename(l.path(stamp, openSuffix), l.path(stamp, finishedSuffix)); err != nil {
		return err
	}
	l.link(stamp)
	return nil
}

// link points FILE.current at the file of stamp. The link is a convenience for people; nothing here reads it, so a
// failure is not worth refusing lines for.
func (l *Log) link(stamp string) {
	target := filepath.Base(l.path(stamp, openSuffix))
	if _, err := os.Lstat(l.path(stamp, openSuffix)); err != nil {
		target = filepath.Base(l.path(stamp, finishedSuffix))
	}
	link := filepath.Join(l.folder, l.opts.File+".current")
	temp := filepath.Join(l.folder, "."+l.opts.File+".current")
	_ = l.disk.remove(temp)
	if l.disk.symlink(target, temp) == nil {
		_ = l.disk.rename(temp, link)
	}
}

// prune removes the oldest files beyond the number kept. One that cannot be removed stays listed and is tried again.
func (l *Log) prune() {
	l.mu.Lock()
	surplus := slices.Clone(l.stamps[:max(0, len(l.stamps)-l.maxFiles)])
	l.mu.Unlock()
	for _, stamp := range surplus {
		for _, suffix := range []string{finishedSuffix, openSuffix} {
			if err := l.disk.remove(l.path(stamp, suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return
			}
		}
		l.mu.Lock()
		l.stamps = slices.DeleteFunc(l.stamps, func(s string) bool { return s == stamp })
		l.mu.Unlock()
	}
}

// find returns the path of a stamp's file under the suffix that it has now.
func (l *Log) find(stamp string) string {
	if path := l.path(stamp, finishedSuffix); exists(path) {
		return path
	}
	return l.path(stamp, openSuffix)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Files returns the paths of the subscription's files, oldest first, the current one last.
func (l *Log) Files() []string {
	l.mu.Lock()
	stamps := slices.Clone(l.stamps)
	l.mu.Unlock()
	paths := make([]string, len(stamps))
	for i, s := range stamps {
		paths[i] = l.find(s)
	}
	return paths
}
