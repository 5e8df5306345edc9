package outbound

import (
	"net/netip"
	"strings"
	"time"

	"posthouse/mta/smtp"
)

// printStatus writes the part for programs (RFC 3464 §2), its fields in the order of the grammar there.
func (n *notice) printStatus(p *printer) {
	p.line("Content-Description: Delivery report")
	p.line("Content-Type: message/delivery-status")
	p.line("")
	if n.env.EnvID != "" {
		p.line("Original-Envelope-Id: %s", n.env.EnvID)
	}
	p.line("Reporting-MTA: dns; %s", n.host)
	p.line("Arrival-Date: %s", n.env.Received.Format(time.RFC1123Z))
	p.line("X-Posthouse-Queue-ID: %d", n.env.MID)
	for i := range n.rcpts {
		p.line("")
		n.printRecipient(p, &n.rcpts[i])
	}
	p.line("")
}

func (n *notice) printRecipient(p *printer, e *entry) {
	if kind, address, ok := strings.Cut(e.ORcpt, ";"); ok {
		if !ascii(address) {
			address = smtp.EncodeUTF8Address(address)
		}
		p.line("Original-Recipient: %s; %s", kind, address)
	}
	p.line("Final-Recipient: %s", typedAddress(e.Address))
	p.line("Action: %s", e.action)
	p.line("Status: %s", e.what.Status)
	if e.what.Remote != "" {
		p.line("Remote-MTA: dns; %s", mtaName(e.what.Remote))
	}
	text := safeASCII(clip(e.what.Text()))
	switch {
	case e.what.Code != 0:
		p.line("Diagnostic-Code: smtp; %d %s", e.what.Code, text)
	case text != "":
		p.line("Diagnostic-Code: X-Posthouse; %s", text)
	}
	if !e.tried.IsZero() {
		p.line("Last-Attempt-Date: %s", e.tried.Format(time.RFC1123Z))
	}
	if n.kind == ofDelay {
		p.line("Will-Retry-Until: %s", n.until.Format(time.RFC1123Z))
	}
	if e.what.Cause != "" {
		p.line("X-Posthouse-Cause: %s", e.what.Cause)
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
	return "utf-8; " + smtp.EncodeUTF8Address(address)
}
