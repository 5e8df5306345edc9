package logbook

import (
	"context"
	"fmt"
	trace "runtime/debug"
	"time"

	"posthouse/internal/eventlog"
)

const statusLog = "status"

// writeStatus writes the line of Status Logs, as soon as somebody can be asked for it and then whenever its interval is over.
func (b *Book) writeStatus(ctx context.Context) {
	next := b.opts.Now()
	for {
		if line := b.status.Load(); line != nil && !b.opts.Now().Before(next) {
			b.statusLine(*line)
			next = b.opts.Now().Add(b.statusInterval())
		}
		if !pause(ctx, max(time.Second, next.Sub(b.opts.Now())), b.asked) {
			return
		}
		if soonest := b.opts.Now().Add(b.statusInterval()); soonest.Before(next) {
			next = soonest // the interval has become shorter
		}
	}
}

// statusLine writes one line. A fault of ours costs the line and is told; mail does not stop for it.
func (b *Book) statusLine(line func() string) {
	defer func() {
		if r := recover(); r != nil {
			b.problem(fmt.Sprintf("fault in the line of Status Logs: %v\n%s", r, trace.Stack()))
		}
	}()
	b.Log(statusLog).Line(eventlog.Info, line())
}

func (b *Book) statusInterval() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Duration(b.conf.StatusSeconds()) * time.Second
}

// pause waits until the time is over or somebody knocks; false: ctx has ended.
func pause(ctx context.Context, d time.Duration, knock <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-knock:
	case <-ctx.Done():
		return false
	}
	return true
}
