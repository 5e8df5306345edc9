package queue

import "posthouse/mta/spool"

// maxFresh is how many messages that have just come in are kept in memory whole: as many as may wait for their first
// delivery in ordinary times. The others are read from the spool when their turn comes.
const (
	maxFresh      = 1000
	maxFreshRcpts = 1000
)

// fresh is the messages that came in last.
type fresh struct {
	messages map[uint64]*spool.Message
	order    []uint64 // a ring of the MIDs
	at       int
}

func newFresh() fresh {
	return fresh{messages: make(map[uint64]*spool.Message), order: make([]uint64, maxFresh)}
}

// add keeps a message in place of the oldest one.
func (f *fresh) add(m *spool.Message) {
	if len(m.Recipients) > maxFreshRcpts {
		return
	}
	delete(f.messages, f.order[f.at])
	f.messages[m.MID] = m
	f.order[f.at] = m.MID
	f.at = (f.at + 1) % len(f.order)
}
