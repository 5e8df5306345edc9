package maillog

import (
	"testing"

	"posthouse/internal/cause"
)

// TestLinesOfTheCatalogue reads the line that the catalogue gives for each cause.
func TestLinesOfTheCatalogue(t *testing.T) {
	for _, c := range cause.All() {
		e, ok := ParseLine("Tue Apr 17 00:57:53 2018 Info: " + c.Line)
		if !ok || e.Kind == Other || e.Fields["cause"] != string(c.ID) {
			t.Errorf("%s: %q is read as %+v", c.ID, c.Line, e)
		}
	}
}
