package commands

import "testing"

func TestPingWords(t *testing.T) {
	for _, c := range []struct {
		words []string
		host  string
		count int
		fault string
	}{
		{nil, "", 0, ""},
		{[]string{"mx.example"}, "mx.example", 0, ""},
		{[]string{"mx.example", "3"}, "mx.example", 3, ""},
		{[]string{"-c", "2", "mx.example"}, "mx.example", 2, ""},
		{[]string{"mx.example", "-c2"}, "mx.example", 2, ""},
		{[]string{"-c"}, "", 0, "Invalid command: -c needs a count behind it."},
		{[]string{"-c", "mx.example"}, "", 0, `Invalid count "mx.example": a number from 1 to 10000 is accepted.`},
		{[]string{"-i", "2", "mx.example"}, "", 0, `Invalid option "-i": ping takes -c COUNT.`},
		{[]string{"mx.example", "many"}, "", 0, `Invalid count "many": a number from 1 to 10000 is accepted.`},
		{[]string{"mx.example", "2", "3"}, "", 0, `Invalid word "3": ping takes a host and a count.`},
	} {
		host, count, err := pingWords(c.words)
		fault := ""
		if err != nil {
			fault, host, count = err.Error(), "", 0
		}
		if host != c.host || count != c.count || fault != c.fault {
			t.Errorf("%q: %q, %d, %q", c.words, host, count, fault)
		}
	}
}
