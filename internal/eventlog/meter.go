package eventlog

import (
	"time"

	"golang.org/x/sys/unix"
)

// meter measures the processor time of a piece of work.
type meter struct {
	thread int
	used   time.Duration // by the thread
	began  time.Time
}

func startMeter() meter { return meter{unix.Gettid(), threadTime(), time.Now()} }

// spent is the processor time since the start. Where the work has moved to another thread, which it does when it waits, it is
// the time that has passed, as far as somebody else could have been held up by it.
func (m meter) spent() time.Duration {
	passed := time.Since(m.began)
	if unix.Gettid() != m.thread {
		return min(passed, lease)
	}
	return min(passed, threadTime()-m.used)
}

func threadTime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
