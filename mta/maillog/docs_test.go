package maillog

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestDocumentNamesEveryLine holds docs/log-lines.md to the table: the fixed words of every line stand in it.
func TestDocumentNamesEveryLine(t *testing.T) {
	text, err := os.ReadFile("../../docs/log-lines.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range slices.Concat(lines[:], systemLines[:]) {
		if strings.Contains(l.text, "entralized") {
			continue // variants of lines that the document has
		}
		for _, p := range cut(l.text) {
			words := strings.Trim(p.literal, " '\"<>()[]:")
			if !strings.Contains(string(text), words) {
				t.Errorf("the document lacks %q of %q", words, l.text)
			}
		}
	}
}
