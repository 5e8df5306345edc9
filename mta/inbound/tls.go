package inbound

import (
	"crypto/tls"
	"errors"
	"strings"

	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/mta/maillog"
	"posthouse/mta/smtp"
	"posthouse/mta/tlspolicy"
)

var (
	replyClientRefused     = smtp.NewReply(554, "5.7.1", "TLS client certificate not accepted")
	replyTooManyHandshakes = smtp.NewReply(421, "4.7.0", "Too many TLS sessions at this time")
)

// TLS implements smtp.Backend. It asks for the certificates of this moment: a renewed one reaches open connections too.
//
// A client that must show a certificate is only asked for it in the handshake and refused with words afterwards: a
// handshake that fails permits no reply.
func (c *connection) TLS() (smtp.Upgrade, error) {
	limit := &c.conf.Injection
	if !c.l.opts.Counters.handshakes.enter(c.remote, limit.MaxHandshakes, limit.MaxHandshakesPerPeer) {
		c.l.opts.Log.ReceivingFailed(c.icid, maillog.ConnectionsReached)
		return nil, replyTooManyHandshakes
	}
	c.shaking = true
	handshake, err := c.l.opts.TLS(c.l.opts.Name, value(c.access.policy.TLSVerify) || c.table.NeedsCertificate())
	if err == nil {
		err = usable(handshake.Config().Certificates)
	}
	if err != nil {
		c.endHandshake()
		c.outcome = &tlspolicy.Outcome{Cause: cause.L1}
		c.l.opts.Log.TLSInFailed(c.icid, 0, "error:00000000:posthouse:STARTTLS:"+err.Error(), cause.L1)
		return nil, err
	}
	c.handshake = handshake
	return handshake, nil
}

var errUnusable = errors.New("no key of our certificates can be used for TLS")

// usable says whether any of our certificates can be shown to anybody at all; a key on a curve that TLS has no signatures
// for, such as P-224, makes one that cannot. None at all is left to the handshake: names may have some of their own.
func usable(certs []tls.Certificate) error {
	everything := tls.ClientHelloInfo{
		SupportedVersions: []uint16{tls.VersionTLS12},
		CipherSuites:      []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
		SignatureSchemes: []tls.SignatureScheme{
			tls.ECDSAWithP256AndSHA256, tls.ECDSAWithP384AndSHA384, tls.ECDSAWithP521AndSHA512, tls.Ed25519, tls.PKCS1WithSHA256,
		},
		SupportedCurves: []tls.CurveID{tls.CurveP256, tls.CurveP384, tls.CurveP521}, // which TLS 1.2 asks of the key, too
		SupportedPoints: []uint8{0},                                                 // uncompressed (RFC 8422 §5.1.2)
	}
	for i := range certs {
		if everything.SupportsCertificate(&certs[i]) == nil {
			return nil
		}
	}
	if len(certs) == 0 {
		return nil
	}
	return errUnusable
}

// endHandshake gives back the place among the handshakes that go on.
func (c *connection) endHandshake() {
	if c.shaking {
		c.shaking = false
		c.l.opts.Counters.handshakes.exit(c.remote)
	}
}

// Handshake implements smtp.Backend.
func (c *connection) Handshake(h smtp.Handshake) smtp.Ruling {
	c.endHandshake()
	log := c.l.opts.Log
	if errors.Is(h.Err, smtp.ErrEarlyText) {
		c.outcome = &tlspolicy.Outcome{Begun: true, Closed: true, Cause: cause.S4}
		log.TLSInFailed(c.icid, 0, "error:00000000:posthouse:STARTTLS:text before the handshake", cause.S4)
		return smtp.Ruling{}
	}
	o := c.handshake.Outcome(h.Err)
	c.outcome = &o
	if h.Err != nil {
		c.failed(&o)
		return smtp.Ruling{}
	}
	c.secure = &h.State
	if value(c.access.policy.TLSVerify) && !o.Verified {
		c.failed(&o)
		return smtp.Ruling{Refused: &replyClientRefused}
	}
	log.TLSInSuccess(c.icid, o.Protocol, o.Cipher)
	switch {
	case o.Client == nil:
		return smtp.Ruling{}
	case !o.Verified: // It was not demanded, and gives no rights.
		c.blame(&o)
		return smtp.Ruling{}
	}
	return c.reconsider(o.Client)
}

// failed logs a handshake that came to nothing, and what is known beyond that: what both sides offered where nothing
// matched, a line for each of them since a line holds only so much, or what is wrong with the client's certificate.
func (c *connection) failed(o *tlspolicy.Outcome) {
	if o.Text == "" { // our own shutdown ended it
		o.Text = o.Reason
	}
	c.l.opts.Log.TLSInFailed(c.icid, o.Number, o.Text, o.Cause)
	if o.Offers != "" {
		for part := range strings.SplitSeq(o.Offers, "; ") {
			c.l.opts.Log.CauseIn(c.icid, o.Cause, c.remote, part)
		}
	}
	if o.Client != nil && o.Cause == cause.H11 {
		c.blame(o)
	}
}

// blame says which certificate a client showed, and what is wrong with it.
func (c *connection) blame(o *tlspolicy.Outcome) {
	c.l.opts.Log.CauseIn(c.icid, o.Cause, c.remote, "client certificate "+o.Client.Subject+": "+reason(o))
}

// reason says what is wrong with a client's certificate.
func reason(o *tlspolicy.Outcome) string {
	if len(o.Findings) > 0 {
		return o.Findings[0].Reason
	}
	return o.Text
}

// reconsider asks the host access table again, now that the client has proven a name. What it says is in force for the
// rest of the session.
func (c *connection) reconsider(client *tlspolicy.ClientCertificate) smtp.Ruling {
	if !c.table.NeedsCertificate() {
		return smtp.Ruling{}
	}
	c.lookUp(client)
	a := &c.access
	c.l.opts.Log.HostAccess(c.icid, string(a.behavior), a.group, a.pattern, "")
	ruling := smtp.Ruling{}
	switch {
	case a.behavior == config.TCPRefuse:
		ruling.Leave = true
	case a.behavior != config.Reject && !c.enter():
		c.l.opts.Log.ReceivingFailed(c.icid, maillog.ConnectionsReached)
		ruling.Refused = &replyTooManyFrom
	}
	options := c.sessionOptions()
	ruling.Options = &options
	return ruling
}
