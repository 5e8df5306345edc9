package smtp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

const (
	// maxCommandLine is RFC 5321 §4.5.3.1.4's 512 octets with room for every extension's parameters.
	maxCommandLine = 2048
	// maxDiscard bounds what is read in search of the end of a line that is too long.
	maxDiscard = 2 << 20
	// maxOut is how much of replies is kept to be sent at once, where a client sends many commands without waiting.
	maxOut     = 4 << 10
	maxIdleOut = 512
	// lastWords is how long a closing connection may take to accept a last reply.
	lastWords = 5 * time.Second
	// maxHandshake bounds a TLS handshake where the command timeout is longer. It is a few packets, and while it lasts it
	// takes one of the places that are there for handshakes.
	maxHandshake = 30 * time.Second
)

// What wire reports besides the errors of the connection.
var (
	errLongLine    = errors.New("command line too long")
	errBadLine     = errors.New("command line with control bytes")
	errFlood       = errors.New("endless command line")
	errIdle        = errors.New("no command or content in time")
	errSessionTime = errors.New("session took too long")
)

// wire is a server's end of a connection: buffered, with a deadline for every read and write, replies sent whenever the
// session is about to wait for the client (RFC 2920 §3.2), and moved to TLS in place.
type wire struct {
	raw  net.Conn // as accepted
	conn net.Conn // raw, or TLS over it
	r    reader
	out  []byte // replies that are not sent yet
	err  error  // of sending
	tap  Tap    // nil: nobody listens

	each       time.Duration // for one command or one block of content
	sessionEnd time.Time
	content    bool // what is read is content: each block has its own time, where a command has one for all of it
	begun      bool // the command under way has been waited for
	resting    bool // no transaction is open: stop may interrupt the wait for a command
	writeBy    time.Time

	mu       sync.Mutex
	readBy   time.Time
	stopping bool
	idle     bool // resting, and waiting
}

func newWire(conn net.Conn, each, session time.Duration) *wire {
	c := &wire{raw: conn, conn: conn, each: each, sessionEnd: time.Now().Add(session)}
	c.r.from = (*wireReader)(c)
	return c
}

// wireReader is the side that the buffer sees: each real read sends what is due first, and has its deadline.
type wireReader wire

func (r *wireReader) Read(p []byte) (int, error) {
	c := (*wire)(r)
	now := time.Now()
	if err := c.flush(now); err != nil {
		return 0, err
	}
	if !c.wait(now) {
		return 0, ErrStopped
	}
	n, err := c.conn.Read(p)
	if c.tap != nil && n > 0 {
		c.tap.Received(p[:n])
	}
	if err != nil && n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		err = c.timedOut()
	}
	if c.resting {
		c.mu.Lock()
		c.idle = false
		c.mu.Unlock()
	}
	return n, err
}

// flush sends the replies that are due. An error stays.
func (c *wire) flush(now time.Time) error {
	if c.err != nil || len(c.out) == 0 {
		return c.err
	}
	by, moved := c.deadline(now, c.writeBy)
	if least := now.Add(lastWords); by.Before(least) {
		by, moved = least, true
	}
	if moved {
		c.writeBy = by
		c.raw.SetWriteDeadline(by)
	}
	if c.tap != nil {
		c.tap.Sent(c.out)
	}
	_, c.err = c.conn.Write(c.out)
	if c.out = c.out[:0]; cap(c.out) > maxIdleOut {
		c.out = nil
	}
	return c.err
}

// reply queues a reply. An error shows at the next read.
func (c *wire) reply(r Reply) {
	if c.out == nil {
		c.out = make([]byte, 0, maxIdleOut/2)
	}
	c.out = r.Append(c.out)
	if len(c.out) >= maxOut {
		c.flush(time.Now())
	}
}

// command reads one command line without its end. The bytes are valid until the next read.
func (c *wire) command(transaction bool) ([]byte, error) {
	c.content, c.begun, c.resting = false, false, !transaction
	line, err := c.r.line()
	if errors.Is(err, errFull) {
		err = c.skipLine()
	}
	c.resting = false
	if err != nil {
		return nil, err
	}
	return checkLine(line)
}

// skipLine reads to the end of a line that does not fit the buffer.
func (c *wire) skipLine() error {
	for skipped := 0; skipped < maxDiscard; {
		part, err := c.r.line()
		if err == nil {
			return errLongLine
		}
		if !errors.Is(err, errFull) {
			return err
		}
		skipped += len(part)
	}
	return errFlood
}

// checkLine takes the CRLF off a command line. A bare LF is no line end (RFC 5321 §2.3.8): who sends one may be
// carrying somebody else's commands, so the line is refused rather than guessed at. Control bytes are too.
func checkLine(line []byte) ([]byte, error) {
	if len(line) > maxCommandLine {
		return nil, errLongLine
	}
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return nil, errBadLine
	}
	for _, c := range text {
		if (c < ' ' && c != '\t') || c == 0x7f {
			return nil, errBadLine
		}
	}
	return text, nil
}

// block returns the next bytes of content, at least one. Each wait for them has its own deadline.
func (c *wire) block() ([]byte, error) {
	c.content = true
	return c.r.block()
}

// consumed tells how much of the block was used; the rest is what follows the content.
func (c *wire) consumed(n int) { c.r.take(n) }

// startTLS changes to TLS in place. Whatever the client had sent in clear behind STARTTLS would be taken for something
// that it said under TLS: the connection must then be given up (ErrEarlyText), before anything is answered.
func (c *wire) startTLS(ctx context.Context, up Upgrade) Handshake {
	if c.r.buffered() > 0 {
		return Handshake{Err: ErrEarlyText}
	}
	c.reply(replyStartTLS)
	if err := c.flush(time.Now()); err != nil {
		return Handshake{Err: err}
	}
	return c.secure(ctx, up)
}

// secure does the handshake. Nothing may be buffered in either direction.
func (c *wire) secure(ctx context.Context, up Upgrade) (h Handshake) {
	secured := tls.Server(up.Watch(c.raw), up.Config())
	defer c.forgetDeadlines()
	c.raw.SetDeadline(c.handshakeEnd())
	if h.Err = secured.HandshakeContext(ctx); h.Err != nil {
		return h
	}
	c.raw.SetDeadline(time.Time{})
	h.State = secured.ConnectionState()
	c.conn = secured
	return h
}

func (c *wire) handshakeEnd() time.Time {
	end := time.Now().Add(min(c.each, maxHandshake))
	if end.After(c.sessionEnd) {
		return c.sessionEnd
	}
	return end
}

// finish sends what is still queued. With linger the client's unread input is awaited a little, since closing over it
// would reset the connection and could destroy the last reply on its way.
func (c *wire) finish(linger bool) {
	if c.flush(time.Now()) != nil || !linger {
		return
	}
	if secured, ok := c.conn.(*tls.Conn); ok {
		secured.CloseWrite()
	}
	half, ok := c.raw.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	c.raw.SetReadDeadline(time.Now().Add(time.Second))
	io.CopyN(io.Discard, c.raw, 256<<10)
}

func (c *wire) close() {
	c.conn.Close()
	c.r.release()
}
