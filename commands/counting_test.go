package commands

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"posthouse/mta"
	"posthouse/shell"
)

func TestDNSStatus(t *testing.T) {
	b := newBench(t)
	b.engine.dns = mta.DNSStatus{
		At: time.Date(2026, 3, 13, 6, 9, 18, 0, time.UTC), Requests: mta.Counter{Reset: 211735710, Uptime: 8269306, Lifetime: 252177342},
		Network: mta.Counter{Reset: 186, Uptime: 6, Lifetime: 186}, Hits: mta.Counter{Reset: 1300, Uptime: 30, Lifetime: 1300},
		Misses: mta.Counter{Reset: 1}, Exceptions: mta.Counter{Lifetime: 2}, Expired: mta.Counter{Uptime: 3},
	}
	want := `
Status as of:                  Fri Mar 13 06:09:18 2026 GMT

Counters:                            Reset          Uptime        Lifetime
  DNS Requests                 211,735,710       8,269,306     252,177,342
  Network Requests                     186               6             186
  Cache Hits                         1,300              30           1,300
  Cache Misses                           1               0               0
  Cache Exceptions                       0               0               2
  Cache Expired                          0               3               0
`
	if got := b.exec(0, "dnsstatus", ""); got != want {
		t.Errorf("dnsstatus printed\n%s", got)
	}
	contains(t, b.exec(0, "dnsstatus --json", ""), `"dns_requests": {`, `"reset": 211735710`, `"cache_expired": {`, `"uptime": 3`)
	b.fails("dnsstatus now", "", `"now"`)
}

func TestDNSFlush(t *testing.T) {
	b := newBench(t)
	out := b.script(0, "dnsflush", "", "dnsflush", "y")
	contains(t, out, "\nAre you sure you want to clear out the DNS cache? [N]> ", "Are you sure you want to clear out the DNS cache? [N]> ",
		"DNS cache cleared: 1,234 answers.\n")
	if got := b.engine.called(); got != "flushdns" {
		t.Errorf("the engine was told %q", got)
	}
	contains(t, b.exec(0, "dnsflush -y", ""), "DNS cache cleared: 1,234 answers.\n")
	b.fails("dnsflush all", "", `"all"`)
	b.fails("dnsfl", "", "typed in full")
}

func TestResetCounters(t *testing.T) {
	b := newBench(t)
	if got := b.exec(0, "resetcounters", ""); got != "Counters reset: Thu Jan 01 12:00:01 2026 GMT\n" {
		t.Errorf("printed %q", got)
	}
	contains(t, b.exec(0, "resetcounters --json", ""), `"counters_reset": "2026-01-01T12:00:01Z"`)
	b.fails("resetcounters all", "", `"all"`)
	b.engine.fail = errors.New("the disk is full")
	b.fails("resetcounters", "", "Failed to reset the counters: the disk is full.")
}

func TestTopIn(t *testing.T) {
	b := newBench(t)
	b.engine.peers = []mta.Peer{
		{Listener: "OutboundMail", Addr: netip.MustParseAddr("192.0.2.1"), Count: 1},
		{Listener: "InboundMail", Addr: netip.MustParseAddr("203.0.113.2"), Name: "mail.remote.example", Count: 10},
		{Listener: "InboundMail", Addr: netip.MustParseAddr("192.0.2.1"), Name: "two.example", Count: 1},
	}
	want := `
#  Remote hostname            Remote IP addr.   listener        Conn. In
1  mail.remote.example        203.0.113.2       InboundMail           10
2  two.example                192.0.2.1         InboundMail            1
3  unknown                    192.0.2.1         OutboundMail           1
`
	contains(t, b.exec(0, "topin", ""), "Status as of:                   ", want)
	if out := b.exec(0, "topin 1", ""); strings.Contains(out, "two.example") {
		t.Errorf("topin 1 printed\n%s", out)
	}
	contains(t, b.exec(0, "topin --json", ""), `"remote_host": "mail.remote.example"`, `"connections_in": 10`, `"remote_host": null`)
	b.fails("topin none", "", `"none"`)
	b.fails("topin 1 2", "", `"2"`)
}

func TestRate(t *testing.T) {
	b := newBench(t)
	b.engine.status = mta.Status{
		InboundConnections: 10, OutboundConnections: 2, KilobytesUsed: 64,
		RecipientsReceived: mta.Counter{Lifetime: 41708833}, CompletedRecipients: mta.Counter{Lifetime: 40842686},
	}
	out := b.exec(0, "rate 1 1", "")
	head, row, _ := strings.Cut(out, "K-Used\n")
	if head != "\nTime      Connections Recipients           Recipients          Queue\n          In   Out   Received     Delta     Completed    Delta   " ||
		row[8:] != "  10     2   41708833         0     40842686         0       64\n" {
		t.Errorf("rate printed\n%s", out)
	}
	contains(t, b.exec(0, "rate --json", ""), `"rows": [`, `"connections_in": 10`, `"recipients_received_delta": 0`, `"queue_bytes_used": 65536`)
	// Without a count it ends with the input; a script goes on.
	contains(t, b.exec(0, "rate 86400", ""), "41708833")
	contains(t, b.script(0, "rate", "3600", "whoami"), "Enter the number of seconds between displays.\n[10]> ", "41708833", "Username:   admin")
	b.fails("rate 0", "", `"0"`)
	b.fails("rate 1 2 3", "", `"3"`)
}

// watching makes show the only command of the bench.
func (b *bench) watching(show func(ctx context.Context, s *shell.Session) error) {
	b.opts.Table = []*shell.Command{{Name: "watch", Documents: rate(nil).Documents, Run: func(ctx context.Context, s *shell.Session, _ []string) error { return show(ctx, s) }}}
}

func TestRateCountsFromLineToLine(t *testing.T) {
	b := newBench(t)
	n := uint64(0)
	b.watching(func(ctx context.Context, s *shell.Session) error {
		return showRate(ctx, s, repetition{every: time.Millisecond, count: 3}, func() mta.Status {
			n++
			return mta.Status{RecipientsReceived: mta.Counter{Lifetime: 100 * n * n}, CompletedRecipients: mta.Counter{Lifetime: n}}
		})
	})
	contains(t, b.exec(0, "watch", ""), "        100         0            1         0        0\n",
		"        400       300            2         1        0\n", "        900       500            3         1        0\n")
	contains(t, b.exec(0, "watch --json", ""), `"recipients_received_delta": 0`, `"recipients_received_delta": 900`, `"recipients_received_delta": 1100`)
	contains(t, b.exec(0, "watch | head 3", ""), "Time ", "K-Used")
}

func TestHostRate(t *testing.T) {
	b := newBench(t)
	b.engine.host = map[string]mta.HostStatus{"example.com": {HostSummary: mta.HostSummary{Host: "example.com", State: mta.HostUp, Connections: 1, Active: 7}}}
	out := b.exec(0, "hostrate example.com 1 1", "")
	contains(t, out, "    Time       Host  CrtCncOut  ActvRcp  ActvRcp   DlvRcp  HrdBncRcp  SftBncEvt\n", "         up          1        7        0        0          0          0\n")
	contains(t, b.script(0, "hostrate", "example.com", "3600"), "Recipient host:\n[]> ", "[10]> ", "up          1        7")
	contains(t, b.exec(0, "hostrate example.com --json", ""), `"host": "example.com"`, `"active_recipients": 7`)
	b.fails("hostrate nobody.example 1", "", `Unknown host "nobody.example"`)
	b.fails("hostrate example.com often", "", `"often"`)

	n := 0
	b.watching(func(ctx context.Context, s *shell.Session) error {
		return showHostRate(ctx, s, repetition{every: time.Millisecond, count: 3}, func() mta.HostStatus {
			if n++; n == 4 {
				return mta.HostStatus{} // forgotten
			}
			return mta.HostStatus{HostSummary: mta.HostSummary{Host: "example.com", State: mta.HostDown, Active: 100 - n, Delivered: n * n, SoftBounced: n}}
		})
	})
	contains(t, b.exec(0, "watch", ""), "down          0       98       -1        3          0          1\n",
		"down          0       97       -1        5          0          1\n", "unknown          0        0        0        0          0          0\n")
}

func TestWorkQueue(t *testing.T) {
	b := newBench(t)
	b.engine.workQueue = mta.WorkQueueStatus{Waiting: 1243}
	operational := "\nStatus:     Operational\nMessages:   1243\n"
	contains(t, b.exec(0, "workqueue status", ""), "Status as of: ", operational)
	out := b.script(0, "workqueue pause", "y", "checking the LDAP server")
	contains(t, out, "\nManually pause work queue?  This will only affect unprocessed messages.  [N]> ", "Reason for pausing work queue:\n[]> ",
		"Status:     Paused by admin: checking the LDAP server\nMessages:   1243\n")
	contains(t, b.exec(0, "workqueue status --json", ""), `"status": "paused"`, `"paused_by": "admin"`, `"reason": "checking the LDAP server"`, `"messages": 1243`)
	contains(t, b.exec(0, "workqueue resume", ""), operational)
	contains(t, b.exec(0, "workqueue pause", "n\n"), operational)
	contains(t, b.exec(0, `workqueue pause "a look"`, ""), "Status:     Paused by admin: a look\n")
	contains(t, b.script(0, "workqueue", "resume", "pause", "y", "", ""), "Paused by admin: a look", "- RESUME - Resume the work queue.\n", "Operational",
		"- PAUSE - Pause the work queue.\n", "Paused by admin\n")
	contains(t, b.exec(0, "workqueue --json", ""), `"reason": ""`)
	contains(t, b.exec(0, "workqueue rate 1 1", ""), "Time        Pending          In         Out\n", "       1243           0           0\n")
	contains(t, b.exec(0, "workqueue rate --json", ""), `"messages": 1243`, `"messages_in": 0`)
	b.fails("workqueue stop", "", `"stop"`)
	b.fails("workqueue pause "+strings.Repeat("x", 201), "", "Invalid reason")
	b.engine.fail = errors.New("the disk is full")
	b.fails("workqueue resume", "", "the disk is full")
}

func TestStatusDetail(t *testing.T) {
	b := newBench(t)
	b.engine.status = mta.Status{
		GeneratedBounces: mta.Counter{Reset: 605, Uptime: 45, Lifetime: 605}, FiveXXHard: mta.Counter{Reset: 602, Uptime: 42, Lifetime: 602},
		Rates: mta.Rates{MessagesReceived: mta.Rate{180, 300, 1188}, Delivered: mta.Rate{360, 600, 368}},
	}
	contains(t, b.exec(0, "status detail", ""), `
    Gen. Bounce Recipients             605              45             605
`, `
      Hard Bounced Recipients            0               0               0
        DNS Hard Bounces                 0               0               0
        5XX Hard Bounces               602              42             602
        Filter Hard Bounces              0               0               0
        Expired Hard Bounces             0               0               0
        Other Hard Bounces               0               0               0
      Delivered Recipients`, `
Rates (Events Per Hour):          1-Minute       5-Minutes      15-Minutes
  Receiving
    Messages Received                  180             300           1,188
    Recipients Received                  0               0               0
  Queue
    Soft Bounced Events                  0               0               0
  Completion
    Completed Recipients                 0               0               0
      Hard Bounced Recipients            0               0               0
      Delivered Recipients             360             600             368

Gauges:`)
	contains(t, b.exec(0, "status --json", ""), `"smtp_5xx_hard_bounces": {`, `"rates_per_hour": {`, `"minutes_15": 1188`)
}
