package inbound

import (
	"crypto/rand"
	"crypto/tls"
	"strconv"
	"strings"
	"time"

	"posthouse/internal/openssl"
)

// received appends the trace field that goes on top of a message (RFC 5321 §4.4).
func (c *connection) received(b []byte) []byte {
	b = append(b, "Received: from "...)
	b = append(appendPlain(b, c.hello), " ("...)
	if c.name != "" && c.verified {
		b = append(appendPlain(b, c.name), ' ')
	}
	b = append(c.appendLiteral(b), ")\r\n\tby "...)
	b = append(appendPlain(b, c.host), " with "...)
	b = append(b, c.protocol()...)
	if c.secure != nil {
		b = append(append(append(b, " ("...), openssl.ProtocolName(c.secure.Version)...), ')')
	}
	b = strconv.AppendUint(append(b, "\r\n\tid "...), c.transfer.mid, 10)
	// More than one would tell each of the others (RFC 5321 §7.2).
	if to := c.transfer.to; len(to) == 1 && (c.transfer.mail.UTF8 || isPlain(to[0])) {
		b = append(append(append(b, " for <"...), to[0]...), '>')
	}
	if c.secure != nil { // by the name that IANA gave it (RFC 8314 §4.3)
		b = append(append(b, "\r\n\ttls "...), tls.CipherSuiteName(c.secure.CipherSuite)...)
	}
	b = append(c.appendDate(append(b, "; "...)), "\r\n"...)
	return b
}

// protocol is the name for the with clause (RFC 3848, RFC 6531 §4.3).
func (c *connection) protocol() string {
	name := "SMTP"
	switch {
	case c.transfer.mail.UTF8:
		name = "UTF8SMTP"
	case c.extended:
		name = "ESMTP"
	}
	if c.secure != nil && name != "SMTP" {
		name += "S"
	}
	return name
}

// appendLiteral appends the peer's address as RFC 5321 §4.1.3 has it.
func (c *connection) appendLiteral(b []byte) []byte {
	b = append(b, '[')
	if c.remote.Is6() {
		b = append(b, "IPv6:"...)
	}
	return append(c.remote.WithZone("").AppendTo(b), ']')
}

// appendPlain makes a name from outside fit for a header: ASCII, and nothing that would begin or end a comment.
func appendPlain(b []byte, s string) []byte {
	for _, r := range s {
		if !isPlainRune(r) {
			r = '?'
		}
		b = append(b, byte(r))
	}
	return b
}

// isPlain says whether appendPlain would leave s as it is.
func isPlain(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !isPlainRune(r) }) < 0
}

func isPlainRune(r rune) bool {
	switch r {
	case '(', ')', '<', '>', ';', ',', '"', '\\':
		return false
	}
	return ' ' < r && r <= '~'
}

// origin appends the fields that a message must have and may lack (RFC 5322 §3.6).
func (c *connection) origin(b []byte, date, id bool) []byte {
	if date {
		b = append(c.appendDate(append(b, "Date: "...)), "\r\n"...)
	}
	if id {
		b = strconv.AppendUint(append(b, "Message-ID: <"...), c.transfer.mid, 10)
		b = append(append(append(b, '.'), rand.Text()...), '@')
		b = append(appendPlain(b, c.host), ">\r\n"...)
	}
	return b
}

// appendDate appends the time at which the content began.
func (c *connection) appendDate(b []byte) []byte { return append(b, c.l.date(c.transfer.began)...) }

// date is a time in a header. It is made once a second: many messages may come in one.
func (l *Listener) date(t time.Time) string {
	d := l.dated.Load()
	if d == nil || d.second != t.Unix() {
		d = &dated{t.Unix(), t.Format("Mon, 02 Jan 2006 15:04:05 -0700")}
		l.dated.Store(d)
	}
	return d.text
}

// dated is the text of a second.
type dated struct {
	second int64
	text   string
}
