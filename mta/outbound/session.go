package outbound

import (
	"context"
	"net"
	"net/netip"

	"posthouse/internal/cause"
	"posthouse/mta/maillog"
	"posthouse/mta/smtp"
	"posthouse/mta/tlspolicy"
)

// manner is how a connection is to be made. The zero value is the usual one.
type manner struct {
	clear bool     // without TLS, because the peer ended the connection over it, or nobody insists
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
	host    host
	demands demands // of the message that it was made for
	record  *tlspolicy.Record
}

// tryAddress makes a connection and uses it. It returns true if the journey is over with it.
func (j *journey) tryAddress(ctx context.Context, at *stop, addr netip.Addr) bool {
	h := at.host
	if !h.routed && !j.byHand && ourListener(j.world.Config, addr, h.port) {
		f := networkFailure(cause.N9, h, "the mail exchanger is this host itself")
		f.Class, f.Title = "5.4.6", "Routing loop detected"
		j.remember(f)
		return false
	}
	limit := 0
	if j.dest.LimitPer == "mx" && j.dest.Concurrency != nil && !j.byHand {
		limit = *j.dest.Concurrency
	}
	to := &net.TCPAddr{IP: addr.AsSlice(), Port: h.port}
	if !j.d.enter(j.domain, to, limit) {
		j.busy = true
		return false
	}
	defer j.d.leave(j.domain, to, limit)
	how := manner{}
	for range 3 {
		c, then := j.open(ctx, at, addr, &how)
		switch then {
		case ready:
			return j.use(ctx, c)
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
func (j *journey) open(ctx context.Context, at *stop, addr netip.Addr, how *manner) (*connection, next) {
	dcid := uint64(0)
	if !j.byHand {
		dcid = j.d.opt.NextDCID()
	}
	j.audience.Attempted(dcid)
	r := j.record(at, addr, dcid)
	conn, ok := j.dial(ctx, r, at.host)
	if !ok {
		j.tell(func(l *maillog.Log) { l.ConnectionOutClosed(dcid) })
		j.conclude(ctx, r)
		return nil, another
	}
	_, limits := j.d.timeouts(j.world.Config.Delivery)
	c := &connection{
		Client: smtp.NewClient(ctx, conn, helloName(j.world.Config, r.Local), limits),
		host:   at.host, demands: j.demands, record: r,
	}
	then := j.prepare(ctx, c, how)
	if then != ready {
		j.hangUp(c)
	}
	j.conclude(ctx, r)
	return c, then
}

// conclude hands on a record that is complete. A journey that was called off has nothing to tell.
func (j *journey) conclude(ctx context.Context, r *tlspolicy.Record) {
	if ctx.Err() == nil {
		j.finish(r, r.Outcome, r.Action)
	}
}

// hangUp closes a connection, politely where the peer still listens.
func (j *journey) hangUp(c *connection) {
	if c.usable() {
		c.Quit()
	} else {
		c.Close()
	}
	j.audience.Disconnected()
	j.tell(func(l *maillog.Log) { l.ConnectionOutClosed(c.record.DCID) })
}

// prepare goes from the banner to the point where mail can be sent.
func (j *journey) prepare(ctx context.Context, c *connection, how *manner) next {
	if c.host.implicit {
		return j.prepareImplicit(ctx, c)
	}
	reply, err := c.Greeting()
	if then := j.welcome(ctx, c, reply, err, tlspolicy.PhaseBanner); then != ready {
		return then
	}
	hello := c.Hello
	if how.clear && how.why == cause.S8 {
		hello = c.Helo
	}
	reply, err = hello()
	if err != nil && ctx.Err() == nil && !how.clear && closed(err) {
		return j.closedAtHello(c, err, how)
	}
	if then := j.welcome(ctx, c, reply, err, tlspolicy.PhaseEHLO); then != ready {
		return then
	}
	return j.secure(ctx, c, how)
}

// phaseStep is the step of a record that a phase is.
func phaseStep(phase tlspolicy.Phase) tlspolicy.StepName {
	if phase == tlspolicy.PhaseBanner {
		return tlspolicy.StepBanner
	}
	return tlspolicy.StepEHLO
}

// welcome judges the banner and the answer to EHLO: ready if it is 2xx, else the failure is logged and remembered.
func (j *journey) welcome(ctx context.Context, c *connection, reply smtp.Reply, err error, phase tlspolicy.Phase) next {
	r := c.record
	switch {
	case err != nil && ctx.Err() != nil:
		return another
	case err != nil:
		id, text := tlspolicy.ClassifyConnect(err, phase)
		j.lost(r, phaseStep(phase), c.host, id, text, err)
		return another
	case reply.Code/100 == 2:
		j.step(r, phaseStep(phase), "", said(reply))
		return ready
	}
	id := tlspolicy.ClassifyReply(reply.Code, phase)
	j.unexpected(r, reply)
	j.tellCause(r.DCID, id)
	j.step(r, phaseStep(phase), id, said(reply))
	r.Outcome, r.Action = tlspolicy.Outcome{Cause: id}, tlspolicy.Action{Do: tlspolicy.NextHost, First: id}
	j.remember(unwelcome(id, c.host, reply))
	return another
}

// closedAtHello is a peer that hangs up at EHLO: where mail may go in clear, HELO is tried on a new connection.
func (j *journey) closedAtHello(c *connection, err error, how *manner) next {
	r := c.record
	id, text := tlspolicy.ClassifyConnect(err, tlspolicy.PhaseEHLO)
	j.lost(r, tlspolicy.StepEHLO, c.host, id, text, err)
	how.why = id
	o := tlspolicy.Outcome{Cause: cause.S8, Closed: true}
	action := tlspolicy.Decide(r.Wanted, o)
	r.Outcome, r.Action = o, action
	switch action.Do {
	case tlspolicy.ProceedClear, tlspolicy.ReconnectClear:
		return inClear
	default:
		j.refused(c, o, action, text)
		return another
	}
}
