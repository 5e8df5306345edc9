package inbound

import (
	"context"
	"errors"
	"fmt"
	"strings"

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
	rids   map[smtp.Path]int // the same by mailbox

	wide bool // an address is not ASCII

	file Message // nil before the content, and for what is discarded
	head *header
	size int64
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
	now := c.l.opts.Now()
	t.head = &header{maxHops: c.conf.Injection.MaxHops, add: c.origin(now), out: content{c}}
	if _, err := t.head.out.Write(c.received(now)); err != nil {
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
	c.record(&m.Envelope)
	c.transfer = nil
	c.accepted++
	if c.listener.Type == config.Blackhole {
		c.l.opts.Counters.Dropped.Add(1)
		c.l.opts.Log.MessageFinished(m.MID)
	} else {
		c.l.opts.Log.Queued(m.MID)
		c.l.opts.Sink.Accepted(ctx, m)
	}
	return smtp.NewReply(250, "2.0.0", fmt.Sprintf("ok:  Message %d accepted", m.MID))
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
func (c *connection) record(env *spool.Envelope) {
	c.l.opts.Counters.Messages.Add(1)
	c.l.opts.Counters.Recipients.Add(uint64(len(env.Recipients)))
	log, table := c.l.opts.Log, maillog.Inbound
	if env.Relay {
		table = maillog.Outbound
	}
	log.MessageID(env.MID, env.MessageID)
	log.Subject(env.MID, env.Subject)
	log.Ready(env.MID, env.Size, env.Sender)
	log.PolicyMatched(env.MID, "DEFAULT", table)
}

func isPostmaster(local string) bool { return strings.EqualFold(local, "postmaster") }
