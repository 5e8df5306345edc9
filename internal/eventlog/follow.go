package eventlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

const (
	// mostBehind is how far a follower may fall behind, in bytes, once it has seen the latest line.
	mostBehind = 16 << 20
	// resumed is with how many of the latest lines it goes on then.
	resumed = 100
	// gathering is the least time between two batches of a follower beside busy mail: few large ones cost less than many small
	// ones, and nobody reads faster.
	gathering = 250 * time.Millisecond
)

// Follower says who is told of the lines of a log.
type Follower struct {
	Lines   func(lines []byte) error // takes whole lines, each with its end; they are valid during the call only
	LeftOut func() error             // says that lines are left out at this place, because they come too fast or their file is gone
}

// batches are the memory for what is read at once.
var batches = sync.Pool{New: func() any { b := make([]byte, maxLine+1); return &b }}

// Follow gives a Follower the last n lines and then every new one, over rotation, until the context ends (its error is
// returned), one of its functions returns an error, or the Log is closed (nil). However slow they are, they hold up no writer;
// and beside busy mail lines come in batches, as fast as Readers permit. Tail is for who must have every line.
func (l *Log) Follow(ctx context.Context, n int, to Follower) error {
	return l.follow(ctx, n, l.opts.Readers, to)
}

func (l *Log) follow(ctx context.Context, n int, readers *Readers, to Follower) error {
	_ = l.Flush() // on a disk that takes nothing there is still something to read
	f := &following{l: l, to: to, readers: readers}
	defer f.close()
	err := f.turn(ctx, func() error { return f.seek(n) })
	for more := true; more && err == nil; {
		more, err = f.step(ctx)
	}
	return err
}

// following is a Follower's way through the files.
type following struct {
	l       *Log
	to      Follower
	readers *Readers // nil: nothing holds it up, and it gets every line
	stamp   string
	offset  int64
	file    *os.File // nil: not open
	level   bool     // it has seen the latest line once
	last    time.Time
}

// turn does work when the other readers let it.
func (f *following) turn(ctx context.Context, work func() error) error {
	if f.readers != nil {
		return f.readers.turn(ctx, work)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return work()
}

func (f *following) close() {
	if f.file != nil {
		f.file.Close()
		f.file = nil
	}
}

// seek goes to where the last n lines begin.
func (f *following) seek(n int) (err error) {
	f.close()
	stamps, _, _ := f.l.snapshot()
	if f.stamp, f.offset, err = f.l.lastLines(stamps, n); err != nil {
		return f.fault(err)
	}
	return nil
}

func (f *following) fault(err error) error {
	return fmt.Errorf("follow log %s: %w", f.l.opts.Name, err)
}

// step gives out a batch, goes on to the next file, or waits; more is false when the Log is closed.
func (f *following) step(ctx context.Context) (more bool, err error) {
	// What is known before the read decides: a later file means that this one does not grow after it.
	stamps, grown, ended := f.l.snapshot()
	given := false
	err = f.turn(ctx, func() (err error) { given, err = f.batch(); return err })
	switch {
	case errors.Is(err, errGone):
		f.next()
		return f.stamp != "", f.to.LeftOut()
	case err != nil:
		return false, err
	case given:
		return true, f.keepUp()
	case stamps[len(stamps)-1] > f.stamp:
		f.next()
		return f.stamp != "", nil
	case ended:
		return false, nil
	}
	f.level = true
	return true, f.wait(ctx, grown)
}

// next goes on to the next file.
func (f *following) next() {
	f.close()
	f.stamp, f.offset = f.l.after(f.stamp), 0
}

// errGone says that the present file was removed before it was opened.
var errGone = errors.New("the file is gone")

// open opens the present file.
func (f *following) open() error {
	if f.file != nil {
		return nil
	}
	file, err := f.l.openStamp(f.stamp)
	if errors.Is(err, fs.ErrNotExist) {
		return errGone
	}
	if err != nil {
		return f.fault(err)
	}
	f.file = file
	return nil
}

// batch gives out what the present file has, up to some size; given is false when it has no whole line.
func (f *following) batch() (given bool, err error) {
	if err := f.open(); err != nil {
		return false, err
	}
	memory := batches.Get().(*[]byte)
	defer batches.Put(memory)
	b := *memory
	n, err := f.file.ReadAt(b[:maxLine], f.offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, f.fault(err)
	}
	whole := bytes.LastIndexByte(b[:n], '\n') + 1
	switch {
	case whole > 0:
		f.offset += int64(whole)
	case n == maxLine: // a line that is longer comes in pieces
		f.offset += int64(n)
		b[n] = '\n'
		whole = n + 1
	default:
		return false, nil
	}
	f.last = time.Now()
	return true, f.to.Lines(b[:whole])
}

// keepUp goes on with the latest lines where a follower has fallen too far behind.
func (f *following) keepUp() error {
	if f.readers == nil || !f.level || f.behind() <= mostBehind {
		return nil
	}
	if err := f.seek(resumed); err != nil {
		return err
	}
	return f.to.LeftOut()
}

// behind is how many bytes there are that have not been given out. A file that cannot be looked at counts for nothing.
func (f *following) behind() int64 {
	stamps, _, _ := f.l.snapshot()
	left := -f.offset
	for _, stamp := range stamps {
		if stamp < f.stamp {
			continue
		}
		if info, err := os.Stat(f.l.find(stamp)); err == nil {
			left += info.Size()
		}
	}
	return left
}

// wait returns when there is more to read, beside busy mail not before there may be much of it.
func (f *following) wait(ctx context.Context, grown <-chan struct{}) error {
	select {
	case <-grown:
	case <-ctx.Done():
		return ctx.Err()
	}
	rest := gathering - time.Since(f.last)
	if rest <= 0 || f.readers == nil || !f.readers.scarce() {
		return nil
	}
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
