package outbound

import (
	"bufio"
	"errors"
	"io"
	"mime/quotedprintable"
	"strings"
)

const (
	maxHeader     = 64 << 10 // bytes of the original's header that a notice repeats
	maxReturned   = 1 << 20  // bytes of an original that is returned whole
	maxDiagnostic = 900      // bytes of a peer's words in one field
)

// returned is what a notice holds of the message that it is about: nothing, its header, or all of it.
type returned struct {
	header   []byte
	whole    io.ReadCloser // nil: the header alone
	eight    bool          // with whole: it has 8-bit content
	global   bool          // with whole: it has internationalized addresses or headers
	tooLarge bool          // it was to be returned whole
}

// returned reads the original, or opens it. One that cannot be read costs the notice that part only. Nothing is returned
// of a message with REQUIRETLS (RFC 8689 §5), and RET is about failures alone (RFC 3461 §4.3).
func (b *Bouncer) returned(n *notice) returned {
	if n.env.RequireTLS {
		return returned{}
	}
	r := returned{header: b.header(n.env.MID), eight: n.env.Body8Bit, global: n.env.SMTPUTF8}
	if n.env.Ret != "FULL" || n.kind != ofFailure || !n.how.DSN {
		return r
	}
	if r.tooLarge = n.env.Size > maxReturned; r.tooLarge {
		return r
	}
	if body, err := b.Spool.Open(n.env.MID); err == nil {
		r.whole = body
	}
	return r
}

// header reads the header of a message.
func (b *Bouncer) header(mid uint64) []byte {
	body, err := b.Spool.Open(mid)
	if err != nil {
		return nil
	}
	defer body.Close()
	var header []byte
	r := bufio.NewReader(io.LimitReader(body, maxHeader))
	for {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			header = append(header, line...)
			continue
		}
		if err != nil || strings.TrimRight(string(line), "\r\n") == "" {
			return header
		}
		header = append(header, line...)
	}
}

func (r *returned) empty() bool { return r.whole == nil && len(r.header) == 0 }

// eightBit says that the notice has 8 bits, too: a message/rfc822 must not be encoded (RFC 2046 §5.2.1).
func (r *returned) eightBit() bool { return r.whole != nil && r.eight && !r.global }

func (r *returned) close() {
	if r.whole != nil {
		r.whole.Close()
	}
}

// print writes the part of the notice with what is returned (RFC 6522 §3).
func (r *returned) print(p *printer) {
	if r.whole == nil {
		p.line("Content-Description: Header of the message")
		p.encoded("text/rfc822-headers", r.header)
		return
	}
	p.line("Content-Description: The message")
	switch {
	case r.global: // it may be encoded, and so passes every hop (RFC 6532 §3.7)
		p.line("Content-Type: message/global")
		p.line("Content-Transfer-Encoding: quoted-printable")
		p.line("")
		q := quotedprintable.NewWriter(p.w)
		io.Copy(q, r.whole)
		q.Close()
	case r.eight:
		p.line("Content-Type: message/rfc822")
		p.line("Content-Transfer-Encoding: 8bit")
		p.line("")
		io.Copy(p.w, r.whole)
	default:
		p.line("Content-Type: message/rfc822")
		p.line("")
		io.Copy(p.w, r.whole)
	}
	p.line("")
}
