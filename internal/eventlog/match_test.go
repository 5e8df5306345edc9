package eventlog

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// naive is what every line's own look at the patterns finds.
func naive(patterns []*regexp.Regexp, text string, invert bool) []string {
	q := Query{Patterns: patterns, Invert: invert}
	var found []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSuffix(line, "\n"); q.Matches([]byte(line)) {
			found = append(found, line)
		}
	}
	return found
}

func matched(patterns []*regexp.Regexp, text string, invert bool) []string {
	m := newMatcher(patterns)
	var found []string
	for range 2 { // the second time with what is learnt of the first
		if found != nil {
			m.sample([]byte(text))
		}
		found = nil
		m.wanted([]byte(text), invert, func(begin, end int) error {
			found = append(found, text[begin:end-1])
			return nil
		})
	}
	return found
}

const matchText = "New SMTP ICID 5\nStart MID 1 ICID 5\nMID 1 ICID 5 From: <a@Example.COM>\n\nmid 1 Kelvin \u212aelvin\n" +
	"Message finished MID 1 done\nBounced: DCID 2\nDelayed: DCID 3\nbig \u017fmall\nla\u00dft LINE\n"

func TestMatcherFindsWhatEveryLineWould(t *testing.T) {
	for _, patterns := range [][]string{
		{"MID 1"}, {"(?i)mid 1"}, {"(?i)kelvin"}, {"(?i)small"}, {"(?i)example\\.com"}, {"^$"}, {"^MID"}, {"done$"}, {"Bounced|Delayed"},
		{"(?i)bounced|delayed"}, {"(Bounced|Delayed): DCID [0-9]+"}, {"MID [0-9]+ done"}, {"x*"}, {"[0-9]"}, {"(?i)laßt"}, {"nothing"},
		{"(?:MID ){1,3}"}, {"(?i:mid) 1 ICID"}, {"MID", "Bounced"}, {"(?i)MID", "Bounced"}, {"a", "[0-9]"}, {"(?s).+"}, {"\\bSMTP\\b"}, {"M"}, {"ſ"},
		{"a\\nb"}, {""}, {"(?i)K"}, {"(?i)A@exaMPLE"}, {"(?i)mid 1"}, {"(?i)<A@"}, {"(?i)kelvin \u212a|ICID 5"}, {"\\BID\\b"}, {"^[A-Z]+ .*\\b1$"}, {"[0-9]{2,5}|^$"}, {"(a|b)*c?$"}, {"(?m)^mid"}, {"[^ -~]"}, {"\\d{3}"}, {"(?i)ICID 5", "(?i)done"},
	} {
		var list []*regexp.Regexp
		for _, p := range patterns {
			list = append(list, regexp.MustCompile(p))
		}
		// Much text beside it makes bytes rare.
		for _, text := range []string{matchText, matchText + strings.Repeat("nothing to see\n", 400) + matchText} {
			for _, invert := range []bool{false, true} {
				if got, want := matched(list, text, invert), naive(list, text, invert); !slices.Equal(got, want) {
					t.Errorf("%q inverted %v: %q, want %q", patterns, invert, got, want)
				}
			}
		}
	}
}

func TestLowered(t *testing.T) {
	var all []byte
	for b := range 256 {
		all = append(all, byte(b), 'A', byte(255-b))
	}
	var want []byte
	for _, b := range all {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		want = append(want, b)
	}
	if got := lowered(nil, all); !bytes.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func FuzzMatcher(f *testing.F) {
	f.Add("(?i)mid [0-9]+|done", matchText)
	f.Add("a(b|c)+d{2}", "abdd\nacdd\n\nABCDD\n")
	f.Add("(?i)k(?-i)S", "\u212as\nks\nkS\n")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		re, err := regexp.Compile(pattern)
		if err != nil || len(pattern) > 200 || len(text) > 4096 {
			return
		}
		text += "\n"
		if len(text)%2 == 0 {
			text += strings.Repeat("zz\n", 1000) + text
		}
		for _, invert := range []bool{false, true} {
			list := []*regexp.Regexp{re}
			if got, want := matched(list, text, invert), naive(list, text, invert); !slices.Equal(got, want) {
				t.Fatalf("%q inverted %v in %q: %q, want %q", pattern, invert, text, got, want)
			}
		}
	})
}
