package inbound

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"strings"
	"time"

	"posthouse/internal/openssl"
)

// received is the trace field that goes on top of a message (RFC 5321 §4.4).
func (c *connection) received(now time.Time) []byte {
	var b bytes.Buffer
	from := c.remoteLiteral()
	if c.name != "" && c.verified {
		from = plain(c.name) + " " + from
	}
	fmt.Fprintf(&b, "Received: from %s (%s)\r\n", plain(c.hello), from)
	fmt.Fprintf(&b, "\tby %s with %s", plain(c.host), c.protocol())
	if c.secure != nil {
		fmt.Fprintf(&b, " (%s)", openssl.ProtocolName(c.secure.Version))
	}
	fmt.Fprintf(&b, "\r\n\tid %d", c.transfer.mid)
	// More than one would tell each of the others (RFC 5321 §7.2).
	if to := c.transfer.to; len(to) == 1 && (c.transfer.mail.UTF8 || plain(to[0]) == to[0]) {
		fmt.Fprintf(&b, " for <%s>", to[0])
	}
	if c.secure != nil { // by the name that IANA gave it (RFC 8314 §4.3)
		fmt.Fprintf(&b, "\r\n\ttls %s", tls.CipherSuiteName(c.secure.CipherSuite))
	}
	fmt.Fprintf(&b, "; %s\r\n", mailDate(now))
	return b.Bytes()
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

func (c *connection) remoteLiteral() string {
	if c.remote.Is6() {
		return "[IPv6:" + c.remote.WithZone("").String() + "]"
	}
	return "[" + c.remote.String() + "]"
}

// plain makes a name from outside fit for a header: ASCII, and nothing that would begin or end a comment.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || strings.ContainsRune(`()<>;,"\`, r) {
			return '?'
		}
		return r
	}, s)
}

// origin makes the fields that a message must have and may lack (RFC 5322 §3.6).
func (c *connection) origin(now time.Time) func(date, id bool) []byte {
	return func(date, id bool) []byte {
		var b bytes.Buffer
		if date {
			fmt.Fprintf(&b, "Date: %s\r\n", mailDate(now))
		}
		if id {
			fmt.Fprintf(&b, "Message-ID: <%d.%s@%s>\r\n", c.transfer.mid, rand.Text(), plain(c.host))
		}
		return b.Bytes()
	}
}

func mailDate(t time.Time) string { return t.Format("Mon, 02 Jan 2006 15:04:05 -0700") }
