package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

// Options are what one server session is told at its start. They do not change while it lasts.
type Options struct {
	Host           string        // what the banner, EHLO and QUIT say
	Greeting       string        // stands behind ESMTP in the banner; may be empty
	Rejected       bool          // greet with 554 and wait for QUIT (RFC 5321 §3.1)
	RejectText     string        // a further line of that greeting; may be empty
	MaxMessageSize int64         // bytes of one message; 0 is no limit
	ImplicitTLS    bool          // the handshake comes before the banner (RFC 8314 §3.3)
	OfferTLS       bool          // EHLO offers STARTTLS
	RequireTLS     bool          // no mail without it
	CommandTimeout time.Duration // for one command, and for each block of content (RFC 5321 §4.5.3.2.7)
	SessionTimeout time.Duration // for the connection in all
	MaxBadCommands int           // so many commands that are unknown or malformed are answered; 0 means 5
	Tap            Tap           // hears the conversation; nil: nobody does
}

// Mail is a parsed MAIL command.
type Mail struct {
	From Path
	Size int64  // as declared, 0 where it was not
	UTF8 bool   // SMTPUTF8 was asked for (RFC 6531)
	Body string // "7BIT", "8BITMIME" or empty

	RequireTLS bool // REQUIRETLS was asked for (RFC 8689 §2)

	Ret   string // what a notice of failure is to return (RFC 3461 §4.3): "FULL", "HDRS" or empty
	EnvID string // what the sender calls this transaction in notices (RFC 3461 §4.4), decoded
}

// Rcpt is a parsed RCPT command.
type Rcpt struct {
	To Path
	Wishes
}

// Handshake is how a TLS handshake ended.
type Handshake struct {
	State tls.ConnectionState // where Err is nil
	Err   error               // ErrEarlyText, or what crypto/tls says
}

// Ruling is what a Backend makes of the session once its handshake is over.
type Ruling struct {
	Options *Options // in force from now on; nil: as before
	Refused *Reply   // answers every later command but QUIT, and stands in for the banner where that is still due
	Leave   bool     // the connection is closed without another word
}

// Upgrade is what one TLS handshake needs; *tlspolicy.Incoming is one.
type Upgrade interface {
	Config() *tls.Config
	// Watch wraps the connection that the handshake goes over.
	Watch(conn net.Conn) net.Conn
}

// Backend decides what a session allows and takes the mail. A Backend belongs to one session; its methods are called
// by that session's goroutine only, one after the other.
//
// A transaction begins with a positive reply to Mail and ends with exactly one call of Reset or Content.Commit.
type Backend interface {
	// Hello tells how the client introduced itself; once more after STARTTLS.
	Hello(name string, extended bool)
	// TLS prepares a handshake that begins now. An error is answered with 454, or with the Reply that it is or wraps;
	// where the handshake would come before the banner, the connection is closed instead.
	TLS() (Upgrade, error)
	// Handshake tells how that ended. It is called once for every Upgrade that TLS returned.
	Handshake(h Handshake) Ruling
	// TLSMissing tells that a command was refused because it needs TLS.
	TLSMissing()
	// Oversized tells that a message was refused for the size that it declared.
	Oversized()

	Mail(ctx context.Context, m Mail) Reply
	Recipient(ctx context.Context, r Rcpt) Reply
	// Data begins the content. The Content is nil where the reply is negative.
	Data(ctx context.Context) (Content, Reply)
	// Reset ends the transaction without a message. why is one of the errors below or what Content.Write returned.
	Reset(why error)
}

// Content takes a message's content, decoded, in blocks that are only valid during the call. An error of Write ends
// the message; where it is (or wraps) a Reply, that is what the client reads.
type Content interface {
	io.Writer
	// Commit makes the message permanent; only then may its reply be positive. It ends the transaction in any case.
	Commit(ctx context.Context) Reply
}

// Why a transaction ended without a message.
var (
	ErrReset     = errors.New("reset by the client")
	ErrLost      = errors.New("connection lost")
	ErrTimeout   = errors.New("timed out")
	ErrTooBig    = errors.New("message size exceeds limit")
	ErrBareLine  = errors.New("bare CR or LF in the message")
	ErrStopped   = errors.New("shutting down")
	ErrEarlyText = errors.New("text behind STARTTLS before the handshake")
)

// End says how a session ended.
type End int

const (
	EndQuit   End = iota // the client said QUIT
	EndClosed            // this side ended it
	EndLost              // the client went away, or the connection broke
)

// Session is one server session on one connection.
type Session struct {
	opts    Options
	backend Backend
	wire    *wire

	hello   string // empty: no EHLO or HELO yet
	secure  bool
	refused *Reply // answers everything but QUIT
	bad     int    // commands that were unknown or malformed

	mail       bool // a transaction is open
	utf8       bool // it is one of SMTPUTF8
	recipients int
	intake     *intake // the content of a BDAT transaction under way
	whole      intake  // that of the last DATA

	over bool // the session ends once its reply is sent
	end  End
}

// NewSession prepares a session. Nothing is sent before Serve.
func NewSession(conn net.Conn, o Options, b Backend) *Session {
	if o.MaxBadCommands <= 0 {
		o.MaxBadCommands = 5
	}
	s := &Session{opts: o, backend: b, wire: newWire(conn, o.CommandTimeout, o.SessionTimeout)}
	s.wire.tap = o.Tap
	return s
}

// Refuse says one reply in place of a session and closes the connection. It takes a few seconds at most.
func Refuse(conn net.Conn, r Reply) {
	c := newWire(conn, lastWords, lastWords)
	defer c.close()
	c.reply(r)
	c.finish(true)
}

// Stop asks the session to end with 421 as soon as no transaction is open. It may be called from any goroutine.
func (s *Session) Stop() { s.wire.stop() }

// Serve runs the session to its end and closes the connection. Cancelling ctx ends it at the next command.
func (s *Session) Serve(ctx context.Context) End {
	defer s.wire.close()
	// A Backend that panics must not leave a transaction open that nobody ends.
	defer s.reset(ErrLost)
	unhook := context.AfterFunc(ctx, s.Stop)
	defer unhook()

	if s.opts.ImplicitTLS {
		s.implicitTLS(ctx)
	}
	if !s.over {
		s.welcome()
	}
	for !s.over {
		line, err := s.wire.command(s.mail)
		if err != nil {
			s.unreadable(err)
			continue
		}
		s.dispatch(ctx, line)
	}
	s.wire.finish(s.end == EndClosed)
	return s.end
}

// welcome says the banner. One with 421 is the last word (RFC 5321 §3.8).
func (s *Session) welcome() {
	r := s.greeting()
	if r.Code == 421 {
		s.hangUp(r)
		return
	}
	s.reply(r)
}

func (s *Session) reply(r Reply) { s.wire.reply(r) }

// replyBad answers a command that is unknown or malformed, and ends the session after too many of them.
func (s *Session) replyBad(r Reply) {
	if s.bad++; s.bad > s.opts.MaxBadCommands {
		s.hangUp(replyTooManyBad)
		return
	}
	s.reply(r)
}

// hangUp sends a last reply and ends the session.
func (s *Session) hangUp(r Reply) {
	s.reply(r)
	s.finish(EndClosed)
}

func (s *Session) finish(e End) { s.over, s.end = true, e }

// unreadable deals with what came in place of a command.
func (s *Session) unreadable(err error) {
	switch {
	case errors.Is(err, errLongLine):
		s.replyBad(replyLongLine)
	case errors.Is(err, errBadLine):
		s.replyBad(replyBadLine)
	default:
		s.broken(err)
	}
}

// broken ends the session because nothing more can be read from it.
func (s *Session) broken(err error) {
	s.reset(reason(err))
	switch {
	case errors.Is(err, errIdle):
		s.hangUp(replyIdle)
	case errors.Is(err, errSessionTime):
		s.hangUp(replySessionTime)
	case errors.Is(err, errFlood):
		s.hangUp(replyTooManyBad)
	case errors.Is(err, ErrStopped):
		s.hangUp(replyStopping(s.opts.Host))
	default:
		s.finish(EndLost)
	}
}

// reason turns what the wire says into what a Backend is told.
func reason(err error) error {
	switch {
	case errors.Is(err, errIdle), errors.Is(err, errSessionTime):
		return ErrTimeout
	case errors.Is(err, ErrStopped):
		return ErrStopped
	}
	return ErrLost
}

// reset ends the open transaction, if there is one.
func (s *Session) reset(why error) {
	open := s.mail
	s.mail, s.utf8, s.recipients, s.intake = false, false, 0, nil
	if open {
		s.backend.Reset(why)
	}
}
