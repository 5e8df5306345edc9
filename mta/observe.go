package mta

import (
	"context"
	"crypto"
	"crypto/x509"

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/mta/alert"
	"posthouse/mta/deliverylog"
	"posthouse/mta/outbound"
	"posthouse/mta/queue"
	"posthouse/mta/tlspolicy"
	"posthouse/mta/tlsreport"
)

// observe hands on the record of a connection. Everything that is told of TLS is made from it.
func (e *Engine) observe(r *tlspolicy.Record) {
	e.reports.Observe(r)
	e.metrics.Observe(r)
	if r.Wanted.Encrypt == tlspolicy.Require && r.Facts.Control.Alert && r.Action.Do == tlspolicy.NextHost && r.Action.Cause != "" {
		e.alerts.Raise(alert.TLSFailed(r.Facts.Domain, r.Facts.Host, r.Action.Named(), wordsOf(r)))
	}
}

// wordsOf is what the log says of it.
func wordsOf(r *tlspolicy.Record) string {
	if r.Outcome.Reason != "" {
		return r.Outcome.Reason
	}
	if r.Wanted.Words != "" {
		return r.Wanted.Words
	}
	for i := len(r.Steps) - 1; i >= 0; i-- {
		if !r.Steps[i].OK {
			return r.Steps[i].Words
		}
	}
	return ""
}

// sent hands on what came of a message for some of its recipients.
func (e *Engine) sent(s outbound.Sent) {
	e.delivered.Attempted(deliverylog.Attempt{
		At: s.At, Duration: s.Duration, MID: s.MID, Sender: s.Sender, RIDs: s.RIDs, Recipients: s.Recipients, Size: s.Size,
		Outcome: deliverylog.Outcome(s.Outcome), Protection: protectionOf(s), Code: s.Code, Response: s.Response,
		Cause: s.Cause, Record: s.Record,
	})
	e.metrics.Attempted(string(s.Outcome), string(protectionOf(s)), len(s.RIDs))
	if s.Outcome != outbound.SentDelivered || s.Record == nil {
		return
	}
	e.reports.Delivered(s.Record.Facts.Domain, tlsreport.Protection(protectionOf(s)), s.Record.Action.Named(), len(s.RIDs))
}

// protectionOf is how a message travelled, in the word that the delivery log and the reports share.
func protectionOf(s outbound.Sent) deliverylog.Protection {
	switch {
	case s.Outcome != outbound.SentDelivered, s.Protection == queue.Nowhere:
		return deliverylog.None
	case s.Protection == queue.Verified:
		return deliverylog.Verified
	case s.Protection == queue.Encrypted:
		return deliverylog.Encrypted
	}
	return deliverylog.Clear
}

// sendAlert queues an alert. What cannot be delivered comes back to nobody, so that no alert is raised about an alert.
func (e *Engine) sendAlert(ctx context.Context, from string, to []string, message []byte) error {
	return e.send(ctx, letter{from: from, to: to, message: message})
}

// Mail queues a message that an operator has the appliance send: a header and a body, with CRLF. It is durable when Mail
// returns. What cannot be delivered comes back to from, or to nobody where that is empty.
func (e *Engine) Mail(ctx context.Context, from string, to []string, message []byte) error {
	return e.send(ctx, letter{from: from, to: to, message: message})
}

// sendReport queues a report on TLS, which is delivered whatever TLS says.
func (e *Engine) sendReport(ctx context.Context, from, to string, message []byte) error {
	return e.send(ctx, letter{from: from, to: []string{to}, message: message, report: true})
}

// reportKey signs reports; nil where none is configured.
func (e *Engine) reportKey() (crypto.Signer, error) {
	w := e.live.Load()
	data, err := e.secret(w.conf.Refs, config.ReportKeyRef)
	if data == nil || err != nil {
		return nil, err
	}
	return certstore.ParseKey(data)
}

// roots are the lists of authorities in force.
func (e *Engine) roots() *x509.CertPool { return e.live.Load().roots }

// Trust is by what servers are verified at this moment, for whoever else connects to somebody.
func (e *Engine) Trust() *tlspolicy.Trust { return e.live.Load().trust }
