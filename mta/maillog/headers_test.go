package maillog

import (
	"fmt"
	"strings"
	"testing"
)

func TestHeadersOf(t *testing.T) {
	names := []string{"Subject", "x-id", "To"}
	for _, c := range []struct{ message, want string }{
		{"Subject: one\r\nX-ID : 5\r\n\r\nTo: body\r\n", "[{Subject one} {x-id 5}]"},
		{"subject: one\r\n two\r\n\tthree\r\nFrom: a\r\n more\r\nSubject: again\r\n", "[{Subject one two three}]"},
		{"X-ID:\r\nno field\r\n folded\r\n", "[{x-id }]"},
		{" folded\r\nTo: a", "[{To a}]"},
		{"", "[]"},
	} {
		if got := fmt.Sprint(HeadersOf(strings.NewReader(c.message), names)); got != c.want {
			t.Errorf("%q: got %s, want %s", c.message, got, c.want)
		}
	}
}

// A field may be folded into as many lines as its sender likes.
func TestHeadersOfAreBounded(t *testing.T) {
	message := "Subject: a\r\n" + strings.Repeat(" b\r\n", mostHeader) + "\r\n"
	list := HeadersOf(strings.NewReader(message), []string{"Subject"})
	if len(list) != 1 {
		t.Fatalf("got %d fields", len(list))
	}
	if value := list[0].Value; len(value) > 2*mostValue || !strings.HasPrefix(value, "a b b") {
		t.Errorf("got %d bytes, %.20q", len(value), value)
	}
}
