package commands

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"posthouse/mta"
)

func TestTopHosts(t *testing.T) {
	b := newBench(t)
	b.engine.hosts = []mta.HostSummary{
		{Host: "the.cpq.host", State: mta.HostUp, Active: 2},
		{Host: "example.com", State: mta.HostDown, Active: 7055, Delivered: 182000, SoftBounced: 38548, HardBounced: 13987},
		{Host: "busy.example", State: mta.HostUp, Connections: 3},
	}
	want := `Hosts marked with '*' were down as of the last delivery attempt.

                                 Active  Conn.     Deliv.       Soft       Hard
  #   Recipient Host              Recip.    Out     Recip.    Bounced    Bounced
  1*  example.com                  7,055      0    182,000     38,548     13,987
  2   the.cpq.host                     2      0          0          0          0
`
	out := b.script(0, "tophosts", "", "exit")
	contains(t, out, "Sort results by:\n\n1. Active Recipients\n2. Connections Out\n3. Delivered Recipients\n"+
		"4. Hard Bounced Recipients\n5. Soft Bounced Events\n[1]> ", "\nStatus as of:                  ", want)
	contains(t, b.exec(0, "tophosts conn 1", ""), "  1   busy.example                     0      3          0          0          0\n")
	contains(t, b.exec(0, "tophosts --json", ""), `"host": "example.com"`, `"state": "down"`, `"active_recipients": 7055`)
	b.fails("tophosts colour", "", `"colour"`)
	b.fails("tophosts active none", "", `"none"`)

	b.engine.hosts = append(b.engine.hosts, mta.HostSummary{Host: "a-very-long-name-indeed.of-some.department.example", Active: 1, State: mta.HostUp})
	var widths []int
	for _, line := range strings.Split(strings.TrimSpace(b.exec(0, "tophosts active", "")), "\n")[4:] {
		widths = append(widths, len(line))
	}
	for _, w := range widths[1:] {
		if w != widths[0] {
			t.Errorf("columns do not line up: %v", widths)
		}
	}
}

func TestShowHosts(t *testing.T) {
	b := newBench(t)
	b.exec(0, "destconfig new example.com tls required-verify; destconfig new partner.example tls preferred; commit -y", "")
	now := time.Now()
	b.engine.hosts = []mta.HostSummary{
		{Host: "quiet.example", State: mta.HostSuspended, Active: 12, Oldest: now.Add(-time.Hour - 2*time.Minute)},
		{Host: "example.com", State: mta.HostDown, Active: 7055, Oldest: now.Add(-52*time.Hour - 10*time.Minute),
			NextAttempt: now.Add(12*time.Minute + 4*time.Second + 300*time.Millisecond), LastCause: "V5", LastError: "whatever"},
		{Host: "partner.example", State: mta.HostUp, Active: 3, Connections: 1, Oldest: now.Add(-2 * time.Second)},
	}
	b.engine.recipients = []mta.RecipientInfo{{MID: 1527, Size: 1230, Sender: "user@example.org", Recipient: "9554@example.com", Subject: "Testing"}}
	out := b.exec(0, "showhosts", "")
	contains(t, out, `Recipient Host            State      Active  Conn.  Oldest     Next Attempt  TLS     Last Error
========================  =========  ======  =====  =========  ============  ======  ==========================
example.com               down        7,055      0  2d 4h 10m  in 12m 4s     Req-V   V5 certificate name mismatch
partner.example           up              3      1  2s         now           Pref    -
quiet.example             suspended      12      0  1h 2m      -             Off     -
`)
	if out := b.exec(0, "showhosts down", ""); strings.Contains(out, "partner") || !strings.Contains(out, "example.com") {
		t.Errorf("showhosts down printed\n%s", out)
	}
	if out := b.exec(0, "showhosts *.example up", ""); strings.Contains(out, "quiet") || !strings.Contains(out, "partner.example") {
		t.Errorf("a pattern and a state printed\n%s", out)
	}
	b.engine.called()
	contains(t, b.exec(0, "showhosts Example.com", ""), "example.com", "1527", "[0]")
	if got := b.engine.called(); got != "recipients example.com " {
		t.Errorf("the engine was asked for %q", got)
	}
	contains(t, b.exec(0, "showhosts --json", ""), `"host": "example.com"`, `"tls": "required-verify"`, `"last_cause": "V5"`)
	b.fails("showhosts [", "", "pattern")
	b.fails("showhosts --jsn", "", "Invalid word \"--jsn\"")
}

func TestHostStatus(t *testing.T) {
	b := newBench(t)
	at := time.Date(2026, 3, 13, 6, 4, 24, 0, time.UTC)
	h := mta.HostStatus{
		HostSummary: mta.HostSummary{Host: "example.com", State: mta.HostUp, HardBounced: 1}, FiveXXHard: 1, LastActivity: at,
		LastTLS:         "TLSv1.3 TLS_AES_128_GCM_SHA256, verified (mx1.example.com), DANE none, MTA-STS none",
		AddressesExpire: at.Add(30 * time.Minute), Last5XX: "550 5.1.1 no such user", Last5XXAt: at.Add(time.Second),
	}
	h.Addresses = slices.Grow(h.Addresses, 1)[:1]
	h.Addresses[0].Preference, h.Addresses[0].Addresses = 15, []string{"192.0.2.21", "192.0.2.22"}
	h.MX = slices.Grow(h.MX, 1)[:1]
	h.MX[0].Preference, h.MX[0].TTL, h.MX[0].Host = 15, 52*time.Minute+24*time.Second, "mx1.example.com"
	b.engine.host = map[string]mta.HostStatus{"example.com": h}
	out := b.script(0, "hoststatus", "Example.com")
	contains(t, out, "Recipient host:\n[]> ", "\nHost mail status for: 'example.com'\nStatus as of:         ", "\nHost up/down:         up\n", `
Counters:
  Queue
    Soft Bounced Events                          0
  Completion
    Completed Recipients                         1
      Hard Bounced Recipients                    1
        DNS Hard Bounces                         0
        5XX Hard Bounces                         1
        Filter Hard Bounces                      0
        Expired Hard Bounces                     0
        Other Hard Bounces                       0
      Delivered Recipients                       0
      Deleted Recipients                         0

Gauges:
  Queue
    Active Recipients                            0
      Unattempted Recipients                     0
      Attempted Recipients                       0
  Connections
    Current Outbound Connections                 0
    Pending Outbound Connections                 0

Oldest Message        No Messages
Last Activity         Fri Mar 13 06:04:24 2026 GMT
Last TLS              TLSv1.3 TLS_AES_128_GCM_SHA256, verified (mx1.example.com), DANE none, MTA-STS none
Ordered IP addresses: (expiring at Fri Mar 13 06:34:24 2026 GMT)
    Preference   IPs
    15           192.0.2.21       192.0.2.22
MX Records:
    Preference   TTL       Hostname
    15           52m24s    mx1.example.com
Last 5XX Error:
----------
550 5.1.1 no such user
(at Fri Mar 13 06:04:25 2026 GMT)
----------
`)
	contains(t, b.exec(0, "hoststatus example.com --json", ""), `"host": "example.com"`, `"smtp_5xx_hard_bounces": 1`, `"ttl_seconds": 3144`)
	b.fails("hoststatus nobody.example", "", `Unknown host "nobody.example"`)
}

func TestRecipients(t *testing.T) {
	b := newBench(t)
	b.engine.recipients = []mta.RecipientInfo{{MID: 1527, Size: 1230, Sender: "user@example.org", Recipient: "9554@example.com", Subject: "Testing\x1b[2J"}}
	out := b.script(0, "showrecipients", "3")
	contains(t, out, `Please select how you would like to show messages:
1. By recipient host.
2. By Envelope From address.
3. All.
[1]> `, `Showing messages, please wait.

MID/       Bytes/        Sender/                  Subject
[RID]      [Atmps]       Recipient
1527       1230          user@example.org         Testing\x1b[2J
[0]        [0]           9554@example.com
`)
	b.engine.called()
	b.exec(0, "showrecipients sender <User@Example.org>; showrecipients host Example.com.; showrecipients sender <>; showrecipients all", "")
	if got := b.engine.called(); got != "recipients  User@Example.org; recipients example.com ; recipients  <>; recipients  " {
		t.Errorf("the engine was asked for %q", got)
	}
	contains(t, b.exec(0, "showrecipients all --json", ""), `"mid": 1527`, `"rid": 0`, `"size": 1230`)
	b.engine.recipients[0].Sender = ""
	contains(t, b.exec(0, "showrecipients all", ""), "1527       1230          <>                       Testing")
}

func TestDeleteRecipients(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "deleterecipients", "", "example.com", "y")
	contains(t, out, "Please select how you would like to delete messages:\n", "[1]> ",
		"Please enter the hostname for the messages you wish to delete.\n[]> ",
		"Are you sure you want to delete all messages being delivered to \"example.com\"? [N]> ",
		"Deleting messages, please wait.\n1,100 messages deleted.\n")
	contains(t, b.script(0, "deleterecipients", "2", "a@example.org", ""),
		"Please enter the Envelope From address for the messages you wish to delete.\n[]> ",
		"Are you sure you want to delete all messages with the Envelope From address of \"a@example.org\"? [N]> ")
	contains(t, b.script(0, "deleterecipients", "3", "n"),
		"Are you sure you want to delete all messages in the delivery queue (all active recipients)? [N]> ")
	if got := b.engine.called(); got != "delete example.com " {
		t.Errorf("the engine was told %q", got)
	}
	contains(t, b.exec(0, "deleterecipients host partner.example; deleterecipients all --json", ""), "1,100 messages deleted.", `"messages_deleted": 1100`)
	contains(t, b.script(0, "deleterecipients", "2", "<>", "y"),
		"Are you sure you want to delete all messages with the Envelope From address of \"<>\"? [N]> ", "1,100 messages deleted.")
	b.exec(0, "deleterecipients sender <>", "")
	if got := b.engine.called(); got != "delete partner.example ; delete  ; delete  <>; delete  <>" {
		t.Errorf("the engine was told %q", got)
	}
	// What could be taken for everything by mistake is not.
	b.engine.called()
	b.fails(`deleterecipients host ""`, "", "a name is needed")
	b.fails(`deleterecipients host .`, "", "a name is needed")
	b.fails(`deleterecipients host ../../`, "", `Invalid domain "../../"`)
	b.fails(`deleterecipients sender ""`, "", "a name is needed")
	b.fails(`deleterecipients sender <`, "", "a name is needed")
	b.fails(`deleterecipients`, "\n\n", "")
	b.fails(`deleterecipients everything`, "", `"everything"`)
	b.fails(`deleterecip all`, "", "Unknown command")
	if got := b.engine.called(); got != "" {
		t.Errorf("the engine was told %q", got)
	}
	b.engine.fail = errors.New("the disk is full")
	b.fails("deleterecipients all", "", "Failed to delete every message: the disk is full")
}

func TestSuspendAndResume(t *testing.T) {
	b := newBench(t)
	b.engine.listeners = []mta.ListenerStatus{{Name: "InboundMail"}, {Name: "OutboundMail"}}
	out := b.script(0, "suspendlistener", "1", "", "resumelistener", "2,OutboundMail", "suspenddel", "", "", "resumedel", "", "suspend", "5", "resume")
	contains(t, out, `Choose the listener(s) you wish to suspend.
Separate multiple entries with commas.
1. All
2. InboundMail
3. OutboundMail
[1]> `, `Enter the number of seconds to wait before abruptly closing connections.
[30]> `, `Waiting for listeners to exit...
Receiving suspended.
`, `Choose the listener(s) you wish to resume.
`, "Receiving resumed for InboundMail, OutboundMail.\n", `Enter the number of seconds to wait before abruptly closing connections.
[30]> `, `Enter one or more domains [comma-separated] to which you want to suspend delivery.
[ALL]> `, `Waiting for outgoing deliveries to finish...
Mail delivery suspended.
`, `Enter one or more domains [comma-separated] to which you want to resume delivery.
[ALL]> `, "Mail delivery resumed.\n", "[30]> ", `Waiting for listeners to exit...
Receiving suspended.
Waiting for outgoing deliveries to finish...
Mail delivery suspended.
`, "Receiving resumed.\nMail delivery resumed.\n")
	want := "suspendlisteners  30s; resumelisteners InboundMail,OutboundMail; suspenddelivery  30s; resumedelivery ; " +
		"suspendlisteners  5s; suspenddelivery  5s; resumelisteners ; resumedelivery "
	if got := b.engine.called(); got != want {
		t.Errorf("the engine was told\n%s, want\n%s", got, want)
	}
	b.exec(0, "suspendlistener all; suspendlistener inboundmail 7; resumelistener all; suspenddel 0 A.example,b.example; resumedel a.example; resumedel ALL", "")
	want = "suspendlisteners  30s; suspendlisteners InboundMail 7s; resumelisteners ; suspenddelivery a.example,b.example 0s; " +
		"resumedelivery a.example; resumedelivery "
	if got := b.engine.called(); got != want {
		t.Errorf("the engine was told\n%s, want\n%s", got, want)
	}
	b.fails("suspendlistener Nobody", "", `Unknown listener "Nobody": accepted are all, InboundMail, OutboundMail.`)
	b.fails("suspendlistener InboundMail,Nobody", "", `Unknown listener "Nobody" in "InboundMail,Nobody": `)
	b.fails("suspendlistener all soon", "", `"soon"`)
	b.fails("suspenddel 30 \"a b\"", "", "a b")
	b.fails("suspendl all", "", "Unknown command")
	b.fails("resume now", "", `"now"`)
	if got := b.engine.called(); got != "" {
		t.Errorf("the engine was told %q", got)
	}
	b.engine.fail = errors.New("no")
	b.fails("resume", "", "Failed to resume receiving: no.")
}

func TestDeliverNow(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "delivernow", "1", "Example.com", "delivernow", "2")
	contains(t, out, "1. By recipient domain\n2. All messages\n[1]> ", "Scheduling all messages to example.com for delivery.\n",
		"Scheduling all messages for delivery.\n")
	b.exec(0, "delivernow all; delivernow partner.example", "")
	if got := b.engine.called(); got != "delivernow example.com; delivernow ; delivernow ; delivernow partner.example" {
		t.Errorf("the engine was told %q", got)
	}
	b.fails("delivernow a b", "", `"b"`)
	b.fails("delivernow", "1\n\n", "something must be entered here")
	if got := b.engine.called(); got != "" {
		t.Errorf("the engine was told %q", got)
	}
}
