package shell

import (
	"bytes"
	"strings"
)

// Progress shows at a terminal how far a command has come: one line, which the next call replaces and which output pushes
// down. An empty text takes it away; so does the command's end. Elsewhere nothing is shown. It stands at the beginning of a
// line, so a line that the command has begun must be ended before.
func (s *Session) Progress(text string) {
	if s.way == terminal {
		s.scr.progress(text)
	}
}

// progressLine is what Progress shows, below the output.
type progressLine string

func (p progressLine) show(out *bytes.Buffer) { out.WriteString(string(p)) }

// hide overwrites the line, as the pager does with its own.
func (p progressLine) hide(out *bytes.Buffer) {
	out.WriteString("\r" + strings.Repeat(" ", textWidth(string(p))) + "\r")
}

// progress replaces the progress line. Beside a line that is edited or not ended yet there is no room for it.
func (c *screen) progress(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endProgress()
	if width := c.columns(); width > 0 && textWidth(text) >= width {
		text = ""
	}
	if c.edit == nil && c.cols == 0 && len(c.held) == 0 && text != "" {
		line := progressLine(text)
		line.show(&c.out)
		c.edit = line
	}
	c.flush()
}

// endProgress takes the progress line away. The lock is held.
func (c *screen) endProgress() {
	if line, ok := c.edit.(progressLine); ok {
		line.hide(&c.out)
		c.edit = nil
	}
}
