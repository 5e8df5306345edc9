package shell

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

const moreMarker = "-Press Any Key For More-"

// maxHeight is the largest size that is believed, either way: some clients send 16777215 and mean that there is no limit.
const maxHeight = 10000

// screen is where a session's output goes. It ends lines as the client wants them, stops at the end of a page, keeps
// output lines from looking like a prompt, and lets output appear above a line that is being edited.
type screen struct {
	mu sync.Mutex

	w     io.Writer
	crlf  bool // lines end in CR LF: there is a terminal
	guard bool // there are prompts, which no other line may look like

	dims   atomic.Uint64 // width and height; set by the client at any time, so it needs no lock
	paging bool          // pages, as the session or the command wants it
	key    func() (rune, error)
	quit   bool // the operator ended the pager

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
		if whole && c.plain(part) {
			c.out.Write(part)
			c.newline()
		} else {
			c.add(part)
			if whole {
				c.endLine()
			}
		}
		b = rest
	}
	if c.edit != nil {
		c.edit.show(&c.out)
	}
	return n, c.flush()
}

// plain says that a whole line needs no look at it: nothing of it was sent, nobody counts its columns, and it cannot look like
// a prompt. Logs are made of such lines.
func (c *screen) plain(line []byte) bool {
	return !c.sent && len(c.held) == 0 && !c.paging && (!c.guard || slices.ContainsFunc(line, beyondPrompt))
}

// beyondPrompt is notInPrompt for a byte.
func beyondPrompt(b byte) bool { return b >= utf8.RuneSelf || notInPrompt(rune(b)) }

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
	if width := c.columns(); width > 0 && c.cols > width {
		c.rows += (c.cols - 1) / width
	}
	c.cols = 0
}

func (c *screen) emit(part []byte) {
	c.out.Write(part)
	if c.paging || c.guard {
		c.cols += textWidth(string(part))
	}
}

// marker is what stands at the end of a page: no longer than a line, since what wraps could not be erased.
func (c *screen) marker() string {
	if width := c.columns(); width > 0 && width < len(moreMarker) {
		return moreMarker[:width]
	}
	return moreMarker
}

// page stops before a line that has no room on the page any more.
func (c *screen) page() {
	_, height := c.size()
	if !c.paging || c.quit || c.key == nil || c.edit != nil || height < 2 || c.rows < height-1 {
		return
	}
	marker := c.marker()
	c.out.WriteString(marker)
	if c.flush() != nil {
		return
	}
	c.rows = 0
	r, err := c.key()
	c.out.WriteString("\r" + strings.Repeat(" ", len(marker)) + "\r")
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
	if c.out.Cap() > mostScreen {
		c.out = bytes.Buffer{} // what one large piece needed is not kept for the session
	}
	c.out.Reset()
	return c.err
}

// mostScreen is how much memory a screen keeps for what it sends, in bytes.
const mostScreen = 16 << 10

// fresh brings the output to the beginning of a line and begins a new page: a prompt follows, or the command is over.
func (c *screen) fresh() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endProgress()
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

// draw lets the editor change the screen by f; over is what stands below the output from then on. What f writes is sent
// by update, so that a paste is not a packet for each of its characters.
func (c *screen) draw(over overlay, f func(*bytes.Buffer)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.out)
	c.edit = over
}

// update sends what draw left.
func (c *screen) update() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush()
}

// pending is how many bytes update would send.
func (c *screen) pending() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Len()
}

// size is the terminal's width and height; 0 is unknown.
func (c *screen) size() (width, height int) {
	d := c.dims.Load()
	return int(d >> 32), int(d & 0xffffffff)
}

func (c *screen) columns() int { width, _ := c.size(); return width }

// resize takes a new size. Sizes that no terminal has count as unknown.
func (c *screen) resize(width, height uint32) {
	c.dims.Store(uint64(believable(width))<<32 | uint64(believable(height)))
}

func believable(n uint32) uint32 {
	if n > maxHeight {
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
