package outbound

import (
	"bytes"
	"fmt"
	"io"
	"mime/quotedprintable"
	"strings"
	"time"

	"posthouse/internal/cause"
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
	if n.returned.eightBit() {
		p.line("Content-Transfer-Encoding: 8bit") // as the part that is returned (RFC 2045 §6.4)
	}
	p.line("")
	p.line("This is a MIME-encapsulated message.")
	p.line("")
	p.line("--%s", n.boundary)
	p.line("Content-Description: Notification")
	n.printText(p, false)
	p.line("--%s", n.boundary)
	n.printStatus(p)
	if !n.returned.empty() {
		p.line("--%s", n.boundary)
		n.returned.print(p)
	}
	p.line("--%s--", n.boundary)
}

// printText writes the part for people, and the original's header with it where there is no part of its own for it.
func (n *notice) printText(p *printer, withHeader bool) {
	var text bytes.Buffer
	n.explain(&printer{&text})
	if withHeader && len(n.returned.header) > 0 {
		fmt.Fprintf(&text, "\r\n   --- header of the message ---\r\n\r\n%s", n.returned.header)
	}
	p.encoded("text/plain", text.Bytes())
}

// encoded writes a part's type and content, quoted-printable where it is not plain ASCII in short lines: a notice must
// pass every hop.
func (p *printer) encoded(kind string, content []byte) {
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
	switch n.kind {
	case ofDelay:
		p.line("Your message could not be delivered yet. You need not send it again: it will be")
		p.line("tried until %s.", n.until.Format(time.RFC1123Z))
	case ofSuccess:
		p.line("As you asked to be told: your message has reached the recipients below, or the next mail")
		p.line("system on its way to them.")
	default:
		p.line("Your message could not be delivered to the recipients below. It will not be tried again.")
	}
	if n.returned.tooLarge {
		p.line("It is too large to be returned whole; its header is below.")
	}
	for i := range n.rcpts {
		p.line("")
		n.rcpts[i].explain(p)
	}
}

func (e *entry) explain(p *printer) {
	p.line("<%s>", e.Address)
	switch {
	case e.action == "delivered":
		p.line("   delivered")
	case e.action == "relayed":
		p.line("   relayed to %s, which promises no further notice:", e.what.Remote)
	case e.what.Remote != "":
		p.line("   at %s:", e.what.Remote)
	}
	for _, text := range e.what.Lines {
		p.line("   %s", clip(text))
	}
	explainCause(p, e.what.Cause)
}

// explainCause says which entry of the catalogue a failure belongs to, and what the entry advises.
func explainCause(p *printer, id cause.ID) {
	c, ok := cause.Lookup(id)
	if !ok {
		return
	}
	p.line("   Cause %s: %s.", c.ID, c.Title)
	if c.Helps != "" {
		p.line("   What helps: %s", c.Helps)
	}
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
