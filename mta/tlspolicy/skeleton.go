// Package tlspolicy makes the one TLS decision, outgoing and incoming: what is asked of a handshake, what came out of it,
// every finding about the peer's certificates, the cause, and what a delivery does next. It opens no connection and
// writes no log. inbound, outbound and commands may import it; it imports certstore, config and leaves.
package tlspolicy

import (
	"crypto/tls"
	"net"

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/internal/cause"
)

// Trust is what peers are verified against: the lists in force. It is made anew for every commit, and with it the
// session caches and ticket keys, so that no session outlives the trust under which it was made.
type Trust struct{}

// NewTrust loads the lists that the configuration puts in force.
func NewTrust(c *config.Config, certs *certstore.Store) (*Trust, error) { return &Trust{}, nil }

// Query is one host to be reached for one domain.
type Query struct {
	Domain    string // the recipients' domain
	Host      string // the MX or the route's host that is connected to; an address where there is no name
	RouteHost bool   // Host was named by an SMTP route
	Level     config.TLSLevel
	Small     bool // offer no post-quantum key share: the second try after Outcome.TrySmaller
}

// Finding is one thing seen at the peer's certificates.
type Finding struct {
	Cause  cause.ID
	Fatal  bool   // else a warning
	Reason string // OpenSSL's words
	Detail string // which element, since when, names tried and found
}

// Outcome is what came of TLS on one connection. The caller sets the fields itself for what it saw before the
// handshake: Outcome{Cause: cause.S2}, with Closed where the peer closed the connection.
type Outcome struct {
	Begun     bool // the peer answered 220 to STARTTLS: from here on nothing goes in clear
	Encrypted bool // the handshake succeeded
	Verified  bool // the level asks for verification, and it succeeded
	Closed    bool // before the handshake: the connection cannot be used any more

	Protocol string // "TLSv1.3"
	Cipher   string // OpenSSL's name
	PeerName string // the name that matched, where Verified

	Cause    cause.ID // the first cause; empty where all is as wanted
	Reason   string   // for the log, behind "TLS failed: ": `verify error: WORDS` or `(NUMBER, 'error:...')`
	Findings []Finding

	TrySmaller bool // the peer fell silent at our hello: try once more on a new connection with Query.Small (H12)
}

// Handshake watches one outgoing handshake.
type Handshake struct{}

// ClientConfig returns what the handshake with the host needs. cert may be nil; it is asked for client certificates
// only when the peer wants one.
func (t *Trust) ClientConfig(q Query, cert func() []tls.Certificate) (*tls.Config, *Handshake) {
	return &tls.Config{}, &Handshake{}
}

// Watch wraps the connection before anything is sent over it. Without it the causes S7, H3 to H6, H10, H12 and V11 are
// told apart less well.
func (h *Handshake) Watch(conn net.Conn) net.Conn { return conn }

// Outcome says what came of the handshake that returned err.
func (h *Handshake) Outcome(err error) Outcome { return Outcome{} }

// Late says whether an error of the first read after a successful handshake belongs to the handshake still: in TLS 1.3
// the peer refuses our certificate only then.
func (h *Handshake) Late(err error) (Outcome, bool) { return Outcome{}, false }

// Phase is how far a connection has come when an error ends it.
type Phase int

const (
	PhaseLookup   Phase = iota // asking the DNS
	PhaseConnect               // until TCP is connected
	PhaseBanner                // until the greeting is read
	PhaseEHLO                  // until the answer to EHLO is read
	PhaseSTARTTLS              // until the answer to STARTTLS is read
)

// ClassifyConnect says why the network ended a connection before TLS, and in which words Connection Error says it.
func ClassifyConnect(err error, phase Phase) (cause.ID, string) { return "", "" }

// ClassifyReply is the cause of a complete reply with a code that is not the wished one: N6, S1, S3. Empty for 2xx.
func ClassifyReply(code int, phase Phase) cause.ID { return "" }

// ClassifyOffer is the cause of an EHLO answer (its keyword lines) without STARTTLS: S2 or S5. Empty where it is offered.
func ClassifyOffer(keywords []string) cause.ID { return "" }

// OpenSSLError says a handshake's error as OpenSSL would, for `TLS failed: (NUMBER, 'TEXT')`; TEXT begins with "error:".
func OpenSSLError(err error) (number int, text string) { return 0, "" }

// Do is what a delivery does next.
type Do int

const (
	Proceed        Do = iota // send the mail over this connection, as it is encrypted
	ProceedClear             // send it over this connection in clear
	ReconnectClear           // make one new connection to the same host and send in clear
	NextHost                 // give this connection up; the next host is tried, then the message waits
)

// Action is the decision.
type Action struct {
	Do    Do
	Cause cause.ID // P1, P2 or P3, or empty
	First cause.ID // why
}

// Decide says what a delivery under level does after the outcome.
func Decide(level config.TLSLevel, o Outcome) Action { return Action{} }

// CipherName is OpenSSL's name of a cipher suite.
func CipherName(id uint16) string { return "" }

// ProtocolName is OpenSSL's name of a version: "TLSv1.3".
func ProtocolName(version uint16) string { return "" }

// ServerConfig returns what a listener needs. With verifyClient a client must show a certificate that t trusts.
func ServerConfig(certs []tls.Certificate, verifyClient bool, t *Trust) *tls.Config {
	return &tls.Config{}
}

// ClassifyServer says why an incoming handshake failed. hello is nil where none was read.
func ClassifyServer(err error, hello *tls.ClientHelloInfo) (cause.ID, int, string) { return "", 0, "" }

// Server is the incoming side for one listener and one of its policies. It is made anew for every commit.
// It does what ServerConfig and ClassifyServer do, keeps the ticket keys fresh and sees more of a failure.
type Server struct{}

// NewServer returns the incoming side with the listener's certificates.
func NewServer(certs []tls.Certificate, verifyClient bool, t *Trust) *Server { return &Server{} }

// Accept prepares one handshake: tls.Server(in.Watch(conn), in.Config()).
func (s *Server) Accept() *Incoming { return &Incoming{} }

// Incoming watches one incoming handshake.
type Incoming struct{}

// Config is what tls.Server takes for this one connection.
func (in *Incoming) Config() *tls.Config { return &tls.Config{} }

// Watch wraps the connection behind STARTTLS. buffered says that bytes came behind STARTTLS before the handshake.
func (in *Incoming) Watch(conn net.Conn) net.Conn { return conn }

// Outcome says what came of the handshake that returned err; Verified means that the client's certificate was verified.
func (in *Incoming) Outcome(err error) Outcome { return Outcome{} }
