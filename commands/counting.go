package commands

import (
	"time"

	"posthouse/mta"
)

// Counting is the part of the engine that counts; *mta.Engine is one. Its methods answer at once, however much is queued.
type Counting interface {
	ResetCounters() (time.Time, error)
	DNS() mta.DNSStatus
	FlushDNS() int     // forgets every answer of the nameservers and returns how many there were
	Peers() []mta.Peer // addresses with open connections to listeners, in no order

	WorkQueue() mta.WorkQueueStatus
	// PauseWorkQueue keeps what is accepted from now on from delivery, over a restart too, until ResumeWorkQueue.
	PauseWorkQueue(by, reason string) error
	ResumeWorkQueue() error
}
