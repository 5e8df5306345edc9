package maillog

import (
	"strconv"
	"strings"
	"time"

	"posthouse/internal/eventlog"
)

// Event is one line of mail_logs, read back. Which of the fields are set depends on the Kind.
type Event struct {
	Time   time.Time
	Level  string // "Info"
	Kind   Kind
	Text   string // the whole text behind the level
	ICID   uint64
	DCID   uint64
	MID    uint64
	Other  uint64            // a second MID: the one created, or the one that bounced
	RIDs   []int             // recipients
	Fields map[string]string // what else the line says, escaped as it stands: "from", "to", "cause", ...

	Recovered bool // written by the start after a sudden death
}

// Kind says which event a line tells of.
type Kind string

// The kinds of events, named as the methods that write them.
const (
	Other                 Kind = "" // a line that this package does not make
	ConnectionIn          Kind = "connection in"
	HostAccess            Kind = "host access"
	TLSInSuccess          Kind = "tls in"
	TLSInFailed           Kind = "tls in failed"
	TLSInRequired         Kind = "tls in required"
	CauseIn               Kind = "cause in"
	ReceivingFailed       Kind = "receiving failed"
	ConnectionInLost      Kind = "connection in lost"
	ConnectionInClosed    Kind = "connection in closed"
	MessageStarted        Kind = "message started"
	From                  Kind = "from"
	To                    Kind = "to"
	ToRejected            Kind = "to rejected"
	MessageID             Kind = "message id"
	Subject               Kind = "subject"
	Ready                 Kind = "ready"
	PolicyMatched         Kind = "policy matched"
	Split                 Kind = "split"
	Rewritten             Kind = "rewritten"
	BounceGenerated       Kind = "bounce generated"
	Quarantined           Kind = "quarantined"
	QuarantineEnqueued    Kind = "quarantine enqueued"
	QuarantineReleased    Kind = "quarantine released"
	QuarantineDeleted     Kind = "quarantine deleted"
	QuarantineReleasedAll Kind = "quarantine released all"
	DroppedByFilter       Kind = "dropped by filter"
	ReceivingAborted      Kind = "receiving aborted"
	MessageAborted        Kind = "message aborted" // the closing line of the two before
	Queued                Kind = "queued"
	MessageFinished       Kind = "message finished"
	ConnectionOut         Kind = "connection out"
	TLSOutSuccess         Kind = "tls out"
	TLSOutUnexpected      Kind = "tls out unexpected"
	TLSOutNotVerified     Kind = "tls out not verified"
	TLSOutFailed          Kind = "tls out failed"
	TLSOutRequired        Kind = "tls out required"
	ConnectionError       Kind = "connection error"
	Cause                 Kind = "cause"
	InClear               Kind = "in clear"
	PeerNotVerified       Kind = "peer not verified"
	ConnectionOutClosed   Kind = "connection out closed"
	DeliveryStarted       Kind = "delivery started"
	MessageDone           Kind = "message done"
	Response              Kind = "response"
	Delayed               Kind = "delayed"
	PendingTill           Kind = "pending till"
	Bounced               Kind = "bounced"
	DoubleBounced         Kind = "double bounced"
	Deleted               Kind = "deleted"
	Redirected            Kind = "redirected"
	PossibleDelivery      Kind = "possible delivery"
)

// The kinds of events of system_logs that tell of TLS.
const (
	CertificateRenewed Kind = "certificate renewed"
	CertificateExpires Kind = "certificate expires"
	ACMEFailed         Kind = "acme failed"
	ACMEWaits          Kind = "acme waits"
	CRLUpdated         Kind = "crl updated"
	CRLFailed          Kind = "crl failed"
	AlertSent          Kind = "alert sent"
	AlertHeld          Kind = "alert held"
	AlertFailed        Kind = "alert failed"
	ReportSent         Kind = "tls report sent"
	ReportFailed       Kind = "tls report failed"
	ReportReceived     Kind = "tls report received"
)

// recoveredMark ends the lines that the start after a sudden death writes.
const recoveredMark = " (recovered)"

// ParseLine reads one line, without its line end. ok is false when it does not begin with time and level; a text that
// is none of ours is an Event of kind Other.
func ParseLine(line string) (e Event, ok bool) {
	t, ok := eventlog.LineTime(line)
	if !ok {
		return Event{}, false
	}
	rest, ok := strings.CutPrefix(line[len(timeLayout):], " ")
	if !ok {
		return Event{}, false
	}
	level, text, ok := strings.Cut(rest, ": ")
	if !ok || level == "" || strings.ContainsAny(level, " :") {
		return Event{}, false
	}
	e = parseText(text)
	e.Time, e.Level, e.Text = t, level, text
	return e, true
}

// parseText tries the patterns that begin with the text's first word.
func parseText(text string) Event {
	word, _, _ := strings.Cut(text, " ")
	for _, p := range patternsOf(word) {
		if e, ok := p.match(text); ok {
			return e
		}
	}
	return Event{}
}

// match reads text by the pattern: numbers and lists where the pattern has them, and outside values up to the last place
// where what follows them can begin, since only they may hold anything.
func (p *pattern) match(text string) (Event, bool) {
	e := Event{Kind: p.kind}
	switch p.kind {
	case ConnectionInClosed, ConnectionOutClosed, MessageFinished, MessageAborted, ReceivingAborted:
		text, e.Recovered = strings.CutSuffix(text, recoveredMark)
	}
	for i := 0; i < len(p.parts); i++ {
		part := p.parts[i]
		if part.slot == "" {
			var ok bool
			if text, ok = strings.CutPrefix(text, part.literal); !ok {
				return Event{}, false
			}
			continue
		}
		value := text
		if i+1 < len(p.parts) {
			at := part.end(text, p.parts[i+1].literal)
			if at < 0 {
				return Event{}, false
			}
			value = text[:at]
		}
		if !e.set(part, value) {
			return Event{}, false
		}
		text = text[len(value):]
	}
	return e, text == ""
}

// end finds where a slot's value ends before the literal that follows it.
func (p part) end(text, literal string) int {
	if p.greedy {
		return strings.LastIndex(text, literal)
	}
	return strings.Index(text, literal)
}

// set puts a slot's value into the event; false when it is not what the slot holds.
func (e *Event) set(p part, value string) bool {
	switch p.slot {
	case "icid":
		return number(value, &e.ICID)
	case "dcid":
		return number(value, &e.DCID)
	case "mid":
		return number(value, &e.MID)
	case "mid2":
		return number(value, &e.Other)
	case "rid":
		var n uint64
		ok := number(value, &n) && n <= 1<<31
		e.RIDs = []int{int(n)}
		return ok
	case "rids":
		return e.setRIDs(value)
	}
	if p.digits {
		var n uint64
		if !number(value, &n) {
			return false
		}
	}
	if e.Fields == nil {
		e.Fields = make(map[string]string)
	}
	e.Fields[p.slot] = value
	return true
}

func (e *Event) setRIDs(value string) bool {
	inner, ok := strings.CutPrefix(value, "[")
	if !ok {
		return false
	}
	if inner, ok = strings.CutSuffix(inner, "]"); !ok {
		return false
	}
	if inner == "" {
		return true
	}
	for s := range strings.SplitSeq(inner, ", ") {
		n, err := strconv.ParseUint(s, 10, 31)
		if err != nil {
			return false
		}
		e.RIDs = append(e.RIDs, int(n))
	}
	return true
}

// number reads digits only, so that what it accepts is what it would print.
func number(s string, n *uint64) bool {
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil || s[0] == '+' {
		return false
	}
	*n = v
	return true
}
