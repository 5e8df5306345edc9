package commands

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"posthouse/mta"
	"posthouse/shell"
)

const queuedContent = "Received: from a.example ([192.0.2.1])\r\n\tby mail.example.com\r\nSubject: Testing\x1b[2J\r\n\r\nHello\r\nFrom here\r\n>From there\r\nlast"

// newQueued is a bench with one message, MID 9, 1 hour 5 minutes and some seconds old.
func newQueued(t *testing.T) *bench {
	b := newBench(t)
	now := time.Now()
	b.engine.content = queuedContent
	b.engine.status.KilobytesFree = 1 << 20
	b.engine.removed = 2
	b.engine.message = mta.MessageInfo{
		MID: 9, ICID: 88, Sender: "a@example.org", Subject: "Testing", Received: now.Add(-time.Hour - 5*time.Minute - 30*time.Second),
		Size: 1230, Listener: "OutboundMail", Relay: true, RequireTLS: true, EightBit: true, EnvID: "x1",
		Recipients: []mta.RecipientState{
			{RID: 0, Address: "b@example.com", Host: "example.com", Phase: mta.Waiting, Attempts: 3, Place: 12, Of: 7055,
				Next: now.Add(12*time.Minute + 50*time.Second), LastError: "454 4.7.0 try later", HostState: mta.HostDown,
				HostCause: "V5", HostError: "whatever", HostNext: now.Add(time.Minute + 300*time.Millisecond), Notify: "NEVER"},
			{RID: 1, Address: "c@partner.example", Host: "[relay.example]:25", Redirected: true, Phase: mta.Ready, Place: 1, Of: 1, HostState: mta.HostUp},
			{RID: 2, Address: "d@partner.example", Host: "partner.example", Phase: mta.Finished, Attempts: 1},
		},
	}
	return b
}

func TestOldMessage(t *testing.T) {
	b := newQueued(t)
	first, header, _ := strings.Cut(b.exec(0, "oldmessage", ""), "\n")
	if want := "Received: from a.example ([192.0.2.1])\n        by mail.example.com\nSubject: Testing\\x1b[2J\n"; header != want {
		t.Errorf("printed %q, want %q", header, want)
	}
	contains(t, first, "MID 9: 1 hour 5 mins 3", " secs old")
	contains(t, b.exec(0, "oldmessage --json", ""), `"mid": 9`, `"received": "`)
	b.fails("oldmessage 9", "", `Invalid word "9"`)
	b.engine.message = mta.MessageInfo{}
	contains(t, b.exec(0, "oldmessage; oldmessage --json", ""), "No messages in the delivery queue.\n", `"mid": null`)
}

func TestShowMessage(t *testing.T) {
	b := newQueued(t)
	b.exec(0, "destconfig new relay.example tls required-verify; commit -y", "")
	out := b.script(0, "showmessage", "9")
	contains(t, out, "Enter the MID to show.\n[]> ", "MID 9: 1 hour 5 mins 3", ` secs old
Envelope From:      a@example.org
Received:           `, `, ICID 88, listener OutboundMail, to be relayed
Size:               1,230 bytes
TLS demands:        REQUIRETLS
Needs:              8BITMIME
Bounce profile:     of the destination
Asked for:          RET=- ENVID=x1
Recipients:
  [0] b@example.com
      State:        due at `, ", in 12m", `, 3 attempts
      Queue:        12 of 7,055 for example.com
      Last error:   454 4.7.0 try later
      Destination:  down, tried again in `, `, last error: V5 certificate name mismatch
      TLS:          No (destination control DEFAULT)
      Asked for:    NOTIFY=NEVER ORCPT=-
  [1] c@partner.example
      State:        due, 0 attempts
      Queue:        1 of 1 for [relay.example]:25
      Redirected:   by an operator to [relay.example]:25
      Destination:  up
      TLS:          Required (Verify) (destination control relay.example)
  [2] d@partner.example
      State:        done: delivered, bounced or deleted, 1 attempt

Received: from a.example ([192.0.2.1])
        by mail.example.com
Subject: Testing\x1b[2J

Hello
From here
`)
	if out := b.exec(0, "showmessage 9 headers", ""); strings.Contains(out, "Hello") || !strings.Contains(out, "Subject: Testing") {
		t.Errorf("with headers only:\n%s", out)
	}
	contains(t, b.exec(0, "showmessage 9 --json", ""), `"mid": 9`, `"require_tls": true`, `"state": "waiting"`, `"place": 12`, `"tls": "required-verify"`)
	b.fails("showmessage 10", "", "Unknown MID 10: no such message is in the queue.")
	b.fails("showmessage none", "", `Invalid MID "none"`)
	b.fails("showmessage 9 body", "", `Invalid word "body"`)
}

func TestArchiveMessage(t *testing.T) {
	b := newQueued(t)
	contains(t, b.script(0, "archivemessage", "9"), "Enter the MID to archive.\n[]> ",
		"MID 9 has been saved in file oldmessage_9.mbox in the configuration directory.\n")
	data, err := os.ReadFile(filepath.Join(b.a.Files, "oldmessage_9.mbox"))
	if err != nil {
		t.Fatal(err)
	}
	received := b.engine.message.Received.UTC()
	want := "From a@example.org " + received.Format(time.ANSIC) + "\nX-Envelope-From: <a@example.org>\nX-Envelope-To: <b@example.com>\n" +
		"X-Envelope-To: <c@partner.example>\nX-Posthouse-Message: MID 9 ICID 88; " + received.Format(time.RFC1123Z) + "\n" +
		"Received: from a.example ([192.0.2.1])\n\tby mail.example.com\nSubject: Testing\x1b[2J\n\nHello\n>From here\n>>From there\nlast\n\n"
	if string(data) != want {
		t.Errorf("the file holds\n%q, want\n%q", data, want)
	}
	if info, err := os.Stat(filepath.Join(b.a.Files, "oldmessage_9.mbox")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	contains(t, b.exec(0, "archivemessage 9 other.mbox --json", ""), `"file": "other.mbox"`)
	b.engine.message.Sender = ""
	b.engine.content = strings.Repeat("x", 3*longestLine) + "\r\nFrom x\r\n"
	b.exec(0, "archivemessage 9 long.mbox", "")
	data, _ = os.ReadFile(filepath.Join(b.a.Files, "long.mbox"))
	if text := string(data); !strings.HasPrefix(text, "From MAILER-DAEMON ") || !strings.HasSuffix(text, "\n"+strings.Repeat("x", 3*longestLine)+"\n>From x\n\n") {
		t.Errorf("a long line: %d bytes", len(text))
	}
	b.fails("archivemessage 9 ../etc", "", "Invalid name")
	b.fails("archivemessage 10", "", "Unknown MID 10")
	b.fails("archivemessage 9 a b", "", `Invalid word "b"`)
	b.engine.status.KilobytesFree = 1 << 10
	b.fails("archivemessage 9 full.mbox", "", `Unable to write "full.mbox": too little room`)
	if _, err := os.Stat(filepath.Join(b.a.Files, "full.mbox")); err == nil {
		t.Error("something was written")
	}
}

func TestRemoveMessage(t *testing.T) {
	b := newQueued(t)
	contains(t, b.script(0, "removemessage", "9", "y"), "Enter the MID to remove.\n[]> ", "MID 9: 1 hour 5 mins 3", " secs old\n",
		"Subject: Testing\\x1b[2J\n\nRemove this message? [N]> ", "MID 9 removed.\n")
	if got := b.engine.called(); got != "remove 9" {
		t.Errorf("the engine was told %q", got)
	}
	b.script(0, "removemessage 9", "")
	b.fails("removemessage 9", "", "Remove this message?")
	b.fails("removemessage 10 -y", "", "Unknown MID 10")
	b.fails("removemessage 9 --json", "", "needs a MID and -y")
	b.fails("remove 9 -y", "", "Unknown command")
	if got := b.engine.called(); got != "" {
		t.Errorf("the engine was told %q", got)
	}
	b.engine.removed = 1
	contains(t, b.exec(0, "removemessage 9 -y; removemessage 9 -y --json", ""), "MID 9 removed for 1 recipient; the delivery to 1 is under way.\n",
		`"recipients_removed": 1`, `"recipients_under_way": 1`)
	b.engine.removed = 0
	b.fails("removemessage 9 -y", "", "Failed to remove MID 9: its delivery is under way.")
	b.engine.fail = errors.New("the disk is full")
	b.fails("removemessage 9 -y", "", "Failed to remove MID 9: the disk is full.")
}

func TestBounceRecipients(t *testing.T) {
	b := newBench(t)
	contains(t, b.script(0, "bouncerecipients", "1", "Example.com", "y"), `Please select how you would like to bounce messages:
1. By recipient host.
2. By Envelope From address.
3. All.
[1]> `, "Please enter the hostname for the messages you wish to bounce.\n[]> ",
		"Are you sure you want to bounce all messages being delivered to \"example.com\"? [N]> ",
		"Bouncing messages, please wait.\n1,100 messages bounced.\n")
	contains(t, b.script(0, "bouncerecipients", "2", "a@example.org", ""),
		"Are you sure you want to bounce all messages with the Envelope From address of \"a@example.org\"? [N]> ")
	contains(t, b.script(0, "bouncerecipients", "3", "n"),
		"Are you sure you want to bounce all messages in the delivery queue (all active recipients)? [N]> ")
	contains(t, b.exec(0, "bouncerecipients host [relay.example]:25; bouncerecipients sender <>; bouncerecipients all --json", ""),
		"1,100 messages bounced.", `"messages_bounced": 1100`, `"recipients_bounced": 1246`)
	if got := b.engine.called(); got != "bounce example.com ; bounce [relay.example]:25 ; bounce  <>; bounce  " {
		t.Errorf("the engine was told %q", got)
	}
	b.fails("bounce all", "", "Unknown command")
	b.fails("bouncerecipients --json", "", "needs host, sender or all")
	b.engine.fail = errors.New("no notice")
	b.fails("bouncerecipients all", "", "Failed to bounce every message: no notice. 1,100 messages bounced.")
}

func TestRedirectRecipients(t *testing.T) {
	b := newBench(t)
	contains(t, b.script(0, "redirectrecipients", "other.example", "y"),
		"Please enter the hostname or IP address of the machine you want to send all mail to.\n[]> ", "WARNING: ",
		"Are you sure you want to redirect all mail in the queue to \"other.example\"? [N]> ",
		"Redirecting messages, please wait.\n1,246 recipients redirected.\n")
	b.script(0, "redirectrecipients", "other.example", "")
	contains(t, b.exec(0, "redirectrecipients 192.0.2.9:2525; redirectrecipients Other.example --json", ""), "1,246 recipients redirected.",
		`"host": "[other.example]:25"`, `"recipients_redirected": 1246`)
	if got := b.engine.called(); got != "redirect [other.example]:25; redirect [192.0.2.9]:2525; redirect [other.example]:25" {
		t.Errorf("the engine was told %q", got)
	}
	b.fails("redirectrecipients /dev/null", "", `Invalid machine "/dev/null"`)
	b.fails("redirectrecipients a b", "", `Invalid word "b"`)
	b.fails("redirect other.example", "", "Unknown command")
}

// TestALongChangeIsStopped: Ctrl-C at a terminal says what was done until then.
func TestALongChangeIsStopped(t *testing.T) {
	for command, want := range map[string]string{
		"deleterecipients all": "9 messages deleted.", "bouncerecipients all": "9 messages bounced.", "redirectrecipients other.example": "10 recipients redirected.",
	} {
		b := newBench(t)
		b.engine.endless = true
		out := shell.RunTyped(t.Context(), b.opts, command+"\r\x03", 80, 24)
		contains(t, out, "^C\r\n", want)
	}
}

// TestManyRecipientsAreAWholeDocument and begin before the last is found.
func TestManyRecipientsAreAWholeDocument(t *testing.T) {
	b := newBench(t)
	if got, want := b.exec(0, "showrecipients all --json", ""), "{\n  \"recipients\": []\n}\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	b.engine.recipients = []mta.RecipientInfo{{MID: 1, Subject: "[]", Host: "example.com"}, {MID: 2, Host: "example.com"}}
	want := `{
  "recipients": [
    {
      "mid": 1,
      "rid": 0,
      "size": 0,
      "attempts": 0,
      "sender": "",
      "recipient": "",
      "subject": "[]",
      "host": "example.com"
    },
    {
      "mid": 2,
      "rid": 0,
      "size": 0,
      "attempts": 0,
      "sender": "",
      "recipient": "",
      "subject": "",
      "host": "example.com"
    }
  ]
}
`
	if got := b.exec(0, "showrecipients all --json", ""); got != want {
		t.Errorf("printed %s", got)
	}
	b.engine.hosts = []mta.HostSummary{{Host: "example.com", State: mta.HostUp, Active: 2}}
	contains(t, b.exec(0, "showhosts example.com --json", ""), `"tls": "no",`, "\n      \"recipients\": [\n        {\n          \"mid\": 1,", "\n        }\n      ]\n    }\n  ]\n}\n")
	if out := b.exec(0, "showhosts --json", ""); strings.Contains(out, "recipients\": [") {
		t.Errorf("all hosts list recipients:\n%s", out)
	}
	contains(t, b.exec(0, "showrecipients all | head 5", ""), "MID/", "\n1 ")
}
