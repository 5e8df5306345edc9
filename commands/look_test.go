package commands

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"posthouse/internal/dns"
	"posthouse/internal/eventlog"
	"posthouse/mta"
	"posthouse/shell"
)

func TestStatus(t *testing.T) {
	b := newBench(t)
	at := time.Date(2026, 10, 21, 14, 33, 27, 0, time.FixedZone("PDT", -7*3600))
	b.engine.status = mta.Status{
		At: at, UpSince: at.Add(-22*time.Hour - 45*time.Minute - 29*time.Second), System: "Online",
		OldestMessage:    at.Add(-28*24*time.Hour - 46*time.Minute - 53*time.Second),
		MessagesReceived: mta.Counter{Reset: 62049822, Uptime: 290920, Lifetime: 62049822}, RecipientsReceived: mta.Counter{Reset: 62049823, Uptime: 290920, Lifetime: 62049823},
		RejectedRecipients: mta.Counter{Reset: 3949663, Uptime: 11921, Lifetime: 3949663}, DroppedMessages: mta.Counter{Reset: 11606037, Uptime: 219, Lifetime: 11606037},
		SoftBouncedEvents: mta.Counter{Reset: 2334552, Uptime: 12598, Lifetime: 2334552}, CompletedRecipients: mta.Counter{Reset: 50441741, Uptime: 332625, Lifetime: 50441741},
		TLSVerified: mta.Counter{Reset: 5, Uptime: 4, Lifetime: 6},
		MID:         99524480, ICID: 51180368, DCID: 17550674, OutboundConnections: 14, ActiveRecipients: 1, KilobytesUsed: 83, KilobytesFree: 8388525,
	}
	want := `
Enter "status detail" for more information.

Status as of:                  Wed Oct 21 21:33:27 2026 GMT
Up since:                      Tue Oct 20 22:47:58 2026 GMT (22h 45m 29s)
Last counter reset:            Never
System status:                 Online
Oldest Message:                4 weeks 46 mins 53 secs

Counters:                            Reset          Uptime        Lifetime
  Receiving
    Messages Received           62,049,822         290,920      62,049,822
    Recipients Received         62,049,823         290,920      62,049,823
  Rejection
    Rejected Recipients          3,949,663          11,921       3,949,663
    Dropped Messages            11,606,037             219      11,606,037
  Queue
    Soft Bounced Events          2,334,552          12,598       2,334,552
  Completion
    Completed Recipients        50,441,741         332,625      50,441,741
  Current IDs
    Message ID (MID)                                              99524480
    Injection Conn. ID (ICID)                                     51180368
    Delivery Conn. ID (DCID)                                      17550674

Gauges:                           Current
  Connections
    Current Inbound Conn.               0
    Current Outbound Conn.             14
  Queue
    Active Recipients                   1
    Messages In Work Queue              0
    Kilobytes Used                     83
    Kilobytes Free              8,388,525
  Quarantine
    Messages In Quarantine
      Policy, Virus and Outbreak        0
    Kilobytes In Quarantine
      Policy, Virus and Outbreak        0
`
	if got := b.exec(0, "status", ""); got != want {
		t.Errorf("status printed\n%s", got)
	}
	contains(t, b.exec(0, "status detail", ""), "        TLS, Verified                    5               4               6\n", "\nGauges:                           Current\n  System\n    RAM Utilization", "    CPU Utilization", "    Disk Utilization", "%\n",
		"Attempted Recipients")
	contains(t, b.exec(0, "status --json", ""), `"system_status": "Online"`, `"messages_received": {`, `"reset": 62049822`, `"queue_bytes_used": 84992`, `"cpu_percent": `)
	b.fails("status everything", "", `"everything"`)
}

func TestVersionAndWho(t *testing.T) {
	b := newBench(t)
	contains(t, b.exec(0, "version", ""), `Current Version
===============
Product: Posthouse Email Gateway
Model: P100V
Version: 1.0.0-001
Build Date: 2026-11-21
Install Date: 2026-11-21 14:36:02
Serial #: 564D1A2B3C4D5E6F7A8B-0123456789AB
CPUs: `, " expected, ", "Memory: ", " MB allocated")
	contains(t, b.exec(0, "version --json", ""), `"install_date": "2026-11-21T14:36:02Z"`)
	contains(t, b.exec(0, "whoami", ""), "Username:   admin\nFull Name:  Administrator\nGroups:     admin, operators, config, log, guest\n")
	out := strings.Split(b.exec(0, "who", ""), "\n")
	if len(out) < 3 || strings.Join(strings.Fields(out[0]), " ") != "Username Login Time Idle Time Remote Host What" ||
		!strings.HasPrefix(out[1], "========  ==========  =========  ===========") || !strings.HasPrefix(out[2], "admin     ") || !strings.HasSuffix(out[2], "cli") {
		t.Errorf("who printed %q", out)
	}
	contains(t, b.exec(0, "who --json; whoami --json", ""), `"idle_seconds": 0`, `"remote_host": "127.0.0.1"`, `"full_name": "Administrator"`)
	b.fails("who else", "", `"else"`)
}

func TestNSLookup(t *testing.T) {
	b := newBench(t)
	b.engine.resolver.Records = map[string][]dns.Record{
		"mx1.example.com":        {{Name: "mx1.example.com", Type: "A", TTL: 30 * time.Minute, Data: "192.0.2.1"}},
		"example.com":            {{Name: "example.com", Type: "MX", TTL: 90 * time.Second, Data: "10 mx1.example.com"}},
		"1.2.0.192.in-addr.arpa": {{Name: "1.2.0.192.in-addr.arpa", Type: "PTR", TTL: time.Hour, Data: "mx1.example.com"}},
	}
	if got := b.exec(0, "nslookup mx1.example.com; nslookup example.com mx; nslookup 192.0.2.1", ""); got !=
		"A=192.0.2.1 TTL=30m\nMX=10 mx1.example.com TTL=1m30s\nPTR=mx1.example.com TTL=1h\n" {
		t.Errorf("nslookup printed %q", got)
	}
	contains(t, b.script(0, "nslookup", "192.0.2.1", ""), "Please enter the host or IP address to resolve.\n[]> ", "1. A\n", "9. TXT\n", "[6]> ",
		"PTR=mx1.example.com")
	contains(t, b.exec(0, "nslookup example.com MX --json", ""), `"ttl_seconds": 90`, `"data": "10 mx1.example.com"`)
	b.engine.resolver.Fail = map[string]dns.Kind{"slow.example": dns.Temporary, "example.com": dns.NoData}
	b.fails("nslookup nobody.example", "", `Unable to resolve "nobody.example": there is no such name.`)
	b.fails("nslookup example.com TXT", "", `Unable to resolve "example.com": the name has no TXT record.`)
	b.fails("nslookup slow.example", "", `Unable to resolve "slow.example": looking up slow.example`)
	b.fails("nslookup nobody.example LOC", "", `"LOC"`)
	if got := questionName("2001:db8::1", "PTR"); got != "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa" {
		t.Error(got)
	}
}

func TestGrep(t *testing.T) {
	b := newBench(t)
	b.log("authentication", "Authentication Logs")
	l := b.log("mail_logs", "Text Mail Logs")
	for i := range 30 {
		l.Line(eventlog.Info, fmt.Sprintf("DCID %d TLS success protocol TLSv1.3", i))
		l.Line(eventlog.Info, fmt.Sprintf("New SMTP ICID %d", i))
		if i%10 == 9 {
			if err := l.Rollover(); err != nil {
				t.Fatal(err)
			}
		}
	}
	lines := strings.Split(strings.TrimSpace(b.exec(0, `grep "TLS success" mail_logs`, "")), "\n")
	if len(lines) != 30 || !strings.HasSuffix(lines[0], "DCID 0 TLS success protocol TLSv1.3") || !strings.HasSuffix(lines[29], "DCID 29 TLS success protocol TLSv1.3") {
		t.Fatalf("grep printed %d lines: %q", len(lines), lines)
	}
	for line, want := range map[string]int{
		`grep -i "tls SUCCESS" mail_logs`:                   30,
		`grep -e "DCID 1 " -e "ICID 2$" mail_logs`:          2,
		`grep -v -e "DCID" -e Info: mail_logs | grep SMTP`:  0,
		`grep "SMTP" mail_logs | count`:                     1,
		`grep -C 1 "DCID 12 " mail_logs`:                    3,
		`grep --since 2001-01-01 --until 1h SMTP mail_logs`: 0,
		`grep --since 1h SMTP mail`:                         30,
	} {
		out := b.exec(0, line, "")
		if want == 0 {
			if strings.Contains(out, "SMTP") {
				t.Errorf("%s printed %q", line, out)
			}
			continue
		}
		if got := strings.Count(out, "\n"); got != want {
			t.Errorf("%s printed %d lines, want %d:\n%s", line, got, want, out)
		}
	}
	if got := b.exec(0, "grep nothing mail_logs", ""); got != "No results were found. Use another regular expression(s) to search.\n" {
		t.Errorf("grep printed %q", got)
	}
	for line, want := range map[string]string{
		`grep "ICID 7\|ICID 8" mail_logs`:        "No results were found. Use another regular expression(s) to search.\n",
		`grep -e zzz -e "a\+" mail_logs | count`: "Count: 1 lines\n",
		`grep "ICID 7\|ICID 8" mail_logs --json`: "{\n  \"log\": \"mail_logs\",\n  \"lines\": []\n}\n",
	} {
		out, errs, status := shell.RunExec(t.Context(), b.opts, line, "")
		if out != want || !strings.HasPrefix(errs, "Note: behind a backslash ") || strings.Count(errs, "\n") != 1 || status != 0 {
			t.Errorf("%s: %q, %q, status %d", line, out, errs, status)
		}
	}
	if _, errs, _ := shell.RunExec(t.Context(), b.opts, `grep "SMTP\|x" mail_logs; grep "(SMTP|\|)" mail_logs`, ""); strings.Count(errs, "Note:") != 1 {
		t.Errorf("hints: %q", errs)
	}
	var document grepJSON
	if err := json.Unmarshal([]byte(b.exec(0, `grep "ICID 1\d" mail_logs --json`, "")), &document); err != nil || len(document.Lines) != 10 || document.Lines[3].Text != "New SMTP ICID 13" || document.Lines[3].Time == nil {
		t.Errorf("grep --json: %v, %q", err, document.Lines)
	}
	contains(t, b.script(0, "grep", "2", "icid 7", "", "", "", ""), `Currently configured logs:
1. "authentication" Type: "Authentication Logs" Retrieval: Manual Download
2. "mail_logs" Type: "Text Mail Logs" Retrieval: Manual Download
Enter the number of the log you wish to grep.
[]> `, "Enter the regular expression to grep.\n[]> ", "Do you want this search to be case insensitive? [Y]> ",
		"Do you want to search for non-matching lines? [N]> ", "Do you want to tail the logs? [N]> ",
		"Do you want to paginate the output? [N]> ", "New SMTP ICID 7\n")
	b.fails("grep a nolog", "", `"nolog"`)
	b.fails("grep ( mail_logs", "", "Invalid regular expression")
	b.fails("grep "+strings.Repeat("a", 2001)+" mail_logs", "", "up to 2000 characters are accepted")
	b.fails("grep -e (a?){1000} -e (b?){1000} mail_logs", "", "up to 5000 steps are accepted, it needs more: repeat less")
	b.fails("grep mail_logs", "", "expression")
	b.fails("grep -x a mail_logs", "", `"-x"`)
	b.fails("grep --since tomorrow a mail_logs", "", `"tomorrow"`)
}

// tail shows the latest lines and then new ones, until nobody wants more.
func TestTailFollows(t *testing.T) {
	b := newBench(t)
	l := b.log("mail_logs", "Text Mail Logs")
	for i := range 20 {
		l.Line(eventlog.Info, fmt.Sprintf("line %d.", i))
	}
	writing, stop := context.WithCancel(t.Context())
	var writer sync.WaitGroup
	writer.Go(func() {
		for i, tick := 0, time.NewTicker(time.Millisecond); writing.Err() == nil; i++ {
			<-tick.C
			l.Line(eventlog.Info, fmt.Sprintf("coming %d.", i))
		}
	})
	for line, want := range map[string]int{"tail mail_logs | head 15": 15, "tail -n 3 mail | head 8": 8, `grep -t "line 19|coming" mail_logs | head 30`: 30} {
		if got := strings.Count(b.exec(0, line, ""), "\n"); got != want {
			t.Errorf("%s printed %d lines, want %d", line, got, want)
		}
	}
	stop()
	writer.Wait()
	b.fails("tail -n many mail_logs", "", `"many"`)
	b.fails("tail nolog", "", `"nolog"`)
}

// Ctrl-C, the end of the command's context, is the usual end of tail and no failure.
func TestTailEndsWithCtrlC(t *testing.T) {
	b := newBench(t)
	log := b.log("mail_logs", "Text Mail Logs", "first", "second", "third")
	b.opts.Table = []*shell.Command{{Name: "watch", Run: func(ctx context.Context, s *shell.Session, _ []string) error {
		ctx, cancel := context.WithCancel(ctx)
		return follow(ctx, s, log, 2, func(line []byte) bool {
			if strings.HasSuffix(string(line), "third") {
				cancel()
			}
			return true
		})
	}}}
	if out := b.exec(0, "watch", ""); strings.Contains(out, "first") || !strings.Contains(out, "second") {
		t.Errorf("printed %q", out)
	}
}

func TestTelnet(t *testing.T) {
	b := newBench(t)
	b.engine.resolver.Hosts = map[string][]netip.Addr{"mx.example.com": {netip.MustParseAddr("192.0.2.1")}}
	b.engine.peer = func(c net.Conn) {
		fmt.Fprintf(c, "220 mx.example.com ESMTP \x1b[2J\xff\r\n")
		for lines := bufio.NewScanner(c); lines.Scan(); {
			fmt.Fprintf(c, "250 you said %s\r\n", lines.Text())
			if lines.Text() == "QUIT" {
				return
			}
		}
	}
	out := b.exec(0, "telnet mx.example.com 2525", "EHLO here\nQUIT\n")
	contains(t, out, "Trying 192.0.2.1...\nConnected to mx.example.com.\n220 mx.example.com ESMTP .[2J?\n250 you said EHLO here\n250 you said QUIT\n",
		"Connection closed by foreign host.\n")
	out = b.script(0, "telnet 192.0.2.7", "QUIT", "whoami")
	contains(t, out, "220 mx.example.com", "250 you said QUIT", "Connection closed by foreign host.", "Username:   admin")
	contains(t, b.script(0, "telnet", "2", "mx.example.com", "", "QUIT"), "Please select which interface you want to telnet from.\n1. Auto\n2. Management (",
		"[1]> ", "Enter the remote hostname or IP address.\n[]> ", "Enter the remote port.\n[25]> ", "250 you said QUIT")
	if got := b.engine.called(); got != "dial  192.0.2.1:2525; dial  192.0.2.7:25; dial Management 192.0.2.1:25" {
		t.Errorf("the engine was told %q", got)
	}
	b.engine.peer = nil
	b.fails("telnet mx.example.com", "", "Unable to connect to mx.example.com port 25: connection refused")
	b.fails("telnet nobody.example", "", `Unable to resolve "nobody.example": there is no such name.`)
	b.fails("telnet mx.example.com 70000", "", `"70000"`)
}

func TestTable(t *testing.T) {
	b := newBench(t)
	seen := map[string]bool{}
	var names []string
	for _, c := range Table(b.a) {
		names = append(names, c.Name)
		for _, word := range append([]string{c.Name}, c.Aliases...) {
			if seen[word] {
				t.Errorf("%s is there twice", word)
			}
			seen[word] = true
		}
		if c.Summary == "" || c.Run == nil || len(c.Batch) == 0 && c.Name != "exit" {
			t.Errorf("%s has no summary, no batch form, or does nothing", c.Name)
		}
		b.exec(0, "help "+c.Name, "")
		if c.Complete != nil { // whatever is typed, completion only proposes
			session := &shell.Command{Name: "complete", Run: func(_ context.Context, s *shell.Session, _ []string) error {
				for _, args := range [][]string{nil, {""}, {"e"}, {"edit", ""}, {"edit", "D", ""}, {"new", "x", "tls", "p"}} {
					c.Complete(s, args)
				}
				return nil
			}}
			opts := b.opts
			opts.Table = []*shell.Command{session}
			if _, errs, status := shell.RunExec(t.Context(), opts, "complete", ""); status != 0 {
				t.Errorf("completing %s: %s", c.Name, errs)
			}
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("the table is not sorted: %v", names)
	}
}

func TestFigures(t *testing.T) {
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 7055: "7,055", 182000: "182,000", -1234567: "-1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration][2]string{
		0:                               {"0 secs", "0s"},
		time.Second:                     {"1 sec", "1s"},
		65*time.Minute + 35*time.Second: {"1 hour 5 mins 35 secs", "1h 5m 35s"},
		52*time.Hour + 10*time.Minute + 9*time.Second: {"2 days 4 hours 10 mins 9 secs", "2d 4h 10m"},
		15 * 24 * time.Hour:                           {"2 weeks 1 day", "15d"},
	} {
		if got := [2]string{spelled(d), compact(d)}; got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

// Programs read the fields of every JSON document by name: one way of writing them.
func TestFieldNames(t *testing.T) {
	sources, err := filepath.Glob("*.go")
	if err != nil || len(sources) < 20 {
		t.Fatalf("%d sources, %v", len(sources), err)
	}
	tag, proper := regexp.MustCompile(`json:"([^",]*)`), regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range tag.FindAllStringSubmatch(string(text), -1) {
			if source != "look_test.go" && !proper.MatchString(found[1]) {
				t.Errorf("%s: the field %q is not in snake case", source, found[1])
			}
		}
	}
}
