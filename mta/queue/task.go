package queue

import (
	"context"
	"strings"
	"time"

	"posthouse/internal/cause"
	"posthouse/mta/spool"
)

// Deliverer carries mail to one destination.
type Deliverer interface {
	// Deliver sends the trip's first task and what Next gives, over one connection where it can, and settles every
	// task that it was given. It returns soon after ctx ends; what it has not settled by then is tried again.
	Deliver(ctx context.Context, t *Trip)
}

// Bouncer writes notices to senders as new messages in the spool.
type Bouncer interface {
	// Bounce tells the sender that the failures are final. The notice is durable when it returns.
	Bounce(env *spool.Envelope, failed []Failed, how Notice) (spool.Message, error)
	// Delay tells the sender that the recipients have not been reached yet, and until when they are tried.
	Delay(env *spool.Envelope, late []Failed, until time.Time, how Notice) (spool.Message, error)
	// Success tells the sender that the recipients have been reached, as he asked.
	Success(env *spool.Envelope, reached []Reached, how Notice) (spool.Message, error)
}

// Notice is how a bounce profile wants its notices.
type Notice struct {
	To  string // who is told
	DSN bool   // as RFC 3464, else as plain text
}

// Failed is one recipient with what came of the last attempt.
type Failed struct {
	Recipient
	Failure Failure
	At      time.Time // of that attempt; zero where it is not known
}

// Recipient is one recipient of a message that is still to be delivered.
type Recipient struct {
	RID      int
	Address  string
	Notify   string // what the sender wants to be told of, as in spool.Recipient
	ORcpt    string // what the sender calls the recipient, likewise
	Attempts int    // that ended without delivery

	// Destination is where it waits, and decides how it is sent: its domain, or where an operator redirected it to.
	Destination string

	warned int // delay warnings sent
}

// Task is a message with the recipients that one transaction is for. All go the same way, though not all need have the
// trip's destination as their domain.
type Task struct {
	MID        uint64
	Envelope   *spool.Envelope // shared, never modified
	Recipients []Recipient

	group   *group         // of the destination that it was made for
	also    []*group       // of others
	message *spool.Message // where it has just come in; nil: the spool is asked
	inHand  bool           // it is being worked on
	slot    int            // of Hand
}

// groups is all groups that the task is made of.
func (t *Task) groups() []*group { return append([]*group{t.group}, t.also...) }

// take adds a group's recipients, of which no more is known yet than the queue remembers.
func (t *Task) take(g *group) {
	for _, r := range g.rcpts() {
		t.Recipients = append(t.Recipients, Recipient{RID: int(r.rid), Attempts: int(r.attempts), Destination: g.host.name, warned: int(g.warned)})
	}
}

// of is the results for a group's recipients.
func (t *Task) of(g *group, results []settled) []*settled {
	var list []*settled
	if len(t.also) == 0 {
		for i := range results {
			list = append(list, &results[i])
		}
		return list
	}
	ours := make(map[int]bool)
	for _, r := range g.rcpts() {
		ours[int(r.rid)] = true
	}
	for i := range results {
		if r := &results[i]; ours[r.RID] {
			list = append(list, r)
		}
	}
	return list
}

// Outcome says what came of one recipient in an attempt.
type Outcome int

const (
	Delivered Outcome = iota + 1
	Possible          // delivered as far as the operator wants to know: the connection was lost behind the final dot
	Soft              // may succeed later
	Hard              // will not succeed
	Again             // was not tried after all: stays due, and no attempt is counted
)

// Protection says how a delivered recipient's message travelled.
type Protection int

const (
	Clear     Protection = iota
	Encrypted            // not verified
	Verified
	Nowhere // it did not: a route threw it away
)

// Result is what came of one recipient.
type Result struct {
	RID        int
	Outcome    Outcome
	Code       int    // the peer's reply, where delivered
	Response   string // its words
	Protection Protection
	Handover   Handover // where delivered, as the next two
	Status     string   // "2.0.0"
	Remote     string   // the host that took the message; empty where none did
	Failure    *Failure // where Soft or Hard; may be shared
}

// Kind is what hoststatus counts a hard bounce as.
type Kind int

const (
	Other Kind = iota
	DNS
	FiveXX
	Filtered
	Expired
)

// Failure is why an attempt failed. Its class is the sort in which mail_logs states failures, such as 5.1.0 for a
// refused recipient; Status is what the peer or we mean exactly, for the notice.
type Failure struct {
	Class  string   // "5.1.0"
	Title  string   // "Unknown address error"
	Code   int      // of the SMTP reply; 0 where there was none
	Lines  []string // the peer's words, or ours
	Status string   // "5.1.1"
	Cause  cause.ID // empty where the catalogue has none
	Remote string   // the host that answered; empty where none did
	Kind   Kind

	// Damaged says that the message in the spool is not what was accepted. When no recipient is left, it is set aside
	// for people to look at.
	Damaged bool

	before *Failure // with an expiry that a try ended with: how that one failed
}

// maxSummary is how many bytes of a failure's words are remembered with what waits because of it. A peer may say as
// much as it likes, at every attempt and to every message.
const maxSummary = 500

// summary is the beginning of the failure's words on one line.
func (f *Failure) summary() string { return brief(f.Text()) }

// brief is the beginning of a text that came from outside.
func brief(text string) string {
	if len(text) <= maxSummary {
		return text
	}
	return strings.ToValidUTF8(text[:maxSummary], "")
}

// Text is the failure's words on one line.
func (f *Failure) Text() string {
	text := ""
	for i, line := range f.Lines {
		if i > 0 {
			text += " "
		}
		text += line
	}
	return text
}
