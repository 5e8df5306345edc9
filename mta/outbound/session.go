package outbound

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"time"

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

	hop   hop
	world World // that it was made under
	born  time.Time
	raw   net.Conn            // beneath TLS
	shown tls.ConnectionState // what the peer showed in the handshake
	again bool                // it was made in another way than others would be: in clear, because the peer closed one over TLS
	sent  int                 // messages
	views map[view]verdict    // what it is to other domains' messages

	stopTap func() // tells who listens that it is over; nil: nobody does
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
	way := j.hopTo(h, addr)
	if !j.d.enter(j.domain, way.to, limit) {
		j.busy = true
		return false
	}
	defer j.d.leave(j.domain, way.to, limit)
	if !j.byHand {
		if c, ok := j.takeOver(ctx, at, way); ok && j.use(ctx, c) {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
	}
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
		hop: j.hopTo(at.host, addr), world: j.world, born: r.At, raw: conn, again: how.clear,
	}
	j.listenIn(c)
	then := j.prepare(ctx, c, how)
	if then != ready {
		j.hangUp(c)
	}
	j.conclude(ctx, r)
	return c, then
}

// listenIn has somebody hear the conversation who wants to, in place of whoever has heard it so far.
func (j *journey) listenIn(c *connection) {
	c.unheard()
	if j.d.opt.Tap == nil || j.byHand {
		return
	}
	if tap, stop := j.d.opt.Tap(c.record.DCID, j.domain, c.host.name); tap != nil {
		c.Listen(tap)
		c.stopTap = stop
	}
}

// unheard has nobody hear the conversation any more.
func (c *connection) unheard() {
	if c.stopTap != nil {
		c.Listen(nil)
		c.stopTap()
		c.stopTap = nil
	}
}

// conclude hands on a record that is complete. A journey that was called off has nothing to tell.
func (j *journey) conclude(ctx context.Context, r *tlspolicy.Record) {
	if ctx.Err() == nil {
		j.finish(r, r.Outcome, r.Action)
	}
}

// hangUp closes a connection, politely where the peer still listens.
func (j *journey) hangUp(c *connection) {
	goodbye(j.log, c)
	j.audience.Disconnected()
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
		if phase == tlspolicy.PhaseBanner {
			j.silent(r)
		}
		id, text := tlspolicy.ClassifyConnect(err, phase)
		j.lost(r, phaseStep(phase), c.host, id, text, err)
		return another
	case reply.Code/100 == 2:
		if phase == tlspolicy.PhaseBanner {
			j.d.outages.reached(r.Remote)
		}
		j.step(r, phaseStep(phase), "", said(reply))
		return ready
	}
	j.turned = j.turned || reply.Temporary()
	id := tlspolicy.ClassifyReply(reply.Code, phase)
	j.unexpected(r, reply)
	j.tellCause(r.DCID, id)
	j.step(r, phaseStep(phase), id, said(reply))
	r.Outcome, r.Action = tlspolicy.Outcome{Cause: id}, tlspolicy.Action{Do: tlspolicy.NextHost, First: id}
	j.remember(unwelcome(id, c.host, reply))
	return another
}

// silent takes note of an address where nobody answers.
func (j *journey) silent(r *tlspolicy.Record) {
	j.turned = true
	if !j.byHand {
		j.d.outages.failed(r.Remote, time.Now())
	}
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
