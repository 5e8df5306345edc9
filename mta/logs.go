package mta

import (
	"fmt"
	"net/netip"

	"posthouse/mta/maillog"
	"posthouse/mta/queue"
	"posthouse/mta/smtp"
)

// tapIn has a debug log hear an incoming conversation that it is about.
func (e *Engine) tapIn(icid uint64, remote netip.Addr, name string) (smtp.Tap, func()) {
	if c, stop := e.opt.Logs.Injection(icid, remote, name); c != nil {
		return c, stop
	}
	return nil, nil
}

// tapOut has a debug log hear an outgoing conversation that it is about.
func (e *Engine) tapOut(dcid uint64, domain, host string) (smtp.Tap, func()) {
	if c, stop := e.opt.Logs.Delivery(dcid, domain, host); c != nil {
		return c, stop
	}
	return nil, nil
}

// logHeaders are the header fields of a message that the operator wants in mail_logs.
func (e *Engine) logHeaders(mid uint64) []maillog.Header {
	names := e.config().Logs.Headers
	if len(names) == 0 {
		return nil
	}
	body, err := e.spool.Open(mid)
	if err != nil {
		return nil // the spool has told of it
	}
	defer body.Close()
	return maillog.HeadersOf(body, names)
}

// withLogs adds to the queue's options what goes into logs beside mail_logs.
func (e *Engine) withLogs(o queue.Options) queue.Options {
	o.Headers = e.logHeaders
	if e.opt.Logs != nil {
		o.Bounced = e.opt.Logs.Bounced
	}
	return o
}

// StatusLine is what Status Logs say of now: counts since the start, and what there is at the moment. CrtMID and its kin are
// the latest numbers given out; QKUsd and QKFre are kilobytes of the spool.
func (e *Engine) StatusLine() string {
	s := e.Status()
	c := e.counters.values()
	up := func(name string) uint64 { return c(name).Uptime }
	return fmt.Sprintf("Status: QKUsd %d QKFre %d CrtMID %d CrtICID %d CrtDCID %d InjMsg %d InjRcp %d GenBncRcp %d RejRcp %d DrpMsg %d "+
		"SftBncEvnt %d CmpRcp %d HrdBncRcp %d DnsHrdBnc %d 5XXHrdBnc %d FltrHrdBnc %d ExpHrdBnc %d OtrHrdBnc %d DlvRcp %d DelRcp %d "+
		"TLSVrfRcp %d TLSEncRcp %d ClrRcp %d ActvRcp %d UnatmptRcp %d AtmptRcp %d CrtCncIn %d CrtCncOut %d DnsReq %d NetReq %d CchHit %d "+
		"CchMis %d CchEct %d CchExp %d DstInMem %d WorkQ %d",
		s.KilobytesUsed, s.KilobytesFree, s.MID, s.ICID, s.DCID, s.MessagesReceived.Uptime, s.RecipientsReceived.Uptime,
		s.GeneratedBounces.Uptime, s.RejectedRecipients.Uptime, s.DroppedMessages.Uptime,
		s.SoftBouncedEvents.Uptime, s.CompletedRecipients.Uptime, s.HardBounced.Uptime, s.DNSHard.Uptime, s.FiveXXHard.Uptime,
		s.FilterHard.Uptime, s.ExpiredHard.Uptime, s.OtherHard.Uptime, s.Delivered.Uptime, s.Deleted.Uptime,
		s.TLSVerified.Uptime, s.TLSEncrypted.Uptime, s.InClear.Uptime, s.ActiveRecipients, s.Unattempted, s.Attempted,
		s.InboundConnections, s.OutboundConnections, up("dns_requests"), up("dns_network"), up("dns_hits"),
		up("dns_misses"), up("dns_exceptions"), up("dns_expired"), s.Destinations, s.WorkQueue)
}
