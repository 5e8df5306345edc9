package smtp

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
)

func TestReadReply(t *testing.T) {
	tests := []struct {
		in   string
		want string // code, enhanced code and lines
		err  error
	}{
		{"250 ok\r\n", "250||ok", nil},
		{"250\r\n", "250||", nil},
		{"250 \r\n", "250||", nil},
		{"220 peer ESMTP\n", "220||peer ESMTP", nil},
		{"550 5.1.1 no such user\r\n", "550|5.1.1|no such user", nil},
		{"550-5.1.1 no\r\n550 5.1.1 such user\r\n", "550|5.1.1|no/such user", nil},
		{"550-5.1.1 no\r\n550 such user\r\n", "550|5.1.1|no/such user", nil},
		{"250-peer\r\n250-SIZE 10\r\n250 STARTTLS\r\n", "250||peer/SIZE 10/STARTTLS", nil},
		{"450 5.1.1 classes disagree\r\n", "450||5.1.1 classes disagree", nil},
		{"250 2.0.0\r\n", "250|2.0.0|", nil},
		{"250 2.0.0000 x\r\n", "250||2.0.0000 x", nil},
		{"250-one\r\n251 two\r\n", "", ErrReply},
		{"hello\r\n", "", ErrReply},
		{"25\r\n", "", ErrReply},
		{"999 x\r\n", "", ErrReply},
		{"250x\r\n", "", ErrReply},
		{"", "", io.EOF},
		{"250 cut", "", io.ErrUnexpectedEOF},
		{"250-cut\r\n", "", io.ErrUnexpectedEOF},
		{"250 " + strings.Repeat("x", 5000) + "\r\n", "", ErrReply},
		{strings.Repeat("250-x\r\n", 300), "", ErrReply},
	}
	for _, test := range tests {
		r, err := readReply(bufio.NewReaderSize(strings.NewReader(test.in), 4096))
		if !errors.Is(err, test.err) {
			t.Errorf("%.40q: error %v, want %v", test.in, err, test.err)
			continue
		}
		if test.err != nil {
			continue
		}
		got := strings.Join([]string{strconv.Itoa(r.Code), r.Enhanced, strings.Join(r.Lines, "/")}, "|")
		if got != test.want {
			t.Errorf("%.40q: %q, want %q", test.in, got, test.want)
		}
	}
}

// FuzzReadReply reads whatever a peer may say. What is read can be written and read again.
func FuzzReadReply(f *testing.F) {
	for _, s := range []string{"250 ok\r\n", "550-5.1.1 a\r\n550 5.1.1 b\r\n", "250-\r\n250\r\n", "220", "\x00\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := readReply(bufio.NewReaderSize(strings.NewReader(string(in)), 4096))
		if err != nil {
			return
		}
		if r.Code < 200 || r.Code > 599 || len(r.Lines) == 0 || len(r.Lines) > maxReplyLines {
			t.Fatalf("reply out of bounds: %+v", r)
		}
		again, err := readReply(bufio.NewReaderSize(strings.NewReader(r.String()), 8192))
		if err != nil || again.Code != r.Code || len(again.Lines) != len(r.Lines) {
			t.Fatalf("%q was read as %+v and then as %+v, %v", in, r, again, err)
		}
	})
}
