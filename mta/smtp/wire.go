package smtp

import (
	"bufio"
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
	readBuffer = 8 << 10
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

// wire is a server's end of a connection: buffered, with a deadline before every read and write, replies flushed
// whenever the session is about to wait for the client (RFC 2920 §3.2), and moved to TLS in place.
type wire struct {
	raw  net.Conn // as accepted
	conn net.Conn // raw, or TLS over it
	r    *bufio.Reader
	w    *bufio.Writer
	line []byte // scratch for a reply

	each       time.Duration // for one command or one block of content
	sessionEnd time.Time
	until      time.Time // deadline of the command under way; zero while content is read: each block has its own

	mu       sync.Mutex
	stopping bool
	idle     bool // waiting for a command with no transaction open: stop may interrupt
}

func newWire(conn net.Conn, each, session time.Duration) *wire {
	c := &wire{raw: conn, conn: conn, each: each, sessionEnd: time.Now().Add(session)}
	c.r = bufio.NewReaderSize(wireReader{c}, readBuffer)
	c.w = bufio.NewWriterSize(wireWriter{c}, 1<<10)
	return c
}

// stop makes the next wait for a command, or the one that goes on, return ErrStopped unless a transaction is open.
func (c *wire) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopping = true
	if c.idle {
		c.raw.SetReadDeadline(time.Unix(1, 0))
	}
}

// wireReader and wireWriter are the sides that the buffers see: each real read and write gets its deadline there.
type wireReader struct{ *wire }
type wireWriter struct{ *wire }

func (r wireReader) Read(p []byte) (int, error) {
	c := r.wire
	if err := c.w.Flush(); err != nil {
		return 0, err
	}
	deadline := c.until
	if deadline.IsZero() {
		deadline = time.Now().Add(c.each)
	}
	if deadline.After(c.sessionEnd) {
		deadline = c.sessionEnd
	}
	c.mu.Lock()
	if c.stopping && c.idle {
		c.mu.Unlock()
		return 0, ErrStopped
	}
	c.raw.SetReadDeadline(deadline)
	c.mu.Unlock()
	n, err := c.conn.Read(p)
	if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		err = c.timedOut()
	}
	return n, err
}

// timedOut says which of the limits ended a read.
func (c *wire) timedOut() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopping && c.idle {
		return ErrStopped
	}
	if !time.Now().Before(c.sessionEnd) {
		return errSessionTime
	}
	return errIdle
}

func (w wireWriter) Write(p []byte) (int, error) {
	now := time.Now()
	deadline := now.Add(w.each)
	if deadline.After(w.sessionEnd) {
		deadline = w.sessionEnd
	}
	if least := now.Add(lastWords); deadline.Before(least) {
		deadline = least
	}
	w.raw.SetWriteDeadline(deadline)
	return w.conn.Write(p)
}

// reply queues a reply. An error shows at the next read.
func (c *wire) reply(r Reply) {
	c.line = r.Append(c.line[:0])
	c.w.Write(c.line)
}

// command reads one command line without its end. The bytes are valid until the next read.
func (c *wire) command(transaction bool) ([]byte, error) {
	c.setIdle(!transaction)
	defer c.setIdle(false)
	c.until = time.Now().Add(c.each)
	line, err := c.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, c.skipLine()
	}
	if err != nil {
		return nil, err
	}
	return checkLine(line)
}

func (c *wire) setIdle(idle bool) {
	c.mu.Lock()
	c.idle = idle
	c.mu.Unlock()
}

// skipLine reads to the end of a line that does not fit the buffer.
func (c *wire) skipLine() error {
	for skipped := 0; skipped < maxDiscard; {
		part, err := c.r.ReadSlice('\n')
		if err == nil {
			return errLongLine
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
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
	c.until = time.Time{}
	if c.r.Buffered() == 0 {
		if _, err := c.r.Peek(1); err != nil {
			return nil, err
		}
	}
	return c.r.Peek(c.r.Buffered())
}

// consumed tells how much of the block was used; the rest is what follows the content.
func (c *wire) consumed(n int) { c.r.Discard(n) }

// startTLS changes to TLS in place. Whatever the client had sent in clear behind STARTTLS would be taken for something
// that it said under TLS: the connection must then be given up (ErrEarlyText), before anything is answered.
func (c *wire) startTLS(ctx context.Context, up Upgrade) Handshake {
	if c.r.Buffered() > 0 {
		return Handshake{Err: ErrEarlyText}
	}
	c.reply(replyStartTLS)
	if err := c.w.Flush(); err != nil {
		return Handshake{Err: err}
	}
	return c.secure(ctx, up)
}

// secure does the handshake. Nothing may be buffered in either direction.
func (c *wire) secure(ctx context.Context, up Upgrade) (h Handshake) {
	secured := tls.Server(up.Watch(c.raw), up.Config())
	c.raw.SetDeadline(c.handshakeEnd())
	if h.Err = secured.HandshakeContext(ctx); h.Err != nil {
		return h
	}
	c.raw.SetDeadline(time.Time{})
	h.State = secured.ConnectionState()
	c.conn = secured
	c.r.Reset(wireReader{c})
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
	if c.w.Flush() != nil || !linger {
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

func (c *wire) close() { c.conn.Close() }
