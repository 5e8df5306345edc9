package commands

import (
	"strings"
	"testing"
)

// The dialogue is that of the transcript, prompt for prompt.
func TestRecipientAccessDialogue(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "listenerconfig", "edit", "1", "rcptaccess", "new", "Example.com, user@[192.0.2.1]", "", "", "new", "user1@example.com", "2", "",
		"new", "all", "2", "y", "", "we are \"closed\"", "edit", "example.com", "", "", "delete", "user@[192.0.2.1]", "print", "", "", "", "commit -y")
	contains(t, out, `
Recipient Access Table
There are currently 0 recipients.
Default Access: REJECT
`, "[]> ", "Enter the recipient address for this entry.\n", `Select the action to apply to this address:
1. Accept
2. Reject
[1]> 
Would you like to specify a custom SMTP response? [N]> `, `
There are currently 2 recipients.
`, "[550]> ", `example.com ACCEPT
user1@example.com REJECT
ALL REJECT 550 "we are \"closed\""
`)
	again := newBench(t)
	const at = "listenerconfig edit InboundMail rcptaccess "
	again.exec(0, at+"new example.com accept; "+at+"new user1@example.com accept; "+at+"edit USER1@example.com reject; "+
		at+`new ALL reject 550 "we are \"closed\""; `+at+"print; commit -y", "")
	if b.settings() != again.settings() {
		t.Errorf("dialogue and batch form give different files:\n%s\n%s", b.settings(), again.settings())
	}
	contains(t, again.exec(0, at+"print --json", ""), `"recipients": [`, `"address": "example.com"`, `"code": 550`)
}

func TestRecipientAccessFiles(t *testing.T) {
	b := newBench(t)
	const at = "listenerconfig edit InboundMail rcptaccess "
	b.exec(0, at+`new example.com,.example.org,user@ accept; `+at+`new bad@example.com reject 551 "gone"; commit -y`, "")
	before := b.settings()
	b.exec(0, at+"export rat.txt; "+at+"clear; commit -y", "")
	if n := len(b.running().Listeners["InboundMail"].RecipientAccess); n != 0 {
		t.Errorf("%d entries are left", n)
	}
	b.script(0, "listenerconfig", "edit", "1", "rcptaccess", "import", "rat.txt", "export", "again.txt", "", "", "", "commit -y")
	if b.settings() != before {
		t.Errorf("the import changed the settings:\n%s\n%s", before, b.settings())
	}
	b.fails(at+"import none.txt", "", "No such file")
}

func TestParseRecipients(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"example.com ACCEPT", ""},
		{"# a comment\n\n example.com   accept 250 \"fine\"\n", ""},
		{"example.com", "line 1: \"\" is neither ACCEPT nor REJECT"},
		{"a ACCEPT\nb PERHAPS", "line 2: \"PERHAPS\" is neither"},
		{"a ACCEPT 550", "no code for"},
		{"a REJECT 200 \"x\"", "no code for"},
		{"a REJECT 550 text", "double quotes"},
		{`a REJECT 550 "te"xt"`, "backslash"},
		{`a REJECT "`, "double quotes"},
		{"a ACCEPT\nA REJECT", "line 2: \"a\" is there twice"},
	} {
		_, err := parseRecipients(c.text)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}

func FuzzParseRecipients(f *testing.F) {
	f.Add("example.com ACCEPT\nuser@example.com REJECT 550 \"no \\\"such\\\" user\"\nALL REJECT\n")
	f.Add(". ACCEPT")
	f.Add("# comment\nuser@ accept 250 \"ok\"")
	f.Fuzz(func(t *testing.T, text string) {
		table, err := parseRecipients(text)
		if err != nil {
			return
		}
		for _, rule := range table {
			if rule.Text != "" && replyText(rule.Text) != nil {
				t.Fatalf("%q holds the text %q", text, rule.Text)
			}
		}
		written := recipientText(table)
		again, err := parseRecipients(written)
		if err != nil {
			t.Fatalf("%q is written as %q, which cannot be read: %v", text, written, err)
		}
		if got := recipientText(again); got != written {
			t.Fatalf("%q is written as %q and then as %q", text, written, got)
		}
	})
}
