package outbound

import (
	"slices"
	"strings"
	"testing"

	"posthouse/mta/smtp"
)

// TestALongReplyIsCut: what a peer says is repeated in logs, in the spool and in notices, for every recipient.
func TestALongReplyIsCut(t *testing.T) {
	reply := smtp.Reply{Code: 451, Enhanced: "4.3.0", Lines: slices.Repeat([]string{strings.Repeat("x", 4000)}, 256)}
	f := replyFailure(host{name: "mx.example"}, smtp.StageFinal, reply)
	if n := len(f.Text()); n > 10000 || len(f.Lines) != maxWords {
		t.Errorf("%d bytes in %d lines", n, len(f.Lines))
	}
	short := words(smtp.Reply{Code: 550, Enhanced: "5.1.1", Lines: []string{"no such", "user"}})
	if !slices.Equal(short, []string{"5.1.1 no such", "5.1.1 user"}) {
		t.Errorf("%q", short)
	}
}
