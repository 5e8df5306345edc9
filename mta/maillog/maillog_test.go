package maillog

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"posthouse/internal/eventlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var when = time.Date(2018, 4, 17, 0, 57, 53, 0, time.Local)

func openLog(t testing.TB, dir string) *eventlog.Log {
	t.Helper()
	l, err := eventlog.Open(eventlog.Options{Dir: dir, Name: "mail_logs", File: "mail", Version: "1", Serial: "S",
		Now: func() time.Time { return when }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// lines returns what a function logs, but for the head.
func linesOf(t testing.TB, do func(l *Log)) []string {
	t.Helper()
	e := openLog(t, t.TempDir())
	do(New(e))
	var got []string
	if err := e.Grep(t.Context(), eventlog.Query{}, func(s string) error { got = append(got, s); return nil }); err != nil {
		t.Fatal(err)
	}
	return got[3:]
}

var (
	ip1 = netip.MustParseAddr("192.0.2.1")
	ip2 = netip.MustParseAddr("::ffff:198.51.100.2")
	ip6 = netip.MustParseAddr("2001:db8::1")
)

var unknownAddress = Failure{Status: "5.1.0", Words: "Unknown address error", Code: 550, Lines: []string{"no such user"}}

// rows is one row for each form of a line: what is called, what is written, and as what it is read back.
var rows = []struct {
	do   func(l *Log)
	want string
	kind Kind
}{
	{func(l *Log) { l.ConnectionIn(7, "Public Net", ip1, ip2, "mx.example", true) },
		"New SMTP ICID 7 interface Public Net (192.0.2.1) address 198.51.100.2 reverse dns host mx.example verified yes", ConnectionIn},
	{func(l *Log) { l.ConnectionIn(7, "Public", ip6, ip6, "mx.example", false) },
		"New SMTP ICID 7 interface Public (2001:db8::1) address 2001:db8::1 reverse dns host mx.example verified no", ConnectionIn},
	{func(l *Log) { l.ConnectionIn(7, "Public", ip1, ip2, "", true) },
		"New SMTP ICID 7 interface Public (192.0.2.1) address 198.51.100.2 reverse dns host unknown verified no", ConnectionIn},
	{func(l *Log) { l.ConnectionInQuarantine(7, "Public", ip1, ip2, "", false) },
		"New CPQ ICID 7 interface Public (192.0.2.1) address 198.51.100.2 reverse dns host unknown verified no", ConnectionIn},
	{func(l *Log) { l.HostAccess(7, "ACCEPT", "SUSPECTLIST", "sbrs[-4.0:-1.0]", "-2.5") },
		"ICID 7 ACCEPT SG SUSPECTLIST match sbrs[-4.0:-1.0] SBRS -2.5", HostAccess},
	{func(l *Log) { l.HostAccess(7, "RELAY", "", "ALL", "") }, "ICID 7 RELAY SG None match ALL SBRS None", HostAccess},
	{func(l *Log) { l.HostRefused("BLOCKED_LIST", "192.0.2.0/24", "") },
		"ICID 0 TCPREFUSE SG BLOCKED_LIST match 192.0.2.0/24 SBRS None", HostAccess},
	{func(l *Log) { l.TLSInSuccess(7, "TLSv1.3", "TLS_AES_128_GCM_SHA256") },
		"ICID 7 TLS success protocol TLSv1.3 cipher TLS_AES_128_GCM_SHA256", TLSInSuccess},
	{func(l *Log) {
		l.TLSInFailed(7, 336109761, "error:1408A0C1:SSL routines:SSL3_GET_CLIENT_HELLO:no shared cipher", "H2")
	}, "ICID 7 TLS failed: (336109761, 'error:1408A0C1:SSL routines:SSL3_GET_CLIENT_HELLO:no shared cipher') [H2]", TLSInFailed},
	{func(l *Log) { l.TLSInFailed(7, 1, "error:x", "") }, "ICID 7 TLS failed: (1, 'error:x')", TLSInFailed},
	{func(l *Log) { l.TLSInRequired(7, "S1") }, "ICID 7 TLS was required but remote host did not initiate it [S1]", TLSInRequired},
	{func(l *Log) { l.TLSInRequired(7, "") }, "ICID 7 TLS was required but remote host did not initiate it", TLSInRequired},
	{func(l *Log) { l.CauseIn(7, "H1", ip2, "they offer TLSv1.2 with RC4-SHA; we take TLSv1.2, TLSv1.3") },
		"ICID 7 cause H1 for 198.51.100.2: they offer TLSv1.2 with RC4-SHA; we take TLSv1.2, TLSv1.3", CauseIn},
	{func(l *Log) { l.CauseIn(7, "H11", ip6, "") }, "ICID 7 cause H11 for 2001:db8::1", CauseIn},
	{func(l *Log) { l.ReceivingFailed(7, SizeExceeded) }, "ICID 7 Receiving Failed: Message size exceeds limit", ReceivingFailed},
	{func(l *Log) { l.ReceivingFailed(7, MessageLoop) }, "ICID 7 Receiving Failed: Message loop", ReceivingFailed},
	{func(l *Log) { l.ReceivingFailed(7, ConnectionsReached) }, "ICID 7 Receiving Failed: Connection limit exceeded", ReceivingFailed},
	{func(l *Log) { l.ConnectionInLost(7) }, "ICID 7 lost", ConnectionInLost},
	{func(l *Log) { l.ConnectionInClosed(7) }, "ICID 7 close", ConnectionInClosed},
	{func(l *Log) { l.ConnectionInRecovered(7) }, "ICID 7 close (recovered)", ConnectionInClosed},

	{func(l *Log) { l.MessageStarted(9, 7) }, "Start MID 9 ICID 7", MessageStarted},
	{func(l *Log) { l.From(9, 7, "a@example.org") }, "MID 9 ICID 7 From: <a@example.org>", From},
	{func(l *Log) { l.From(9, 7, "") }, "MID 9 ICID 7 From: <>", From},
	{func(l *Log) { l.To(9, 7, 0, "b@example.com") }, "MID 9 ICID 7 RID 0 To: <b@example.com>", To},
	{func(l *Log) { l.ToRejected(9, 7, "c@example.com") }, "MID 9 ICID 7 To: <c@example.com> Rejected by RAT", ToRejected},
	{func(l *Log) { l.MessageID(9, "<1@example.org>") }, "MID 9 Message-ID '<1@example.org>'", MessageID},
	{func(l *Log) { l.Subject(9, `a "b" c`) }, `MID 9 Subject "a "b" c"`, Subject},
	{func(l *Log) { l.Ready(9, 1230, "a@example.org") }, "MID 9 ready 1230 bytes from <a@example.org>", Ready},
	{func(l *Log) { l.PolicyMatched(9, "DEFAULT", Inbound) },
		"MID 9 matched all recipients for per-recipient policy DEFAULT in the inbound table", PolicyMatched},
	{func(l *Log) { l.PolicyMatched(9, "DEFAULT", Outbound) },
		"MID 9 matched all recipients for per-recipient policy DEFAULT in the outbound table", PolicyMatched},
	{func(l *Log) { l.Split(9, 10, "Sales", Inbound) },
		"MID 9 was split creating MID 10 due to a per-recipient policy Sales in the inbound table", Split},
	{func(l *Log) { l.Rewritten(9, 10, "add-footer", "foot") }, "MID 9 rewritten to MID 10 by add-footer filter 'foot'", Rewritten},
	{func(l *Log) { l.BounceGenerated(10, 9) }, "MID 10 was generated for bounce of MID 9", BounceGenerated},
	{func(l *Log) { l.Quarantined(9, "Policy", "filter:x") }, `MID 9 quarantined to "Policy" (filter:x)`, Quarantined},
	{func(l *Log) { l.QuarantineEnqueued(9, "Policy", "filter:x") },
		`MID 9 enqueued for transfer to centralized quarantine "Policy" (filter:x)`, QuarantineEnqueued},
	{func(l *Log) { l.QuarantineReleased(9, "Policy", "manual", 61*time.Second) },
		`MID 9 released from quarantine "Policy" (manual) t=61`, QuarantineReleased},
	{func(l *Log) { l.QuarantineDeleted(9, "Policy", "expired", time.Hour) },
		`MID 9 deleted from quarantine "Policy" (expired) t=3600`, QuarantineDeleted},
	{func(l *Log) { l.QuarantineReleasedAll(9) }, "MID 9 released from all quarantines", QuarantineReleasedAll},
	{func(l *Log) { l.Queued(9) }, "MID 9 queued for delivery", Queued},
	{func(l *Log) { l.MessageFinished(9) }, "Message finished MID 9 done", MessageFinished},
	{func(l *Log) { l.MessageFinishedRecovered(9) }, "Message finished MID 9 done (recovered)", MessageFinished},

	{func(l *Log) { l.ConnectionOut(3, ip1, ip2, 25) }, "New SMTP DCID 3 interface 192.0.2.1 address 198.51.100.2 port 25", ConnectionOut},
	{func(l *Log) { l.TLSOutSuccess(3, "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256") },
		"DCID 3 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES128-GCM-SHA256", TLSOutSuccess},
	{func(l *Log) { l.TLSOutSuccessQuarantine(3, "TLSv1.3", "TLS_AES_128_GCM_SHA256") },
		"DCID 3 TLS success protocol TLSv1.3 cipher TLS_AES_128_GCM_SHA256 the.cpq.host", TLSOutSuccess},
	{func(l *Log) { l.TLSOutUnexpected(3, "S2") }, "DCID 3 TLS failed: STARTTLS unexpected response [S2]", TLSOutUnexpected},
	{func(l *Log) { l.TLSOutUnexpected(3, "") }, "DCID 3 TLS failed: STARTTLS unexpected response", TLSOutUnexpected},
	{func(l *Log) { l.TLSOutNotVerified(7, "unable to get local issuer certificate", "V2") },
		"DCID 7 TLS failed: verify error: unable to get local issuer certificate [V2]", TLSOutNotVerified},
	{func(l *Log) { l.TLSOutNotVerified(7, "hostname mismatch", "") },
		"DCID 7 TLS failed: verify error: hostname mismatch", TLSOutNotVerified},
	{func(l *Log) { l.TLSOutFailed(3, 5, "error:y", "H1") }, "DCID 3 TLS failed: (5, 'error:y') [H1]", TLSOutFailed},
	{func(l *Log) { l.TLSOutFailed(3, 5, "error:y", "") }, "DCID 3 TLS failed: (5, 'error:y')", TLSOutFailed},
	{func(l *Log) { l.TLSOutRequired(3, "S1") },
		"DCID 3 TLS was required but could not be successfully negotiated [S1]", TLSOutRequired},
	{func(l *Log) { l.TLSOutRequired(3, "") }, "DCID 3 TLS was required but could not be successfully negotiated", TLSOutRequired},
	{func(l *Log) {
		l.ConnectionError(3, ConnectionFailure{"partner.example", ip2, 25, ReplyDetails(454, "4.7.0 TLS not available"), ip1, UnexpectedResponse})
	}, "Connection Error: DCID 3 domain: partner.example IP: 198.51.100.2 port: 25 details: 454-'4.7.0 TLS not available' " +
		"interface: 192.0.2.1 reason: unexpected SMTP response", ConnectionError},
	{func(l *Log) {
		l.ConnectionError(3, ConnectionFailure{"partner.example", ip2, 25, "[Errno 61] Connection refused", netip.Addr{}, NetworkError})
	}, "Connection Error: DCID 3 domain: partner.example IP: 198.51.100.2 port: 25 details: [Errno 61] Connection refused " +
		"interface: - reason: network error", ConnectionError},
	{func(l *Log) { l.Cause(3, "N3", "partner.example") }, "DCID 3 cause N3 for partner.example", Cause},
	{func(l *Log) { l.InClear(3, "partner.example", "P1") }, "DCID 3 delivery in clear for partner.example [P1]", InClear},
	{func(l *Log) { l.InClear(3, "partner.example", "") }, "DCID 3 delivery in clear for partner.example", InClear},
	{func(l *Log) { l.PeerNotVerified(3, "partner.example", "P2") }, "DCID 3 peer not verified for partner.example [P2]", PeerNotVerified},
	{func(l *Log) { l.PeerNotVerified(3, "partner.example", "") }, "DCID 3 peer not verified for partner.example", PeerNotVerified},
	{func(l *Log) { l.ConnectionOutClosed(3) }, "DCID 3 close", ConnectionOutClosed},
	{func(l *Log) { l.ConnectionOutRecovered(3) }, "DCID 3 close (recovered)", ConnectionOutClosed},

	{func(l *Log) { l.DeliveryStarted(3, 9, []int{0, 1}) }, "Delivery start DCID 3 MID 9 to RID [0, 1]", DeliveryStarted},
	{func(l *Log) { l.DeliveryStartedQuarantine(3, 9, []int{0}) },
		"Delivery start DCID 3 MID 9 to RID [0] to Centralized Policy Quarantine", DeliveryStarted},
	{func(l *Log) { l.MessageDone(3, 9, []int{0}) }, "Message done DCID 3 MID 9 to RID [0]", MessageDone},
	{func(l *Log) { l.MessageDone(3, 9, []int{0}, Header{"from", "A"}, Header{"to", "O'B"}) },
		`Message done DCID 3 MID 9 to RID [0] [('from', 'A'), ('to', "O'B")]`, MessageDone},
	{func(l *Log) { l.MessageDoneQuarantine(3, 9, []int{0}) },
		"Message done DCID 3 MID 9 to RID [0] (centralized policy quarantine)", MessageDone},
	{func(l *Log) { l.Response(9, []int{0}, "2.0.0 ok:  Message 5 accepted") },
		"MID 9 RID [0] Response '2.0.0 ok:  Message 5 accepted'", Response},
	{func(l *Log) {
		l.Delayed(3, 9, 1, Failure{"4.4.0", "Other network problem", 0, []string{"first", "second"}})
	}, "Delayed: DCID 3 MID 9 to RID 1 - 4.4.0 - Other network problem ('000', ['first', 'second']) []", Delayed},
	{func(l *Log) { l.PendingTill(9, []int{1}, when.Add(time.Minute), "Default") },
		"MID 9 to RID [1] pending till Tue Apr 17 00:58:53 2018 [Default]", PendingTill},
	{func(l *Log) { l.Bounced(3, 9, 0, unknownAddress) },
		"Bounced: DCID 3 MID 9 to RID 0 - 5.1.0 - Unknown address error ('550', ['no such user']) []", Bounced},
	{func(l *Log) { l.DoubleBounced(3, 9, 0, unknownAddress) },
		"Double bounce: DCID 3 MID 9 to RID 0 - 5.1.0 - Unknown address error ('550', ['no such user']) []", DoubleBounced},
	{func(l *Log) { l.Deleted(9, []int{2}) }, "Deleted: MID 9 to [2]", Deleted},
	{func(l *Log) { l.Redirected(9, []int{0, 2}, "[relay.example]:25") }, "Redirected: MID 9 to RID [0, 2] by way of [relay.example]:25", Redirected},
	{func(l *Log) { l.PossibleDelivery(3, 9, []int{2}) }, "Possible Delivery: DCID 3 MID 9 to [2]", PossibleDelivery},
}

func TestEveryLine(t *testing.T) {
	const prefix = "Tue Apr 17 00:57:53 2018 Info: "
	got := linesOf(t, func(l *Log) {
		for _, r := range rows {
			r.do(l)
		}
	})
	if len(got) != len(rows) {
		t.Fatalf("%d lines of %d", len(got), len(rows))
	}
	for i, r := range rows {
		if got[i] != prefix+r.want {
			t.Errorf("got  %q\nwant %q", got[i], prefix+r.want)
		}
		e, ok := ParseLine(got[i])
		if !ok || e.Kind != r.kind || !e.Time.Equal(when) || e.Level != "Info" || e.Text != r.want {
			t.Errorf("%q is read as %+v", got[i], e)
		}
	}
}

// TestFormerLines reads what older programs of this family wrote.
func TestFormerLines(t *testing.T) {
	for text, want := range map[string]Event{
		"New smtp ICID 5 interface mail.example.com (192.0.2.1) address 192.0.2.2 reverse dns host unknown verified no": {Kind: ConnectionIn, ICID: 5},
		"New smtp DCID 3 interface 192.0.2.1 address 192.0.2.2":                                                         {Kind: ConnectionOut, DCID: 3},
		"ICID 5 TLS success CN: <mx.example>":                                                                           {Kind: TLSInSuccess, ICID: 5, Fields: map[string]string{"cn": "mx.example"}},
		"DCID 3 TLS success CN: <mx.example>":                                                                           {Kind: TLSOutSuccess, DCID: 3, Fields: map[string]string{"cn": "mx.example"}},
		"DCID 3 TLS success":                                                                                            {Kind: TLSOutSuccess, DCID: 3},
		"ICID 5 TLS failed: no shared cipher":                                                                           {Kind: TLSInFailed, ICID: 5},
		"DCID 3 IP 192.0.2.2 TLS failed: STARTTLS unexpected response":                                                  {Kind: TLSOutUnexpected, DCID: 3},
		"DCID 3 IP 192.0.2.2 TLS failed: verify error: certificate has expired":                                         {Kind: TLSOutNotVerified, DCID: 3},
		"DCID 3 IP 192.0.2.2 TLS failed: (336031996, 'error:140770FC:SSL routines:x:unknown protocol')":                 {Kind: TLSOutFailed, DCID: 3},
		"DCID 3 IP 192.0.2.2 TLS was required but could not be successfully negotiated":                                 {Kind: TLSOutRequired, DCID: 3},
		`MID 9 Subject 'it\'s "late"'`:                                                                                  {Kind: Subject, MID: 9, Fields: map[string]string{"subject": `it\'s "late"`}},
		"MID 9 (DCID 3) Response 'queued as 1'":                                                                         {Kind: Response, MID: 9, DCID: 3},
		"MID 9 ICID 5 To: <b@example.com>":                                                                              {Kind: To, MID: 9, ICID: 5},
	} {
		e, ok := ParseLine("Tue Apr 17 00:57:53 2018 Info: " + text)
		if !ok || e.Kind != want.Kind || e.ICID != want.ICID || e.DCID != want.DCID || e.MID != want.MID {
			t.Errorf("%q is read as %+v", text, e)
		}
		for name, value := range want.Fields {
			if e.Fields[name] != value {
				t.Errorf("%q: %s is %q", text, name, e.Fields[name])
			}
		}
	}
}

// TestTogether writes every line at once, and wants the same as if each were written for itself.
func TestTogether(t *testing.T) {
	each := linesOf(t, func(l *Log) {
		for _, r := range rows {
			r.do(l)
		}
	})
	for range 2 { // The second time, memory is there already.
		together := linesOf(t, func(l *Log) {
			l.Together(func(l *Log) {
				for _, r := range rows {
					r.do(l)
				}
			})
		})
		if !slices.Equal(together, each) {
			t.Errorf("together\n%s\none by one\n%s", strings.Join(together, "\n"), strings.Join(each, "\n"))
		}
	}
}

func TestTwoLinesFinishAMessage(t *testing.T) {
	got := linesOf(t, func(l *Log) {
		l.DroppedByFilter(1, "drop it")
		l.ReceivingAborted(2)
		l.ReceivingAbortedRecovered(3)
	})
	want := []string{
		"Message aborted MID 1 Dropped by filter 'drop it'", "Message finished MID 1 aborted",
		"Message aborted MID 2 Receiving aborted by sender", "Message finished MID 2 aborted",
		"Message aborted MID 3 Receiving aborted by sender (recovered)", "Message finished MID 3 aborted (recovered)",
	}
	for i, line := range got {
		e, _ := ParseLine(line)
		if e.Text != want[i] || e.Kind == Other || e.Recovered != (i >= 4) {
			t.Errorf("line %d: %+v", i, e)
		}
	}
}

func TestFieldsReadBack(t *testing.T) {
	for text, check := range map[string]func(e Event) bool{
		"MID 9 ICID 7 RID 12 To: <a> RID 0 To: <b>": func(e Event) bool {
			return e.Kind == To && e.MID == 9 && e.ICID == 7 && slices.Equal(e.RIDs, []int{12}) && e.Fields["to"] == "a> RID 0 To: <b"
		},
		"DCID 7 TLS failed: verify error: certificate has expired [V3]": func(e Event) bool {
			return e.Fields["reason"] == "certificate has expired" && e.Fields["cause"] == "V3"
		},
		"MID 10 was generated for bounce of MID 9": func(e Event) bool { return e.MID == 10 && e.Other == 9 },
		"Delivery start DCID 3 MID 9 to RID [0, 1]": func(e Event) bool {
			return e.DCID == 3 && e.MID == 9 && slices.Equal(e.RIDs, []int{0, 1})
		},
		"New SMTP ICID 1 interface P (192.0.2.1) address 192.0.2.2 reverse dns host x verified yes verified no": func(e Event) bool {
			return e.Fields["host"] == "x verified yes" && e.Fields["verified"] == "no"
		},
		`MID 9 Subject "Message finished MID 9 done"`: func(e Event) bool { return e.Kind == Subject },
		"Message finished MID 9 done or not":          func(e Event) bool { return e.Kind == Other },
		"ICID -1 close":                               func(e Event) bool { return e.Kind == Other },
		"ICID +1 close":                               func(e Event) bool { return e.Kind == Other },
		"System is coming up.":                        func(e Event) bool { return e.Kind == Other },
	} {
		e, ok := ParseLine("Tue Apr 17 00:57:53 2018 Info: " + text)
		if !ok || !check(e) {
			t.Errorf("%q is read as %+v", text, e)
		}
	}
	for _, line := range []string{"", "hello", "Tue Apr 17 00:57:53 2018", "Tue Apr 17 00:57:53 2018 Info", "Tue Apr 17 00:57:53 2018Info: x"} {
		if e, ok := ParseLine(line); ok {
			t.Errorf("%q is read as %+v", line, e)
		}
	}
}

// TestNoMailForgesALine calls every method with values that try to.
func TestNoMailForgesALine(t *testing.T) {
	evil := "x\r\nTue Apr 17 00:57:53 2018 Info: Message finished MID 1 done\n\xff\u2028" + strings.Repeat("y", 1000)
	f := Failure{evil, evil, 550, []string{evil, evil}}
	got := linesOf(t, func(l *Log) {
		l.ConnectionIn(1, evil, ip1, ip1, evil, true)
		l.HostAccess(1, evil, evil, evil, evil)
		l.TLSInSuccess(1, evil, evil)
		l.TLSInFailed(1, 1, evil, "H1")
		l.From(1, 1, evil)
		l.To(1, 1, 0, evil)
		l.ToRejected(1, 1, evil)
		l.MessageID(1, evil)
		l.Subject(1, evil)
		l.Ready(1, 1, evil)
		l.PolicyMatched(1, evil, Inbound)
		l.Split(1, 2, evil, Inbound)
		l.Rewritten(1, 2, evil, evil)
		l.Quarantined(1, evil, evil)
		l.QuarantineEnqueued(1, evil, evil)
		l.QuarantineReleased(1, evil, evil, 0)
		l.QuarantineDeleted(1, evil, evil, 0)
		l.Redirected(1, nil, evil)
		l.TLSOutSuccess(1, evil, evil)
		l.TLSOutNotVerified(1, evil, "V1")
		l.TLSOutFailed(1, 1, evil, "H1")
		l.ConnectionError(1, ConnectionFailure{evil, ip1, 1, ReplyDetails(454, evil), ip1, NetworkError})
		l.Cause(1, "N1", evil)
		l.CauseIn(1, "H1", ip1, evil)
		l.InClear(1, evil, "P1")
		l.PeerNotVerified(1, evil, "P2")
		l.MessageDone(1, 1, nil, Header{evil, evil})
		l.Response(1, nil, evil)
		l.Delayed(1, 1, 1, f)
		l.PendingTill(1, nil, when, evil)
		l.Bounced(1, 1, 1, f)
		l.DoubleBounced(1, 1, 1, f)
	})
	if len(got) != 32 {
		t.Errorf("%d lines of 32 calls", len(got))
	}
	for _, line := range got {
		if len(line) > 3000 || strings.Contains(line, "\xff") || strings.ContainsAny(line, "\r\u2028") {
			t.Errorf("line of %d bytes: %.200q", len(line), line)
		}
		if e, ok := ParseLine(line); !ok || e.Kind == MessageFinished || e.Kind == Other {
			t.Errorf("read as %q: %.200q", e.Kind, line)
		}
	}
}

// unfinished is what runs before this one left open.
func unfinished(t *testing.T, l *eventlog.Log) string {
	t.Helper()
	o, err := New(l).unfinished(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return o.String()
}

func TestRecoverAfterAKill(t *testing.T) {
	first := openLog(t, t.TempDir())
	l := New(first)
	l.ConnectionIn(1, "Public", ip1, ip2, "", false)
	l.ConnectionIn(2, "Public", ip1, ip2, "", false)
	l.HostRefused("BLOCKED_LIST", "ALL", "")
	l.MessageStarted(5, 1)
	l.Queued(5) // in the spool
	l.MessageStarted(6, 1)
	l.Queued(6) // delivered, but the last line did not make it
	l.MessageStarted(7, 2)
	l.MessageStarted(8, 2)
	l.ReceivingAborted(8)
	l.MessageStarted(9, 2)
	l.Queued(9)
	if err := first.Rollover(); err != nil {
		t.Fatal(err)
	}
	l.ConnectionInClosed(1)
	l.ConnectionOut(3, ip1, ip2, 25)
	l.ConnectionOut(4, ip1, ip2, 25)
	l.ConnectionOutClosed(4)
	l.DeliveryStarted(3, 6, []int{0})
	l.MessageFinished(9)
	l.DeliveryStarted(3, 2, []int{0}) // queued by a run before this one
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	killed := t.TempDir()
	if err := os.CopyFS(filepath.Join(killed, "mail_logs"), os.DirFS(filepath.Dir(first.Files()[0]))); err != nil {
		t.Fatal(err)
	}

	second := openLog(t, killed)
	if got := unfinished(t, second); got != "ICIDs [2] DCIDs [3] whole [2 5 6] receiving [7]" {
		t.Errorf("unfinished: %s", got)
	}
	if err := New(second).Recover(t.Context(), func(mid uint64) bool { return mid == 5 }); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := eventlog.ReadFile(second.Files()[2], func(line []byte) error {
		if e, _ := ParseLine(string(line)); e.Recovered {
			got = append(got, e.Text)
		}
		return nil
	})
	wantLines := []string{"ICID 2 close (recovered)", "DCID 3 close (recovered)",
		"Message finished MID 2 done (recovered)", "Message finished MID 6 done (recovered)",
		"Message aborted MID 7 Receiving aborted by sender (recovered)", "Message finished MID 7 aborted (recovered)"}
	if err != nil || !slices.Equal(got, wantLines) {
		t.Errorf("lines %q, %v", got, err)
	}
	if got := unfinished(t, second); got != "ICIDs [] DCIDs [] whole [] receiving []" {
		t.Errorf("after the recovery: %s", got)
	}
}

func TestSystemLines(t *testing.T) {
	e := openLog(t, t.TempDir())
	s := NewSystem(e)
	s.ComingUp()
	s.Committed("admin", "first\nline")
	s.Problem("message 5 is damaged")
	s.Leaving("admin", "192.0.2.7", true)
	s.GoingDown()
	s.CertificateRenewed("partner", when)
	s.CertificateExpires("partner", "intermediate CN=Issuing", when)
	s.ACMEFailed("partner", "rate limited; try later", when)
	s.ACMEWaits("partner", "TLSA record")
	s.CRLUpdated("root", 17, when)
	s.CRLFailed("root", "404")
	s.AlertSent("System", "Warning", "required TLS failed", 2)
	s.AlertHeld("System", "Warning", "required TLS failed", when)
	s.AlertFailed("System", "Warning", "required TLS failed", "disk full")
	s.ReportSent("partner.example", "mailto:tls@partner.example")
	s.ReportFailed("partner.example", "https://tls.partner.example/", "404")
	s.ReportReceived("Example on it", "example.com", 5326, 303)
	var got []string
	if err := e.Grep(t.Context(), eventlog.Query{}, func(s string) error { got = append(got, s[25:]); return nil }); err != nil {
		t.Fatal(err)
	}
	wanted := []struct {
		line string
		kind Kind
	}{
		{"Info: System is coming up.", Other},
		{`Info: User admin commit changes: first\x0aline`, Other},
		{"Warning: message 5 is damaged", Other},
		{"Info: User admin from 192.0.2.7 restarts the system.", Other},
		{"Info: System is going down.", Other},
		{"Info: Certificate profile partner renewed, valid until Tue Apr 17 00:57:53 2018", CertificateRenewed},
		{"Warning: Certificate profile partner: intermediate CN=Issuing is valid until Tue Apr 17 00:57:53 2018 only", CertificateExpires},
		{"Warning: ACME: certificate profile partner could not be renewed: rate limited; try later; next try Tue Apr 17 00:57:53 2018", ACMEFailed},
		{"Info: ACME: certificate profile partner waits: TLSA record", ACMEWaits},
		{"Info: CRL source root fetched: 17 revoked, next update Tue Apr 17 00:57:53 2018", CRLUpdated},
		{"Warning: CRL source root failed: 404", CRLFailed},
		{"Info: Alert sent to 2 recipients: System Warning: required TLS failed", AlertSent},
		{"Info: Alert held until Tue Apr 17 00:57:53 2018: System Warning: required TLS failed", AlertHeld},
		{"Warning: Alert not sent: System Warning: required TLS failed: disk full", AlertFailed},
		{"Info: TLS report on partner.example sent to mailto:tls@partner.example", ReportSent},
		{"Warning: TLS report on partner.example not sent to https://tls.partner.example/: 404", ReportFailed},
		{"Info: TLS report of Example on it on example.com received: 5326 succeeded, 303 failed", ReportReceived},
	}
	got = got[3:]
	if len(got) != len(wanted) {
		t.Fatalf("lines %q", got)
	}
	for i, want := range wanted {
		if e, ok := ParseLine("Tue Apr 17 00:57:53 2018 " + got[i]); got[i] != want.line || !ok || e.Kind != want.kind {
			t.Errorf("got %q, read as %q\nwant %q, %q", got[i], e.Kind, want.line, want.kind)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	for _, r := range rows {
		f.Add("Tue Apr 17 00:57:53 2018 Info: " + r.want)
	}
	f.Add("Tue Apr 17 00:57:53 2018 Info: MID 1 RID [1,] Response ''")
	f.Fuzz(func(t *testing.T, line string) {
		e, ok := ParseLine(line)
		if !ok {
			return
		}
		if !strings.HasSuffix(line, e.Level+": "+e.Text) {
			t.Errorf("%q becomes level %q text %q", line, e.Level, e.Text)
		}
		for name, value := range e.Fields {
			if !strings.Contains(e.Text, value) {
				t.Errorf("field %q of %q is %q", name, line, value)
			}
		}
	})
}
