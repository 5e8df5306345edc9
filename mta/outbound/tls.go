package outbound

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/mta/queue"
	"posthouse/mta/smtp"
	"posthouse/mta/tlspolicy"
)

// negotiation is one try to come to TLS on a connection.
type negotiation struct {
	outcome tlspolicy.Outcome
	reply   smtp.Reply // to STARTTLS, where it is not 220
	err     error      // of the handshake or of the connection
}

// secure does about TLS what the destination control says, and logs it.
func (t *trip) secure(ctx context.Context, c *connection, how *manner) next {
	if t.dest.TLS == config.TLSNo {
		c.tls = "none"
		return ready
	}
	if how.clear {
		t.clear(c, tlspolicy.Action{Cause: cause.P1, First: how.why})
		return ready
	}
	n := t.negotiate(ctx, c, how)
	if ctx.Err() != nil {
		return another
	}
	action := tlspolicy.Decide(t.dest.TLS, n.outcome)
	t.tellFailure(c, &n, action)
	if n.outcome.TrySmaller && !how.small {
		return smaller
	}
	switch action.Do {
	case tlspolicy.Proceed:
		t.encrypted(c, n.outcome, action)
		return ready
	case tlspolicy.ProceedClear:
		t.clear(c, action)
		return ready
	case tlspolicy.ReconnectClear:
		how.why = action.First
		return inClear
	default:
		t.refused(c, action, n.text())
		return another
	}
}

// negotiate asks for TLS, shakes hands, and says EHLO again (RFC 3207 §4.2). Only that answer shows that the peer has
// accepted our side of a TLS 1.3 handshake.
func (t *trip) negotiate(ctx context.Context, c *connection, how *manner) negotiation {
	if !c.Extended() {
		return negotiation{outcome: tlspolicy.Outcome{Cause: cause.S1}}
	}
	if _, ok := c.Offers("STARTTLS"); !ok {
		return negotiation{outcome: tlspolicy.Outcome{Cause: tlspolicy.ClassifyOffer(c.Keywords())}}
	}
	reply, err := c.StartTLS()
	switch {
	case errors.Is(err, smtp.ErrInjected):
		return negotiation{outcome: tlspolicy.Outcome{Begun: true, Cause: cause.S4}, err: err}
	case err != nil:
		id, _ := tlspolicy.ClassifyConnect(err, tlspolicy.PhaseSTARTTLS)
		return negotiation{outcome: tlspolicy.Outcome{Cause: id, Closed: true}, err: err}
	case reply.Code != 220:
		id := tlspolicy.ClassifyReply(reply.Code, tlspolicy.PhaseSTARTTLS)
		return negotiation{outcome: tlspolicy.Outcome{Cause: id, Closed: reply.Code == 421}, reply: reply}
	}
	q := tlspolicy.Query{
		Domain: t.Destination(), Host: c.host.label(), RouteHost: c.host.routed, Level: t.dest.TLS, Small: how.small,
	}
	conf, hs := t.world.Trust.ClientConfig(q, t.d.clientCertificates(t.world, t.dest.Certificate))
	_, err = c.Handshake(ctx, conf, hs.Watch)
	if err != nil {
		err = beneath(err)
		return negotiation{outcome: hs.Outcome(err), err: err}
	}
	outcome := hs.Outcome(nil)
	return t.greetAgain(c, hs, outcome)
}

func (t *trip) greetAgain(c *connection, hs *tlspolicy.Handshake, outcome tlspolicy.Outcome) negotiation {
	reply, err := c.Hello()
	if err != nil {
		if late, ok := hs.Late(beneath(err)); ok {
			return negotiation{outcome: late, err: beneath(err)}
		}
		id, _ := tlspolicy.ClassifyConnect(err, tlspolicy.PhaseEHLO)
		return negotiation{outcome: tlspolicy.Outcome{Begun: true, Closed: true, Cause: id}, err: beneath(err)}
	}
	if reply.Code/100 != 2 {
		return negotiation{outcome: hs.Refused(reply.Enhanced), reply: reply}
	}
	return negotiation{outcome: outcome}
}

// beneath is the network's or crypto/tls's own error.
func beneath(err error) error {
	var ce *smtp.ClientError
	if errors.As(err, &ce) {
		return ce.Err
	}
	return err
}

// tellFailure logs what went wrong on the way to TLS. Not offered is a failure only where TLS is required.
func (t *trip) tellFailure(c *connection, n *negotiation, action tlspolicy.Action) {
	o, log := n.outcome, t.d.opt.Log
	switch {
	case o.Encrypted && action.Do == tlspolicy.Proceed:
	case n.reply.Code != 0:
		t.unexpected(c, n.reply)
		log.TLSOutUnexpected(c.dcid, o.Cause)
	case n.err != nil && !o.Begun:
		_, text := tlspolicy.ClassifyConnect(n.err, tlspolicy.PhaseSTARTTLS)
		t.connectionError(c.dcid, c.remote, c.local, text, networkReason(o.Cause, n.err))
		log.TLSOutUnexpected(c.dcid, o.Cause)
	case o.Cause == cause.S4:
		log.TLSOutUnexpected(c.dcid, o.Cause)
	case verifyReason(o) != "":
		log.TLSOutNotVerified(c.dcid, verifyReason(o), o.Cause)
	case n.err != nil:
		number, text := o.Number, o.Text // the error alone knows less than who watched the handshake
		if text == "" {
			number, text = tlspolicy.OpenSSLError(n.err)
		}
		log.TLSOutFailed(c.dcid, number, text, o.Cause)
	case action.Do == tlspolicy.NextHost:
		log.TLSOutUnexpected(c.dcid, o.Cause)
	}
}

// verifyReason is why the peer's certificate was not accepted, in OpenSSL's words; empty where that is not the point.
func verifyReason(o tlspolicy.Outcome) string {
	reason, ok := strings.CutPrefix(o.Reason, "verify error: ")
	if !ok {
		return ""
	}
	return reason
}

// text is what went wrong, for a notice and for the Delayed line.
func (n *negotiation) text() string {
	switch {
	case n.outcome.Reason != "":
		return "TLS failed: " + n.outcome.Reason
	case n.reply.Code != 0:
		return fmt.Sprintf("TLS failed: %d %s", n.reply.Code, joined(words(n.reply)))
	case n.err != nil:
		return "TLS failed: " + n.err.Error()
	}
	c, _ := cause.Lookup(n.outcome.Cause)
	return "TLS failed: " + c.Title
}

// refused ends a connection over TLS: the message waits for another host or another time.
func (t *trip) refused(c *connection, action tlspolicy.Action, text string) {
	id := action.First
	if action.Cause == cause.P3 {
		t.d.opt.Log.TLSOutRequired(c.dcid, cause.P3)
		text = "TLS was required but could not be successfully negotiated: " + text
	}
	if id == "" {
		id = action.Cause
	}
	t.remember(tlsFailure(id, c.host, text))
}

// clear takes note that mail goes in clear where TLS is preferred.
func (t *trip) clear(c *connection, action tlspolicy.Action) {
	t.cause(c.dcid, action.First)
	t.d.opt.Log.InClear(c.dcid, t.Destination(), action.Cause)
	c.protection = queue.Clear
	c.tls = fmt.Sprintf("none, in clear (%s)", action.First)
}

// encrypted takes note of TLS, and of a peer that is not verified though that is preferred.
func (t *trip) encrypted(c *connection, o tlspolicy.Outcome, action tlspolicy.Action) {
	t.d.opt.Log.TLSOutSuccess(c.dcid, o.Protocol, o.Cipher)
	c.protection = queue.Encrypted
	state := "not verified"
	if o.Verified {
		c.protection = queue.Verified
		state = fmt.Sprintf("verified (%s)", o.PeerName)
	}
	if action.Cause == cause.P2 {
		t.cause(c.dcid, action.First)
		t.d.opt.Log.PeerNotVerified(c.dcid, t.Destination(), action.Cause)
		state = fmt.Sprintf("not verified (%s)", action.First)
	}
	c.tls = fmt.Sprintf("%s %s, %s, DANE none, MTA-STS none", o.Protocol, o.Cipher, state)
}
