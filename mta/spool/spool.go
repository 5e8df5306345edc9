// Package spool owns the messages on stable storage: one checksummed file a message, committed before the 250, appended
// to as recipients are done or deferred, and removed when all are done. It knows no SMTP and schedules nothing; inbound,
// queue and outbound import it, and it imports leaves only. The format is in docs/spool.md.
//
// What holds at every instant, whatever step fails or the power does: a message whose Commit returned is there whole; an
// Update that returned is there; nothing of a message that was not committed is ever taken for one.
package spool

import (
	"errors"
	"io"
	"time"
)

var (
	// ErrFull says that the disk has no room (or the quota none): the peer is told to come later.
	ErrFull = errors.New("no space left for the spool")
	// ErrNotFound says that the spool holds no such message.
	ErrNotFound = errors.New("no such message in the spool")
	// ErrDamaged says that a message's file does not hold what was written.
	ErrDamaged = errors.New("damaged message file")
	// ErrNewer says that the spool was written by a later version, and is left alone.
	ErrNewer = errors.New("spool was written by a later version")
	// ErrUnfinished says that a message still has recipients to deliver to.
	ErrUnfinished = errors.New("message has recipients that are not done")
	// ErrInUse says that another process has the spool open.
	ErrInUse = errors.New("spool is in use by another process")
)

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
	Bounce        bool   `json:"bounce,omitempty"` // a delivery status notification of our own

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
}

// Update replaces the State of one recipient.
type Update struct {
	RID int `json:"rid"`
	State
}

// Message is an envelope with the state of its recipients, in the order of Envelope.Recipients.
type Message struct {
	Envelope
	States []State
}

// Options of Open.
type Options struct {
	Files FileSystem       // nil: the operating system's; tests make its steps fail
	Now   func() time.Time // nil: time.Now
}

type FileSystem interface{}

// Spool is an open spool folder. All methods may be called from many goroutines at once.
type Spool struct{}

// Open opens the spool in dir, which is created where needed, and takes it for this process alone (ErrInUse).
// ErrNewer when a later version wrote it. What Commit never finished is removed. The caller then calls Messages once
// before anything else, and Close in the end.
func Open(dir string, opts Options) (*Spool, error) { return &Spool{}, nil }

// Messages calls do for every message that is not finished, in the order of MIDs. Finished ones are removed; files
// that do not hold what was written are set aside in DIR/damaged and named by Problems. An error of do ends it.
func (s *Spool) Messages(do func(Message) error) error { return nil }

// Problems names what was found damaged since Open, in the operator's words.
func (s *Spool) Problems() []string { return nil }

// NextMID gives out the next message ID; no ID is ever given out twice, whatever happens to the process.
func (s *Spool) NextMID() uint64 { return 0 }

// LastMID is the latest ID given out.
func (s *Spool) LastMID() uint64 { return 0 }

// Create begins a message.
func (s *Spool) Create(mid uint64) (*Writer, error) { return &Writer{}, nil }

// Writer takes the body of one message, as it will be sent, in CRLF lines. It belongs to one goroutine. Either Commit
// or Abort ends it; Abort after Commit does nothing, so it can be deferred.
type Writer struct{}

// Write adds to the body. After an error the message can only be aborted; ErrFull when the disk is.
func (w *Writer) Write(p []byte) (int, error) { return len(p), nil }

// Size is the number of bytes written so far.
func (w *Writer) Size() int64 { return 0 }

// Commit makes the message durable: when it returns nil, the message survives the death of the machine. It sets
// env.MID and env.Size. On an error nothing of the message is left.
func (w *Writer) Commit(env Envelope) error { return nil }

// Abort drops what was written.
func (w *Writer) Abort() {}

// Open returns a message's body. Each read checks what it returns: an error that is ErrDamaged may come after a part of
// the body, so the reader must not take what it has for the whole before io.EOF.
func (s *Spool) Open(mid uint64) (io.ReadCloser, error) { return nil, ErrNotFound }

// Update makes new states of a message's recipients durable, all of them or none.
func (s *Spool) Update(mid uint64, updates ...Update) error { return nil }

// Remove removes a message whose recipients are all done; ErrUnfinished otherwise. To remove one twice is no error.
func (s *Spool) Remove(mid uint64) error { return nil }

// SetAside moves a message's file to DIR/damaged and names it in Problems.
func (s *Spool) SetAside(mid uint64, reason string) error { return nil }

// Usage is the kilobytes that messages take on disk, and those that are free there for us.
func (s *Spool) Usage() (usedKB, freeKB int64) { return 0, 0 }

// Close gives the spool back. Writers that are open fail.
func (s *Spool) Close() error { return nil }

// Check reads every message in dir as Messages would, and changes nothing. It may run beside an open Spool. The error
// joins all faults; a folder that does not exist has none.
func Check(dir string) error { return nil }
