package rig

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

const (
	greetingTime = 15 * time.Second // how long a generator waits for a server's first word
	commandTime  = 5 * time.Minute  // and for everything after it
)

// client is one connection of the generator.
type client struct {
	conn    net.Conn
	br      *bufio.Reader
	bw      *bufio.Writer
	scratch []byte
	release func() bool // ends the watch on the context
}

// replyError is an answer of the wrong class.
type replyError struct {
	code int
	text string
}

func (e *replyError) Error() string { return e.text }

// dial connects and brings the session to where MAIL may be said.
func (l *Load) dial(ctx context.Context) (*client, error) {
	dialer := net.Dialer{Timeout: 30 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", l.Addr)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, br: bufio.NewReaderSize(conn, 4<<10), bw: bufio.NewWriterSize(conn, 16<<10)}
	c.release = context.AfterFunc(ctx, func() { conn.Close() })
	if err := c.greet(l); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *client) greet(l *Load) error {
	if err := c.conn.SetDeadline(time.Now().Add(greetingTime)); err != nil {
		return err
	}
	if err := c.reply(2); err != nil {
		return err
	}
	if err := c.conn.SetDeadline(time.Now().Add(commandTime)); err != nil {
		return err
	}
	if err := c.command(2, "EHLO client.bench.test"); err != nil {
		return err
	}
	if l.StartTLS {
		if err := c.startTLS(); err != nil {
			return err
		}
	}
	if l.AuthPlain != "" {
		return c.command(2, "AUTH PLAIN "+l.AuthPlain)
	}
	return nil
}

// startTLS keeps no sessions: each handshake is a full one.
func (c *client) startTLS() error {
	if err := c.command(2, "STARTTLS"); err != nil {
		return err
	}
	conn := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true, ServerName: "mta.bench.test"})
	if err := conn.Handshake(); err != nil {
		return err
	}
	c.conn = conn
	c.br.Reset(conn)
	c.bw.Reset(conn)
	return c.command(2, "EHLO client.bench.test")
}

func (c *client) close() {
	c.release()
	c.conn.Close()
}

// quit takes its leave; what the server thinks of that is not waited for longer than for anything else.
func (c *client) quit() {
	_ = c.command(2, "QUIT")
	c.close()
}

// reply reads one reply, which must be of the class.
func (c *client) reply(class int) error {
	for {
		line, err := c.br.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) < 4 {
			return fmt.Errorf("short reply %q", line)
		}
		if line[3] == '-' {
			continue
		}
		if code, _ := strconv.Atoi(string(line[:3])); code/100 != class {
			return &replyError{code, strings.TrimSpace(string(line))}
		}
		return nil
	}
}

func (c *client) command(class int, text string) error {
	c.bw.WriteString(text)
	c.bw.WriteString("\r\n")
	if err := c.bw.Flush(); err != nil {
		return err
	}
	return c.reply(class)
}

// envelope says who sends message seq to whom, up to the 354.
func (c *client) envelope(l *Load, seq int) error {
	const sender = "MAIL FROM:<sender@from.bench.test>"
	if l.Pipeline {
		return c.envelopeAtOnce(l, seq, sender)
	}
	if err := c.command(2, sender); err != nil {
		return err
	}
	for k := range l.Rcpts {
		c.bw.Write(c.recipient(l, seq, k))
		if err := c.bw.Flush(); err != nil {
			return err
		}
		if err := c.reply(2); err != nil {
			return err
		}
	}
	return c.command(3, "DATA")
}

func (c *client) envelopeAtOnce(l *Load, seq int, sender string) error {
	c.bw.WriteString(sender + "\r\n")
	for k := range l.Rcpts {
		c.bw.Write(c.recipient(l, seq, k))
	}
	if err := c.command(2, "DATA"); err != nil {
		return err
	}
	for range l.Rcpts {
		if err := c.reply(2); err != nil {
			return err
		}
	}
	return c.reply(3)
}

// recipient is the RCPT line; it is good until the next call.
func (c *client) recipient(l *Load, seq, k int) []byte {
	b := append(c.scratch[:0], "RCPT TO:<m"...)
	b = append(strconv.AppendInt(b, int64(seq), 10), 'r')
	b = append(strconv.AppendInt(b, int64(k), 10), '@')
	if l.Domain != "" {
		b = append(b, l.Domain...)
	} else {
		b = strconv.AppendInt(append(b, 'd'), int64((seq+k)%max(1, l.Domains)), 10)
		b = append(b, ".bench.test"...)
	}
	c.scratch = append(b, ">\r\n"...)
	return c.scratch
}

// send carries out one transaction. sent tells whether the final dot went out, took how long its answer was waited for.
func (c *client) send(l *Load, body *content, run string, seq int) (took time.Duration, sent bool, err error) {
	if err := c.envelope(l, seq); err != nil {
		return 0, false, err
	}
	c.scratch = body.appendHeader(c.scratch[:0], run, seq)
	c.bw.Write(c.scratch)
	c.bw.Write(body.stuffed)
	c.bw.Write(finalDot)
	begun := time.Now()
	if err := c.bw.Flush(); err != nil {
		return 0, true, err
	}
	err = c.reply(2)
	return time.Since(begun), true, err
}
