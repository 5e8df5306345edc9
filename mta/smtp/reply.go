package smtp

import (
	"fmt"
	"strconv"
	"strings"
)

// Reply is one SMTP reply (RFC 5321 §4.2), of one line or several.
type Reply struct {
	Code     int      // 200 to 599
	Enhanced string   // the enhanced status code without the brackets of prose, "5.7.1"; empty where none is sent (RFC 2034)
	Lines    []string // at least one, without line ends
}

// NewReply makes a reply of one line.
func NewReply(code int, enhanced, text string) Reply {
	return Reply{Code: code, Enhanced: enhanced, Lines: []string{text}}
}

// Positive says that the reply accepts what it answers.
func (r Reply) Positive() bool { return r.Code >= 200 && r.Code < 400 }

// Temporary says that what it answers may succeed later.
func (r Reply) Temporary() bool { return r.Code >= 400 && r.Code < 500 }

// Permanent says that what it answers will not succeed later either.
func (r Reply) Permanent() bool { return r.Code >= 500 }

// Text is the reply's words on one line.
func (r Reply) Text() string { return strings.Join(r.Lines, " ") }

// Append appends the wire form, each line ended by CRLF, to b. The enhanced status code stands on every line
// (RFC 2034 §4). Whatever could end a line early is made harmless, as the words may quote a peer.
func (r Reply) Append(b []byte) []byte {
	lines := r.Lines
	if len(lines) == 0 {
		lines = []string{""}
	}
	for i, line := range lines {
		b = strconv.AppendInt(b, int64(r.Code), 10)
		if i < len(lines)-1 {
			b = append(b, '-')
		} else {
			b = append(b, ' ')
		}
		if r.Enhanced != "" {
			b = append(b, r.Enhanced...)
			b = append(b, ' ')
		}
		b = appendSafe(b, line)
		b = append(b, '\r', '\n')
	}
	return b
}

// String is the wire form.
func (r Reply) String() string { return string(r.Append(nil)) }

// Error makes a refusal usable as an error: its code and words on one line.
func (r Reply) Error() string {
	if r.Enhanced == "" {
		return fmt.Sprintf("%d %s", r.Code, r.Text())
	}
	return fmt.Sprintf("%d %s %s", r.Code, r.Enhanced, r.Text())
}

// appendSafe appends s with each control byte replaced by a question mark.
func appendSafe(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < ' ' || c == 0x7f {
			c = '?'
		}
		b = append(b, c)
	}
	return b
}
