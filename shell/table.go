package shell

import "strings"

// Table is what Session.Table prints: plain columns with a rule below the head.
type Table struct {
	Head  []string
	Rows  [][]string
	Right []bool // per column: numbers stand at the right; a missing entry is false
	Rule  string // "-" (the default) or "="
	Gap   int    // blanks between two columns; 0 means 2
	Min   []int  // the least width per column; a missing entry is 0
	Free  bool   // the last column's rule keeps its least width, whatever stands below it
}

// Table prints t. Lines have no blanks at their end.
func (s *Session) Table(t Table) {
	s.Print(t.String())
}

// String lays the table out.
func (t Table) String() string {
	widths := t.widths()
	gap := strings.Repeat(" ", t.Gap)
	if t.Gap == 0 {
		gap = "  "
	}
	var b strings.Builder
	row := func(cells []string) {
		var line strings.Builder
		for i, w := range widths {
			if i > 0 {
				line.WriteString(gap)
			}
			line.WriteString(t.pad(i, cell(cells, i), w))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	if len(t.Head) > 0 {
		row(t.Head)
		rule := make([]string, len(widths))
		for i, w := range widths {
			if t.Free && i == len(widths)-1 && i < len(t.Min) {
				w = t.Min[i]
			}
			rule[i] = strings.Repeat(t.rule(), w)
		}
		row(rule)
	}
	for _, r := range t.Rows {
		row(r)
	}
	return b.String()
}

func (t Table) rule() string {
	if t.Rule == "" {
		return "-"
	}
	return t.Rule
}

func (t Table) widths() []int {
	n := len(t.Head)
	for _, r := range t.Rows {
		n = max(n, len(r))
	}
	widths := make([]int, n)
	for i := range widths {
		if i < len(t.Min) {
			widths[i] = t.Min[i]
		}
		widths[i] = max(widths[i], textWidth(cell(t.Head, i)))
		for _, r := range t.Rows {
			widths[i] = max(widths[i], textWidth(cell(r, i)))
		}
	}
	return widths
}

func (t Table) pad(column int, text string, width int) string {
	fill := strings.Repeat(" ", max(0, width-textWidth(text)))
	if column < len(t.Right) && t.Right[column] {
		return fill + text
	}
	return text + fill
}

func cell(row []string, i int) string {
	if i < len(row) {
		return row[i]
	}
	return ""
}
