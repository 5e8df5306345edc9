package queue

import (
	"cmp"
	"slices"

	"posthouse/mta/spool"
)

// add takes in a message. One that is known is left alone. It returns false if no recipient is left to be delivered.
func (s *state) add(m spool.Message, now instant) bool {
	if s.messages[m.MID] != nil {
		return true
	}
	msg := &message{
		mid: m.MID, arrived: at(m.Received), sender: senderHash(m.Sender), profile: s.profileIndex(m.BounceProfile),
		lane: laneOf(&m.Envelope), null: m.Sender == "",
	}
	msg.suspect, msg.parked = s.hand.Suspect(m.MID)
	groups := s.groupsOf(msg, &m, now)
	if msg.left == 0 {
		return false
	}
	s.messages[m.MID] = msg
	if len(groups) > 1 {
		s.spread[m.MID] = groups
	}
	for _, g := range groups {
		s.enter(g, now)
	}
	return true
}

// groupsOf makes a message's groups.
func (s *state) groupsOf(msg *message, m *spool.Message, now instant) []*group {
	type place struct {
		host string
		due  instant
	}
	var order []*group
	var index map[place]*group
	for i, r := range m.Recipients {
		var st spool.State
		if i < len(m.States) {
			st = m.States[i]
		}
		if st.Done {
			continue
		}
		msg.left++
		p := place{cmp.Or(st.Via, Destination(r.Address)), at(st.Next)}
		one := rcpt{int32(r.RID), int32(st.Attempts)}
		if g := index[p]; g != nil {
			g.add(one)
			continue
		}
		h := s.host(p.host, now)
		h.recall(st)
		g := newGroup(msg, h, p.due, h.lastWords(st.LastError), one)
		g.warned = uint8(min(st.Warned, 255))
		order = append(order, g)
		if len(m.Recipients) > 1 {
			if index == nil {
				index = make(map[place]*group)
			}
			index[p] = g
		}
	}
	return order
}

// add puts another recipient into the group.
func (g *group) add(r rcpt) {
	if g.more == nil {
		g.more = new([]rcpt)
	}
	*g.more = append(*g.more, r)
}

// profileIndex is where the state keeps the name of a bounce profile.
func (s *state) profileIndex(name string) uint16 {
	if i := slices.Index(s.profiles, name); i >= 0 {
		return uint16(i)
	}
	if len(s.profiles) == 1<<16 {
		return 0
	}
	s.profiles = append(s.profiles, name)
	return uint16(len(s.profiles) - 1)
}
