package outbound

import (
	"fmt"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"posthouse/mta/queue"
	"posthouse/mta/spool"
)

// has compares some fields of a block.
func has(t *testing.T, block textproto.MIMEHeader, want map[string]string) {
	t.Helper()
	for key, value := range want {
		if got := block.Get(key); got != value {
			t.Errorf("%s is %q, want %q", key, got, value)
		}
	}
}

func TestSuccessReport(t *testing.T) {
	b, s := newBouncer(t)
	b.Now = func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }
	env := original(t, s, "Subject: hi\r\n\r\nbody that stays here\r\n")
	env.Ret = "FULL" // which is about failures
	m, err := b.Success(env, []queue.Reached{
		{Recipient: queue.Recipient{Address: "b@y.example", ORcpt: "rfc822;list+b@x.example"}, Handover: queue.Relayed, Code: 250,
			Response: "2.0.0 taken", Status: "2.0.0", Remote: "192.0.2.1"},
		{Recipient: queue.Recipient{Address: "c@z.example", ORcpt: "utf-8;ü@x.example"}, Handover: queue.Final, Status: "2.0.0", Response: "discarded: /dev/null"},
	}, queue.Notice{To: env.Sender, DSN: true})
	if err != nil {
		t.Fatal(err)
	}
	if m.Sender != "" || m.Recipients[0].Notify != "NEVER" || !m.Bounce {
		t.Errorf("envelope %+v", m.Envelope)
	}
	msg, text := read(t, s, m.MID)
	if got := msg.Header.Get("Subject"); got != "Delivery Status Notification (Success)" {
		t.Errorf("subject %q", got)
	}
	list := parts(t, msg)
	blocks := fields(t, list[1])
	if len(list) != 3 || len(blocks) != 3 {
		t.Fatalf("%d parts, %d blocks:\n%s", len(list), len(blocks), text)
	}
	has(t, blocks[0], map[string]string{"Original-Envelope-Id": "QQ1", "Reporting-Mta": "dns; mail.example.com", "Arrival-Date": env.Received.Format(time.RFC1123Z)})
	has(t, blocks[1], map[string]string{
		"Original-Recipient": "rfc822; list+b@x.example", "Final-Recipient": "rfc822; b@y.example", "Action": "relayed", "Status": "2.0.0",
		"Remote-Mta": "dns; [192.0.2.1]", "Diagnostic-Code": "smtp; 250 2.0.0 taken",
	})
	has(t, blocks[2], map[string]string{
		"Original-Recipient": `utf-8; \x{FC}@x.example`, "Final-Recipient": "rfc822; c@z.example", "Action": "delivered", "Status": "2.0.0",
		"Remote-Mta": "", "Diagnostic-Code": "", "Will-Retry-Until": "",
	})
	if strings.Contains(text, "stays here") || strings.Contains(text, "/dev/null") || !strings.Contains(list[0], "relayed to 192.0.2.1") {
		t.Errorf("notice:\n%s", text)
	}
}

func TestFieldsOfAFailure(t *testing.T) {
	b, s := newBouncer(t)
	env := original(t, s, "Subject: hi\r\n\r\nbody\r\n")
	env.EnvID = ""
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	m, err := b.Bounce(env, []queue.Failed{
		{Recipient: queue.Recipient{Address: "b@y.example", ORcpt: "rfc822;a b@x.example"}, At: at,
			Failure: queue.Failure{Code: 550, Lines: []string{"no"}, Status: "5.1.0", Remote: "mx.y.example"}},
		{Recipient: queue.Recipient{Address: "c@y.example"}, Failure: queue.Failure{Lines: []string{"timeout"}, Status: "5.4.7", Cause: "N3"}},
	}, queue.Notice{To: env.Sender, DSN: true})
	if err != nil {
		t.Fatal(err)
	}
	msg, _ := read(t, s, m.MID)
	_, status, _ := strings.Cut(parts(t, msg)[1], "\n")
	want := fmt.Sprintf(`Reporting-MTA: dns; mail.example.com
Arrival-Date: %s
X-Posthouse-Queue-ID: %d

Original-Recipient: rfc822; a b@x.example
Final-Recipient: rfc822; b@y.example
Action: failed
Status: 5.1.0
Remote-MTA: dns; mx.y.example
Diagnostic-Code: smtp; 550 no
Last-Attempt-Date: Wed, 04 Mar 2026 05:06:07 +0000

Final-Recipient: rfc822; c@y.example
Action: failed
Status: 5.4.7
Diagnostic-Code: X-Posthouse; timeout
X-Posthouse-Cause: N3
`, env.Received.Format(time.RFC1123Z), env.MID)
	if got := strings.ReplaceAll(status, "\r\n", "\n"); got != want {
		t.Errorf("report:\n%s\nwant:\n%s", got, want)
	}
}

// TestWhatIsReturned holds RET against the kinds of messages and notices.
func TestWhatIsReturned(t *testing.T) {
	const (
		plain  = "Subject: hi\r\n\r\nall of it\r\n..dotted\r\nlast=20line"
		eight  = "Subject: hi\r\n\r\nGrüße, all of it\r\n"
		global = "Subject: Grüße\r\n\r\nall of it\r\n"
	)
	large := "Subject: hi\r\n\r\n" + strings.Repeat("all of it\r\n", maxReturned/11+1)
	for _, test := range []struct {
		name, body string
		change     func(e *spool.Envelope)
		kind       string // of the part
		whole, d8  bool
	}{
		{"nothing said", plain, func(*spool.Envelope) {}, "text/rfc822-headers; charset=us-ascii", false, false},
		{"HDRS", plain, func(e *spool.Envelope) { e.Ret = "HDRS" }, "text/rfc822-headers; charset=us-ascii", false, false},
		{"FULL", plain, func(e *spool.Envelope) { e.Ret = "FULL" }, "message/rfc822", true, false},
		{"FULL in 8 bits", eight, func(e *spool.Envelope) { e.Ret, e.Body8Bit = "FULL", true }, "message/rfc822", true, true},
		{"FULL with SMTPUTF8", global, func(e *spool.Envelope) { e.Ret, e.Body8Bit, e.SMTPUTF8 = "FULL", true, true }, "message/global", true, false},
		{"FULL, too large", large, func(e *spool.Envelope) { e.Ret = "FULL" }, "text/rfc822-headers; charset=us-ascii", false, false},
		{"FULL with REQUIRETLS", plain, func(e *spool.Envelope) { e.Ret, e.RequireTLS = "FULL", true }, "", false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, s := newBouncer(t)
			env := original(t, s, test.body)
			env.Size = int64(len(test.body))
			test.change(env)
			m, err := b.Bounce(env, []queue.Failed{{Failure: queue.Failure{Status: "5.0.0"}}}, queue.Notice{To: env.Sender, DSN: true})
			if err != nil {
				t.Fatal(err)
			}
			if m.Body8Bit != test.d8 || m.SMTPUTF8 {
				t.Errorf("8 bits %v, SMTPUTF8 %v", m.Body8Bit, m.SMTPUTF8)
			}
			msg, text := readAs(t, s, m.MID, test.d8)
			if got := msg.Header.Get("Content-Transfer-Encoding") == "8bit"; got != test.d8 {
				t.Errorf("the report's encoding is %q", msg.Header.Get("Content-Transfer-Encoding"))
			}
			list := parts(t, msg)
			if test.kind == "" {
				if len(list) != 2 || strings.Contains(text, "Subject: hi") {
					t.Errorf("%d parts, want 2", len(list))
				}
				return
			}
			kind, content, _ := strings.Cut(list[2], "\n")
			if kind != test.kind {
				t.Errorf("the part is %s, want %s", kind, test.kind)
			}
			if test.whole && content != test.body || !test.whole && strings.Contains(content, "all of it") {
				t.Errorf("returned:\n%s", content)
			}
			if told := strings.Contains(list[0], "too large to be returned"); told != (test.name == "FULL, too large") {
				t.Errorf("too large: %v in\n%s", told, list[0])
			}
		})
	}
}

// TestADelayReturnsTheHeader: RET is about failures (RFC 3461 §4.3).
func TestADelayReturnsTheHeader(t *testing.T) {
	b, s := newBouncer(t)
	env := original(t, s, "Subject: hi\r\n\r\nall of it\r\n")
	env.Ret = "FULL"
	m, err := b.Delay(env, []queue.Failed{{Failure: queue.Failure{Status: "4.4.7"}}}, time.Now().Add(time.Hour), queue.Notice{To: env.Sender, DSN: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, text := read(t, s, m.MID); strings.Contains(text, "all of it") || !strings.Contains(text, "Subject: hi") {
		t.Errorf("notice:\n%s", text)
	}
}
