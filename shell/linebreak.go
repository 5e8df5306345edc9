package shell

import (
	"fmt"
	"io"
	"strings"
)

// The narrowest and the widest terminal for which lines are broken between words.
const (
	narrowest = 20
	widest    = 1000
)

// broken is a message, or a question, whose lines end between words where they go to a person's terminal. In exec requests and
// scripts, and for programs that call themselves vt100 or dumb, each stays one line, which they look for.
func (s *Session) broken(text string) string {
	width := s.Width()
	if !s.breaks || s.way != terminal || width < narrowest || width >= widest {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = breakLine(line, width)
	}
	return strings.Join(lines, "\n")
}

// Say prints, as Printf does, what a command has to say in words, and ends the line. At a person's terminal its lines end between
// words; tables, documents, log lines and whatever else has a form of its own go by Print and its kin.
func (s *Session) Say(format string, a ...any) {
	text := fmt.Sprintf(format, a...)
	if s.toPerson() {
		text = s.broken(text)
	}
	s.Println(text)
}

// SayBeside says a text behind a heading, whose blanks at the end are kept. What has no room goes on below the text's beginning.
func (s *Session) SayBeside(heading, text string) {
	if columns := textWidth(heading); s.Width() >= columns+narrowest {
		s.Println(heading + s.beside(columns, text))
		return
	}
	s.Say("%s%s", heading, text)
}

// toPerson says that what is printed goes to the screen as it is, and not into a pipe or a document.
func (s *Session) toPerson() bool { return !s.JSON && s.stdout == io.Writer(s.scr) }

// breakPrompt breaks a prompt with a question in it, so that there is room behind it for the beginning of an answer: lines that stand
// above, and what the answer stands beside.
func (s *Session) breakPrompt(text string) (above, beside string) {
	const answer = "_"
	above, beside = cutLastLine(s.broken(strings.TrimSuffix(text, " ") + answer + answer))
	beside = strings.TrimSuffix(beside, answer+answer)
	if strings.HasSuffix(text, " ") {
		beside += " "
	}
	return above, beside
}

// beside is a text that stands behind so many columns: what has no room at a person's terminal goes on below its beginning.
func (s *Session) beside(columns int, text string) string {
	width := s.Width() - columns
	if !s.breaks || !s.toPerson() || width < narrowest || width >= widest {
		return text
	}
	return strings.ReplaceAll(breakLine(text, width), "\n", "\n"+strings.Repeat(" ", columns))
}

// breakLine breaks a line at the last blank that leaves no more than width columns before it, again and again. A word
// that is longer stays whole, and so does every other blank.
func breakLine(line string, width int) string {
	var b strings.Builder
	for textWidth(line) > width {
		at, cols := -1, 0
		for i, r := range line {
			if r == ' ' && i > 0 && line[i-1] != ' ' && (cols <= width || at < 0) {
				at = i
			}
			if cols += runeWidth(r); cols > width && at >= 0 {
				break
			}
		}
		if at < 0 {
			break
		}
		b.WriteString(line[:at] + "\n")
		line = strings.TrimLeft(line[at:], " ")
	}
	return b.String() + line
}
