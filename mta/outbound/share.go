package outbound

import (
	"context"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"posthouse/internal/cause"
	"posthouse/mta/tlspolicy"
)

// hop is where a connection leads, from where, and with which credentials. Mail of several domains may share connections
// of one hop only.
type hop struct {
	to          netip.AddrPort
	from        source
	implicit    bool
	certificate string // profile of what a peer gets that asks for a certificate
}

// hopTo is the hop of the journey to one of a host's addresses.
func (j *journey) hopTo(h host, addr netip.Addr) hop {
	return hop{
		to: netip.AddrPortFrom(addr, uint16(h.port)), from: deliverySource(j.world.Config), implicit: h.implicit,
		certificate: j.dest.Certificate,
	}
}

// takeOver returns a connection that another trip has done with, where this journey's mail may go over it. It is in use
// then, under its old DCID.
func (j *journey) takeOver(ctx context.Context, at *stop, way hop) (*connection, bool) {
	k := j.d.keeper
	for _, idle := range k.leading(way, j.domain) {
		c, ok := j.fitting(idle.connection, at)
		if !ok || !idle.quiet() || !k.claim(idle) {
			continue
		}
		if idle.domain != j.domain {
			k.makeRoom(way, j.domain)
		}
		c.Hold(ctx)
		if idle.domain != j.domain {
			j.listenIn(c)
		}
		j.last = c.record
		j.audience.Attempted(c.record.DCID)
		j.audience.Connected(c.record.DCID)
		if c.record != idle.record && c.record.Action.Do == tlspolicy.ProceedClear && c.record.Action.Cause != "" {
			j.clear(c, c.record.Action)
		}
		return c, true
	}
	k.makeRoom(way, j.domain)
	return nil, false
}

// fitting returns the connection as this journey's mail sees it, if it may go there. In doubt it may not: a new connection
// costs less than a mistake.
func (j *journey) fitting(c *connection, at *stop) (*connection, bool) {
	if c.world.Config != j.world.Config || c.world.Trust != j.world.Trust || time.Since(c.born) > j.d.life || j.full(c) {
		return nil, false
	}
	record, ok := j.seenFrom(c, at)
	if !ok {
		return nil, false
	}
	mine := *c
	mine.host, mine.demands, mine.record, mine.views = at.host, j.demands, record, nil
	return &mine, true
}

// full says that a connection has carried as many messages as the destination permits for one.
func (j *journey) full(c *connection) bool {
	return j.dest.Messages != nil && *j.dest.Messages > 0 && c.sent >= *j.dest.Messages
}

// seenFrom judges a connection that was made for other mail: by all that is known of this journey's domain and host, and by
// what the peer showed when it was made. It returns the record of that, and whether this journey's mail may go there.
//
// Where nothing that was known before differs, the record stands, unless the certificates are not worth any more what they
// were: they may have been revoked meanwhile. Else the peer has to prove under this domain's own rules who it is, and a
// connection in clear is good enough only where TLS is not wanted, or where the peer said on this very connection that it has
// none and nobody insists.
func (j *journey) seenFrom(c *connection, at *stop) (*tlspolicy.Record, bool) {
	again := func() tlspolicy.Outcome {
		o := j.world.Trust.Again(tlspolicy.Query{Facts: at.facts, Wanted: at.wanted}, c.shown)
		o.Extends = c.PromisesTLS()
		return o
	}
	if reflect.DeepEqual(at.facts, c.record.Facts) {
		stands := !c.Encrypted() || at.wanted.Verify == tlspolicy.Never || tlspolicy.Decide(at.wanted, again()) == c.record.Action
		return c.record, stands
	}
	r := j.record(at, c.record.Remote.Addr(), c.record.DCID)
	r.Local = c.record.Local
	r.Add(tlspolicy.StepConnect, "", "a connection that was open")
	switch {
	case c.Encrypted():
		r.Outcome = again()
	case at.wanted.Encrypt != tlspolicy.Never:
		r.Outcome = c.record.Outcome
	}
	r.Action = tlspolicy.Decide(r.Wanted, r.Outcome)
	switch {
	case c.Encrypted():
		return r, at.wanted.Encrypt != tlspolicy.Never && r.Action.Do == tlspolicy.Proceed && r.Action.Cause == ""
	case at.wanted.Encrypt == tlspolicy.Never:
		return r, r.Action.Do == tlspolicy.ProceedClear
	}
	return r, r.Action.Do == tlspolicy.ProceedClear && slices.Contains(lacksTLS, r.Outcome.Cause)
}

// lacksTLS lists the answers to EHLO that say that there is no STARTTLS. Never written to.
var lacksTLS = []cause.ID{cause.S1, cause.S2, cause.S5}

// view is what a connection is to messages of one domain with the same demands.
type view struct {
	domain  string
	demands demands
}

// verdict is what came of looking at a connection from there.
type verdict struct {
	record *tlspolicy.Record
	ok     bool
}

// under is the connection's record as messages for a domain, with demands of their own, see it, and whether they may travel
// here. A task may hold recipients of several domains whose route is the same; each domain's own rules decide.
func (t *trip) under(ctx context.Context, c *connection, domain string, dem demands) (*tlspolicy.Record, bool) {
	if domain == t.destination {
		return c.under(dem)
	}
	key := view{domain, dem}
	if v, known := c.views[key]; known {
		return v.record, v.ok
	}
	var v verdict
	if v.record, v.ok = t.lookFrom(ctx, c, domain, dem); ctx.Err() != nil {
		return nil, false
	}
	if c.views == nil {
		c.views = map[view]verdict{}
	}
	c.views[key] = v
	return v.record, v.ok
}

// routedLike says that SMTP routes lead both the same way.
func (j *journey) routedLike(other *journey) bool {
	if j.machine != nil || other.machine != nil {
		return false // which no route turns aside
	}
	mine, _, routed := j.world.Config.Route(j.domain)
	theirs, _, alsoRouted := other.world.Config.Route(other.domain)
	return routed && alsoRouted && slices.Equal(mine.Hops, theirs.Hops)
}

// lookFrom judges the connection for a domain that it was not made for.
func (t *trip) lookFrom(ctx context.Context, c *connection, domain string, dem demands) (*tlspolicy.Record, bool) {
	other := t.d.journeyIn(t.world, domain, dem)
	other.log, other.lookups = t.log, t.lookups
	if !t.routedLike(other) || other.hopTo(c.host, c.record.Remote.Addr()) != c.hop {
		return nil, false
	}
	at := &stop{host: c.host, list: []netip.Addr{c.record.Remote.Addr()}, facts: other.facts(ctx, c.host)}
	if at.wanted = other.weigh(at.facts); at.wanted.Blocked != "" {
		return nil, false
	}
	r, ok := other.seenFrom(c, at)
	if ok && r.Action.Do == tlspolicy.ProceedClear && r.Action.Cause != "" {
		other.clear(c, r.Action)
	}
	return r, ok
}
