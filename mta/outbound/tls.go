package outbound

import (
	"context"
	"errors"

	"posthouse/internal/cause"
	"posthouse/mta/smtp"
	"posthouse/mta/tlspolicy"
)

// negotiation is one try to come to TLS on a connection.
type negotiation struct {
	outcome tlspolicy.Outcome
	reply   smtp.Reply // to STARTTLS or to the EHLO after it, where it is not the wished one
	err     error      // of the handshake or of the connection
}

// secure does about TLS what is wanted, and logs it. The record has the outcome and the decision then.
func (j *journey) secure(ctx context.Context, c *connection, how *manner) next {
	r := c.record
	if r.Wanted.Encrypt == tlspolicy.Never {
		r.Action = tlspolicy.Decide(r.Wanted, r.Outcome)
		return ready
	}
	if how.clear {
		r.Outcome.Cause = how.why
		r.Action = tlspolicy.Action{Do: tlspolicy.ProceedClear, Cause: cause.P1, First: how.why}
		j.clear(c, r.Action)
		return ready
	}
	n := j.negotiate(ctx, c, how)
	if ctx.Err() != nil {
		return another
	}
	action := tlspolicy.Decide(r.Wanted, n.outcome)
	r.Outcome, r.Action = n.outcome, action
	j.tellFailure(r, &n, action)
	if n.outcome.TrySmaller && !how.small {
		r.Action = tlspolicy.Action{Do: tlspolicy.NextHost, First: n.outcome.Cause} // nothing is decided yet
		return smaller
	}
	switch action.Do {
	case tlspolicy.Proceed:
		j.encrypted(c, n.outcome, action)
		if how.small { // once, until it is forgotten
			j.tellCause(r.DCID, cause.H12)
		}
		return ready
	case tlspolicy.ProceedClear:
		j.clear(c, action)
		return ready
	case tlspolicy.ReconnectClear:
		how.why = action.First
		return inClear
	default:
		j.refused(c, n.outcome, action, n.text())
		return another
	}
}

// negotiate asks for TLS, shakes hands, and says EHLO again (RFC 3207 §4.2). Only that answer shows that the peer has
// accepted our side of a TLS 1.3 handshake, and whether it offers REQUIRETLS (RFC 8689 §4.2.1).
func (j *journey) negotiate(ctx context.Context, c *connection, how *manner) negotiation {
	n, ok := j.ask(c)
	if !ok {
		j.step(c.record, tlspolicy.StepSTARTTLS, n.outcome.Cause, n.text())
		return n
	}
	j.step(c.record, tlspolicy.StepSTARTTLS, "", "")
	hs, n := j.shake(ctx, c, how)
	if n.err != nil {
		return n
	}
	return j.greetAgain(c, hs, n)
}

// shake shakes hands.
func (j *journey) shake(ctx context.Context, c *connection, how *manner) (*tlspolicy.Handshake, negotiation) {
	q := tlspolicy.Query{Facts: c.record.Facts, Wanted: c.record.Wanted, Small: how.small}
	conf, hs := j.world.Trust.ClientConfig(q, j.d.clientCertificates(j.world, j.dest.Certificate))
	state, err := c.Handshake(ctx, conf, hs.Watch)
	if err != nil {
		err = beneath(err)
		n := negotiation{outcome: j.complete(ctx, hs, hs.Outcome(err)), err: err}
		more := ""
		if j.tellApart != nil {
			more = j.tellApart(ctx, c, &n.outcome)
		}
		j.shaken(ctx, c.record, &n)
		if more != "" {
			c.record.Add(tlspolicy.StepHandshake, n.outcome.Cause, more)
		}
		return hs, n
	}
	c.shown = state
	n := negotiation{outcome: j.complete(ctx, hs, hs.Outcome(nil))}
	j.shaken(ctx, c.record, &n)
	return hs, n
}

// complete looks for certificates that the peer forgot, where people wait for the answer.
func (j *journey) complete(ctx context.Context, hs *tlspolicy.Handshake, o tlspolicy.Outcome) tlspolicy.Outcome {
	if j.fetch == nil {
		return o
	}
	return hs.Complete(ctx, o, j.fetch)
}

// ask asks for TLS, and returns false with the reason where the peer does not say 220.
func (j *journey) ask(c *connection) (negotiation, bool) {
	j.begin(c.record, tlspolicy.StepSTARTTLS)
	if !c.Extended() {
		return negotiation{outcome: tlspolicy.Outcome{Cause: cause.S1}}, false
	}
	if _, ok := c.Offers("STARTTLS"); !ok {
		return negotiation{outcome: tlspolicy.Outcome{Cause: tlspolicy.ClassifyOffer(c.Keywords())}}, false
	}
	reply, err := c.StartTLS()
	switch {
	case errors.Is(err, smtp.ErrInjected):
		return negotiation{outcome: tlspolicy.Outcome{Begun: true, Closed: true, Cause: cause.S4}, err: err}, false
	case err != nil:
		id, _ := tlspolicy.ClassifyConnect(err, tlspolicy.PhaseSTARTTLS)
		return negotiation{outcome: tlspolicy.Outcome{Cause: id, Closed: true}, err: err}, false
	case reply.Code != 220:
		id := tlspolicy.ClassifyReply(reply.Code, tlspolicy.PhaseSTARTTLS)
		return negotiation{outcome: tlspolicy.Outcome{Cause: id, Closed: reply.Code == 421}, reply: reply}, false
	}
	return negotiation{}, true
}

// shaken notes the steps of a handshake: that TLS was agreed upon, and whether the peer is verified as wanted.
func (j *journey) shaken(ctx context.Context, r *tlspolicy.Record, n *negotiation) {
	if ctx.Err() != nil {
		return
	}
	o := n.outcome
	r.Outcome = o
	if !o.Encrypted && verifyReason(o) == "" {
		j.step(r, tlspolicy.StepHandshake, o.Cause, o.Reason)
		return
	}
	j.step(r, tlspolicy.StepHandshake, "", o.Protocol+" "+o.Cipher)
	if r.Wanted.Verify == tlspolicy.Never {
		return
	}
	if reason := verifyReason(o); reason != "" {
		j.step(r, tlspolicy.StepVerify, o.Cause, reason)
	} else {
		j.step(r, tlspolicy.StepVerify, "", o.PeerName)
	}
}

func (j *journey) greetAgain(c *connection, hs *tlspolicy.Handshake, n negotiation) negotiation {
	reply, err := c.Hello()
	switch {
	case err != nil:
		n = lostAgain(hs, beneath(err))
	case reply.Code/100 != 2:
		n = negotiation{outcome: hs.Refused(reply.Enhanced), reply: reply}
	default:
		n.outcome.Extends = c.PromisesTLS()
		j.step(c.record, tlspolicy.StepAfterTLS, "", said(reply))
		if c.record.Wanted.Extend {
			j.step(c.record, tlspolicy.StepRequire, lackOf(n.outcome), "")
		}
		return n
	}
	j.step(c.record, tlspolicy.StepAfterTLS, n.outcome.Cause, n.text())
	return n
}

// lackOf is R1 where the peer does not offer REQUIRETLS.
func lackOf(o tlspolicy.Outcome) cause.ID {
	if o.Extends {
		return ""
	}
	return cause.R1
}

// lostAgain is a connection that ends where the answer to the second EHLO belongs.
func lostAgain(hs *tlspolicy.Handshake, err error) negotiation {
	if late, ok := hs.Late(err); ok {
		return negotiation{outcome: late, err: err}
	}
	id, _ := tlspolicy.ClassifyConnect(err, tlspolicy.PhaseEHLO)
	return negotiation{outcome: tlspolicy.Outcome{Begun: true, Closed: true, Cause: id}, err: err}
}

// beneath is the network's or crypto/tls's own error.
func beneath(err error) error {
	var ce *smtp.ClientError
	if errors.As(err, &ce) {
		return ce.Err
	}
	return err
}

// under is the connection's record as a message with other demands sees it, and whether that message may travel here.
func (c *connection) under(dem demands) (*tlspolicy.Record, bool) {
	if dem == c.demands {
		return c.record, true
	}
	r := *c.record
	r.Facts.RequireTLS, r.Facts.Optional = dem.require, dem.optional
	r.Wanted = tlspolicy.Weigh(r.Facts)
	r.Outcome = r.Outcome.Under(r.Wanted)
	r.Action = tlspolicy.Decide(r.Wanted, r.Outcome)
	switch r.Action.Do {
	case tlspolicy.Proceed:
		return &r, c.Encrypted()
	case tlspolicy.ProceedClear:
		return &r, true
	case tlspolicy.ReconnectClear:
		return &r, !c.Encrypted() // this is that connection already
	}
	return &r, false
}
