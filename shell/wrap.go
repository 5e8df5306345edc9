package shell

import "strings"

// wrapText breaks the lines of a text that are wider than width between words, and fills the paragraphs in which they
// stand. What begins with a blank, such as a batch form, and a break that stands for itself are kept.
func wrapText(text string, width int) string {
	paragraphs := strings.Split(text, "\n\n")
	for i, p := range paragraphs {
		paragraphs[i] = wrapParagraph(p, width)
	}
	return strings.Join(paragraphs, "\n\n")
}

func wrapParagraph(text string, width int) string {
	lines := strings.Split(text, "\n")
	widest := 0
	for _, l := range lines {
		widest = max(widest, textWidth(l))
	}
	if widest <= width {
		return text
	}
	var out []string
	open := "" // what is filled
	for i, l := range lines {
		if i > 0 && continues(lines[i-1], l, widest) {
			open += " " + l
			continue
		}
		if i > 0 {
			out = append(out, fill(open, width)...)
		}
		open = l
	}
	return strings.Join(append(out, fill(open, width)...), "\n")
}

// continues says whether line goes on where the one before it was full: its first word had no room there.
func continues(before, line string, widest int) bool {
	first, _, _ := strings.Cut(line, " ")
	return first != "" && before != "" && before[0] != ' ' && textWidth(before)+1+textWidth(first) > widest
}

// fill breaks a line between words.
func fill(line string, width int) []string {
	if textWidth(line) <= width || strings.HasPrefix(line, " ") {
		return []string{line}
	}
	var lines []string
	open := ""
	for _, word := range strings.Fields(line) {
		switch {
		case open == "":
			open = word
		case textWidth(open)+1+textWidth(word) > width:
			lines, open = append(lines, open), word
		default:
			open += " " + word
		}
	}
	return append(lines, open)
}
