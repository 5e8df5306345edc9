package maillog

import (
	"context"
	"slices"
	"strings"
	"time"

	"posthouse/internal/cause"
	"posthouse/internal/eventlog"
)

// Source is a log that can be read from its beginning; *eventlog.Log is one.
type Source interface {
	Grep(ctx context.Context, q eventlog.Query, do func(line string) error) error
}

// Status is what became of a message, as far as a search asks for it.
type Status string

const (
	StatusDelivered Status = "delivered" // to a recipient at least
	StatusBounced   Status = "bounced"
	StatusDelayed   Status = "delayed"
	StatusDropped   Status = "dropped" // by a filter
	StatusClear     Status = "clear"   // delivered without TLS to a recipient at least
)

// Search says which messages are looked for: those of which everything is true that is asked. Texts are looked for
// anywhere within the value.
type Search struct {
	MID       uint64
	From, To  string // addresses of the envelope
	Subject   string
	MessageID string   // of the header
	Cause     cause.ID // of one of the message's connections, in or out
	Failure   string   // a part of a line that tells of a TLS failure there
	Status    Status
	Fold      bool // upper and lower case are the same

	Since, Until time.Time // of the lines that are looked at; zero: from the beginning, to the end
}

// Found is a message that fits, or a connection that failed before there was one.
type Found struct {
	MID        uint64
	ICID, DCID uint64 // the connection, where there is no message
	At         time.Time
	From       string
	To         []string // the first recipients
	Recipients int
	Subject    string
	Statuses   []Status
	Causes     []cause.ID // of the lines that fit, where there is no message
	Peer       string     // the connection's other end or domain, where there is no message
}

// mostFound bounds what a search keeps: the latest.
const mostFound = 1000

// mostTo is how many recipients of a message a result names.
const mostTo = 3

// Find reads the log twice and returns what fits, in ascending order, and how many further ones, older, were left out.
// It keeps in memory the messages and connections that are open at one time and the latest 1,000 that fit.
func Find(ctx context.Context, from Source, s Search) (found []Found, more int, err error) {
	f := newFinder(s)
	window := eventlog.Query{Since: s.Since, Until: s.Until}
	if err := from.Grep(ctx, window, each(f.see)); err != nil {
		return nil, 0, err
	}
	sum := newSummary(f.mids.order, f.orphans())
	if err := from.Grep(ctx, eventlog.Query{}, each(sum.see)); err != nil {
		return nil, 0, err
	}
	return sum.list(), f.mids.lost, nil
}

// each reads lines into events; what is no line of a log is left out.
func each(see func(e Event)) func(line string) error {
	return func(line string) error {
		if e, ok := ParseLine(line); ok {
			see(e)
		}
		return nil
	}
}

// What a message can fulfil, one bit each.
const (
	wantMID = 1 << iota
	wantFrom
	wantTo
	wantSubject
	wantMessageID
	wantFailure
	wantStatus
)

// latest is the newest ids that were put into it.
type latest struct {
	order []uint64
	has   map[uint64]bool
	lost  int
}

func (l *latest) add(id uint64) {
	if l.has[id] {
		return
	}
	if l.has == nil {
		l.has = map[uint64]bool{}
	}
	if len(l.order) == mostFound {
		delete(l.has, l.order[0])
		l.order = append(l.order[:0], l.order[1:]...)
		l.lost++
	}
	l.order, l.has[id] = append(l.order, id), true
}

// finder is the first reading.
type finder struct {
	search Search
	wanted int

	open  map[uint64]int      // messages that fulfil something, until their last line
	mids  latest              // messages that fulfil everything
	in    side                // connections in
	out   side                // connections out
	zero  bool                // the latest failure without a connection fits
	dead  map[string]bool     // domains whose own latest failure without a connection does
	bound map[uint64][]string // the domains of messages that are not finished, where failures are asked for

	plain map[uint64]bool // open connections out without TLS; kept for StatusClear
}

// side is the connections of one direction.
type side struct {
	failed latest              // those with a line that fits
	used   map[uint64]bool     // those of them that carried a message
	open   map[uint64][]uint64 // the messages of every connection that is open
}

func newFinder(s Search) *finder {
	f := &finder{search: s, open: map[uint64]int{}, plain: map[uint64]bool{}, dead: map[string]bool{}, bound: map[uint64][]string{}}
	for _, d := range []*side{&f.in, &f.out} {
		d.used, d.open = map[uint64]bool{}, map[uint64][]uint64{}
	}
	for bit, asked := range map[int]bool{
		wantMID: s.MID != 0, wantFrom: s.From != "", wantTo: s.To != "", wantSubject: s.Subject != "",
		wantMessageID: s.MessageID != "", wantFailure: s.asksFailure(), wantStatus: s.Status != "",
	} {
		if asked {
			f.wanted |= bit
		}
	}
	return f
}

func (s *Search) asksFailure() bool { return s.Cause != "" || s.Failure != "" }

// within reports whether a value holds what is looked for.
func (s *Search) within(value, wanted string) bool {
	if s.Fold {
		value, wanted = strings.ToLower(value), strings.ToLower(wanted)
	}
	return wanted != "" && strings.Contains(value, wanted)
}

func (f *finder) see(e Event) {
	f.follow(e)
	if f.fails(e) {
		f.connection(e)
	}
	if e.MID == 0 {
		return
	}
	f.message(e)
	if e.Kind == MessageFinished || e.Kind == MessageAborted {
		delete(f.open, e.MID)
	}
}

// message looks at a line that names a message.
func (f *finder) message(e Event) {
	s := &f.search
	bits := 0
	switch e.Kind {
	case From:
		bits = bit(s.within(e.Fields["from"], s.From), wantFrom)
	case To, ToRejected:
		bits = bit(s.within(e.Fields["to"], s.To), wantTo)
	case Subject:
		bits = bit(s.within(e.Fields["subject"], s.Subject), wantSubject)
	case MessageID:
		bits = bit(s.within(e.Fields["id"], s.MessageID), wantMessageID)
	}
	bits |= bit(s.MID != 0 && e.MID == s.MID, wantMID)
	bits |= bit(s.Status != "" && f.status(e), wantStatus)
	if s.asksFailure() {
		bits |= bit(f.carried(e), wantFailure)
	}
	f.fulfil(e.MID, bits)
}

func bit(is bool, bit int) int {
	if is {
		return bit
	}
	return 0
}

func (f *finder) fulfil(mid uint64, bits int) {
	if bits == 0 {
		return
	}
	f.open[mid] |= bits
	if f.open[mid] == f.wanted {
		f.mids.add(mid)
	}
}

// status reports whether the line gives the message the status that is looked for.
func (f *finder) status(e Event) bool {
	switch f.search.Status {
	case StatusDelivered:
		return e.Kind == MessageDone
	case StatusBounced:
		return e.Kind == Bounced || e.Kind == DoubleBounced
	case StatusDelayed:
		return e.Kind == Delayed
	case StatusDropped:
		return e.Kind == DroppedByFilter
	case StatusClear:
		return e.Kind == MessageDone && (f.plain[e.DCID] || f.out.failed.has[e.DCID])
	}
	return false
}

// follow keeps which messages the open connections carry.
func (f *finder) follow(e Event) {
	if f.search.Status == StatusClear {
		f.followTLS(e)
	}
	if !f.search.asksFailure() {
		return
	}
	switch e.Kind {
	case MessageStarted:
		if e.ICID != 0 {
			f.in.open[e.ICID] = append(f.in.open[e.ICID], e.MID)
		}
	case DeliveryStarted:
		f.out.open[e.DCID] = append(f.out.open[e.DCID], e.MID)
	case ConnectionInClosed:
		delete(f.in.open, e.ICID)
	case ConnectionOutClosed:
		delete(f.out.open, e.DCID)
	case To:
		to := e.Fields["to"]
		f.bound[e.MID] = append(f.bound[e.MID], strings.ToLower(to[strings.LastIndexByte(to, '@')+1:]))
	case MessageFinished, MessageAborted:
		delete(f.bound, e.MID)
	case Cause:
		if e.DCID == 0 {
			f.zero = false
			delete(f.dead, e.Fields["domain"])
		}
	}
}

// followTLS keeps the open connections that have no TLS: a connection without a line of TLS goes in clear, also where the
// configuration wants nothing else and no line says so.
func (f *finder) followTLS(e Event) {
	switch e.Kind {
	case ConnectionOut:
		f.plain[e.DCID] = true
	case TLSOutSuccess, ConnectionOutClosed:
		delete(f.plain, e.DCID)
	}
}

// fails reports whether the line tells of a failure that is looked for, or of mail in clear where that is.
func (f *finder) fails(e Event) bool {
	s := &f.search
	if e.MID != 0 {
		return false
	}
	if e.Kind == InClear && s.Status == StatusClear {
		return true
	}
	if s.Cause != "" && e.Fields["cause"] == string(s.Cause) {
		return true
	}
	switch e.Kind {
	case TLSInFailed, TLSInRequired, TLSOutUnexpected, TLSOutNotVerified, TLSOutFailed, TLSOutRequired, CauseIn:
		return s.within(e.Text, s.Failure)
	}
	return false
}

// connection notes that a connection's line fits, for the messages that it has carried and will.
func (f *finder) connection(e Event) {
	d, id := &f.out, e.DCID
	if e.ICID != 0 {
		d, id = &f.in, e.ICID
	}
	if id == 0 {
		f.zero, f.dead[e.Fields["domain"]] = true, true
		return
	}
	d.failed.add(id)
	if !f.search.asksFailure() {
		return
	}
	for _, mid := range d.open[id] {
		d.used[id] = true
		f.fulfil(mid, wantFailure)
	}
}

// carried reports whether the message of the line goes over a connection whose line fits.
func (f *finder) carried(e Event) bool {
	switch e.Kind {
	case MessageStarted:
		return f.in.carries(e.ICID)
	case DeliveryStarted, MessageDone, Delayed, Bounced, DoubleBounced, PossibleDelivery:
		return f.out.carries(e.DCID) || e.DCID == 0 && f.reachesNobody(e.MID)
	}
	return false
}

// reachesNobody reports whether a failure without a connection that fits is the message's: one of its domains, or where its
// recipients are not in the log any more, the latest.
func (f *finder) reachesNobody(mid uint64) bool {
	domains, known := f.bound[mid]
	if !known {
		return f.zero
	}
	return slices.ContainsFunc(domains, func(domain string) bool { return f.dead[domain] })
}

func (d *side) carries(id uint64) bool {
	if !d.failed.has[id] {
		return false
	}
	d.used[id] = true
	return true
}

// orphans are the connections that fit and carried no message, where nothing else is asked of a message.
func (f *finder) orphans() (found []Found) {
	if f.wanted != wantFailure {
		return nil
	}
	for _, id := range f.in.failed.order {
		if !f.in.used[id] {
			found = append(found, Found{ICID: id})
		}
	}
	for _, id := range f.out.failed.order {
		if !f.out.used[id] {
			found = append(found, Found{DCID: id})
		}
	}
	return slices.Clip(found)
}
