// Package tlspolicy makes the one TLS decision, outgoing and incoming: what is asked of a handshake, what came out of it,
// every finding about the peer's certificates, the cause, and what a delivery does next. It opens no connection and
// writes no log. inbound, outbound and commands may import it; it imports certstore, config and leaves.
//
// A delivery asks Trust.ClientConfig for the settings of one handshake, wraps its connection with Handshake.Watch before
// it sends anything, shakes hands, asks Handshake.Outcome what came of it, and Decide what to do. A listener asks Server
// in the same way.
package tlspolicy

import (
	"fmt"

	"posthouse/config"
	"posthouse/internal/cause"
)

// Query is one host to be reached for one domain.
type Query struct {
	Domain    string // the recipients' domain
	Host      string // the MX or the route's host that is connected to; an address where there is no name
	RouteHost bool   // Host was named by an SMTP route
	Level     config.TLSLevel
	Small     bool // offer no post-quantum key share: the second try after Outcome.TrySmaller
}

// Finding is one thing seen at the peer's certificates or at the handshake.
type Finding struct {
	Cause  cause.ID
	Fatal  bool   // else a warning
	Reason string // OpenSSL's words
	Detail string // which element, since when, names tried and found; escaped, fit for a log
}

// Outcome is what came of TLS on one connection. The caller sets the fields itself for what it saw before the
// handshake: Outcome{Cause: cause.S2}, with Closed where the peer closed the connection.
type Outcome struct {
	Begun     bool // the peer answered 220 to STARTTLS: from here on nothing goes in clear
	Encrypted bool // the handshake succeeded
	Verified  bool // the level asks for verification, and it succeeded
	Closed    bool // the connection cannot be used any more

	Protocol string // "TLSv1.3"
	Cipher   string // OpenSSL's name
	PeerName string // the name that matched; of a verified client its subject

	Cause    cause.ID // the first cause; empty where all is as wanted, or where we gave up by ourselves
	Reason   string   // for the log, behind "TLS failed: ": `verify error: WORDS` or `(NUMBER, 'error:...')`
	Number   int      // OpenSSL's number of a failed handshake, where Reason is no verify error
	Text     string   // and its text, "error:1408F10B:..."
	Findings []Finding

	TrySmaller bool // the peer fell silent at our hello: try once more on a new connection with Query.Small (H12)
}

// say sets the words of a failed handshake.
func (o *Outcome) say(number int, text string) {
	o.Number, o.Text, o.Reason = number, text, fmt.Sprintf("(%d, '%s')", number, text)
}

// verifies reports whether the level asks for the peer's certificate to be verified.
func verifies(level config.TLSLevel) bool {
	switch level {
	case config.TLSPreferVerify, config.TLSRequireVerify, config.TLSRequireVerifyHosted:
		return true
	}
	return false
}

// requires reports whether the level forbids delivery without TLS.
func requires(level config.TLSLevel) bool {
	switch level {
	case config.TLSRequire, config.TLSRequireVerify, config.TLSRequireVerifyHosted:
		return true
	}
	return false
}

// VerifyError is the handshake's error where the peer's certificate does not verify and the level insists.
type VerifyError struct {
	Findings []Finding // in order of weight; the first is fatal
}

func (e *VerifyError) Error() string {
	return "verify error: " + e.Findings[0].Reason
}
