package shell

import "testing"

func TestWrapText(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		width int
		want  string
	}{
		"narrow enough":       {"one two\nthree\n\nfour\n", 10, "one two\nthree\n\nfour\n"},
		"a long paragraph":    {"one two three\nfour five six\n\nseven\n", 10, "one two\nthree four\nfive six\n\nseven\n"},
		"a break of its own":  {"one two three four\nfive:\nsix seven eight nin\n", 12, "one two\nthree four\nfive:\nsix seven\neight nin\n"},
		"a form":              {"On one line:\n  a form that is too long\n", 10, "On one\nline:\n  a form that is too long\n"},
		"a word that is long": {"one twothreefourfive six", 8, "one\ntwothreefourfive\nsix"},
		"wide characters":     {"世界 世界 世界", 9, "世界 世界\n世界"},
		"nothing":             {"", 8, ""},
	} {
		if got := wrapText(c.text, c.width); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
