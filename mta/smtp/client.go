package smtp

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// Stage is how far a client's connection has come.
type Stage int

const (
	StageBanner    Stage = iota // until the greeting is read
	StageHello                  // EHLO or HELO
	StageSTARTTLS               // until the answer to STARTTLS is read
	StageHandshake              // TLS
	StageMail                   // MAIL
	StageRcpt                   // RCPT
	StageData                   // DATA, until its answer is read
	StageContent                // until the final dot is written
	StageFinal                  // behind the final dot: the message may have been taken
	StageIdle                   // RSET, NOOP, QUIT
)

// String is the stage's name as an error message has it.
func (s Stage) String() string {
	return [...]string{"banner", "EHLO", "STARTTLS", "TLS handshake", "MAIL", "RCPT", "DATA", "content", "final dot", "idle"}[s]
}

// ClientError is a connection that cannot be used any more: lost, too slow, or not SMTP.
type ClientError struct {
	Stage Stage
	Err   error
}

func (e *ClientError) Error() string { return fmt.Sprintf("%s: %v", e.Stage, e.Err) }

// Unwrap is what the network said.
func (e *ClientError) Unwrap() error { return e.Err }

var (
	// ErrInjected says that bytes came behind the 220 to STARTTLS, before the handshake. Nothing of them is used.
	ErrInjected = errors.New("text behind the answer to STARTTLS")
	// ErrContent says that the message could not be read whole: it was not completed, and the connection is cut.
	ErrContent = errors.New("reading the message")
)

// Timeouts are a client's limits (RFC 5321 §4.5.3.2).
type Timeouts struct {
	Banner    time.Duration
	Command   time.Duration // EHLO, MAIL, RCPT and what else is answered at once
	Handshake time.Duration
	Data      time.Duration // the answer to DATA
	Block     time.Duration // the writing of one block of content
	Final     time.Duration // the answer to the final dot
	Quit      time.Duration
}

// DefaultTimeouts are those of RFC 5321 §4.5.3.2.
func DefaultTimeouts() Timeouts {
	return Timeouts{
		Banner: 5 * time.Minute, Command: 5 * time.Minute, Handshake: 2 * time.Minute, Data: 2 * time.Minute,
		Block: 3 * time.Minute, Final: 10 * time.Minute, Quit: 10 * time.Second,
	}
}

// Client is the sending side of one connection. It belongs to one goroutine. After a ClientError it can only be closed.
type Client struct {
	conn     net.Conn
	in       timedReader
	r        *bufio.Reader
	out      []byte // what is written next
	hello    string
	timeouts Timeouts
	below    net.Conn    // beneath TLS
	release  func() bool // of the context's hold on the connection
	tap      Tap         // nil: nobody listens

	extended   bool // the peer answered EHLO
	offers     map[string]string
	keywords   []string
	encrypted  bool
	handshaken bool // a reply has been read since the handshake
	broken     bool
}

// NewClient returns a client on an open connection, which it owns from now on: the end of ctx closes it at once.
// hello is the name that EHLO says.
func NewClient(ctx context.Context, conn net.Conn, hello string, timeouts Timeouts) *Client {
	c := &Client{hello: hello, timeouts: timeouts, below: conn}
	c.attach(conn)
	c.Hold(ctx)
	return c
}

// Hold has the end of ctx close the connection, after LetGo.
func (c *Client) Hold(ctx context.Context) {
	conn := c.below
	c.release = context.AfterFunc(ctx, func() { conn.Close() })
}

// LetGo takes the connection out of its context's hold. It returns false where that has ended already.
func (c *Client) LetGo() bool { return c.release() }

func (c *Client) attach(conn net.Conn) {
	c.conn = conn
	c.in.conn, c.in.tap = conn, c.tap
	c.r = bufio.NewReaderSize(&c.in, 4096)
}

// Listen has tap hear everything from now on; nil: nobody.
func (c *Client) Listen(tap Tap) { c.tap, c.in.tap = tap, tap }

// timedReader sets the limit of a reply where the network is really waited for: most replies of a pipeline are there
// already when they are read.
type timedReader struct {
	conn  net.Conn
	until time.Time
	tap   Tap
}

// Read reads from the network.
func (t *timedReader) Read(p []byte) (int, error) {
	t.conn.SetReadDeadline(t.until)
	n, err := t.conn.Read(p)
	if t.tap != nil && n > 0 {
		t.tap.Received(p[:n])
	}
	return n, err
}

// Close cuts the connection.
func (c *Client) Close() error {
	c.release()
	return c.conn.Close()
}

// Greeting reads the banner.
func (c *Client) Greeting() (Reply, error) {
	return c.read(StageBanner, c.timeouts.Banner)
}

// Hello says EHLO, and HELO to a peer that does not know EHLO. The reply is the last one; what is not 2xx means that
// the peer wants no mail now. After a STARTTLS it is said again (RFC 3207 §4.2).
func (c *Client) Hello() (Reply, error) {
	c.forget()
	reply, err := c.command(StageHello, "EHLO "+c.hello)
	if err != nil {
		return reply, err
	}
	if reply.Code/100 == 2 {
		c.extended = true
		c.learn(reply)
		return reply, nil
	}
	if !reply.Permanent() {
		return reply, nil
	}
	return c.Helo()
}

// Helo says HELO only, for a peer that hangs up at EHLO.
func (c *Client) Helo() (Reply, error) {
	c.forget()
	return c.command(StageHello, "HELO "+c.hello)
}

// forget drops what the peer said of itself before.
func (c *Client) forget() {
	c.offers, c.keywords, c.extended = map[string]string{}, nil, false
}

// learn keeps the extensions of an EHLO reply, whose first line is a greeting.
func (c *Client) learn(reply Reply) {
	for i, line := range reply.Lines {
		if i == 0 {
			continue
		}
		c.keywords = append(c.keywords, line)
		word, params, _ := strings.Cut(line, " ")
		c.offers[strings.ToUpper(word)] = params
	}
}

// Extended says whether the peer knows EHLO.
func (c *Client) Extended() bool { return c.extended }

// Offers returns an extension's parameters, and whether the peer offers it; the keyword in capitals.
func (c *Client) Offers(keyword string) (params string, ok bool) {
	params, ok = c.offers[keyword]
	return params, ok
}

// Keywords are the lines of the EHLO reply behind its first.
func (c *Client) Keywords() []string { return c.keywords }

// StartTLS asks for TLS. Only after a 220 without an error may Handshake follow.
func (c *Client) StartTLS() (Reply, error) {
	reply, err := c.commandWithin(StageSTARTTLS, "STARTTLS", c.timeouts.Data)
	if err != nil {
		return reply, err
	}
	if reply.Code == 220 && c.r.Buffered() > 0 {
		return reply, c.fail(StageHandshake, ErrInjected)
	}
	return reply, nil
}

// Handshake moves the connection to TLS. watch, if not nil, is put between TLS and the network.
func (c *Client) Handshake(ctx context.Context, conf *tls.Config, watch func(net.Conn) net.Conn) (tls.ConnectionState, error) {
	under := c.conn
	if watch != nil {
		under = watch(under)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeouts.Handshake)
	defer cancel()
	c.conn.SetDeadline(time.Now().Add(c.timeouts.Handshake))
	conn := tls.Client(under, conf)
	if err := conn.HandshakeContext(ctx); err != nil {
		return tls.ConnectionState{}, c.fail(StageHandshake, err)
	}
	c.attach(conn)
	c.encrypted, c.handshaken = true, false
	return conn.ConnectionState(), nil
}

// Raw is the connection beneath, for what is not SMTP any more. Behind it the client can only be closed.
func (c *Client) Raw() net.Conn {
	c.broken = true
	return c.conn
}

// Encrypted says whether the connection is under TLS.
func (c *Client) Encrypted() bool { return c.encrypted }

// JustEncrypted says that nothing has been read since the handshake: in TLS 1.3 an error of the next read may still be
// the peer's refusal of our certificate.
func (c *Client) JustEncrypted() bool { return c.encrypted && !c.handshaken }

// Broken says that the connection can carry no further command: it is lost, or the peer said 421.
func (c *Client) Broken() bool { return c.broken }

// fail makes the error of a connection that cannot be used any more.
func (c *Client) fail(stage Stage, err error) error {
	c.broken = true
	return &ClientError{stage, err}
}

// Reset ends a transaction that was begun.
func (c *Client) Reset() (Reply, error) { return c.command(StageIdle, "RSET") }

// Quit says goodbye, waits a little for the answer, and closes the connection.
func (c *Client) Quit() {
	c.commandWithin(StageIdle, "QUIT", c.timeouts.Quit)
	c.Close()
}

// command sends one command and reads its reply.
func (c *Client) command(stage Stage, line string) (Reply, error) {
	return c.commandWithin(stage, line, c.timeouts.Command)
}

func (c *Client) commandWithin(stage Stage, line string, limit time.Duration) (Reply, error) {
	c.put(line)
	if err := c.flush(stage, limit); err != nil {
		return Reply{}, err
	}
	return c.read(stage, limit)
}

// put buffers one command line. What could break the line is never in it: addresses are checked before.
func (c *Client) put(parts ...string) {
	for _, p := range parts {
		c.out = append(c.out, p...)
	}
	c.out = append(c.out, "\r\n"...)
}

// flush writes what is buffered, in one go.
func (c *Client) flush(stage Stage, limit time.Duration) error {
	c.conn.SetWriteDeadline(time.Now().Add(limit))
	if c.tap != nil {
		c.tap.Sent(c.out)
	}
	_, err := c.conn.Write(c.out)
	c.out = c.out[:0]
	if err != nil {
		return c.fail(stage, err)
	}
	return nil
}

// read reads one reply.
func (c *Client) read(stage Stage, limit time.Duration) (Reply, error) {
	c.in.until = time.Now().Add(limit)
	reply, err := readReply(c.r)
	if err != nil {
		return Reply{}, c.fail(stage, err)
	}
	if reply.Code == 421 {
		c.broken = true
	}
	c.handshaken = true
	return reply, nil
}
