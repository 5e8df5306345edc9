package smtp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"
)

// content sends the message and reads the peer's verdict.
func (c *Client) content(open func() (io.ReadCloser, error), block []byte, receipt *Receipt) error {
	receipt.Stage = StageContent
	body, err := open()
	if err != nil {
		return c.fail(StageContent, fmt.Errorf("%w: %w", ErrContent, err))
	}
	defer body.Close()
	if err := c.copy(body, block); err != nil {
		// A peer that refuses the content half-way says why before it closes.
		if !errors.Is(err, ErrContent) && c.farewell(receipt) {
			return nil
		}
		return err
	}
	receipt.Stage = StageFinal
	receipt.Final, err = c.read(StageFinal, c.timeouts.Final)
	return err
}

// farewell reads what a peer said before it stopped listening. It returns false if there is no refusal to be read.
func (c *Client) farewell(receipt *Receipt) bool {
	reply, err := c.read(receipt.Stage, time.Second)
	if err != nil || reply.Code < 400 {
		return false
	}
	if receipt.Stage == StageMail {
		receipt.Mail = reply
	} else {
		receipt.Final = reply
	}
	return true
}

// copy writes the content with its leading dots doubled, and the final dot (RFC 5321 §4.5.2); what fits into a block goes
// with its dot in one write. Every block has its own time: a message may take as long as it needs while it moves.
func (c *Client) copy(body io.Reader, block []byte) error {
	stuff := dotStuffer{last: crlfEnd}
	for end := false; !end; {
		n, over, err := fill(body, block)
		if err != nil {
			return c.fail(StageContent, fmt.Errorf("%w: %w", ErrContent, err))
		}
		c.out, end = stuff.append(c.out, block[:n]), over
		if end && stuff.last != crlfEnd {
			c.out = append(c.out, "\r\n"...)
		}
		if end {
			c.out = append(c.out, ".\r\n"...)
		}
		if err := c.flush(StageContent, c.timeouts.Block); err != nil {
			return err
		}
	}
	return nil
}

// fill reads until the block is full or the content ends.
func fill(body io.Reader, block []byte) (n int, over bool, err error) {
	for n < len(block) && err == nil {
		var more int
		more, err = body.Read(block[n:])
		n += more
	}
	if err == io.EOF {
		return n, true, nil
	}
	return n, false, err
}

// lineEnd is what the content so far ends with.
type lineEnd uint8

const (
	noEnd   lineEnd = iota // something within a line
	crEnd                  // a CR
	lfEnd                  // a bare LF
	crlfEnd                // CRLF, or nothing yet
)

// then is what the content ends with when b follows.
func (e lineEnd) then(b byte) lineEnd {
	switch {
	case b == '\r':
		return crEnd
	case b == '\n' && e == crEnd:
		return crlfEnd
	case b == '\n':
		return lfEnd
	default:
		return noEnd
	}
}

// behind is what the content ends with when p follows: no more than the last two octets decide.
func (e lineEnd) behind(p []byte) lineEnd {
	for _, b := range p[max(len(p)-2, 0):] {
		e = e.then(b)
	}
	return e
}

// dotStuffer doubles the dot at the beginning of a line. A bare LF counts as a line end here, as some peers see it as
// one: no content may end the message early there.
type dotStuffer struct {
	last lineEnd
}

// lineDot is a dot at the beginning of a line, never written to.
var lineDot = []byte("\n.")

// append appends p to what is sent.
func (d *dotStuffer) append(out, p []byte) []byte {
	if len(p) > 0 && p[0] == '.' && d.last >= lfEnd {
		out = append(out, '.')
	}
	d.last = d.last.behind(p)
	for {
		i := bytes.Index(p, lineDot)
		if i < 0 {
			return append(out, p...)
		}
		out = append(append(out, p[:i+2]...), '.')
		p = p[i+2:]
	}
}
