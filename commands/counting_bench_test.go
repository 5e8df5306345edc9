package commands

import (
	"time"

	"posthouse/mta"
)

// counting is the part of engineNotes that counts.
type counting struct {
	dns       mta.DNSStatus
	peers     []mta.Peer
	workQueue mta.WorkQueueStatus
}

func (e *engineNotes) ResetCounters() (time.Time, error) {
	return time.Date(2026, 1, 1, 12, 0, 1, 0, time.UTC), e.fail
}

func (e *engineNotes) DNS() mta.DNSStatus { return e.dns }

func (e *engineNotes) FlushDNS() int {
	e.note("flushdns")
	return 1234
}

func (e *engineNotes) Peers() []mta.Peer { return e.peers }

func (e *engineNotes) WorkQueue() mta.WorkQueueStatus { return e.workQueue }

func (e *engineNotes) PauseWorkQueue(by, reason string) error {
	e.workQueue.Paused = &mta.WorkQueuePause{By: by, Reason: reason, At: time.Date(2026, 8, 17, 20, 2, 30, 0, time.UTC)}
	return e.fail
}

func (e *engineNotes) ResumeWorkQueue() error {
	e.workQueue.Paused = nil
	return e.fail
}
