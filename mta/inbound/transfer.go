package inbound

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"posthouse/config"
	"posthouse/mta/maillog"
	"posthouse/mta/smtp"
	"posthouse/mta/spool"
)

// transfer is a message on its way in, from MAIL to its end.
type transfer struct {
	mid    uint64
	mail   smtp.Mail
	from   string
	to     []string          // by RID
	wishes []smtp.Wishes     // likewise
	boxes  []smtp.Path       // the same as mailboxes
	rids   map[smtp.Path]int // the same by mailbox, where there are many

	wide bool // an address is not ASCII

	began time.Time // of the content
	file  Message   // nil before the content, and for what is discarded
	head  header
	size  int64
}

// transfers keeps the memory of those that are over for others.
var transfers = sync.Pool{New: func() any { return new(transfer) }}

// newTransfer returns an empty one; free gives it back when nothing refers to it any more.
func newTransfer() *transfer { return transfers.Get().(*transfer) }

func (t *transfer) free() {
	clear(t.to)
	clear(t.boxes)
	clear(t.wishes)
	*t = transfer{to: t.to[:0], wishes: t.wishes[:0], boxes: t.boxes[:0], head: t.head.fresh()}
	if cap(t.to) <= fewRecipients {
		transfers.Put(t)
	}
}

// fewRecipients are compared one by one, which takes less time than to look them up.
const fewRecipients = 16

// find returns the RID of a mailbox that was named before.
func (t *transfer) find(box smtp.Path) (rid int, again bool) {
	if t.rids != nil {
		rid, again = t.rids[box]
		return rid, again
	}
	rid = slices.Index(t.boxes, box)
	return rid, rid >= 0
}

// add takes a recipient that was not named before.
func (t *transfer) add(box smtp.Path, address string, wishes smtp.Wishes) {
	rid := len(t.to)
	t.to, t.wishes, t.boxes = append(t.to, address), append(t.wishes, wishes), append(t.boxes, box)
	if t.rids != nil {
		t.rids[box] = rid
	} else if len(t.to) > fewRecipients {
		t.rids = make(map[smtp.Path]int, 4*fewRecipients)
		for i, b := range t.boxes {
			t.rids[b] = i
		}
	}
}

// errLoop says that a message has come past too many hosts.
var errLoop = errors.New("message loop")

// refusal is why content is refused, with the words for the client.
type refusal struct {
	why   error
	reply smtp.Reply
}

func (r *refusal) Error() string   { return r.why.Error() }
func (r *refusal) Unwrap() []error { return []error{r.why, r.reply} }

// noRoom is what the client reads when the spool cannot take its message.
func (c *connection) noRoom(err error) *refusal {
	if errors.Is(err, spool.ErrFull) {
		return &refusal{err, smtp.NewReply(452, "4.3.1", "queue full")}
	}
	c.l.opts.System.Problem(fmt.Sprintf("MID %d cannot be spooled: %v", c.transfer.mid, err))
	return &refusal{err, smtp.NewReply(452, "4.3.1", "server resources low - try again later")}
}

// Data implements smtp.Backend.
func (c *connection) Data(context.Context) (smtp.Content, smtp.Reply) {
	t := c.transfer
	if c.listener.Type != config.Blackhole {
		file, err := c.l.opts.Spool.Create(t.mid)
		if err != nil {
			return nil, c.noRoom(err).reply
		}
		t.file = file
	}
	t.began = c.l.opts.Now()
	t.head.maxHops, t.head.add, t.head.out = c.conf.Injection.MaxHops, c.adds, content{c}
	if err := t.head.trace(c.received); err != nil {
		reply := c.noRoom(err).reply
		t.file.Abort()
		t.file = nil
		return nil, reply
	}
	return content{c}.through(), smtp.Reply{}
}

// content is the far end of a message's content: the spool, or nothing.
type content struct{ c *connection }

// Write adds to the message as it will be sent.
func (w content) Write(p []byte) (int, error) {
	t := w.c.transfer
	t.size += int64(len(p))
	if t.file == nil {
		return len(p), nil
	}
	return t.file.Write(p)
}

func (w content) through() inflow { return inflow(w) }

// inflow is the near end: what the client sends, read for its header on the way to the spool.
type inflow struct{ c *connection }

// Write implements smtp.Content.
func (in inflow) Write(p []byte) (int, error) {
	err := in.c.transfer.head.write(p)
	if err != nil && !errors.Is(err, errLoop) {
		err = in.c.noRoom(err)
	}
	return len(p), err
}

// Commit implements smtp.Content. The reply is positive only for what is on stable storage.
func (in inflow) Commit(ctx context.Context) smtp.Reply {
	c := in.c
	defer c.abort() // without effect once the message is there
	m := spool.Message{Envelope: c.envelope()}
	if err := c.store(&m); err != nil {
		var r *refusal
		if !errors.As(err, &r) {
			r = c.noRoom(err)
		}
		return r.reply
	}
	kept := c.listener.Type != config.Blackhole
	queued := kept && !c.l.opts.Sink.Hold(m.MID)
	c.record(&m.Envelope, kept, queued)
	c.transfer.free()
	c.transfer = nil
	c.accepted++
	if queued {
		c.l.opts.Sink.Accepted(ctx, m)
	}
	return smtp.NewReply(250, "2.0.0", "ok:  Message "+strconv.FormatUint(m.MID, 10)+" accepted")
}

// store finishes the content and makes the message durable.
func (c *connection) store(m *spool.Message) error {
	t := c.transfer
	if err := t.head.finish(); err != nil {
		return err
	}
	t.describe(&m.Envelope)
	m.States = make([]spool.State, len(m.Recipients))
	if t.file == nil {
		return nil
	}
	return t.file.Commit(m.Envelope)
}

// envelope is what is known of the message without its content.
func (c *connection) envelope() spool.Envelope {
	t := c.transfer
	to := make([]spool.Recipient, len(t.to))
	for rid, address := range t.to {
		to[rid] = spool.Recipient{RID: rid, Address: address, Notify: t.wishes[rid].Notify, ORcpt: t.wishes[rid].ORcpt}
	}
	return spool.Envelope{
		MID: t.mid, ICID: c.icid, Sender: t.from, Recipients: to, Received: c.l.opts.Now(),
		Relay: c.access.behavior == config.Relay, Listener: c.l.opts.Name, BounceProfile: c.listener.BounceProfile,
		Ret: t.mail.Ret, EnvID: t.mail.EnvID,
	}
}

// describe adds what the content told.
func (t *transfer) describe(env *spool.Envelope) {
	env.Size = t.size
	env.Subject = t.head.subject()
	env.MessageID = t.head.messageID()
	env.Body8Bit = t.head.eight
	env.RequireTLS = t.mail.RequireTLS
	env.TLSOptional = t.head.tlsOptional() && !t.mail.RequireTLS // RFC 8689 §4.1
	env.SMTPUTF8 = t.wide || t.mail.UTF8 && t.head.eightHeader
}

// record writes what mail_logs says of a message that was received whole.
func (c *connection) record(env *spool.Envelope, kept, queued bool) {
	c.l.opts.Counters.Messages.Add(1)
	c.l.opts.Counters.Recipients.Add(uint64(len(env.Recipients)))
	table := maillog.Inbound
	if env.Relay {
		table = maillog.Outbound
	}
	c.l.opts.Log.Together(func(log *maillog.Log) {
		log.MessageID(env.MID, env.MessageID)
		log.Subject(env.MID, env.Subject)
		log.Ready(env.MID, env.Size, env.Sender)
		log.PolicyMatched(env.MID, "DEFAULT", table)
		if queued {
			log.Queued(env.MID)
		}
		if !kept {
			c.l.opts.Counters.Dropped.Add(1)
			log.MessageFinished(env.MID)
		}
	})
}

func isPostmaster(local string) bool { return strings.EqualFold(local, "postmaster") }
