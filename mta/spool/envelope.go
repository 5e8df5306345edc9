package spool

import (
	"cmp"
	"time"
)

// Envelope is what is known of a message when it is accepted; it never changes afterwards. Its strings are UTF-8.
type Envelope struct {
	MID        uint64
	ICID       uint64 // 0 for a message of our own
	Sender     string // "" is the null sender
	Recipients []Recipient
	Received   time.Time
	Size       int64 // bytes of the body; Commit sets it
	Subject    string
	MessageID  string // with its angle brackets

	Body8Bit      bool // the body has 8-bit content
	SMTPUTF8      bool // needs SMTPUTF8 at every hop
	Relay         bool // accepted for relaying
	Listener      string
	BounceProfile string
	Bounce        bool // a delivery status notification of our own
	RequireTLS    bool // MAIL had REQUIRETLS (RFC 8689 §2)
	TLSOptional   bool // its header has TLS-Required: No (RFC 8689 §3)
	TLSReport     bool // a TLS report of our own, delivered whatever TLS says (RFC 8460 §3)

	EnvID string // RFC 3461 ENVID
	Ret   string // RFC 3461 RET: "", FULL or HDRS
}

// single says that a done recipient 0 is the end of the message.
func (e *Envelope) single() bool { return len(e.Recipients) == 1 && e.Recipients[0].RID == 0 }

// Recipient is one recipient of a message.
type Recipient struct {
	RID     int // counts from 0 within the message
	Address string
	Notify  string // RFC 3461 NOTIFY
	ORcpt   string // RFC 3461 ORCPT
}

// State is how far a recipient has come.
type State struct {
	Done     bool // delivered, bounced or deleted: never to be sent to again
	Attempts int
	Next     time.Time // when the next attempt is due; zero: at once
	Warned   int       // delay warnings sent
	Via      string    // the host that an operator redirected it to, in place of its route

	LastError  string    // what the latest attempt said, of which the rest tells more; empty where none failed
	LastCode   int       // of the reply that it was; 0 where it was none
	LastCause  string    // its id in the catalogue, where that has one
	LastRemote string    // the host that was tried
	LastFailed time.Time // when that was
}

// next is the state after an update: what is done stays done, and what is redirected stays so until it is redirected again.
func (s State) next(u State) State {
	u.Done = u.Done || s.Done
	u.Via = cmp.Or(u.Via, s.Via)
	return u
}

// Update replaces the State of one recipient.
type Update struct {
	RID int
	State
}

// Message is an envelope with the state of its recipients, in the order of Envelope.Recipients.
type Message struct {
	Envelope
	States []State
}

// finished reports whether every recipient is done.
func (m *Message) finished() bool {
	for i := range m.States {
		if !m.States[i].Done {
			return false
		}
	}
	return true
}
