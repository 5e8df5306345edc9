package logbook

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	"posthouse/internal/eventlog"
)

const (
	mostLine = 4 << 10  // bytes of a line that are looked at
	mostHeld = 64 << 10 // bytes that are kept while it is not known whether they are commands
)

// Conversation writes one SMTP conversation into a debug log. It knows as much of the protocol as it takes to leave out what
// must not be in a log: passwords, and the content of messages behind their headers. It is an smtp.Tap.
type Conversation struct {
	debug *debug
	id    string // "ICID 5", "DCID 7"
	other string // "'192.0.2.1'" behind to and from; empty for domains
	serve bool   // we are the server

	client, server lineJoiner
	begun          bool // somebody has said something
	pending        int  // commands that have no reply yet
	data           bool // the last command was DATA, and its reply has not come
	auth           bool // what the client says are secrets
	text           lineJoiner
	content        bool   // the client sends a message, up to the final dot
	whole          bool   // the content so far ends in CRLF
	chunk          int64  // bytes that it sends behind BDAT
	header         bool   // what it sends of a message is headers
	skipped        int64  // bytes of content that were left out
	held           []byte // behind DATA, before its reply
}

// lineJoiner makes lines of pieces.
type lineJoiner struct {
	part []byte
	last byte // of the line so far, also of one that is too long to be kept
	crlf bool // the line at hand ends in CRLF
}

// lines calls do with every line that data completes, without its end, and for as long as do says that lines go on. It
// returns what it did not look at.
func (j *lineJoiner) lines(data []byte, do func(line []byte) bool) (rest []byte) {
	for len(data) > 0 {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			j.keep(data)
			return nil
		}
		j.keep(data[:end])
		data = data[end+1:]
		line := bytes.TrimSuffix(j.part, []byte("\r"))
		j.crlf = j.last == '\r'
		more := do(line)
		j.part, j.last = j.part[:0], 0
		if !more {
			return data
		}
	}
	return nil
}

func (j *lineJoiner) keep(b []byte) {
	if len(b) > 0 {
		j.last = b[len(b)-1]
	}
	j.part = append(j.part, b[:min(len(b), mostLine-len(j.part))]...)
}

// Received is smtp.Tap's.
func (c *Conversation) Received(data []byte) {
	if c.serve {
		c.fromClient(data)
	} else {
		c.fromServer(data)
	}
}

// Sent is smtp.Tap's.
func (c *Conversation) Sent(data []byte) {
	if c.serve {
		c.fromServer(data)
	} else {
		c.fromClient(data)
	}
}

func (c *Conversation) fromClient(data []byte) {
	for len(data) > 0 {
		switch {
		case c.data:
			c.held = append(c.held, data[:min(len(data), mostHeld-len(c.held))]...)
			return
		case c.chunk > 0:
			n := min(int64(len(data)), c.chunk)
			c.text.lines(data[:n], func(line []byte) bool { c.body(line); return true })
			data = data[n:]
			if c.chunk -= n; c.chunk == 0 {
				c.leftOut()
			}
		case c.content:
			data = c.text.lines(data, c.contentLine)
		default:
			data = c.client.lines(data, c.command)
		}
	}
}

// command is one line of the client; it returns false where what follows is something else.
func (c *Conversation) command(line []byte) bool {
	words := bytes.Fields(line)
	verb := ""
	if len(words) > 0 {
		verb = string(bytes.ToUpper(words[0]))
	}
	if c.auth {
		c.write(false, "...")
		return true
	}
	c.begun = true
	c.pending++
	switch verb {
	case "MAIL":
		c.header, c.text = true, lineJoiner{}
	case "AUTH":
		c.auth = true
		if len(words) > 2 {
			c.write(false, fmt.Sprintf("AUTH %s ...", words[1]))
			return true
		}
	case "DATA":
		c.data = true
	case "BDAT":
		c.chunk = chunkSize(words)
	}
	c.write(false, string(line))
	return !c.data && c.chunk == 0
}

// chunkSize is how many bytes of content follow a BDAT command. Behind one that is malformed nobody knows where the next
// command begins, so that all of it is content.
func chunkSize(words [][]byte) int64 {
	last := len(words) == 3 && bytes.EqualFold(words[2], []byte("LAST"))
	if len(words) == 2 || last {
		if n, err := strconv.ParseUint(string(words[1]), 10, 63); err == nil {
			return int64(n)
		}
	}
	return math.MaxInt64
}

// body is a line of content.
func (c *Conversation) body(line []byte) {
	switch {
	case c.header || c.debug.sub.Content:
		c.write(false, string(line))
		if len(line) == 0 {
			c.header = false
		}
	default:
		c.skipped += int64(len(line)) + 2
	}
}

// contentLine is a line of content behind DATA. Only CRLF.CRLF ends it (RFC 5321 §4.1.1.4): what stands behind a dot between
// bare line feeds is content, and whoever takes it for commands has it in the log.
func (c *Conversation) contentLine(line []byte) bool {
	begins := c.whole
	if c.whole = c.text.crlf; begins && c.whole && len(line) == 1 && line[0] == '.' {
		c.leftOut()
		c.content = false
		c.pending++
		c.write(false, ".")
		return false
	}
	c.body(line)
	return true
}

// leftOut says how much content there was that is not in the log.
func (c *Conversation) leftOut() {
	if c.skipped > 0 {
		c.note(fmt.Sprintf("%d bytes of content are left out", c.skipped))
	}
	c.skipped = 0
}

func (c *Conversation) fromServer(data []byte) {
	c.server.lines(data, func(line []byte) bool {
		c.write(true, string(line))
		if len(line) >= 3 && (len(line) == 3 || line[3] != '-') {
			c.replied(string(line[:3]))
		}
		return true
	})
	if c.held != nil && !c.data {
		held := c.held
		c.held = nil
		c.fromClient(held)
	}
}

// replied is the end of a reply.
func (c *Conversation) replied(code string) {
	if c.auth && code == "334" { // the server asks for more of the secret
		return
	}
	if !c.begun { // the banner
		c.begun = true
		return
	}
	c.auth = false
	c.pending = max(0, c.pending-1)
	switch {
	case code == "354": // answers nothing but DATA
		c.data, c.content, c.whole = false, true, true
	case c.pending == 0:
		c.data = false
	}
}

// write writes one line, of the server or of the client.
func (c *Conversation) write(server bool, text string) {
	word, toward := "Rcvd", "from"
	if server == c.serve {
		word, toward = "Sent", "to"
	}
	if c.other != "" {
		word += " " + toward + " " + c.other
	}
	c.debug.log.Line(eventlog.Info, fmt.Sprintf("%s %s: '%s'", c.id, word, eventlog.Escape(text)))
}

// note writes a line of our own.
func (c *Conversation) note(text string) { c.debug.log.Line(eventlog.Info, c.id+" "+text) }
