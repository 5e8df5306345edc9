package inbound

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"

	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/mta/maillog"
	"posthouse/mta/smtp"
	"posthouse/mta/tlspolicy"
)

// visit is the part of a connection that its SMTP session changes. The connection is the session's smtp.Backend.
type visit struct {
	hello     string
	extended  bool
	secure    *tls.ConnectionState // nil in clear
	handshake Handshake            // nil before STARTTLS
	shaking   bool                 // it is counted among those that go on
	outcome   *tlspolicy.Outcome   // of TLS; nil where nothing came of it and nothing was missed
	toldNoTLS bool
	accepted  int // messages
	transfer  *transfer
}

// Hello implements smtp.Backend.
func (c *connection) Hello(name string, extended bool) { c.hello, c.extended = name, extended }

// TLSMissing implements smtp.Backend.
func (c *connection) TLSMissing() {
	if !c.toldNoTLS {
		c.toldNoTLS = true
		if c.outcome == nil { // else the client tried, and could not for our sake
			c.outcome = &tlspolicy.Outcome{Cause: cause.S6}
		}
		c.l.opts.Log.TLSInRequired(c.icid, cause.S6)
	}
}

// Oversized implements smtp.Backend.
func (c *connection) Oversized() { c.l.opts.Log.ReceivingFailed(c.icid, maillog.SizeExceeded) }

// Mail implements smtp.Backend.
func (c *connection) Mail(_ context.Context, m smtp.Mail) smtp.Reply {
	if limit := value(c.access.policy.MaxMessages); limit > 0 && c.accepted >= limit {
		return smtp.NewReply(421, "4.7.0", "Too many messages for this session")
	}
	from, ok := c.complete(m.From)
	if !ok {
		return smtp.NewReply(501, "5.5.2", "syntax error sender address needs a domain")
	}
	c.transfer = &transfer{
		mid: c.l.opts.Spool.NextMID(), mail: m, from: from.String(), wide: !from.ASCII(), rids: make(map[smtp.Path]int),
	}
	c.l.opts.Log.MessageStarted(c.transfer.mid, c.icid)
	c.l.opts.Log.From(c.transfer.mid, c.icid, c.transfer.from)
	return smtp.NewReply(250, "2.1.0", "sender <"+c.transfer.from+"> ok")
}

// Recipient implements smtp.Backend.
func (c *connection) Recipient(_ context.Context, r smtp.Rcpt) smtp.Reply {
	t, policy := c.transfer, &c.access.policy
	to, ok := c.complete(r.To)
	if !ok {
		return smtp.NewReply(501, "5.5.2", "syntax error recipient address needs a domain")
	}
	rid, again := t.rids[mailbox(to)]
	if limit := value(policy.MaxRecipients); limit > 0 && len(t.to) >= limit && !again {
		return smtp.NewReply(452, "4.5.3", "Too many recipients")
	}
	reply, ok := c.admits(to)
	if !ok {
		c.l.opts.Counters.RejectedRecipients.Add(1)
		c.l.opts.Log.ToRejected(t.mid, c.icid, to.String())
		return reply
	}
	if limit := policy.MaxRecipientsPerHour; limit != nil && !c.l.limits.recipient(c.remote, *limit, c.l.opts.Now()) {
		return smtp.NewReply(452, "4.7.1", "Too many recipients received this hour")
	}
	if again { // Whoever is named twice gets the message once.
		c.l.opts.Log.To(t.mid, c.icid, rid, to.String())
		return reply
	}
	c.l.opts.Log.To(t.mid, c.icid, len(t.to), to.String())
	t.rids[mailbox(to)] = len(t.to)
	t.to, t.wishes = append(t.to, to.String()), append(t.wishes, r.Wishes)
	t.wide = t.wide || !to.ASCII()
	return reply
}

// mailbox is a path in the form in which two are the same: a domain has no case, a local part has (RFC 5321 §2.4).
func mailbox(p smtp.Path) smtp.Path {
	p.Domain = strings.ToLower(p.Domain)
	return p
}

// complete adds the listener's default domain to an address that has none. Postmaster may always come without one
// (RFC 5321 §4.5.1).
func (c *connection) complete(p smtp.Path) (smtp.Path, bool) {
	switch {
	case p.Null() || p.Domain != "":
		return p, true
	case c.listener.DefaultDomain != "":
		p.Domain = c.listener.DefaultDomain
		return p, true
	case isPostmaster(p.Local):
		p.Domain = c.host
		return p, true
	}
	return p, false
}

// admits asks the recipient access table, unless the peer may send to everybody or nothing is kept anyway.
func (c *connection) admits(to smtp.Path) (smtp.Reply, bool) {
	taken := smtp.NewReply(250, "2.1.5", "recipient <"+to.String()+"> ok")
	if c.access.behavior == config.Relay || c.listener.Type == config.Blackhole {
		return taken, true
	}
	// A private listener has no such table: whoever may not relay has nothing to send here.
	rule, ok := c.listener.RecipientAccess.Lookup(to.Local, to.Domain)
	if !ok || !rule.Accept {
		return rejection(rule), false
	}
	if rule.Code == 250 && rule.Text != "" {
		taken = smtp.NewReply(250, "2.1.5", rule.Text)
	}
	return taken, true
}

// rejection is what a rule says to a recipient that it rejects. rule may be nil.
func rejection(rule *config.RecipientRule) smtp.Reply {
	reply := smtp.NewReply(550, "5.1.0", "Address rejected.")
	if rule == nil {
		return reply
	}
	if rule.Code >= 400 && rule.Code < 600 {
		reply.Code = rule.Code
	}
	if reply.Temporary() {
		reply.Enhanced = "4.1.0"
	}
	if rule.Text != "" {
		reply.Lines = []string{rule.Text}
	}
	return reply
}

// Reset implements smtp.Backend.
func (c *connection) Reset(why error) {
	switch {
	case errors.Is(why, smtp.ErrTooBig):
		c.l.opts.Log.ReceivingFailed(c.icid, maillog.SizeExceeded)
	case errors.Is(why, errLoop):
		c.l.opts.Log.ReceivingFailed(c.icid, maillog.MessageLoop)
	}
	c.abort()
}

// abort ends the transfer under way, if there is one, without a message.
func (c *connection) abort() {
	t := c.transfer
	if t == nil {
		return
	}
	c.transfer = nil
	if t.file != nil {
		t.file.Abort()
	}
	c.l.opts.Log.ReceivingAborted(t.mid)
}
