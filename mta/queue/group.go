package queue

import "slices"

// message is what all groups of one message share. There may be a million of them, so it holds nothing that the spool can
// be asked for when it is needed.
type message struct {
	mid     uint64
	arrived instant
	sender  uint32 // a hash, see senderHash
	left    int32  // recipients that are not done
	profile uint16 // the envelope's bounce profile, as an index of the state's names
	lane    lane
	null    bool // it has no sender
	suspect bool // the process died while it was worked on: it is tried by itself
	parked  bool // that happened twice: it is not tried any more
}

// rcpt is a recipient of a group.
type rcpt struct {
	rid, attempts int32
}

// group is recipients of one message at one destination that are due together. It is in exactly one of three places:
// delayed (in its host's heap), ready (in its host's list) or busy (in the hands of a trip or a chore); a parked one is in none.
type group struct {
	msg      *message
	host     *host
	one      rcpt    // the first of its recipients
	more     *[]rcpt // the others; nil where there are none
	due      instant // when delayed
	deadline instant // when it expires or a warning is due; 0 while busy
	last     *string // the latest failure in words; nil: none

	inHost, inReady         links
	delayedAt, deadlineSlot int32
	warned                  uint8 // delay warnings sent
	busy, listed, ready     bool  // busy, in its host's list, in its track's
}

func newGroup(m *message, h *host, due instant, last *string, rcpts ...rcpt) *group {
	g := &group{msg: m, host: h, due: due, last: last, delayedAt: -1, deadlineSlot: -1}
	g.hold(rcpts)
	return g
}

// hold makes the group one of these recipients.
func (g *group) hold(rcpts []rcpt) {
	g.one, g.more = rcpts[0], nil
	if len(rcpts) > 1 {
		rest := slices.Clone(rcpts[1:])
		g.more = &rest
	}
}

// size is how many recipients the group has.
func (g *group) size() int {
	if g.more == nil {
		return 1
	}
	return 1 + len(*g.more)
}

// rcpts is the group's recipients.
func (g *group) rcpts() []rcpt {
	list := make([]rcpt, 1, g.size())
	list[0] = g.one
	if g.more != nil {
		list = append(list, *g.more...)
	}
	return list
}

// said is the latest failure in words, empty where there was none.
func (g *group) said() string {
	if g.last == nil {
		return ""
	}
	return *g.last
}

// attempted is how many of the group's recipients were tried before.
func (g *group) attempted() int {
	n := 0
	for _, r := range g.rcpts() {
		if r.attempts > 0 {
			n++
		}
	}
	return n
}
