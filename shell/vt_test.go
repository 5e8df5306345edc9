package shell

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// vt is as much of a terminal as the editor's output needs: rows of characters and a cursor.
type vt struct {
	width    int
	rows     [][]rune
	row, col int
}

func newVT(width int, text string) *vt {
	v := &vt{width: width}
	v.write(text)
	return v
}

func (v *vt) write(s string) {
	for len(s) > 0 {
		if s[0] == 0x1b {
			s = v.escape(s)
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		switch r {
		case '\r':
			v.col = 0
		case '\n':
			v.row++
		case '\b':
			v.col = max(0, v.col-1)
		case 7:
		default:
			v.put(r)
		}
	}
}

// escape acts on one control sequence and returns what follows it.
func (v *vt) escape(s string) string {
	end := strings.IndexFunc(s[2:], func(r rune) bool { return r >= '@' }) + 2
	n, _ := strconv.Atoi(s[2:end])
	switch s[end] {
	case 'A':
		v.row = max(0, v.row-n)
	case 'B':
		v.row += n
	case 'C':
		v.col += n
	case 'H':
		v.row, v.col = 0, 0
	case 'J':
		if n == 2 {
			v.rows = nil
		} else if v.row < len(v.rows) {
			v.rows = v.rows[:v.row+1]
			v.rows[v.row] = v.rows[v.row][:min(v.col, len(v.rows[v.row]))]
		}
	}
	return s[end+1:]
}

func (v *vt) put(r rune) {
	w := runeWidth(r)
	if w == 0 {
		return
	}
	if v.width > 0 && v.col+w > v.width {
		v.row, v.col = v.row+1, 0
	}
	for len(v.rows) <= v.row {
		v.rows = append(v.rows, nil)
	}
	line := v.rows[v.row]
	for len(line) < v.col+w {
		line = append(line, ' ')
	}
	line[v.col] = r
	if w == 2 {
		line[v.col+1] = 0
	}
	v.rows[v.row] = line
	v.col += w
}

// String is what the terminal shows, without blanks at the ends of rows.
func (v *vt) String() string {
	var out []string
	for _, r := range v.rows {
		out = append(out, strings.TrimRight(strings.ReplaceAll(string(r), "\x00", ""), " "))
	}
	return strings.Join(out, "\n")
}
