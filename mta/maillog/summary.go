package maillog

import (
	"cmp"
	"slices"

	"posthouse/internal/cause"
)

// summary is the second reading: what there is to say of each result.
type summary struct {
	messages map[uint64]*Found
	in, out  map[uint64]*Found
	clear    map[uint64]bool // open connections on which there is no TLS, or not yet
	all      []*Found
}

func newSummary(mids []uint64, connections []Found) *summary {
	s := &summary{messages: map[uint64]*Found{}, in: map[uint64]*Found{}, out: map[uint64]*Found{}, clear: map[uint64]bool{}}
	for _, mid := range mids {
		f := &Found{MID: mid}
		s.messages[mid] = f
		s.all = append(s.all, f)
	}
	for _, c := range connections {
		f := &c
		if c.ICID != 0 {
			s.in[c.ICID] = f
		} else {
			s.out[c.DCID] = f
		}
		s.all = append(s.all, f)
	}
	return s
}

func (s *summary) see(e Event) {
	switch e.Kind {
	case ConnectionOut, InClear:
		s.clear[e.DCID] = true
	case TLSOutSuccess, ConnectionOutClosed:
		delete(s.clear, e.DCID)
	}
	if f := s.messages[e.MID]; f != nil {
		f.tell(e, s.clear[e.DCID])
	}
	if e.MID != 0 {
		return
	}
	if f := s.in[e.ICID]; f != nil && e.ICID != 0 {
		f.connected(e)
	}
	if f := s.out[e.DCID]; f != nil && e.DCID != 0 {
		f.connected(e)
	}
}

// tell takes what a line says of a message.
func (f *Found) tell(e Event, clear bool) {
	if f.At.IsZero() {
		f.At = e.Time
	}
	switch e.Kind {
	case From:
		f.From = e.Fields["from"]
	case To:
		if f.Recipients++; len(f.To) < mostTo {
			f.To = append(f.To, e.Fields["to"])
		}
	case Subject:
		f.Subject = e.Fields["subject"]
	case MessageDone:
		f.is(StatusDelivered)
		if clear {
			f.is(StatusClear)
		}
	case Delayed:
		f.is(StatusDelayed)
	case Bounced, DoubleBounced:
		f.is(StatusBounced)
	case DroppedByFilter:
		f.is(StatusDropped)
	}
}

func (f *Found) is(status Status) {
	if !slices.Contains(f.Statuses, status) {
		f.Statuses = append(f.Statuses, status)
	}
}

// connected takes what a line says of a connection.
func (f *Found) connected(e Event) {
	if f.At.IsZero() {
		f.At = e.Time
	}
	f.Peer = cmp.Or(f.Peer, e.Fields["domain"], e.Fields["address"])
	if id := cause.ID(e.Fields["cause"]); id != "" && !slices.Contains(f.Causes, id) {
		f.Causes = append(f.Causes, id)
	}
}

// list is the results: messages by their numbers, then connections in the order of their time.
func (s *summary) list() []Found {
	list := make([]Found, len(s.all))
	for i, f := range s.all {
		list[i] = *f
	}
	slices.SortStableFunc(list, func(a, b Found) int {
		switch {
		case a.MID != 0 && b.MID != 0:
			return cmp.Compare(a.MID, b.MID)
		case a.MID == 0 && b.MID == 0:
			return a.At.Compare(b.At)
		case a.MID != 0:
			return -1
		}
		return 1
	})
	return list
}
