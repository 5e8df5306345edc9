package inbound

import (
	"crypto/tls"
	"errors"

	"posthouse/internal/cause"
	"posthouse/mta/smtp"
)

// gate is a handshake that lets a client pass whose certificate is missing or does not verify, so that it can be
// refused with words afterwards: a handshake that fails permits no reply.
type gate struct {
	Handshake
	refused error // why the client's certificate is not accepted
}

// newGate changes the configuration of the handshake, which is that of one connection.
func newGate(h Handshake, verifyClient bool) *gate {
	g := &gate{Handshake: h}
	if !verifyClient {
		return g
	}
	config := h.Config()
	check := config.VerifyConnection
	config.ClientAuth = tls.RequestClientCert
	config.VerifyConnection = func(state tls.ConnectionState) error {
		g.refused = check(state)
		return nil
	}
	return g
}

// TLS implements smtp.Backend. It asks for the certificates of this moment: a renewed one reaches open connections too.
func (c *connection) TLS() (smtp.Upgrade, error) {
	verify := value(c.access.policy.TLSVerify)
	handshake, err := c.l.opts.TLS(c.l.opts.Name, verify)
	if err != nil {
		c.l.opts.Log.TLSInFailed(c.icid, 0, "error:00000000:posthouse:STARTTLS:"+err.Error(), cause.L1)
		return nil, err
	}
	c.handshake = newGate(handshake, verify)
	return c.handshake, nil
}

var replyClientRefused = smtp.NewReply(554, "5.7.1", "TLS client certificate not accepted")

// Handshake implements smtp.Backend.
func (c *connection) Handshake(h smtp.Handshake) *smtp.Reply {
	log := c.l.opts.Log
	if errors.Is(h.Err, smtp.ErrEarlyText) {
		log.TLSInFailed(c.icid, 0, "error:00000000:posthouse:STARTTLS:text before the handshake", cause.S4)
		return nil
	}
	failed := h.Err
	if failed == nil {
		c.secure = &h.State
		failed = c.handshake.refused
	}
	o := c.handshake.Outcome(failed)
	if failed == nil {
		log.TLSInSuccess(c.icid, o.Protocol, o.Cipher)
		return nil
	}
	if o.Text == "" { // our own shutdown ended it
		o.Text = o.Reason
	}
	log.TLSInFailed(c.icid, o.Number, o.Text, o.Cause)
	return &replyClientRefused // the session ends without it where the handshake failed
}
