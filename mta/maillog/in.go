package maillog

import (
	"net/netip"

	"posthouse/internal/cause"
)

// ConnectionIn says that a connection was accepted: the listener's interface name and address, the peer, and the name of
// its reverse lookup ("" where there is none); verified when that name leads back to the address.
func (l *Log) ConnectionIn(icid uint64, ifname string, local, remote netip.Addr, name string, verified bool) {
	l.connectionIn("SMTP", icid, ifname, local, remote, name, verified)
}

// ConnectionInQuarantine is ConnectionIn for the link between quarantine and gateway.
func (l *Log) ConnectionInQuarantine(icid uint64, ifname string, local, remote netip.Addr, name string, verified bool) {
	l.connectionIn("CPQ", icid, ifname, local, remote, name, verified)
}

func (l *Log) connectionIn(kind string, icid uint64, ifname string, local, remote netip.Addr, name string, verified bool) {
	host, yes := "unknown", "no"
	if name != "" {
		host = esc(name)
		if verified {
			yes = "yes"
		}
	}
	l.info("New %s ICID %d interface %s (%s) address %s reverse dns host %s verified %s",
		kind, icid, esc(ifname), addr(local), addr(remote), host, yes)
}

// HostAccess says what the host access table decided: action ACCEPT, RELAY or REJECT, the sender group ("" for none),
// the entry that matched, and the reputation score ("" for none).
func (l *Log) HostAccess(icid uint64, action, group, pattern, score string) {
	l.info("ICID %d %s SG %s match %s SBRS %s", icid, esc(action), orNone(group), esc(pattern), orNone(score))
}

// HostRefused says that a connection was reset without a banner; it has no ICID of its own, and so no close.
func (l *Log) HostRefused(group, pattern, score string) {
	l.HostAccess(0, "TCPREFUSE", group, pattern, score)
}

// TLSInSuccess says that a peer's STARTTLS succeeded; protocol as TLSv1.3, cipher by OpenSSL's name.
func (l *Log) TLSInSuccess(icid uint64, protocol, cipher string) {
	l.info("ICID %d TLS success protocol %s cipher %s", icid, esc(protocol), esc(cipher))
}

// TLSInFailed says that a handshake failed: the error's number and text as OpenSSL would print them
// (336109761, "error:1408A0C1:SSL routines:SSL3_GET_CLIENT_HELLO:no shared cipher").
func (l *Log) TLSInFailed(icid uint64, number int, text string, id cause.ID) {
	l.info("ICID %d TLS failed: (%d, %s)%s", icid, number, quoted(text), because(id))
}

// TLSInRequired says that a peer left without TLS although the policy asks for it.
func (l *Log) TLSInRequired(icid uint64, id cause.ID) {
	l.info("ICID %d TLS was required but remote host did not initiate it%s", icid, because(id))
}

// CauseIn names our cause for what happened on an incoming connection, with what is known of it: "they offer
// TLSv1.2 with ADH-AES128-SHA; we take TLSv1.2, TLSv1.3" ("" for nothing). It follows the line of the failure.
func (l *Log) CauseIn(icid uint64, id cause.ID, remote netip.Addr, detail string) {
	if detail != "" {
		detail = ": " + esc(detail)
	}
	l.info("ICID %d cause %s for %s%s", icid, string(id), addr(remote), detail)
}

// ReceivingReason is why a message or a connection was cut short by us.
type ReceivingReason string

const (
	SizeExceeded       ReceivingReason = "Message size exceeds limit"
	MessageLoop        ReceivingReason = "Message loop"
	ConnectionsReached ReceivingReason = "Connection limit exceeded"
)

// ReceivingFailed says that we ended the receiving on a connection.
func (l *Log) ReceivingFailed(icid uint64, reason ReceivingReason) {
	l.info("ICID %d Receiving Failed: %s", icid, esc(string(reason)))
}

// ConnectionInLost says that the peer went without QUIT; ConnectionInClosed follows it.
func (l *Log) ConnectionInLost(icid uint64) { l.info("ICID %d lost", icid) }

// ConnectionInClosed is the last line of a connection.
func (l *Log) ConnectionInClosed(icid uint64) { l.info("ICID %d close", icid) }
