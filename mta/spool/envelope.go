package spool

import "time"

// Envelope is what is known of a message when it is accepted; it never changes afterwards. Its strings are UTF-8.
type Envelope struct {
	MID        uint64      `json:"mid"`
	ICID       uint64      `json:"icid,omitempty"` // 0 for a message of our own
	Sender     string      `json:"sender"`         // "" is the null sender
	Recipients []Recipient `json:"recipients"`
	Received   time.Time   `json:"received"`
	Size       int64       `json:"size"` // bytes of the body; Commit sets it
	Subject    string      `json:"subject,omitempty"`
	MessageID  string      `json:"message_id,omitempty"` // with its angle brackets

	Body8Bit      bool   `json:"body_8bit,omitempty"` // the body has 8-bit content
	SMTPUTF8      bool   `json:"smtputf8,omitempty"`  // needs SMTPUTF8 at every hop
	Relay         bool   `json:"relay,omitempty"`     // accepted for relaying
	Listener      string `json:"listener,omitempty"`
	BounceProfile string `json:"bounce_profile,omitempty"`
	Bounce        bool   `json:"bounce,omitempty"`       // a delivery status notification of our own
	RequireTLS    bool   `json:"require_tls,omitempty"`  // MAIL had REQUIRETLS (RFC 8689 §2)
	TLSOptional   bool   `json:"tls_optional,omitempty"` // its header has TLS-Required: No (RFC 8689 §3)
	TLSReport     bool   `json:"tls_report,omitempty"`   // a TLS report of our own, delivered whatever TLS says (RFC 8460 §3)

	EnvID string `json:"envid,omitempty"` // RFC 3461 ENVID
	Ret   string `json:"ret,omitempty"`   // RFC 3461 RET: "", FULL or HDRS
}

// Recipient is one recipient of a message.
type Recipient struct {
	RID     int    `json:"rid"` // counts from 0 within the message
	Address string `json:"address"`
	Notify  string `json:"notify,omitempty"` // RFC 3461 NOTIFY
	ORcpt   string `json:"orcpt,omitempty"`  // RFC 3461 ORCPT
}

// State is how far a recipient has come.
type State struct {
	Done      bool      `json:"done,omitempty"` // delivered, bounced or deleted: never to be sent to again
	Attempts  int       `json:"attempts,omitempty"`
	Next      time.Time `json:"next,omitzero"` // when the next attempt is due; zero: at once
	LastError string    `json:"last_error,omitempty"`
	Via       string    `json:"via,omitempty"` // the host that an operator redirected it to; stays until another takes its place
}

// Update replaces the State of one recipient. Done and Via stay where it does not say them.
type Update struct {
	RID int `json:"rid"`
	State
}

// Message is an envelope with the state of its recipients, in the order of Envelope.Recipients.
type Message struct {
	Envelope
	States []State
}
