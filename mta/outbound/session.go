package outbound

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"

	"posthouse/internal/cause"
	"posthouse/mta/maillog"
	"posthouse/mta/queue"
	"posthouse/mta/smtp"
	"posthouse/mta/tlspolicy"
)

// manner is how a connection is to be made. The zero value is the usual one.
type manner struct {
	clear bool     // without TLS, because the peer ended the connection over it
	why   cause.ID // with clear: why
	small bool     // with a small ClientHello
}

// next is what follows a try to make a connection ready for mail.
type next int

const (
	ready   next = iota
	another      // the next address or host
	inClear      // one new connection to the same address, without TLS
	smaller      // one new connection to the same address, with a small ClientHello
)

// connection is one connection that mail may go over.
type connection struct {
	*smtp.Client
	dcid       uint64
	host       host
	remote     netip.AddrPort
	local      netip.Addr
	protection queue.Protection
	tls        string // what hoststatus says of it
}

// tryAddress makes a connection and sends what there is. It returns true if it has taken care of the trip's first task.
func (t *trip) tryAddress(ctx context.Context, h host, addr netip.Addr) bool {
	if !h.routed && ourListener(t.world.Config, addr, h.port) {
		f := networkFailure(cause.N9, h, "the mail exchanger is this host itself")
		f.Class, f.Title, f.Status = "5.4.6", "Routing loop detected", "5.4.6"
		t.remember(f)
		return false
	}
	limit := 0
	if t.dest.LimitPer == "mx" && t.dest.Concurrency != nil {
		limit = *t.dest.Concurrency
	}
	at := &net.TCPAddr{IP: addr.AsSlice(), Port: h.port}
	if !t.d.enter(t.Destination(), at, limit) {
		t.busy = true
		return false
	}
	defer t.d.leave(t.Destination(), at, limit)
	how := manner{}
	for range 3 {
		c, then := t.open(ctx, h, addr, &how)
		switch then {
		case ready:
			t.Up(c.tls)
			t.work(ctx, c)
			return true
		case inClear:
			how.clear = true
		case smaller:
			how.small = true
		default:
			return false
		}
	}
	return false
}

// open makes one connection and brings it to where mail can be sent. What is not ready is closed again and logged.
func (t *trip) open(ctx context.Context, h host, addr netip.Addr, how *manner) (*connection, next) {
	dcid := t.d.opt.NextDCID()
	t.Attempted(dcid)
	conn, ok := t.dial(ctx, dcid, h, addr)
	if !ok {
		t.d.opt.Log.ConnectionOutClosed(dcid)
		return nil, another
	}
	local := addrOf(conn.LocalAddr())
	c := &connection{
		Client: smtp.NewClient(ctx, conn, helloName(t.world.Config, local), *t.d.opt.Timeouts),
		dcid:   dcid, host: h, remote: netip.AddrPortFrom(addr, uint16(h.port)), local: local,
	}
	then := t.prepare(ctx, c, how)
	if then != ready {
		t.hangUp(c)
	}
	return c, then
}

// hangUp closes a connection, politely where the peer still listens.
func (t *trip) hangUp(c *connection) {
	if c.usable() {
		c.Quit()
	} else {
		c.Close()
	}
	t.Disconnected()
	t.d.opt.Log.ConnectionOutClosed(c.dcid)
}

// prepare goes from the banner to the point where mail can be sent.
func (t *trip) prepare(ctx context.Context, c *connection, how *manner) next {
	reply, err := c.Greeting()
	if then := t.welcome(ctx, c, reply, err, tlspolicy.PhaseBanner); then != ready {
		return then
	}
	hello := c.Hello
	if how.clear && how.why == cause.S8 {
		hello = c.Helo
	}
	reply, err = hello()
	if err != nil && ctx.Err() == nil && !how.clear && closed(err) {
		return t.closedAtHello(c, err, how)
	}
	if then := t.welcome(ctx, c, reply, err, tlspolicy.PhaseEHLO); then != ready {
		return then
	}
	return t.secure(ctx, c, how)
}

// welcome judges the banner and the answer to EHLO: ready if it is 2xx, else the failure is logged and remembered.
func (t *trip) welcome(ctx context.Context, c *connection, r smtp.Reply, err error, phase tlspolicy.Phase) next {
	switch {
	case err != nil && ctx.Err() != nil:
		return another
	case err != nil:
		id, text := tlspolicy.ClassifyConnect(err, phase)
		t.lost(c, id, text, err)
		return another
	case r.Code/100 == 2:
		return ready
	}
	id := tlspolicy.ClassifyReply(r.Code, phase)
	t.unexpected(c, r)
	t.cause(c.dcid, id)
	t.remember(unwelcome(id, c.host, r))
	return another
}

// closedAtHello is a peer that hangs up at EHLO: where mail may go in clear, HELO is tried on a new connection.
func (t *trip) closedAtHello(c *connection, err error, how *manner) next {
	id, text := tlspolicy.ClassifyConnect(err, tlspolicy.PhaseEHLO)
	t.lost(c, id, text, err)
	how.why = cause.S8
	switch action := tlspolicy.Decide(t.dest.TLS, tlspolicy.Outcome{Cause: cause.S8, Closed: true}); action.Do {
	case tlspolicy.ProceedClear, tlspolicy.ReconnectClear:
		return inClear
	default:
		t.refused(c, action, text)
		return another
	}
}

// lost logs and remembers a connection that ended.
func (t *trip) lost(c *connection, id cause.ID, text string, err error) {
	t.connectionError(c.dcid, c.remote, c.local, text, networkReason(id, err))
	t.cause(c.dcid, id)
	t.remember(networkFailure(id, c.host, text))
}

// unexpected logs a reply that ends what we wanted.
func (t *trip) unexpected(c *connection, r smtp.Reply) {
	details := maillog.ReplyDetails(r.Code, joined(words(r)))
	t.connectionError(c.dcid, c.remote, c.local, details, maillog.UnexpectedResponse)
}

// closed says that the peer ended the connection, rather than that it fell silent.
func closed(err error) bool {
	return !isTimeout(err) && !errors.Is(err, smtp.ErrReply)
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || (errors.As(err, &n) && n.Timeout())
}
