package maillog

import (
	"bytes"
	"strconv"
)

// openIDs follows what a log opens and closes. After a sudden death it reads millions of lines, beside the mail that flows
// again, so it knows only the few that matter, in the form in which this program writes them, and costs each of the others
// no more than a look at its beginning. What ParseLine makes of a line decides; the tests hold one to the other.
type openIDs struct {
	icids, dcids idSet
	mids         idSet
	whole        idSet // those of mids that were received whole
}

// prefixLen is how long time and level are.
const prefixLen = len(timeLayout + " Info: ")

// see takes a line without its end.
func (o *openIDs) see(line []byte) {
	if len(line) <= prefixLen || string(line[len(timeLayout):prefixLen]) != " Info: " || line[13] != ':' || line[16] != ':' {
		return
	}
	s := scan{line[prefixLen:]}
	switch s.rest[0] {
	case 'M':
		o.message(s)
	case 'S':
		o.started(s)
	case 'I', 'D':
		o.closed(s)
	case 'N':
		o.opened(s)
	}
}

// message takes a line that begins with MID or Message. Most lines do, and few of them matter.
func (o *openIDs) message(s scan) {
	if s.literal("MID ") {
		rest, queued := bytes.CutSuffix(s.rest, []byte(" queued for delivery"))
		if s.rest = rest; !queued {
			return
		}
		if mid, ok := s.number(); ok && len(s.rest) == 0 {
			o.received(mid)
		}
		return
	}
	if s.literal("Message done DCID ") {
		o.delivered(s)
		return
	}
	if !s.literal("Message finished MID ") {
		return
	}
	mid, ok := s.number()
	s.rest = bytes.TrimSuffix(s.rest, []byte(recoveredMark))
	if end := string(s.rest); ok && (end == " done" || end == " aborted") {
		o.mids.remove(mid)
		o.whole.remove(mid)
	}
}

// received opens a message that is there whole. One of an earlier run that is delivered in this one is open here too.
func (o *openIDs) received(mid uint64) {
	o.mids.add(mid)
	o.whole.add(mid)
}

func (o *openIDs) started(s scan) {
	if !s.literal("Start MID ") {
		return
	}
	mid, ok := s.number()
	if !ok || !s.literal(" ICID ") {
		return
	}
	if _, ok := s.number(); ok && len(s.rest) == 0 {
		o.mids.add(mid)
		o.whole.remove(mid)
	}
}

// delivered takes what follows "Delivery start DCID " or "Message done DCID ".
func (o *openIDs) delivered(s scan) {
	if _, ok := s.number(); !ok || !s.literal(" MID ") {
		return
	}
	mid, ok := s.number()
	if !ok || !s.literal(" to RID ") || !s.rids() {
		return
	}
	switch end := string(s.rest); {
	case end == "", end == " to Centralized Policy Quarantine", end == " (centralized policy quarantine)",
		len(end) > 2 && end[:2] == " [" && end[len(end)-1] == ']': // the headers
		o.received(mid)
	}
}

func (o *openIDs) closed(s scan) {
	set := &o.icids
	if s.literal("Delivery start DCID ") {
		o.delivered(s)
		return
	}
	if s.literal("DCID ") {
		set = &o.dcids
	} else if !s.literal("ICID ") {
		return
	}
	id, ok := s.number()
	if s.rest = bytes.TrimSuffix(s.rest, []byte(recoveredMark)); ok && string(s.rest) == " close" {
		set.remove(id)
	}
}

func (o *openIDs) opened(s scan) {
	in := s.literal("New SMTP ICID ") || s.literal("New CPQ ICID ")
	if !in && !s.literal("New SMTP DCID ") {
		return
	}
	id, ok := s.number()
	if !ok || !s.literal(" interface ") {
		return
	}
	if in && s.past(" (") && s.past(") address ") && s.past(" reverse dns host ") && s.past(" verified ") {
		o.icids.add(id)
	}
	if !in && s.past(" address ") {
		o.dcids.add(id)
	}
}

// scan is what of a line is still to be read.
type scan struct{ rest []byte }

// literal takes a text where it stands.
func (s *scan) literal(text string) bool {
	if len(s.rest) < len(text) || string(s.rest[:len(text)]) != text {
		return false
	}
	s.rest = s.rest[len(text):]
	return true
}

// past goes behind the next place where a text stands.
func (s *scan) past(text string) bool {
	i := bytes.Index(s.rest, []byte(text))
	if i < 0 {
		return false
	}
	s.rest = s.rest[i+len(text):]
	return true
}

func (s *scan) number() (n uint64, ok bool) {
	i := 0
	for i < len(s.rest) && '0' <= s.rest[i] && s.rest[i] <= '9' {
		n = 10*n + uint64(s.rest[i]-'0')
		i++
	}
	digits := s.rest[:i]
	s.rest = s.rest[i:]
	if i < 20 { // These cannot be too many for 64 bits.
		return n, i > 0
	}
	n, err := strconv.ParseUint(string(digits), 10, 64)
	return n, err == nil
}

// rids takes a list of recipients.
func (s *scan) rids() bool {
	if s.literal("[]") {
		return true
	}
	for begin := "["; s.literal(begin); begin = ", " {
		if n, ok := s.number(); !ok || n >= 1<<31 {
			return false
		}
		if s.literal("]") {
			return true
		}
	}
	return false
}
