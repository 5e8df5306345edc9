package outbound

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"posthouse/config"
	"posthouse/mta/queue"
	"posthouse/mta/spool"
)

const (
	maxHeader     = 64 << 10 // bytes of the original's header that a notice repeats
	maxDiagnostic = 900      // bytes of a peer's words in one field
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
	host     string // our name
	mid      uint64
	now      time.Time
	env      *spool.Envelope // of the message that it is about
	rcpts    []queue.Failed
	how      queue.Notice
	until    time.Time // of a delay: when the recipients are given up
	header   []byte    // of the message that it is about
	boundary string
}

// delay says that nothing is final yet.
func (n *notice) delay() bool { return !n.until.IsZero() }

// subject is the notice's Subject.
func (n *notice) subject() string {
	if n.delay() {
		return "Delivery Status Notification (Delay)"
	}
	return "Delivery Status Notification (Failure)"
}

// Bounce implements queue.Bouncer.
func (b *Bouncer) Bounce(env *spool.Envelope, failed []queue.Failed, how queue.Notice) (spool.Message, error) {
	return b.write(&notice{env: env, rcpts: failed, how: how})
}

// Delay implements queue.Bouncer.
func (b *Bouncer) Delay(env *spool.Envelope, late []queue.Failed, until time.Time, how queue.Notice) (spool.Message, error) {
	return b.write(&notice{env: env, rcpts: late, until: until, how: how})
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
	if !n.env.RequireTLS {
		n.header = b.original(n.env.MID)
	}
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
		MID: n.mid, Recipients: []spool.Recipient{{RID: 0, Address: n.how.To}}, Received: n.now, Size: w.Size(),
		Subject: n.subject(), MessageID: n.messageID(), Bounce: true, BounceProfile: n.env.BounceProfile,
		RequireTLS: n.env.RequireTLS,
	}
	if !ascii(n.how.To) {
		env.SMTPUTF8, env.Body8Bit = true, true
	}
	if err := w.Commit(env); err != nil {
		return spool.Message{}, fmt.Errorf("committing a notice: %w", err)
	}
	return spool.Message{Envelope: env, States: make([]spool.State, 1)}, nil
}

// original reads the header of a message for its notice. One that cannot be read costs the notice that part only.
func (b *Bouncer) original(mid uint64) []byte {
	body, err := b.Spool.Open(mid)
	if err != nil {
		return nil
	}
	defer body.Close()
	var header []byte
	r := bufio.NewReader(io.LimitReader(body, maxHeader))
	for {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			header = append(header, line...)
			continue
		}
		if err != nil || strings.TrimRight(string(line), "\r\n") == "" {
			return header
		}
		header = append(header, line...)
	}
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
