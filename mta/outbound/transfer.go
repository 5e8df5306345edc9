package outbound

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"posthouse/mta/queue"
	"posthouse/mta/smtp"
	"posthouse/mta/spool"
	"posthouse/mta/tlspolicy"
)

// work sends the first task and what else may travel over a connection that is ready, and then leaves it for others or
// closes it. A task that needs a connection of its own is left in apart. It returns false where the first task was not begun,
// because the peer had left a connection that was taken over.
func (t *trip) work(ctx context.Context, c *connection) bool {
	task, record, dem := t.first, c.record, t.demands
	for first := true; ; first = false {
		began := time.Now()
		x := &transaction{connection: c, record: record, task: task, demands: dem, reused: c.sent > 0}
		c.sent++
		results := t.send(ctx, x)
		if x.unbegun && first {
			t.hangUp(c)
			return false
		}
		t.settle(record, x.others, task, results, began)
		if !c.usable() || t.full(c) || t.changed() || time.Since(c.born) > t.d.life {
			t.hangUp(c)
			return true // what comes next goes by the new configuration, and by what is known of the host then
		}
		var ok bool
		if task, ok = t.queue.Next(ctx); !ok {
			t.leave(ctx, c)
			return true
		}
		if t.changed() {
			t.queue.Settle(task, nil) // a commit came while the connection waited: what it was made under holds no more
			t.hangUp(c)
			return true
		}
		dem = demandsOf(task.Envelope)
		if record, ok = t.under(ctx, c, domainOf(task, t.queue), dem); !ok {
			t.apart = task
			t.leave(ctx, c)
			return true
		}
	}
}

// changed says that another configuration is in force than the one that this trip goes by.
func (t *trip) changed() bool {
	now := t.d.opt.World()
	return now.Config != t.world.Config || now.Trust != t.world.Trust
}

// leave gives up a connection that is still of use: to whoever needs one like it soon.
func (t *trip) leave(ctx context.Context, c *connection) {
	if ctx.Err() != nil || c.again || !c.usable() || t.full(c) {
		t.hangUp(c)
		return
	}
	t.audience.Disconnected()
	if !t.d.keeper.keep(c, t.domain) {
		goodbye(t.log, c)
	}
}

// transaction is one message on one connection.
type transaction struct {
	*connection
	record  *tlspolicy.Record // as this message sees it
	task    *queue.Task
	demands demands
	reused  bool // another message went before it
	unbegun bool // the peer had left before it answered anything
	others  records
}

// records are the connection's as recipients of other destinations than the first see it, by destination; nil where there are none.
type records map[string]*tlspolicy.Record

// of is the record for a recipient who waits there, r where that destination has none of its own.
func (o records) of(r *tlspolicy.Record, destination string) *tlspolicy.Record {
	if own := o[destination]; own != nil {
		return own
	}
	return r
}

// usable says whether the connection can carry another command.
func (c *connection) usable() bool { return !c.Broken() }

// send carries one task's message and says what came of each recipient.
func (t *trip) send(ctx context.Context, x *transaction) []queue.Result {
	c, task := x.connection, x.task
	if f := unfit(c, task); f != nil {
		return everyone(task, queue.Hard, f)
	}
	task, refused := t.sendable(ctx, x)
	x.task = task
	if len(task.Recipients) == 0 {
		return refused
	}
	env := task.Envelope
	if err := smtp.CheckAddress(env.Sender); err != nil {
		return append(refused, everyone(task, queue.Hard, notSendable(env.Sender))...)
	}
	tx := smtp.Transaction{
		From: env.Sender, Size: env.Size, Body8Bit: env.Body8Bit, UTF8: env.SMTPUTF8, RequireTLS: x.demands.require,
		Ret: env.Ret, EnvID: env.EnvID,
	}
	tx.To, tx.Wishes = make([]string, len(task.Recipients)), make([]smtp.Wishes, len(task.Recipients))
	rids := make([]int, len(task.Recipients))
	for i, r := range task.Recipients {
		tx.To[i], tx.Wishes[i], rids[i] = r.Address, smtp.Wishes{Notify: r.Notify, ORcpt: r.ORcpt}, r.RID
	}
	t.d.opt.Log.DeliveryStarted(c.record.DCID, env.MID, rids)
	receipt, err := c.Send(tx, func() (io.ReadCloser, error) { return t.d.opt.Spool.Open(env.MID) })
	if ctx.Err() != nil && err != nil && receipt.Stage < smtp.StageFinal {
		return refused // called off by ourselves
	}
	if x.unbegun = x.reused && unstarted(receipt, err); x.unbegun {
		return refused // the peer had enough of this connection: a new one is made
	}
	if receipt.Mail.Code == 421 && t.queue.Pressed() {
		return refused // others of our connections carry on
	}
	if damaged(err) {
		t.d.opt.Fault(fmt.Sprintf("MID %d cannot be delivered and will be set aside", env.MID), err)
		return append(refused, everyone(task, queue.Hard, damagedHere())...)
	}
	return append(refused, t.judge(x, receipt, err)...)
}

// damaged says that the message in the spool is not, or not any more, what was accepted. To try again is of no use,
// unlike after other errors of the disk.
func damaged(err error) bool {
	return errors.Is(err, smtp.ErrContent) && (errors.Is(err, spool.ErrDamaged) || errors.Is(err, spool.ErrNotFound))
}

// unstarted says that the peer ended the connection before it answered anything about this message.
func unstarted(receipt *smtp.Receipt, err error) bool {
	return receipt.Mail.Code == 421 ||
		(err != nil && receipt.Mail.Code == 0 && !isTimeout(err) && !errors.Is(err, smtp.ErrContent))
}

// unfit says why this hop cannot take the message: we do not convert what it cannot carry (RFC 6152 §3, RFC 6531 §3.1). A
// notice goes all the same: only the message that it returns has 8 bits, and to drop it would leave the sender untold.
func unfit(c *connection, task *queue.Task) *queue.Failure {
	env := task.Envelope
	if _, ok := c.Offers("SMTPUTF8"); env.SMTPUTF8 && !ok {
		return lacking(c.host, "5.6.7", "SMTPUTF8", "the message has internationalized addresses or headers")
	}
	if _, ok := c.Offers("8BITMIME"); env.Body8Bit && !env.Bounce && !ok {
		return lacking(c.host, "5.6.3", "8BITMIME", "the message has 8-bit content")
	}
	return nil
}

// sendable splits off the recipients whose addresses cannot stand in a command, and leaves out those to whose domains mail
// may not go over this connection: they have not been tried, and the next task begins with one of them.
func (t *trip) sendable(ctx context.Context, x *transaction) (*queue.Task, []queue.Result) {
	rest := *x.task
	rest.Recipients = make([]queue.Recipient, 0, len(x.task.Recipients))
	var refused []queue.Result
	first := domainOf(x.task, t.queue)
	for _, r := range x.task.Recipients {
		switch {
		case smtp.CheckAddress(r.Address) != nil:
			refused = append(refused, queue.Result{RID: r.RID, Outcome: queue.Hard, Failure: notSendable(r.Address)})
		case t.fitsToo(ctx, x, first, r.Destination):
			rest.Recipients = append(rest.Recipients, r)
		}
	}
	return &rest, refused
}

// fitsToo says whether mail for a domain may go over the connection with that for the first.
func (t *trip) fitsToo(ctx context.Context, x *transaction, first, domain string) bool {
	if domain == first {
		return true
	}
	if x.others[domain] != nil {
		return true
	}
	record, ok := t.under(ctx, x.connection, domain, x.demands)
	if !ok {
		return false
	}
	if x.others == nil {
		x.others = records{}
	}
	x.others[domain] = record
	return true
}

// judge turns a receipt into results. What the peer answered about a recipient stands, even if the connection was lost
// later.
func (t *trip) judge(x *transaction, receipt *smtp.Receipt, err error) []queue.Result {
	c := x.connection
	broken := t.brokenOff(c, receipt, err)
	list := make([]queue.Result, 0, len(x.task.Recipients))
	accepted := 0
	for i, r := range x.task.Recipients {
		reply := receipt.Rcpt[i]
		switch {
		case receipt.Mail.Code != 0 && receipt.Mail.Code/100 != 2:
			list = append(list, refusal(c.host, r.RID, smtp.StageMail, receipt.Mail))
		case reply.Code/100 == 2:
			list = append(list, t.verdict(x, &r, receipt, broken))
			accepted++
		case tooMany(reply) && accepted > 0:
			// As many as the peer takes at once have been sent; the rest follows (RFC 5321 §4.5.3.1.10).
			list = append(list, queue.Result{RID: r.RID, Outcome: queue.Again})
		case reply.Code != 0:
			list = append(list, refusal(c.host, r.RID, smtp.StageRcpt, reply))
		default:
			list = append(list, queue.Result{RID: r.RID, Outcome: queue.Soft, Failure: closing(c, receipt, broken)})
		}
	}
	return list
}

// tooMany says that a peer refuses a recipient only because there are too many in this transaction.
func tooMany(r smtp.Reply) bool {
	return (r.Code == 452 || r.Code == 552) && (r.Enhanced == "" || strings.HasSuffix(r.Enhanced, ".5.3"))
}

// closing is the failure of a recipient about whom the peer said nothing before it ended the connection.
func closing(c *connection, receipt *smtp.Receipt, broken *queue.Failure) *queue.Failure {
	if broken != nil {
		return broken
	}
	for _, r := range receipt.Rcpt {
		if r.Code == 421 {
			return replyFailure(c.host, smtp.StageData, r)
		}
	}
	return ourFault("no answer about this recipient")
}

// verdict is what came of a recipient whom the peer accepted.
func (t *trip) verdict(x *transaction, rcpt *queue.Recipient, receipt *smtp.Receipt, broken *queue.Failure) queue.Result {
	rid, record := rcpt.RID, x.others.of(x.record, rcpt.Destination)
	switch {
	case receipt.Final.Code/100 == 2:
		return x.delivered(rid, receipt.Final, record)
	case receipt.Final.Code != 0:
		return refusal(x.host, rid, smtp.StageFinal, receipt.Final)
	case receipt.Data.Code != 0 && receipt.Data.Code != 354:
		return refusal(x.host, rid, smtp.StageData, receipt.Data)
	case broken == nil:
		return queue.Result{RID: rid, Outcome: queue.Soft, Failure: closing(x.connection, receipt, nil)}
	case receipt.Stage == smtp.StageFinal && t.world.Config.Delivery.PossibleDelivery:
		return queue.Result{RID: rid, Outcome: queue.Possible, Protection: protectionOf(record)}
	}
	return queue.Result{RID: rid, Outcome: queue.Soft, Failure: broken}
}

// delivered is a recipient whose message the peer has taken over; with it the duty to tell of success, if it knows of any
// (RFC 3461 §5.2.1, §5.2.2).
func (x *transaction) delivered(rid int, final smtp.Reply, record *tlspolicy.Record) queue.Result {
	r := queue.Result{
		RID: rid, Outcome: queue.Delivered, Code: final.Code, Response: joined(words(final)), Protection: protectionOf(record),
		Handover: queue.Relayed, Status: cmp.Or(final.Enhanced, "2.0.0"), Remote: x.host.label(),
	}
	if _, ok := x.Offers("DSN"); ok {
		r.Handover = queue.PassedOn
	}
	return r
}

// brokenOff logs how a connection was lost in a transaction and returns the failure that this is; nil if it was not.
func (t *trip) brokenOff(c *connection, receipt *smtp.Receipt, err error) *queue.Failure {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, smtp.ErrContent):
		t.d.opt.Fault("reading a message for delivery", err)
		return ourFault("the message cannot be read at the moment")
	}
	_, text := tlspolicy.ClassifyConnect(beneath(err), tlspolicy.PhaseEHLO)
	switch {
	case errors.Is(err, smtp.ErrReply):
		text = beneath(err).Error()
	case text == "":
		text = "connection closed from this side"
	}
	t.connectionError(c.record, text, networkReason("", err))
	return networkFailure("", c.host, text)
}

// joined is a reply's lines on one line.
func joined(lines []string) string { return strings.Join(lines, " ") }
