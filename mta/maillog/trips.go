package maillog

import (
	"slices"
	"time"
)

// trips finds which connections a delivery tried before the one that it used, where their lines name no domain: a handshake
// that failed says only its DCID. The next host is tried at once, so the failed connection's successor is the very next
// connection that is opened, behind its close; where others come between, nothing is guessed.
type trips struct {
	last   connectionOut
	before map[uint64][]uint64 // what failed before a connection
	order  []uint64            // the keys of before, the oldest first
}

// connectionOut is the connection that was opened last.
type connectionOut struct {
	dcid     uint64
	failed   bool // its TLS failed
	carried  bool // it had to do with a message
	closedAt time.Time
}

const (
	mostTrips = 1000
	nextHost  = 2 * time.Second // at most, between a close and the next host; times are whole seconds
)

func (t *trips) see(e Event) {
	if e.Kind == ConnectionOut {
		t.opened(e)
		return
	}
	if e.DCID == 0 {
		return
	}
	if e.DCID != t.last.dcid {
		t.late(e)
		return
	}
	switch e.Kind {
	case TLSOutFailed, TLSOutNotVerified, TLSOutUnexpected:
		t.last.failed = true
	case ConnectionOutClosed:
		t.last.closedAt = e.Time
	}
	if e.MID != 0 {
		t.last.carried = true
	}
}

func (t *trips) opened(e Event) {
	was := t.last
	t.last = connectionOut{dcid: e.DCID}
	if !was.failed || was.carried || was.closedAt.IsZero() || e.DCID != was.dcid+1 || e.Time.Sub(was.closedAt) > nextHost {
		return
	}
	if t.before == nil {
		t.before = map[uint64][]uint64{}
	}
	if len(t.order) == mostTrips {
		delete(t.before, t.order[0])
		t.order = append(t.order[:0], t.order[1:]...)
	}
	t.before[e.DCID] = append(t.before[was.dcid][:len(t.before[was.dcid]):len(t.before[was.dcid])], was.dcid)
	t.order = append(t.order, e.DCID)
}

// late takes a connection out again whose message is told of only now: its delivery ended with it.
func (t *trips) late(e Event) {
	list := t.before[t.last.dcid]
	if i := slices.Index(list, e.DCID); i >= 0 && e.MID != 0 {
		t.before[t.last.dcid] = list[i+1:]
	}
}
