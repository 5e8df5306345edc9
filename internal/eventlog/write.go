package eventlog

import (
	"errors"
	"fmt"
	"time"
)

// write is the goroutine that owns the way from memory to the file. It ends when Close asks for it.
func (l *Log) write() {
	defer close(l.done)
	timer := time.NewTimer(pace)
	defer timer.Stop()
	for {
		select {
		case <-l.wake:
		case <-l.stop:
			return
		}
		wait := pace
		if err := l.Flush(); err != nil {
			wait = retry
			l.kick()
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-l.stop:
			return
		}
	}
}

// kick makes the writing goroutine look again.
func (l *Log) kick() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Flush returns when every line added before the call is in the file (with the operating system, not synced), or with
// the reason why it is not; the lines are kept then and tried again.
func (l *Log) Flush() error {
	l.fileMu.Lock()
	defer l.fileMu.Unlock()
	if l.ended {
		return nil
	}
	if err := l.flush(); err != nil {
		return fmt.Errorf("write log %s: %w", l.opts.Name, err)
	}
	l.mu.Lock()
	full := l.size >= l.maxSize
	l.mu.Unlock()
	if full && !l.opts.Now().Before(l.rollAt) {
		if err := l.roll(); err != nil {
			// The lines are safe in the old file, which just grows on; a later line tries again.
			l.rollAt = l.opts.Now().Add(retry)
		}
	}
	return nil
}

// flush moves what is pending into the file; fileMu is held.
func (l *Log) flush() error {
	l.mu.Lock()
	if len(l.out) == 0 {
		l.out, l.pending = l.pending, l.out[:0]
	} else {
		l.out = append(l.out, l.pending...)
		l.pending = l.pending[:0]
	}
	l.backlog = len(l.out)
	l.mu.Unlock()
	if len(l.out) == 0 {
		return nil
	}
	n, err := l.file.Write(l.out)
	l.size += int64(n)
	l.opts.Readers.wrote(n)
	rest := copy(l.out, l.out[n:])
	l.out = l.out[:rest]
	if cap(l.out) > 1<<20 && rest == 0 {
		l.out = nil // what one slow moment needed is not kept for ever
	}
	l.mu.Lock()
	l.backlog = rest
	l.announce()
	l.mu.Unlock()
	if err == nil && rest > 0 {
		err = errors.New("short write")
	}
	return err
}

// announce wakes everybody who follows the files; mu is held.
func (l *Log) announce() {
	close(l.grown)
	l.grown = make(chan struct{})
}

// Close writes what is pending, ends the current file and waits for the writing goroutine. Lines that come later are
// dropped, followers end. A second call does nothing.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		<-l.done
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	close(l.stop)
	<-l.done
	l.fileMu.Lock()
	defer l.fileMu.Unlock()
	err := l.flush()
	if err == nil {
		err = l.end(l.current())
	} else {
		err = errors.Join(err, l.file.Close())
	}
	if err == nil {
		err = l.forgetRuns(l.run)
	}
	l.ended = true
	l.mu.Lock()
	l.complete = true
	l.announce()
	l.mu.Unlock()
	if err != nil {
		return fmt.Errorf("close log %s: %w", l.opts.Name, err)
	}
	return nil
}
