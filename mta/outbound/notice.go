package outbound

import (
	"bytes"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/netip"
	"strings"
	"time"

	"posthouse/internal/cause"
	"posthouse/mta/queue"
)

// printer writes CRLF lines. What comes from outside cannot end a line. Its errors are those of the buffer beneath,
// which keeps the first until it is flushed.
type printer struct{ w io.Writer }

func (p *printer) line(format string, args ...any) {
	text := strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return ' '
		}
		return r
	}, fmt.Sprintf(format, args...))
	io.WriteString(p.w, text+"\r\n")
}

// print writes the whole notice: as RFC 3464 says, or as plain text.
func (n *notice) print(p *printer) {
	p.line("From: Mail Delivery System <MAILER-DAEMON@%s>", n.host)
	p.line("To: <%s>", n.how.To)
	p.line("Subject: %s", n.subject())
	p.line("Date: %s", n.now.Format(time.RFC1123Z))
	p.line("Message-ID: %s", n.messageID())
	p.line("Auto-Submitted: auto-replied") // RFC 3834 §2
	p.line("MIME-Version: 1.0")
	if !n.how.DSN {
		n.printText(p, true)
		return
	}
	p.line(`Content-Type: multipart/report; report-type=delivery-status; boundary="%s"`, n.boundary)
	p.line("")
	p.line("This is a MIME-encapsulated message.")
	p.line("")
	p.line("--%s", n.boundary)
	p.line("Content-Description: Notification")
	n.printText(p, false)
	p.line("--%s", n.boundary)
	n.printStatus(p)
	if len(n.header) > 0 {
		p.line("--%s", n.boundary)
		n.printHeader(p)
	}
	p.line("--%s--", n.boundary)
}

// printText writes the part for people, and the original's header with it where there is no part of its own for it.
func (n *notice) printText(p *printer, withHeader bool) {
	var text bytes.Buffer
	n.explain(&printer{&text})
	if withHeader && len(n.header) > 0 {
		fmt.Fprintf(&text, "\r\n   --- header of the message ---\r\n\r\n%s", n.header)
	}
	n.printEncoded(p, "text/plain", text.Bytes())
}

// printEncoded writes a part's type and content, quoted-printable where it is not plain ASCII in short lines: a notice
// must pass every hop.
func (n *notice) printEncoded(p *printer, kind string, content []byte) {
	if plain(content) {
		p.line("Content-Type: %s; charset=us-ascii", kind)
		p.line("")
		p.w.Write(content)
		if !bytes.HasSuffix(content, []byte("\r\n")) {
			p.line("")
		}
		return
	}
	p.line("Content-Type: %s; charset=utf-8", kind)
	p.line("Content-Transfer-Encoding: quoted-printable")
	p.line("")
	q := quotedprintable.NewWriter(p.w)
	q.Write(content)
	q.Close()
	p.line("")
}

// plain says that content is ASCII in CRLF lines of at most 998 octets (RFC 5322 §2.1.1).
func plain(content []byte) bool {
	for line := range bytes.SplitSeq(content, []byte("\r\n")) {
		if len(line) > 998 || bytes.ContainsAny(line, "\r\n\x00") || !ascii(string(line)) {
			return false
		}
	}
	return true
}

// explain says to a person what happened and what may help.
func (n *notice) explain(p *printer) {
	p.line("This is the mail system at %s.", n.host)
	p.line("")
	if n.delay() {
		p.line("Your message could not be delivered yet. You need not send it again: it will be")
		p.line("tried until %s.", n.until.Format(time.RFC1123Z))
	} else {
		p.line("Your message could not be delivered to the recipients below. It will not be tried again.")
	}
	for i := range n.rcpts {
		r := &n.rcpts[i]
		p.line("")
		p.line("<%s>", r.Address)
		if remote := r.Failure.Remote; remote != "" {
			p.line("   at %s:", remote)
		}
		for _, text := range r.Failure.Lines {
			p.line("   %s", clip(text))
		}
		n.explainCause(p, r.Failure.Cause)
	}
}

// explainCause says which entry of the catalogue a failure belongs to, and what the entry advises.
func (n *notice) explainCause(p *printer, id cause.ID) {
	c, ok := cause.Lookup(id)
	if !ok {
		return
	}
	p.line("   Cause %s: %s.", c.ID, c.Title)
	if c.Helps != "" {
		p.line("   What helps: %s", c.Helps)
	}
}

// printStatus writes the part for programs (RFC 3464 §2).
func (n *notice) printStatus(p *printer) {
	p.line("Content-Description: Delivery report")
	p.line("Content-Type: message/delivery-status")
	p.line("")
	if n.env.EnvID != "" {
		p.line("Original-Envelope-Id: %s", n.env.EnvID)
	}
	p.line("Reporting-MTA: dns; %s", n.host)
	p.line("X-Posthouse-Queue-ID: %d", n.env.MID)
	p.line("Arrival-Date: %s", n.env.Received.Format(time.RFC1123Z))
	for i := range n.rcpts {
		p.line("")
		n.printRecipient(p, &n.rcpts[i])
	}
	p.line("")
}

func (n *notice) printRecipient(p *printer, r *queue.Failed) {
	f := &r.Failure
	p.line("Final-Recipient: %s", typedAddress(r.Address))
	if n.delay() {
		p.line("Action: delayed")
	} else {
		p.line("Action: failed")
	}
	p.line("Status: %s", f.Status)
	if f.Remote != "" {
		p.line("Remote-MTA: dns; %s", mtaName(f.Remote))
	}
	text := safeASCII(clip(f.Text()))
	if f.Code != 0 {
		p.line("Diagnostic-Code: smtp; %d %s", f.Code, text)
	} else {
		p.line("Diagnostic-Code: X-Posthouse; %s", text)
	}
	if f.Cause != "" {
		p.line("X-Posthouse-Cause: %s", f.Cause)
	}
	if n.delay() {
		p.line("Will-Retry-Until: %s", n.until.Format(time.RFC1123Z))
	}
}

// mtaName is a host's name, or its address in the form in which it can stand for one (RFC 3464 §2.1.2).
func mtaName(host string) string {
	addr, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return host
	case addr.Is6():
		return "[IPv6:" + host + "]"
	}
	return "[" + host + "]"
}

// typedAddress is an address with its type. An internationalized one is written so that it passes every hop
// (RFC 6533 §3).
func typedAddress(address string) string {
	if ascii(address) {
		return "rfc822; " + address
	}
	var b strings.Builder
	for _, r := range address {
		if r > 0x20 && r < 0x7f && r != '\\' && r != '+' && r != '=' {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\x{%02X}`, r)
		}
	}
	return "utf-8; " + b.String()
}

// printHeader returns the header of the message (RFC 3462 §2, RFC 6522 §3).
func (n *notice) printHeader(p *printer) {
	p.line("Content-Description: Header of the message")
	n.printEncoded(p, "text/rfc822-headers", n.header)
}

// clip is the beginning of a text that fits on a line.
func clip(text string) string {
	if len(text) <= maxDiagnostic {
		return text
	}
	return text[:maxDiagnostic] + "..."
}

// safeASCII is a text with what is not ASCII replaced.
func safeASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0x7f {
			return '?'
		}
		return r
	}, text)
}
