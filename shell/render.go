package shell

import (
	"bytes"
	"fmt"
)

// draw changes the screen by f, as one write.
func (e *editor) draw(f func(*bytes.Buffer)) { e.scr.draw(e, f) }

func (e *editor) bell() { e.draw(func(out *bytes.Buffer) { out.WriteByte(7) }) }

// show draws the prompt and the line from the beginning of a row, and puts the cursor where it belongs.
func (e *editor) show(out *bytes.Buffer) {
	e.row, e.col = 0, 0
	for _, r := range e.shownPrompt() {
		e.put(out, r)
	}
	if e.q.secret {
		return
	}
	text, at := e.shown()
	for _, r := range text {
		e.put(out, r)
	}
	e.back(out, text, at)
}

// shownPrompt is what stands before the text: the prompt, or the search.
func (e *editor) shownPrompt() string {
	if e.search != nil {
		failed := ""
		if e.search.failed {
			failed = "failed "
		}
		return "(" + failed + "reverse-i-search)'" + string(e.search.pattern) + "': "
	}
	return e.q.text
}

// shown is the text as it is drawn, and where the cursor stands in it.
func (e *editor) shown() ([]rune, int) {
	if e.search != nil {
		return e.search.match, len(e.search.match)
	}
	return e.text, e.at
}

// hide takes the prompt and the line away, and leaves the cursor where the prompt began.
func (e *editor) hide(out *bytes.Buffer) {
	if e.row > 0 {
		fmt.Fprintf(out, "\x1b[%dA", e.row)
	}
	out.WriteString("\r\x1b[J")
	e.row, e.col = 0, 0
}

// put draws one character and follows the cursor. Behind the last column of a row the cursor is brought to the next one
// at once: terminals differ in when they would do it.
func (e *editor) put(out *bytes.Buffer, r rune) {
	width := e.scr.columns()
	w := runeWidth(r)
	out.WriteRune(r)
	if width <= 0 {
		e.col += w
		return
	}
	if e.col+w > width {
		e.row, e.col = e.row+1, 0 // a wide character that had no room
	}
	if e.col += w; e.col >= width {
		out.WriteString(" \r")
		e.row, e.col = e.row+1, 0
	}
}

// move brings the cursor to another place in the line.
func (e *editor) move(out *bytes.Buffer, to int) {
	e.at = to
	if e.q.secret {
		return
	}
	e.back(out, e.text, to)
}

// back brings the cursor from where it stands to the character at of text.
func (e *editor) back(out *bytes.Buffer, text []rune, at int) {
	row, col := e.place(text[:at])
	switch {
	case row < e.row:
		fmt.Fprintf(out, "\x1b[%dA", e.row-row)
	case row > e.row:
		fmt.Fprintf(out, "\x1b[%dB", row-e.row)
	}
	switch {
	case row == e.row && col == e.col:
	case row == e.row && col < e.col && e.col-col <= 4:
		out.WriteString("\b\b\b\b"[:e.col-col])
	case col == 0:
		out.WriteByte('\r')
	default:
		fmt.Fprintf(out, "\r\x1b[%dC", col)
	}
	e.row, e.col = row, col
}

// place is where the cursor stands behind the prompt and text.
func (e *editor) place(text []rune) (row, col int) {
	var ghost editor
	ghost.scr = e.scr
	var nowhere bytes.Buffer
	for _, r := range e.shownPrompt() {
		ghost.put(&nowhere, r)
	}
	for _, r := range text {
		ghost.put(&nowhere, r)
		nowhere.Reset()
	}
	return ghost.row, ghost.col
}
