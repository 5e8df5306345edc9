package tlspolicy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"posthouse/internal/cause"
)

// failed says why an outgoing handshake failed. No decision rests on the text of an error: what crypto/tls does not say
// by type is read from what the peer sent, and from how far our own callbacks saw the handshake come.
func (h *Handshake) failed(err error) Outcome {
	o := h.seen()
	o.Closed = true
	var flight []byte
	written := true
	if h.wire != nil {
		flight, written = h.wire.end(false)
	}
	var verify *VerifyError
	alert, isAlert := peerAlert(err, flight)
	switch {
	case errors.As(err, &verify):
		o.Stopped = !h.tinyKey()
		o.judge(h.query.Wanted)
		return o
	case isOurs(err):
		o.Reason = "cancelled"
		return o
	case isAlert:
		o.Cause = h.alertCause(alert)
		o.say(spell(alertPhrase(alert)))
		return o
	case isTimeout(err), isClosed(err):
		o.Cause = silence(err, written)
		o.TrySmaller = written && len(flight) == 0 && h.wire != nil && !h.small
	case isFirstHeaderError(err):
		o.Cause = cause.H3
	default:
		o.Cause = h.localCause(flight)
	}
	if p, ok := phraseOf(o.Cause, false); ok {
		o.say(spell(p))
	} else {
		o.say(OpenSSLError(err))
	}
	return o
}

// silence is the cause where the peer says nothing more.
func silence(err error, written bool) cause.ID {
	switch {
	case isTimeout(err):
		return cause.H5
	case !written:
		return cause.S7
	}
	return cause.H4
}

// alertCause is the cause of the peer's alert.
func (h *Handshake) alertCause(alert int) cause.ID {
	aboutCertificate := alert == 40 || alert >= 42 && alert <= 46 || alert == 48 || alert == 116
	switch {
	case h.asked && h.sent && aboutCertificate:
		return cause.H8
	case h.asked && aboutCertificate:
		return cause.H9
	case alert == 40, alert == 71:
		return cause.H1
	case alert == 70:
		return cause.H2
	}
	return cause.H13
}

// localCause is the cause where crypto/tls gave up, by what the peer had sent until then.
func (h *Handshake) localCause(flight []byte) cause.ID {
	f := parseFlight(flight)
	switch {
	case f.hello && !h.trust.speaks.speaks(f.version):
		return cause.H2
	case f.hello && !h.trust.speaks.takes(f.suite):
		return cause.H1
	case f.curve != 0 && !knownCurve(f.curve), f.scheme != 0 && !signs(f.scheme):
		return cause.H7
	case h.reached:
		return h.signatureCause()
	case f.certificates != nil:
		return certificatesCause(f.certificates)
	case f.version == tls.VersionTLS13 && f.encrypted:
		// Behind TLS 1.3's hello everything is encrypted. What fails before the certificates are looked at is, with a
		// peer that comes so far at all, almost always their form.
		return cause.V11
	}
	return cause.H13
}

// signatureCause is for what fails once the certificates were looked at: the signature over the handshake. Where an
// authority stands before the certificate that the peer means to show, it is the wrong key that does not fit.
func (h *Handshake) signatureCause() cause.ID {
	first := h.verdict.fault()
	switch {
	case h.tinyKey():
		return cause.V10
	case first != nil && first.Cause == cause.V3:
		return cause.V3
	}
	return cause.H10
}

// tinyKey reports whether the peer's key is so short that crypto/tls takes no signature of it: the handshake would fail
// even if nobody asked who the peer is.
func (h *Handshake) tinyKey() bool {
	certs := h.state.PeerCertificates
	if len(certs) == 0 {
		return false
	}
	bits := rsaBits(certs[0])
	return bits > 0 && bits < 1024
}

func certificatesCause(certificates [][]byte) cause.ID {
	if len(certificates) == 0 {
		return cause.H6
	}
	for _, der := range certificates {
		if _, err := x509.ParseCertificate(der); err != nil {
			return cause.V11
		}
	}
	return cause.H13
}

// isOurs reports whether we ended it: a cancelled delivery, a shutdown. That is no cause.
func isOurs(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, net.ErrClosed)
}

func isTimeout(err error) bool {
	var netErr net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &netErr) && netErr.Timeout()
}

func isClosed(err error) bool {
	for _, e := range []error{
		io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func isHeaderError(err error) bool {
	var header tls.RecordHeaderError
	return errors.As(err, &header)
}

// isFirstHeaderError says that already the peer's first bytes are no TLS: only then crypto/tls gives the connection back.
func isFirstHeaderError(err error) bool {
	var header tls.RecordHeaderError
	return errors.As(err, &header) && (header.Conn != nil || header.RecordHeader[0]&0x80 != 0)
}
