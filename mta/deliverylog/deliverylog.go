// Package deliverylog makes the lines of delivery_logs: one JSON object for each attempt to deliver a message, made from the
// record that delivery acted on. It decides nothing and keeps nothing; it imports mta/tlspolicy and leaves, and the engine
// imports it. The fields are described in docs/json-delivery-log.md and held to it by a test; none is ever renamed.
package deliverylog

import (
	"encoding/json"
	"net/netip"
	"strings"
	"sync"
	"time"

	"posthouse/internal/cause"
	"posthouse/internal/eventlog"
	"posthouse/internal/localtime"
	"posthouse/mta/tlspolicy"
)

// The subscription's name, the beginning of its files' names and its type, for eventlog.Options, with Raw.
const (
	Name = "delivery_logs"
	File = "delivery"
	Type = "Delivery Logs"
)

// Outcome is what came of an attempt.
type Outcome string

const (
	Delivered Outcome = "delivered"
	Delayed   Outcome = "delayed"
	Bounced   Outcome = "bounced"
)

// Protection is how the message travelled.
type Protection string

const (
	None      Protection = ""          // it did not
	Clear     Protection = "clear"     // without TLS
	Encrypted Protection = "encrypted" // to a peer that did not prove who it is
	Verified  Protection = "verified"
)

// Attempt is what came of one message for the recipients that share an outcome and its reason.
type Attempt struct {
	At         time.Time     // when it began
	Duration   time.Duration // of the transaction
	MID        uint64
	Sender     string // "" is the null sender
	RIDs       []int
	Recipients []string // in the order of RIDs
	Size       int64    // bytes

	Outcome    Outcome
	Protection Protection // None where it was not delivered
	Code       int        // of the peer's reply; 0 where there is none
	Response   string     // the peer's words, or ours
	Cause      cause.ID

	Record *tlspolicy.Record // of the connection; nil where none was tried
}

// Log writes the lines. Its methods may be called from many goroutines at once and do not wait for the disk.
type Log struct {
	log *eventlog.Log

	mu  sync.Mutex                            // guards tls
	tls map[*tlspolicy.Record]json.RawMessage // what is the same in the lines of one connection
}

// mostRecords bounds what is remembered of connections.
const mostRecords = 500

// New returns a Log that writes to l, which is raw and stays the caller's to close.
func New(l *eventlog.Log) *Log { return &Log{log: l, tls: map[*tlspolicy.Record]json.RawMessage{}} }

// Attempted writes the line of an attempt.
func (l *Log) Attempted(a Attempt) {
	e := entryOf(a)
	e.TLS = l.tlsOf(a.Record)
	line := lines.Get().(*[]byte)
	*line = e.append((*line)[:0])
	l.log.Line(eventlog.Info, string(*line))
	lines.Put(line)
}

// lines are the memory of lines in the making.
var lines = sync.Pool{New: func() any { return new([]byte) }}

// tlsOf is a record's part of the line. A record is complete when it comes here, and the same for every message on its
// connection.
func (l *Log) tlsOf(r *tlspolicy.Record) json.RawMessage {
	if r == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	part, known := l.tls[r]
	if !known {
		if len(l.tls) >= mostRecords {
			clear(l.tls)
		}
		part = encoded(tlsOf(r))
		l.tls[r] = part
	}
	return part
}

// Line is the attempt as one line of JSON, without its line end.
func Line(a Attempt) []byte {
	e := entryOf(a)
	if a.Record != nil {
		e.TLS = encoded(tlsOf(a.Record))
	}
	return e.append(nil)
}

// entry is one line. Its fields are an interface.
type entry struct {
	Time       string          `json:"time"` // first, so that grep --since finds it
	MID        uint64          `json:"mid"`
	DCID       uint64          `json:"dcid"`
	From       string          `json:"from"`
	To         []string        `json:"to"`
	RIDs       []int           `json:"rids"`
	Recipients int             `json:"recipients"`
	Size       int64           `json:"size"`
	Domain     string          `json:"domain"`
	Host       string          `json:"host"`
	Remote     string          `json:"remote"`
	Local      string          `json:"local"`
	Outcome    Outcome         `json:"outcome"`
	Protection string          `json:"protection"`
	Code       int             `json:"code"`
	Response   string          `json:"response"`
	Cause      cause.ID        `json:"cause"`
	Title      string          `json:"title"`
	Duration   float64         `json:"duration"`
	TLS        json.RawMessage `json:"tls"` // a tlsPart
}

// A line of a log has its limits: longer ones come to readers in pieces.
const (
	mostAddresses = 20 << 10 // bytes of all recipients
	mostWords     = 2000     // bytes of the response
)

func entryOf(a Attempt) entry {
	e := entry{
		Time: stamp(a.At), MID: a.MID, From: cut(a.Sender, mostWords), Recipients: len(a.Recipients), Size: a.Size, Outcome: a.Outcome,
		Protection: string(a.Protection), Code: a.Code, Response: cut(a.Response, mostWords), Cause: a.Cause,
		Duration: float64(a.Duration.Milliseconds()) / 1000,
	}
	room, n := mostAddresses, 0
	for n < len(a.Recipients) && room >= len(a.Recipients[n]) {
		room -= len(a.Recipients[n])
		n++
	}
	e.To, e.RIDs = a.Recipients[:n], a.RIDs[:min(n, len(a.RIDs))]
	if c, ok := cause.Lookup(a.Cause); ok {
		e.Title = c.Title
	}
	if len(a.Recipients) > 0 { // all of an attempt have one destination, also where no host of it was found
		first := a.Recipients[0]
		e.Domain = cut(strings.ToLower(first[strings.LastIndexByte(first, '@')+1:]), mostWords)
	}
	if r := a.Record; r != nil {
		e.DCID, e.Domain, e.Host = r.DCID, r.Facts.Domain, r.Facts.Host
		e.Remote, e.Local = addrPort(r.Remote), addr(r.Local)
	}
	return e
}

// stamp is a time in the zone of the log, with milliseconds.
func stamp(t time.Time) string { return localtime.In(t).Format("2006-01-02T15:04:05.000Z07:00") }

func addrPort(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()).String()
}

func addr(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.Unmap().String()
}

// cut keeps the beginning of what is too long.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:most]
}
