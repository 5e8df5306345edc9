package outbound

import (
	"bufio"
	"fmt"
	"time"

	"posthouse/config"
	"posthouse/mta/queue"
	"posthouse/mta/spool"
)

// NoticeSpool is where notices are written and originals are read; *spool.Spool is one.
type NoticeSpool interface {
	Spool
	NextMID() uint64
	Create(mid uint64) (*spool.Writer, error)
}

// Bouncer writes notices to senders; it is a queue.Bouncer.
type Bouncer struct {
	Config func() *config.Config
	Spool  NoticeSpool
	Now    func() time.Time // nil: time.Now
}

var (
	_ queue.Bouncer   = (*Bouncer)(nil)
	_ queue.Deliverer = (*Deliverer)(nil)
)

// notice is one notice on its way to paper.
type notice struct {
	kind     kind
	host     string // our name
	mid      uint64
	now      time.Time
	env      *spool.Envelope // of the message that it is about
	rcpts    []entry
	how      queue.Notice
	until    time.Time // of a delay: when the recipients are given up
	returned returned  // what it holds of that message
	boundary string
}

// kind is what a notice tells of; its name stands in the subject.
type kind string

const (
	ofFailure kind = "Failure"
	ofDelay   kind = "Delay"
	ofSuccess kind = "Success"
)

// entry is one recipient in a notice.
type entry struct {
	queue.Recipient
	action string        // RFC 3464 §2.3.3
	what   queue.Failure // what was last said about it, in success too
	tried  time.Time     // when that was; zero where it is not known
}

// subject is the notice's Subject.
func (n *notice) subject() string { return "Delivery Status Notification (" + string(n.kind) + ")" }

// Bounce implements queue.Bouncer.
func (b *Bouncer) Bounce(env *spool.Envelope, failed []queue.Failed, how queue.Notice) (spool.Message, error) {
	return b.write(&notice{kind: ofFailure, env: env, rcpts: entries("failed", failed), how: how})
}

// Delay implements queue.Bouncer.
func (b *Bouncer) Delay(env *spool.Envelope, late []queue.Failed, until time.Time, how queue.Notice) (spool.Message, error) {
	return b.write(&notice{kind: ofDelay, env: env, rcpts: entries("delayed", late), until: until, how: how})
}

func entries(action string, list []queue.Failed) []entry {
	var rcpts []entry
	for _, f := range list {
		rcpts = append(rcpts, entry{f.Recipient, action, f.Failure, f.At})
	}
	return rcpts
}

// Success implements queue.Bouncer. What the operator does with a message whose way ends here is not the sender's business.
func (b *Bouncer) Success(env *spool.Envelope, reached []queue.Reached, how queue.Notice) (spool.Message, error) {
	n := &notice{kind: ofSuccess, env: env, how: how}
	for _, r := range reached {
		e := entry{r.Recipient, "delivered", queue.Failure{Status: r.Status}, time.Time{}}
		if r.Handover == queue.Relayed {
			e.action = "relayed"
			e.what.Code, e.what.Lines, e.what.Remote = r.Code, []string{r.Response}, r.Remote
		}
		n.rcpts = append(n.rcpts, e)
	}
	return b.write(n)
}

// write makes a notice durable. One about a message with REQUIRETLS demands the same for itself, and holds nothing of the
// message: where nobody on the way back offers REQUIRETLS, it may then go without (RFC 8689 §5), and the sender is told
// all the same.
func (b *Bouncer) write(n *notice) (spool.Message, error) {
	conf := b.Config()
	n.host = helloName(conf, deliverySource(conf).addr)
	n.now = time.Now()
	if b.Now != nil {
		n.now = b.Now()
	}
	n.mid = b.Spool.NextMID()
	n.boundary = fmt.Sprintf("=_%d.%d.%s", n.mid, n.now.UnixNano(), "notice")
	n.returned = b.returned(n)
	defer n.returned.close()
	w, err := b.Spool.Create(n.mid)
	if err != nil {
		return spool.Message{}, fmt.Errorf("creating a notice: %w", err)
	}
	defer w.Abort()
	out := bufio.NewWriter(w)
	n.print(&printer{w: out})
	if err := out.Flush(); err != nil {
		return spool.Message{}, fmt.Errorf("writing a notice: %w", err)
	}
	env := spool.Envelope{
		MID: n.mid, Recipients: []spool.Recipient{{RID: 0, Address: n.how.To, Notify: "NEVER"}}, Received: n.now, Size: w.Size(),
		Subject: n.subject(), MessageID: n.messageID(), Bounce: true, BounceProfile: n.env.BounceProfile,
		RequireTLS: n.env.RequireTLS, Body8Bit: n.returned.eightBit(),
	}
	if !ascii(n.how.To) {
		env.SMTPUTF8, env.Body8Bit = true, true
	}
	if err := w.Commit(env); err != nil {
		return spool.Message{}, fmt.Errorf("committing a notice: %w", err)
	}
	return spool.Message{Envelope: env, States: make([]spool.State, 1)}, nil
}

func (n *notice) messageID() string {
	return fmt.Sprintf("<%d.%d@%s>", n.now.Unix(), n.mid, n.host)
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
