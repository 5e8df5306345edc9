package smtp

import "bytes"

// taker receives decoded content in blocks that are valid only during the call.
type taker interface{ take(block []byte) }

// dotDecoder undoes the framing of DATA (RFC 5321 §4.5.2). Only CRLF.CRLF ends the content, and the dot of a line's
// start is only taken away behind CRLF: a LF or CR alone never ends a line, whatever follows it, for otherwise one
// peer's text is the next one's command. Such content is marked bare, to be refused.
type dotDecoder struct {
	state dotState
	bare  bool
}

type dotState uint8

const (
	atLineStart dotState = iota // also before the first byte: the CRLF of the DATA command counts
	inLine
	afterCR
	afterDot   // a dot at the start of the line, not passed on
	afterDotCR // and a CR behind it, not passed on
)

// next decodes p, which may begin and end anywhere, and returns how much of it was content. ended says that the last
// byte of that ended it. Content passed to t lacks bytes where it is bare.
func (d *dotDecoder) next(p []byte, t taker) (n int, ended bool) {
	start := 0 // p[start:i] is content not yet passed on
	i := 0
	for i < len(p) {
		switch d.state {
		case atLineStart:
			d.state = inLine
			if p[i] == '.' {
				pass(t, p[start:i])
				i++
				start = i
				d.state = afterDot
			}
		case afterDot:
			d.state = inLine
			if p[i] == '\r' {
				i++
				start = i
				d.state = afterDotCR
			}
		case afterDotCR:
			if p[i] == '\n' {
				return i + 1, true
			}
			d.bare = true
			d.state = inLine
		case afterCR:
			d.state = inLine
			if p[i] == '\n' {
				i++
				d.state = atLineStart
			} else {
				d.bare = true
			}
		case inLine:
			i += d.lines(p[i:])
		}
	}
	pass(t, p[start:])
	return len(p), false
}

// lines goes over the rest of a line and the lines behind it, up to one that begins with a dot, and returns how far that
// is. Each LF is looked at with the byte before it; a CR that stands alone is found by counting them all, which costs next
// to nothing where a search within each line would take as long again.
func (d *dotDecoder) lines(p []byte) int {
	n, ends := 0, 0 // bytes gone over, and the line ends among them
	for d.state == inLine {
		end := bytes.IndexByte(p[n:], '\n')
		if end < 0 {
			n = len(p)
			break
		}
		n += end + 1
		if n < 2 || p[n-2] != '\r' {
			d.bare = true
			if n == len(p) {
				return n
			}
			continue
		}
		ends++
		if n == len(p) || p[n] == '.' {
			d.state = atLineStart
		}
	}
	// Even behind a CR that stands alone, one at the end of the block may be half of a line end.
	if p[n-1] == '\r' {
		d.state = afterCR
		ends++
	}
	d.bare = d.bare || bytes.Count(p[:n], cr) != ends
	return n
}

var cr = []byte{'\r'}

func pass(t taker, block []byte) {
	if len(block) > 0 {
		t.take(block)
	}
}

// lineChecker finds a CR or LF alone in content that comes in blocks without framing of its own (BDAT).
type lineChecker struct {
	cr   bool // the last byte was a CR
	open bool // the last line has no end yet
	bare bool
}

func (c *lineChecker) check(p []byte) {
	for len(p) > 0 {
		if c.cr && p[0] != '\n' {
			c.bare = true
		}
		end := bytes.IndexByte(p, '\n')
		line := p
		if end >= 0 {
			line = p[:end]
		}
		cr := bytes.IndexByte(line, '\r')
		c.bare = c.bare || cr >= 0 && cr != len(line)-1
		wasCR := c.cr && len(line) == 0
		c.cr = len(line) > 0 && line[len(line)-1] == '\r'
		if end < 0 {
			c.open = true
			return
		}
		c.bare = c.bare || !c.cr && !wasCR
		c.cr, c.open = false, false
		p = p[end+1:]
	}
}

// finish is called behind the last block.
func (c *lineChecker) finish() {
	c.bare = c.bare || c.cr
}
