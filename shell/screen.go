package shell

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

const moreMarker = "-Press Any Key For More-"

// maxHeight is the tallest terminal that is believed: some clients send 16777215 and mean that they do not page.
const maxHeight = 10000

// screen is where a session's output goes. It ends lines as the client wants them, stops at the end of a page, keeps
// output lines from looking like a prompt, and lets output appear above a line that is being edited.
type screen struct {
	mu sync.Mutex

	w     io.Writer
	crlf  bool // lines end in CR LF: there is a terminal
	guard bool // there are prompts, which no other line may look like

	width, height int
	paging        bool // pages, as the session or the command wants it
	key           func() (rune, error)
	quit          bool // the operator ended the pager

	held []byte // the beginning of a line, not sent yet
	sent bool   // a part of the present line was sent
	cols int    // columns of the present line that were sent
	rows int    // rows since the last prompt or page

	out  bytes.Buffer
	edit overlay // the line that is being edited; nil: none
	err  error
}

// overlay is what stands below the output while a line is edited.
type overlay interface {
	hide(*bytes.Buffer)
	show(*bytes.Buffer)
}

// Write prints output: it passes the pager and the guard. It returns ErrEnough when the operator ended the pager.
func (c *screen) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, c.err
	}
	n := len(b)
	if c.edit != nil {
		c.edit.hide(&c.out)
	}
	for len(b) > 0 {
		if c.quit {
			return 0, ErrEnough
		}
		part, rest, whole := bytes.Cut(b, []byte{'\n'})
		c.add(part)
		if whole {
			c.endLine()
		}
		b = rest
	}
	if c.edit != nil {
		c.edit.show(&c.out)
	}
	return n, c.flush()
}

// add takes a part of a line. It is held back while the line could still turn out to look like a prompt.
func (c *screen) add(part []byte) {
	const longest = 256 // no prompt is longer
	if c.sent {
		c.emit(part)
		return
	}
	c.held = append(c.held, part...)
	if c.edit == nil && (!c.guard || len(c.held) > longest || strings.IndexFunc(string(c.held), notInPrompt) >= 0) {
		c.release()
	}
}

// release sends what is held back of the present line.
func (c *screen) release() {
	if len(c.held) == 0 {
		return
	}
	c.page()
	c.emit(c.held)
	c.held, c.sent = c.held[:0], true
}

// endLine ends the present line.
func (c *screen) endLine() {
	if !c.sent {
		if c.guard && looksLikePrompt(string(c.held)) {
			c.held = []byte(`"` + string(c.held) + `"`)
		}
		c.page()
		c.emit(c.held)
	}
	c.newline()
	c.held, c.sent = c.held[:0], false
}

func (c *screen) newline() {
	if c.crlf {
		c.out.WriteByte('\r')
	}
	c.out.WriteByte('\n')
	c.rows++
	if c.width > 0 && c.cols > c.width {
		c.rows += (c.cols - 1) / c.width
	}
	c.cols = 0
}

func (c *screen) emit(part []byte) {
	c.out.Write(part)
	if c.paging || c.guard {
		c.cols += textWidth(string(part))
	}
}

// page stops before a line that has no room on the page any more.
func (c *screen) page() {
	if !c.paging || c.quit || c.key == nil || c.height < 2 || c.height > maxHeight || c.rows < c.height-1 {
		return
	}
	c.out.WriteString(moreMarker)
	if c.flush() != nil {
		return
	}
	c.rows = 0
	r, err := c.key()
	c.out.WriteString("\r" + strings.Repeat(" ", len(moreMarker)) + "\r")
	switch {
	case err != nil:
		c.paging = false // nobody is there to press a key
		c.quit = err == ErrInterrupted
	case r == 'q' || r == 'Q':
		c.quit = true
	}
	if c.quit {
		c.held, c.sent, c.cols = c.held[:0], false, 0
	}
}

func (c *screen) flush() error {
	if c.out.Len() > 0 && c.err == nil {
		_, c.err = c.w.Write(c.out.Bytes())
	}
	c.out.Reset()
	return c.err
}

// fresh brings the output to the beginning of a line and begins a new page: a prompt follows, or the command is over.
func (c *screen) fresh() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.release()
	if c.cols > 0 {
		c.newline()
	}
	c.held, c.sent, c.quit, c.rows = c.held[:0], false, false, 0
	c.flush()
}

// raw sends text as it is, but for the line endings: prompts.
func (c *screen) raw(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.crlf {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	c.out.WriteString(text)
	c.flush()
}

// draw lets the editor send what f writes; over is what stands below the output from then on.
func (c *screen) draw(over overlay, f func(*bytes.Buffer)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.out)
	c.edit = over
	return c.flush()
}

func (c *screen) size() (width, height int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.width, c.height
}

// resize takes a new size. Sizes that no terminal has count as unknown.
func (c *screen) resize(width, height int, redraw bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if redraw && c.edit != nil {
		c.edit.hide(&c.out)
	}
	c.width, c.height = believable(width), believable(height)
	if redraw && c.edit != nil {
		c.edit.show(&c.out)
		c.flush()
	}
}

func believable(n int) int {
	if n < 0 || n > maxHeight {
		return 0
	}
	return n
}

func (c *screen) setPaging(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paging = on
}

// notInPrompt says that r cannot stand in a line that a client takes for a prompt.
func notInPrompt(r rune) bool {
	return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune(".-_()[]{}<># ", r)
}

// looksLikePrompt says whether a client could take line for a prompt.
func looksLikePrompt(line string) bool {
	line = strings.TrimRight(line, " \r")
	return (strings.HasSuffix(line, ">") || strings.HasSuffix(line, "#")) && strings.IndexFunc(line, notInPrompt) < 0
}
