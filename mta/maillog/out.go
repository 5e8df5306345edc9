package maillog

import (
	"fmt"
	"net/netip"

	"posthouse/internal/cause"
)

// QuarantineHost is the destination that stands for the central quarantine.
const QuarantineHost = "the.cpq.host"

// ConnectionOut says that a connection to a destination is being opened from the local address.
func (l *Log) ConnectionOut(dcid uint64, local, remote netip.Addr, port int) {
	l.info("New SMTP DCID %d interface %s address %s port %d", dcid, addr(local), addr(remote), port)
}

// TLSOutSuccess says that STARTTLS succeeded; protocol as TLSv1.3, cipher by OpenSSL's name.
func (l *Log) TLSOutSuccess(dcid uint64, protocol, cipher string) {
	l.info("DCID %d TLS success protocol %s cipher %s", dcid, esc(protocol), esc(cipher))
}

// TLSOutSuccessQuarantine is TLSOutSuccess on the way to the central quarantine.
func (l *Log) TLSOutSuccessQuarantine(dcid uint64, protocol, cipher string) {
	l.info("DCID %d TLS success protocol %s cipher %s %s", dcid, esc(protocol), esc(cipher), QuarantineHost)
}

// TLSOutUnexpected says that STARTTLS was not offered or not answered with 220.
func (l *Log) TLSOutUnexpected(dcid uint64, id cause.ID) {
	l.info("DCID %d TLS failed: STARTTLS unexpected response%s", dcid, because(id))
}

// TLSOutNotVerified says that the peer's certificate was not accepted, in OpenSSL's words
// ("unable to get local issuer certificate").
func (l *Log) TLSOutNotVerified(dcid uint64, reason string, id cause.ID) {
	l.info("DCID %d TLS failed: verify error: %s%s", dcid, esc(reason), because(id))
}

// TLSOutFailed says that the handshake failed: number and text as OpenSSL would print the error.
func (l *Log) TLSOutFailed(dcid uint64, number int, text string, id cause.ID) {
	l.info("DCID %d TLS failed: (%d, %s)%s", dcid, number, quoted(text), because(id))
}

// TLSOutRequired says that a message stays because TLS is required and was not had.
func (l *Log) TLSOutRequired(dcid uint64, id cause.ID) {
	l.info("DCID %d TLS was required but could not be successfully negotiated%s", dcid, because(id))
}

// ConnectionReason is the last word of a Connection Error line.
type ConnectionReason string

const (
	NetworkError       ConnectionReason = "network error"
	Timeout            ConnectionReason = "timeout"
	UnexpectedResponse ConnectionReason = "unexpected SMTP response"
)

// ConnectionFailure is a failed try to reach a destination.
type ConnectionFailure struct {
	Domain    string           // of the recipients
	IP        netip.Addr       // of the peer; invalid when there was none
	Port      int              // of the peer
	Details   string           // "[Errno 61] Connection refused", "EOF", or what ReplyDetails makes
	Interface netip.Addr       // the local address; invalid when none was bound
	Reason    ConnectionReason // which kind of failure it is
}

// ConnectionError says why a connection was of no use. It comes before the TLS failed line of the same connection.
func (l *Log) ConnectionError(dcid uint64, f ConnectionFailure) {
	l.info("Connection Error: DCID %d domain: %s IP: %s port: %d details: %s interface: %s reason: %s",
		dcid, esc(f.Domain), addr(f.IP), f.Port, esc(f.Details), addr(f.Interface), esc(string(f.Reason)))
}

// ReplyDetails makes the details of a ConnectionFailure from a peer's reply: 454-'TEXT'.
func ReplyDetails(code int, text string) string { return fmt.Sprintf("%03d-%s", code, quote(text)) }

// Cause names our cause for a failure whose own line has no room for it.
func (l *Log) Cause(dcid uint64, id cause.ID, domain string) {
	l.info("DCID %d cause %s for %s", dcid, string(id), esc(domain))
}

// InClear says that mail for the domain goes out without TLS.
func (l *Log) InClear(dcid uint64, domain string, id cause.ID) {
	l.info("DCID %d delivery in clear for %s%s", dcid, esc(domain), because(id))
}

// PeerNotVerified says that mail for the domain goes to a peer that did not prove who it is.
func (l *Log) PeerNotVerified(dcid uint64, domain string, id cause.ID) {
	l.info("DCID %d peer not verified for %s%s", dcid, esc(domain), because(id))
}

// ConnectionOutClosed is the last line of a connection.
func (l *Log) ConnectionOutClosed(dcid uint64) { l.info("DCID %d close", dcid) }
