package scp

import (
	"slices"
	"testing"
)

func TestWords(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string // nil: it is no list of words
	}{
		{"scp -t configuration", []string{"scp", "-t", "configuration"}},
		{`scp  -p -t with\ blank`, []string{"scp", "-p", "-t", "with blank"}},
		{`scp -f 'with blank' "and more" *.txt `, []string{"scp", "-f", "with blank", "and more", "*.txt"}},
		{`scp -f 'a"b' "a'b" "a\"b" 'a'\''b' ''`, []string{"scp", "-f", `a"b`, "a'b", `a"b`, "a'b", ""}},
		{"scp -t ümlaut.txt", []string{"scp", "-t", "ümlaut.txt"}},
		{`scp -t "a;b"`, []string{"scp", "-t", "a;b"}},
		{"scp -t a; version", nil},
		{"scp -t a | grep b", nil},
		{"scp -t $(b)", nil},
		{"scp -t it's", nil},
		{`scp -t a\`, nil},
	} {
		if got, ok := Words(c.line); ok != (c.want != nil) || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %t", c.line, got, ok)
		}
	}
}

func FuzzWords(f *testing.F) {
	f.Add(`scp -f 'a b' "c\"d" e\ f`)
	f.Fuzz(func(t *testing.T, line string) {
		words, _ := Words(line)
		size := 0
		for _, w := range words {
			size += len(w)
		}
		if size > len(line) {
			t.Errorf("%q of %q", words, line)
		}
	})
}
