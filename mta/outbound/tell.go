package outbound

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"posthouse/internal/cause"
	"posthouse/mta/maillog"
	"posthouse/mta/queue"
	"posthouse/mta/smtp"
	"posthouse/mta/tlspolicy"
)

// tell writes into mail_logs, where a journey is to be found there.
func (j *journey) tell(write func(l *maillog.Log)) {
	if j.log != nil {
		write(j.log)
	}
}

// tellCause logs the cause of what its own line has no room for.
func (j *journey) tellCause(dcid uint64, id cause.ID) {
	if id != "" {
		j.tell(func(l *maillog.Log) { l.Cause(dcid, id, j.domain) })
	}
}

// networkReason is the reason that Connection Error gives for an error of the network.
func networkReason(id cause.ID, err error) maillog.ConnectionReason {
	if isTimeout(err) || id == cause.N4 || id == cause.N7 {
		return maillog.Timeout
	}
	return maillog.NetworkError
}

// connectionError logs a connection that was of no use.
func (j *journey) connectionError(r *tlspolicy.Record, text string, why maillog.ConnectionReason) {
	j.tell(func(l *maillog.Log) {
		l.ConnectionError(r.DCID, maillog.ConnectionFailure{
			Domain: j.domain, IP: r.Remote.Addr(), Port: int(r.Remote.Port()), Details: text, Interface: r.Local, Reason: why,
		})
	})
}

// lost logs and remembers a connection that ended before TLS was the point.
func (j *journey) lost(r *tlspolicy.Record, name tlspolicy.StepName, h host, id cause.ID, text string, err error) {
	j.connectionError(r, text, networkReason(id, err))
	j.tellCause(r.DCID, id)
	j.step(r, name, id, text)
	r.Outcome = tlspolicy.Outcome{Cause: id, Closed: true}
	r.Action = tlspolicy.Action{Do: tlspolicy.NextHost, First: id}
	j.remember(networkFailure(id, h, text))
}

// unexpected logs a reply that ends what we wanted.
func (j *journey) unexpected(r *tlspolicy.Record, reply smtp.Reply) {
	j.connectionError(r, maillog.ReplyDetails(reply.Code, joined(words(reply))), maillog.UnexpectedResponse)
}

// said is a reply for a record.
func said(r smtp.Reply) string { return fmt.Sprintf("%d %s", r.Code, joined(words(r))) }

// closed says that the peer ended the connection, rather than that it fell silent.
func closed(err error) bool {
	return !isTimeout(err) && !errors.Is(err, smtp.ErrReply)
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || (errors.As(err, &n) && n.Timeout())
}

// tellFailure logs what went wrong on the way to TLS. Not offered is a failure only where TLS is required.
func (j *journey) tellFailure(r *tlspolicy.Record, n *negotiation, action tlspolicy.Action) {
	o, dcid := n.outcome, r.DCID
	unexpected := func() { j.tell(func(l *maillog.Log) { l.TLSOutUnexpected(dcid, o.Cause) }) }
	switch {
	case o.Encrypted && action.Do != tlspolicy.NextHost:
	case n.reply.Code != 0:
		j.unexpected(r, n.reply)
		unexpected()
	case n.err != nil && !o.Begun:
		_, text := tlspolicy.ClassifyConnect(n.err, tlspolicy.PhaseSTARTTLS)
		j.connectionError(r, text, networkReason(o.Cause, n.err))
		unexpected()
	case o.Cause == cause.S4:
		unexpected()
	case verifyReason(o) != "":
		j.tell(func(l *maillog.Log) { l.TLSOutNotVerified(dcid, verifyReason(o), o.Cause) })
	case o.Encrypted: // TLS is as wanted, and the peer lacks something else
		j.tell(func(l *maillog.Log) { l.TLSOutSuccess(dcid, o.Protocol, o.Cipher) })
	case n.err != nil:
		number, text := o.Number, o.Text // the error alone knows less than who watched the handshake
		if text == "" {
			number, text = tlspolicy.OpenSSLError(n.err)
		}
		j.tell(func(l *maillog.Log) { l.TLSOutFailed(dcid, number, text, o.Cause) })
	case action.Do == tlspolicy.NextHost:
		unexpected()
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
		return "TLS failed: " + said(n.reply)
	case n.err != nil:
		return "TLS failed: " + n.err.Error()
	}
	c, _ := cause.Lookup(n.outcome.Cause)
	return "TLS failed: " + c.Title
}

// refused ends a connection over TLS: the message waits for another host or another time, or is returned.
func (j *journey) refused(c *connection, o tlspolicy.Outcome, action tlspolicy.Action, text string) {
	id := action.First
	switch action.Cause {
	case cause.P3, cause.M3, cause.R1:
		if o.Encrypted && verifyReason(o) == "" {
			break // TLS is not what is missing
		}
		j.tell(func(l *maillog.Log) { l.TLSOutRequired(c.record.DCID, cause.P3) })
		text = "TLS was required but could not be successfully negotiated: " + text
	}
	switch action.Cause {
	case cause.M3:
		id, text = cause.M3, fmt.Sprintf("the MTA-STS policy of %s is to enforce TLS: %s", j.domain, text)
	case cause.R1:
		id = cause.R1
	}
	if id == "" {
		id = action.Cause
	}
	if id != action.First || id == cause.R1 {
		j.tellCause(c.record.DCID, id)
	}
	if action.Cause == cause.R1 {
		j.bar(requireTLSFailure(c.host, o, action, text))
		return
	}
	j.bar(networkFailure(id, c.host, text))
}

// clear takes note that mail goes in clear where TLS is preferred.
func (j *journey) clear(c *connection, action tlspolicy.Action) {
	j.tellCause(c.record.DCID, action.First)
	j.tell(func(l *maillog.Log) { l.InClear(c.record.DCID, j.domain, action.Cause) })
}

// encrypted takes note of TLS, and of a peer that is not verified though that is preferred.
func (j *journey) encrypted(c *connection, o tlspolicy.Outcome, action tlspolicy.Action) {
	j.tell(func(l *maillog.Log) { l.TLSOutSuccess(c.record.DCID, o.Protocol, o.Cipher) })
	if action.Cause == cause.P2 {
		j.tellCause(c.record.DCID, action.First)
		j.tell(func(l *maillog.Log) { l.PeerNotVerified(c.record.DCID, j.domain, action.Cause) })
	}
}

// protectionOf is how mail travels on a connection with this record.
func protectionOf(r *tlspolicy.Record) queue.Protection {
	switch {
	case r.Outcome.Encrypted && r.Outcome.Verified:
		return queue.Verified
	case r.Outcome.Encrypted:
		return queue.Encrypted
	}
	return queue.Clear
}

// lastTLS is what hoststatus says of the connection.
func (c *connection) lastTLS() string {
	o, a := c.record.Outcome, c.record.Action
	if !o.Encrypted && a.Cause == cause.P1 {
		return fmt.Sprintf("none, in clear (%s)", a.First)
	}
	if !o.Encrypted {
		return "none"
	}
	state := "not verified"
	switch {
	case a.Cause == cause.P2:
		state = fmt.Sprintf("not verified (%s)", a.First)
	case o.Verified && o.PeerName != "" && o.By != tlspolicy.ProofDANE:
		state = fmt.Sprintf("verified (%s)", o.PeerName)
	case o.Verified:
		state = fmt.Sprintf("verified (%s)", c.record.Facts.Host)
	}
	return fmt.Sprintf("%s %s, %s, DANE %s, MTA-STS %s", o.Protocol, o.Cipher, state, daneState(c.record), stsState(c.record.Facts.STS))
}

// daneState is what came of DANE, in a word.
func daneState(r *tlspolicy.Record) string {
	switch d := r.Facts.DANE; d.State {
	case tlspolicy.DANEUsable:
		for _, p := range r.Outcome.Proven {
			if p.Proof == tlspolicy.ProofDANE && p.OK {
				return "verified"
			}
		}
		return "not verified (D1)"
	case tlspolicy.DANEUnusable:
		return "unusable (D5)"
	case tlspolicy.DANEFailed:
		return "failed (D3)"
	}
	return "none"
}

// stsState is the policy's mode.
func stsState(s tlspolicy.STS) string {
	if s.Mode == "" {
		return "none"
	}
	return s.Mode
}
