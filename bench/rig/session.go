package rig

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"hash/crc32"
	"net"
	"time"
)

// idle bounds a sink's wait for its peer's next line.
const idle = 5 * time.Minute

// session is one connection to a sink.
type session struct {
	sink   *Sink
	conn   net.Conn
	br     *bufio.Reader
	bw     *bufio.Writer
	secure bool
	rcpts  []recipient
}

func newSession(s *Sink, conn net.Conn) *session {
	return &session{sink: s, conn: conn, br: bufio.NewReaderSize(conn, 16<<10), bw: bufio.NewWriterSize(conn, 4<<10)}
}

// serve ends when the peer quits, is silent for too long or is gone.
func (c *session) serve() {
	c.say("220 sink.bench.test ESMTP")
	for {
		if err := c.conn.SetReadDeadline(time.Now().Add(idle)); err != nil {
			return
		}
		line, err := c.br.ReadSlice('\n')
		if err != nil || !c.command(line) {
			return
		}
	}
}

// say answers; where the peer has pipelined more, the answers go in one write.
func (c *session) say(reply string) {
	c.bw.WriteString(reply)
	c.bw.WriteString("\r\n")
	if c.br.Buffered() == 0 {
		c.bw.Flush()
	}
}

// command answers one line; false ends the session.
func (c *session) command(line []byte) bool {
	switch {
	case begins(line, "EHLO"):
		c.hello()
	case begins(line, "HELO"), begins(line, "NOOP"):
		c.say("250 2.0.0 ok")
	case begins(line, "STARTTLS"):
		return c.startTLS()
	case begins(line, "MAIL FROM:"):
		c.mail()
	case begins(line, "RCPT TO:"):
		c.rcpts = append(c.rcpts, parseRecipient(line[8:]))
		c.say("250 2.1.5 ok")
	case begins(line, "DATA"):
		return c.data()
	case begins(line, "RSET"):
		c.rcpts = c.rcpts[:0]
		c.say("250 2.0.0 ok")
	case begins(line, "QUIT"):
		c.bw.WriteString("221 2.0.0 bye\r\n")
		c.bw.Flush()
		return false
	default:
		c.say("500 5.5.2 unknown")
	}
	return true
}

// begins tells whether line starts with the word, in any case.
func begins(line []byte, word string) bool {
	return len(line) >= len(word) && bytes.EqualFold(line[:len(word)], []byte(word))
}

func (c *session) hello() {
	offer := "250-sink.bench.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n"
	if c.sink.TLS != nil && !c.secure {
		offer += "250-STARTTLS\r\n"
	}
	c.say(offer + "250 SIZE 52428800")
}

func (c *session) startTLS() bool {
	if c.sink.TLS == nil || c.secure {
		c.say("503 5.5.1 no")
		return true
	}
	c.say("220 2.0.0 go")
	conn := tls.Server(c.conn, c.sink.TLS)
	if conn.Handshake() != nil {
		return false
	}
	c.conn, c.secure = conn, true
	c.br.Reset(conn)
	c.bw.Reset(conn)
	c.sink.TLSConns.Add(1)
	return true
}

func (c *session) mail() {
	c.rcpts = c.rcpts[:0]
	if c.sink.Require && !c.secure {
		c.say("530 5.7.0 STARTTLS first")
		return
	}
	c.say("250 2.1.0 ok")
}

// data takes a message and counts it before it answers: what was answered has been counted.
func (c *session) data() bool {
	if len(c.rcpts) == 0 {
		c.say("554 5.5.1 no valid recipients")
		return true
	}
	c.say("354 go")
	c.bw.Flush()
	m, damaged, err := c.read()
	if err != nil {
		return false
	}
	if t := c.sink.tracker.Load(); t != nil && t.run == m.run {
		t.arrive(m, c.rcpts, damaged)
	} else {
		c.sink.Stale.Add(1)
	}
	c.say("250 2.0.0 ok")
	c.rcpts = c.rcpts[:0]
	return true
}

var finalDot = []byte(".\r\n")

// read reads up to the final dot and compares the body with what the message says of it.
func (c *session) read() (m mark, damaged bool, err error) {
	m.seq = -1
	var crc uint32
	var total int64
	defer func() { c.sink.Bytes.Add(total) }()
	length, inHeader, newLine := 0, true, true
	for {
		line, err := c.br.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return m, false, err
		}
		total += int64(len(line))
		begun := newLine // whether this piece is a line's beginning
		newLine = err == nil
		if begun && line[0] == '.' {
			if bytes.Equal(line, finalDot) {
				return m, length != m.length || crc != m.crc, nil
			}
			line = line[1:]
		}
		switch {
		case !inHeader:
			crc = crc32.Update(crc, crcTable, line)
			length += len(line)
		case begun && line[0] == '\r':
			inHeader = false
		case begun && begins(line, markField):
			m = parseMark(line[len(markField):])
		}
	}
}
