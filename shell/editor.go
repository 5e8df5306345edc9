package shell

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// editor is the input of a terminal: it lets one line at a time be edited, with history and completion. The session's
// goroutine owns it; output from elsewhere appears above the line through the screen.
type editor struct {
	keys    *keyReader
	scr     *screen
	history *history

	q     prompt
	text  []rune
	at    int // where the cursor stands in text
	bytes int // of text
	row   int // where the cursor stands on the screen, from the prompt's first row
	col   int

	killed []rune // for Ctrl-Y
	fault  error  // why this line cannot be taken
	tabbed bool   // the last key was a Tab that could add nothing
	recall int    // the entry of the history that is shown; len: the line being typed
	typed  []rune
	search *search
}

// line edits one line under the prompt and returns it.
func (e *editor) line(ctx context.Context, q prompt) (string, error) {
	*e = editor{keys: e.keys, scr: e.scr, history: e.history, killed: e.killed, q: q}
	e.recall = e.history.len()
	e.scr.draw(e, e.show)
	e.scr.update()
	for {
		k, err := e.keys.read(ctx)
		if err != nil {
			e.leave("")
			return "", err
		}
		done, err := e.press(k)
		if done {
			return e.finish(err)
		}
		if !e.keys.waiting() || e.scr.pending() > 4<<10 {
			e.scr.update()
		}
	}
}

// finish ends the line on the screen and judges it.
func (e *editor) finish(err error) (string, error) {
	switch {
	case errors.Is(err, ErrInterrupted):
		e.leave("^C")
		return "", err
	case err != nil:
		e.leave("")
		return "", err
	}
	e.leave("")
	if e.fault != nil {
		return "", e.fault
	}
	line := string(e.text)
	if e.q.history {
		e.history.add(line)
	}
	return line, nil
}

// leave puts the cursor below the line.
func (e *editor) leave(mark string) {
	e.scr.draw(nil, func(out *bytes.Buffer) {
		e.endSearch(out)
		e.move(out, len(e.text))
		out.WriteString(mark + "\r\n")
	})
	e.scr.update()
}

// waiting says whether further input is there already, so that the screen need not be brought up to date yet.
func (k *keyReader) waiting() bool { return len(k.back) > 0 || k.typed.pending() > 0 }

// press acts on one key. done means that the line is over.
func (e *editor) press(k key) (done bool, err error) {
	if e.search != nil && !e.searchPress(k) {
		return false, nil
	}
	tabbed := e.tabbed
	e.tabbed = false
	switch k.kind {
	case keyEnter:
		return true, nil
	case keyRune:
		e.insert(k.r)
	case keyTab:
		e.tab(tabbed)
	case keyBad:
		e.fault = badInput(byte(k.r))
		e.bell()
	case keyResize:
		e.draw(func(out *bytes.Buffer) { e.hide(out); e.show(out) })
	case keyPasteBegin, keyPasteEnd:
	case keyControl:
		return e.control(byte(k.r))
	default:
		e.edit(k.kind)
	}
	return false, nil
}

func badInput(b byte) error {
	if b == 0 {
		return Usage("Invalid line: a NUL byte is not accepted; the line was not used.")
	}
	return Usage("Invalid line: the byte 0x%02x is not UTF-8; the line was not used.", b)
}

// control acts on control keys that have no name of their own.
func (e *editor) control(b byte) (done bool, err error) {
	switch b + 64 {
	case 'C':
		return true, ErrInterrupted
	case 'D':
		if len(e.text) == 0 {
			return true, errLeave
		}
		e.replace(e.at, min(e.after(), len(e.text)), nil)
	case 'K':
		e.kill(e.at, len(e.text))
	case 'U':
		e.kill(0, e.at)
	case 'Y':
		e.replace(e.at, e.at, e.killed)
	case 'T':
		e.swap()
	case 'L':
		e.draw(func(out *bytes.Buffer) { out.WriteString("\x1b[H\x1b[2J"); e.row = 0; e.show(out) })
	case 'R':
		e.startSearch()
	default:
		e.bell()
	}
	return false, nil
}

// edit acts on the keys that move and delete.
func (e *editor) edit(k keyKind) {
	switch k {
	case keyBackspace:
		e.replace(max(e.before(), 0), e.at, nil)
	case keyDelete:
		e.replace(e.at, min(e.after(), len(e.text)), nil)
	case keyLeft:
		e.cursor(e.before())
	case keyRight:
		e.cursor(e.after())
	case keyHome:
		e.cursor(0)
	case keyEnd:
		e.cursor(len(e.text))
	case keyWordLeft:
		e.cursor(e.wordLeft())
	case keyWordRight:
		e.cursor(e.wordRight())
	case keyKillWord:
		e.kill(e.at, e.wordRight())
	case keyKillWordBack:
		e.kill(e.wordLeft(), e.at)
	case keyUp:
		e.recallEntry(e.recall - 1)
	case keyDown:
		e.recallEntry(e.recall + 1)
	}
}

// insert puts one character where the cursor stands.
func (e *editor) insert(r rune) {
	if e.bytes+utf8.RuneLen(r) > maxLine {
		e.fault = errTooLong
		return
	}
	if e.at < len(e.text) || runeWidth(r) == 0 {
		e.replace(e.at, e.at, []rune{r})
		return
	}
	// At the end of the line, which is nearly always, only the character itself is sent.
	e.text = append(e.text, r)
	e.at++
	e.bytes += utf8.RuneLen(r)
	if !e.q.secret {
		e.draw(func(out *bytes.Buffer) { e.put(out, r) })
	}
}

// replace puts with in the place of text[from:to] and the cursor behind it.
func (e *editor) replace(from, to int, with []rune) {
	if from == to && len(with) == 0 {
		return
	}
	size := len(string(with)) - len(string(e.text[from:to]))
	if e.bytes+size > maxLine {
		e.fault = errTooLong
		return
	}
	e.draw(func(out *bytes.Buffer) {
		if e.q.secret {
			out = new(bytes.Buffer) // nothing of a secret shows, not even that it gets shorter
		}
		// A character that is rubbed out at the end of the line needs no control sequences.
		simple := len(with) == 0 && to == len(e.text) && to == from+1 && e.at == to && e.col > 0 && runeWidth(e.text[from]) == 1
		if !simple {
			e.hide(out)
		}
		tail := append([]rune(nil), e.text[to:]...)
		e.text = append(append(e.text[:from], with...), tail...)
		e.at = from + len(with)
		e.bytes += size
		switch {
		case !simple:
			e.show(out)
		case !e.q.secret:
			out.WriteString("\b \b")
			e.col--
		}
	})
}

// set puts a whole new line in the place of the text.
func (e *editor) set(text []rune) {
	e.replace(0, len(e.text), append([]rune(nil), text...))
}

// kill deletes text and keeps it for Ctrl-Y; a secret is not kept.
func (e *editor) kill(from, to int) {
	if from < to && !e.q.secret {
		e.killed = append([]rune(nil), e.text[from:to]...)
	}
	e.replace(from, to, nil)
}

// swap exchanges the two characters before the cursor.
func (e *editor) swap() {
	at := min(e.at, len(e.text)-1)
	if at < 1 {
		e.bell()
		return
	}
	e.replace(at-1, at+1, []rune{e.text[at], e.text[at-1]})
}

func (e *editor) cursor(to int) {
	if to < 0 || to > len(e.text) {
		e.bell()
		return
	}
	e.draw(func(out *bytes.Buffer) { e.move(out, to) })
}

// before is where the character before the cursor begins, with what combines with it; -1 at the line's beginning.
func (e *editor) before() int {
	i := e.at - 1
	for i > 0 && runeWidth(e.text[i]) == 0 {
		i--
	}
	return i
}

// after is where the character at the cursor ends, with what combines with it.
func (e *editor) after() int {
	i := e.at + 1
	for i < len(e.text) && runeWidth(e.text[i]) == 0 {
		i++
	}
	return i
}

func (e *editor) wordLeft() int {
	i := e.at
	for i > 0 && unicode.IsSpace(e.text[i-1]) {
		i--
	}
	for i > 0 && !unicode.IsSpace(e.text[i-1]) {
		i--
	}
	return i
}

func (e *editor) wordRight() int {
	i := e.at
	for i < len(e.text) && unicode.IsSpace(e.text[i]) {
		i++
	}
	for i < len(e.text) && !unicode.IsSpace(e.text[i]) {
		i++
	}
	return i
}

// recallEntry shows an entry of the history, or again what was typed before.
func (e *editor) recallEntry(n int) {
	if !e.q.history || n < 0 || n > e.history.len() {
		e.bell()
		return
	}
	if e.recall == e.history.len() {
		e.typed = append([]rune(nil), e.text...)
	}
	e.recall = n
	if n == e.history.len() {
		e.set(e.typed)
		return
	}
	e.set([]rune(e.history.at(n)))
}

// tab completes the word before the cursor; pressed twice it lists the proposals.
func (e *editor) tab(again bool) {
	if e.keys.pasting || e.q.complete == nil || e.q.secret {
		if e.keys.pasting {
			e.insert(' ')
		}
		return
	}
	word, found := e.proposals()
	switch common := commonStart(found); {
	case len(found) == 0:
		e.bell()
	case len(found) == 1 && e.q.history:
		e.replace(e.at-len([]rune(word)), e.at, []rune(found[0]+" "))
	case len(common) > len(word) || len(found) == 1:
		e.replace(e.at-len([]rune(word)), e.at, []rune(common))
	case again:
		e.list(found)
	default:
		e.tabbed = true
		e.bell()
	}
}

// list shows words below the line, and the line again below them.
func (e *editor) list(words []string) {
	text := strings.ReplaceAll(columns(words, e.scr.columns()), "\n", "\r\n")
	e.draw(func(out *bytes.Buffer) {
		at := e.at
		e.move(out, len(e.text))
		e.at = at
		out.WriteString("\r\n" + text)
		e.show(out)
	})
}

// proposals returns the word before the cursor, which is the whole line at a question, and what it could become.
func (e *editor) proposals() (word string, found []string) {
	line := string(e.text[:e.at])
	word = line
	if e.q.history {
		word = line[strings.LastIndexAny(line, " ;|")+1:]
	}
	seen := map[string]bool{}
	for _, w := range e.q.complete(line) {
		if len(w) >= len(word) && strings.EqualFold(w[:len(word)], word) && !seen[w] && utf8.ValidString(w) {
			if e.q.history {
				w = quoteWord(w)
			}
			seen[w] = true
			found = append(found, w)
		}
	}
	return word, found
}

// commonStart is the longest beginning that all words share in any case, as the first one writes it.
func commonStart(words []string) string {
	if len(words) == 0 {
		return ""
	}
	common := []rune(words[0])
	for _, w := range words[1:] {
		r := []rune(w)
		n := 0
		for n < len(common) && n < len(r) && unicode.ToLower(common[n]) == unicode.ToLower(r[n]) {
			n++
		}
		common = common[:n]
	}
	return string(common)
}

// columns lays words out side by side.
func columns(words []string, width int) string {
	const most = 200
	more := len(words) - most
	words = words[:min(len(words), most)]
	widest := 0
	for _, w := range words {
		widest = max(widest, textWidth(w)+2)
	}
	each := 1
	if width > widest {
		each = width / widest
	}
	var b strings.Builder
	for i, w := range words {
		b.WriteString(w)
		if (i+1)%each == 0 || i == len(words)-1 {
			b.WriteByte('\n')
		} else {
			b.WriteString(strings.Repeat(" ", widest-textWidth(w)))
		}
	}
	if more > 0 {
		b.WriteString("... and " + plural(more, "other") + "\n")
	}
	return b.String()
}
