package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/internal/dns"
	"posthouse/mta/queue"
	"posthouse/mta/smtp"
	"posthouse/mta/tlspolicy"
)

// ErrDiscarded says that mail for the domain goes nowhere, by an SMTP route.
var ErrDiscarded = errors.New("an SMTP route discards the mail")

// VerifyRequest says what Verify is to look at.
type VerifyRequest struct {
	Domain string // the recipients' domain
	Host   string // a name or an address; empty: every host to which the domain's mail goes
	Port   int    // with Host; 0: 25, or what the domain's SMTP route says

	// Address is where Host is connected to, in place of what the DNS says: one of our own listeners, which is asked as a
	// route would be. Invalid for others' hosts.
	Address  netip.AddrPort
	Implicit bool // with Address: TLS begins with the connection (RFC 8314)
}

// Event is a step of a verification that is begun or done.
type Event struct {
	Record *tlspolicy.Record  // as far as it has come
	Begun  tlspolicy.StepName // what is being done now; empty where Step is done
	Step   tlspolicy.Step
}

// verification is a journey to hosts that are only looked at.
type verification struct {
	*journey
	records []*tlspolicy.Record
}

// Verify goes the way of a delivery to each host as far as EHLO under TLS, and leaves. Where the domain's rules ask for
// less, it asks for Required (Verify) all the same, so that the record says what there is; Record.Facts hold the rules
// themselves. progress is told of every step; it may be nil. There is one record for each connection that was tried, and
// for each host, or for the domain, of which the DNS has no address; an error only where there was no way to try.
// Nothing is logged and no mail is sent.
func (d *Deliverer) Verify(ctx context.Context, req VerifyRequest, progress func(Event)) ([]*tlspolicy.Record, error) {
	v := &verification{journey: d.newJourney(queue.Destination("@"+req.Domain), demands{})}
	v.byHand, v.progress, v.weigh = true, progress, insist
	v.fetch, v.tellApart = d.fetch(v.world.Resolver), v.askMore
	v.observe = func(r *tlspolicy.Record) { v.records = append(v.records, r) }
	if req.Address.IsValid() {
		v.ours()
	}
	v.use = func(_ context.Context, c *connection) bool {
		v.hangUp(c)
		return true
	}
	found, failure := v.hosts(ctx, req)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case failure != nil:
		v.lookupFailed(tlspolicy.StepMX, host{}, failure)
		return v.records, nil
	case found.discard:
		return nil, fmt.Errorf("verify %q: %w", v.domain, ErrDiscarded)
	}
	for _, h := range found.hosts {
		v.tryHost(ctx, found, h)
	}
	return v.records, ctx.Err()
}

// insist is what a verification wants: what the domain's rules ask, and that the peer proves who it is.
func insist(f tlspolicy.Facts) tlspolicy.Wanted {
	if f.Control.Level != config.TLSRequireVerifyHosted {
		f.Control.Level = config.TLSRequireVerify
	}
	return tlspolicy.Weigh(f)
}

// ours is for a look at ourselves: TLSA records are asked for whatever the destination controls say of our own name, and
// where they cannot be had the rest is looked at all the same.
func (v *verification) ours() {
	v.control.Explicit = false
	if v.control.DANE == "" || v.control.DANE == "none" {
		v.control.DANE = "opportunistic"
	}
	v.weigh = func(f tlspolicy.Facts) tlspolicy.Wanted {
		if f.DANE.State == tlspolicy.DANEFailed {
			f.DANE = tlspolicy.DANE{}
		}
		return insist(f)
	}
}

// hosts are the hosts to look at. One that is named is taken as a delivery would take it, if mail for the domain goes
// there, and as a mail exchanger that nothing vouches for if not.
func (v *verification) hosts(ctx context.Context, req VerifyRequest) (*way, *queue.Failure) {
	if req.Address.IsValid() {
		own := host{
			name: dns.Canonical(req.Host), addr: req.Address.Addr(), port: int(req.Address.Port()), routed: true, implicit: req.Implicit,
		}
		return &way{hosts: []host{own}}, nil
	}
	found, failure := v.findWay(ctx)
	if req.Host == "" {
		return found, failure
	}
	named := host{port: v.d.port}
	if addr, err := netip.ParseAddr(strings.Trim(req.Host, "[]")); err == nil {
		named.addr = addr
	} else {
		named.name = dns.Canonical(req.Host)
	}
	if failure != nil || found.discard {
		found = &way{}
	}
	for _, h := range found.hosts {
		if h.name == named.name && h.addr == named.addr && (req.Port == 0 || req.Port == h.port) {
			return &way{hosts: []host{h}, mx: found.mx}, nil
		}
	}
	if req.Port != 0 {
		named.port = req.Port
	}
	named.secure = named.name != "" && named.name == v.domain
	return &way{hosts: []host{named}, mx: found.mx}, nil
}

// askMore asks a peer that refuses our hello what it would take: no cipher suite, no curve and no certificate in common all
// look the same from here (H1, H6, H7).
func (v *verification) askMore(ctx context.Context, c *connection, o *tlspolicy.Outcome) string {
	if o.Cause != cause.H1 && o.Cause != cause.H7 && o.Cause != cause.H13 {
		return ""
	}
	found, err := v.probe(ctx, c.host, c.record.Remote)
	if err != nil {
		return "" // the first answer stands
	}
	if found.Cause != "" {
		o.Cause = found.Cause
	}
	return "a hello that offers more: " + found.Words
}

// probe makes a connection for a hello of our own making.
func (v *verification) probe(ctx context.Context, h host, to netip.AddrPort) (tlspolicy.ProbeResult, error) {
	from := deliverySource(v.world.Config)
	connecting, limits := v.d.timeouts(v.world.Config.Delivery)
	dialer := net.Dialer{Timeout: connecting, LocalAddr: from.tcp()}
	conn, err := dialer.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return tlspolicy.ProbeResult{}, err
	}
	c := smtp.NewClient(ctx, conn, helloName(v.world.Config, addrOf(conn.LocalAddr())), limits)
	defer c.Close()
	if !h.implicit {
		for _, say := range []func() (smtp.Reply, error){c.Greeting, c.Hello, c.StartTLS} {
			if reply, err := say(); err != nil || reply.Code/100 != 2 {
				return tlspolicy.ProbeResult{}, errors.Join(err, fmt.Errorf("probe: %d", reply.Code))
			}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, limits.Handshake)
	defer cancel()
	return v.world.Trust.ProbeHello(ctx, c.Raw(), h.name)
}

// prepareImplicit is prepare where TLS comes before the banner.
func (j *journey) prepareImplicit(ctx context.Context, c *connection) next {
	r := c.record
	j.begin(r, tlspolicy.StepSTARTTLS)
	hs, n := j.shake(ctx, c, &manner{})
	if n.err == nil {
		if reply, err := c.Greeting(); err != nil {
			n = lostAgain(hs, beneath(err))
		} else if reply.Code/100 != 2 {
			n = negotiation{outcome: hs.Refused(reply.Enhanced), reply: reply}
		} else {
			j.step(r, tlspolicy.StepBanner, "", said(reply))
			n = j.greetAgain(c, hs, n)
		}
	}
	if ctx.Err() != nil {
		return another
	}
	r.Outcome, r.Action = n.outcome, tlspolicy.Decide(r.Wanted, n.outcome)
	if r.Action.Do != tlspolicy.Proceed {
		j.refused(c, n.outcome, r.Action, n.text())
		return another
	}
	return ready
}
