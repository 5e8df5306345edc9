package mta

import "testing"

func TestLettersBeyondASCII(t *testing.T) {
	const plain = "From: alert@mail.example.com\r\nTo: a@x.example\r\nSubject: s\r\n\r\nbücher\r\n"
	for name, c := range map[string]struct {
		letter letter
		want   bool
	}{
		"plain":       {letter{from: "a@x.example", to: []string{"b@x.example"}, message: []byte(plain)}, false},
		"a recipient": {letter{to: []string{"b@x.example", "jörg@x.example"}, message: []byte(plain)}, true},
		"a domain":    {letter{to: []string{"b@bücher.example"}, message: []byte(plain)}, true},
		"the sender":  {letter{from: "jörg@x.example", to: []string{"b@x.example"}, message: []byte(plain)}, true},
		"the header":  {letter{to: []string{"b@x.example"}, message: []byte("To: jörg@x.example\r\n" + plain)}, true},
	} {
		env, err := c.letter.envelope(1)
		if err != nil || env.SMTPUTF8 != c.want {
			t.Errorf("%s: %v, %v", name, env.SMTPUTF8, err)
		}
	}
}
