package maillog

import (
	"context"
	"strconv"
	"strings"
	"time"

	"posthouse/internal/eventlog"
)

// tripWindow is how long before a connection that a message used another one of the same trip may have failed.
const tripWindow = 10 * time.Minute

// Lines reads the log twice and calls do with every line that belongs to one result: of the message, of what was made of
// it (splits, rewritings, bounces), of the connections that brought and took them, and of those that failed on the way.
func Lines(ctx context.Context, from Source, of Found, do func(line string) error) error {
	s := newStory(of)
	if err := from.Grep(ctx, eventlog.Query{}, s.learn); err != nil {
		return err
	}
	return from.Grep(ctx, eventlog.Query{}, func(line string) error {
		e, ok := ParseLine(line)
		if !ok || !s.holds(e, line) {
			return nil
		}
		return do(line)
	})
}

// story is everything that belongs together.
type story struct {
	mids, icids, dcids map[uint64]bool
	domains            map[string]bool      // of the messages' recipients
	failed             map[string][]attempt // connections to one of the domains that have carried nothing, by domain
	unconnected        []string             // the latest lines of a failure without a connection
	lines              map[string]bool      // lines that belong here though they have no number
	trips              trips
}

// attempt is a connection that failed.
type attempt struct {
	dcid uint64
	at   time.Time
}

func newStory(of Found) *story {
	s := &story{
		mids: map[uint64]bool{}, icids: map[uint64]bool{}, dcids: map[uint64]bool{}, domains: map[string]bool{},
		failed: map[string][]attempt{}, lines: map[string]bool{},
	}
	s.mids[of.MID], s.icids[of.ICID], s.dcids[of.DCID] = true, true, true
	delete(s.mids, 0)
	delete(s.icids, 0)
	delete(s.dcids, 0)
	return s
}

// learn is the first reading. What a message leads to stands behind it, so one reading finds all of it.
func (s *story) learn(line string) error {
	e, ok := ParseLine(line)
	if !ok {
		return nil
	}
	switch e.Kind {
	case ConnectionError, Cause:
		s.attempted(e, line)
	case BounceGenerated:
		if s.mids[e.Other] {
			s.mids[e.MID] = true
		}
	case Split, Rewritten:
		if s.mids[e.MID] {
			s.mids[e.Other] = true
		}
	}
	s.trips.see(e)
	if s.mids[e.MID] {
		s.own(e)
	}
	return nil
}

// own takes what a line of one of the messages leads to.
func (s *story) own(e Event) {
	switch e.Kind {
	case MessageStarted:
		if e.ICID != 0 {
			s.icids[e.ICID] = true
		}
	case To:
		to := e.Fields["to"]
		s.domains[strings.ToLower(to[strings.LastIndexByte(to, '@')+1:])] = true
	case DeliveryStarted, MessageDone, Delayed, Bounced, DoubleBounced, PossibleDelivery:
		s.sent(e)
	}
}

// sent adds the connection of a delivery, and what failed before it on the same trip.
func (s *story) sent(e Event) {
	if e.DCID == 0 {
		for _, line := range s.unconnected {
			s.lines[line] = true
		}
		return
	}
	s.dcids[e.DCID] = true
	for _, dcid := range s.trips.before[e.DCID] {
		s.dcids[dcid] = true
	}
	for domain := range s.domains {
		for _, a := range s.failed[domain] {
			if e.Time.Sub(a.at) <= tripWindow {
				s.dcids[a.dcid] = true
			}
		}
		delete(s.failed, domain)
	}
}

// attempted notes a connection that failed.
func (s *story) attempted(e Event, line string) {
	const most = 100 // for one domain, and lines of one failure
	if e.DCID == 0 {
		if n := len(s.unconnected); n > 0 && s.unconnected[n-1][:len(timeLayout)] != line[:len(timeLayout)] || n == most {
			s.unconnected = nil
		}
		s.unconnected = append(s.unconnected, line)
		return
	}
	domain := e.Fields["domain"]
	if !s.domains[domain] {
		return
	}
	list := s.failed[domain]
	if len(list) == most {
		list = append(list[:0], list[1:]...)
	}
	s.failed[domain] = append(list, attempt{e.DCID, e.Time})
}

// holds reports whether the line belongs to the story.
func (s *story) holds(e Event, line string) bool {
	if e.Kind == Other {
		e = numbered(e)
	}
	switch {
	case e.MID != 0:
		return s.mids[e.MID] || s.mids[e.Other]
	case e.ICID != 0:
		return s.icids[e.ICID]
	case e.DCID != 0:
		return s.dcids[e.DCID]
	}
	return s.lines[line]
}

// numbered finds the number at the beginning of a line that is none of ours.
func numbered(e Event) Event {
	word, rest, _ := strings.Cut(e.Text, " ")
	digits, _, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return e
	}
	switch word {
	case "MID":
		e.MID = n
	case "ICID":
		e.ICID = n
	case "DCID":
		e.DCID = n
	}
	return e
}
