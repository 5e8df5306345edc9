package logbook

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"posthouse/config"
	"posthouse/internal/eventlog"
	"posthouse/mta/maillog"
)

// open opens a book with these subscriptions beside the usual ones.
func open(t *testing.T, subs map[string]*config.Subscription) *Book { return openAt(t, subs, time.Now) }

// openAt is open with a clock of the test's own.
func openAt(t *testing.T, subs map[string]*config.Subscription, now func() time.Time) *Book {
	t.Helper()
	conf := config.Default("mail.example.com")
	conf.Logs.Subscriptions = subs
	if err := conf.Validate(); err != nil {
		t.Fatal(err)
	}
	b, err := Open(Options{Dir: t.TempDir(), Version: "1.0.0-000", Serial: "S|1", Hostname: conf.Hostname, Logs: conf.Logs, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// commit puts other subscriptions in force.
func commit(t *testing.T, b *Book, subs map[string]*config.Subscription) {
	t.Helper()
	commitAs(t, b, "mail.example.com", subs)
}

// commitAs is commit with another name of the machine.
func commitAs(t *testing.T, b *Book, hostname string, subs map[string]*config.Subscription) {
	t.Helper()
	conf := config.Default(hostname)
	conf.Logs.Subscriptions = subs
	if err := conf.Validate(); err != nil {
		t.Fatal(err)
	}
	p, err := b.Prepare(context.Background(), nil, conf)
	if err != nil {
		t.Fatal(err)
	}
	p.Commit()
}

// texts are the lines of a log without time and level and without those about files.
func texts(t *testing.T, l *eventlog.Log) (list []string) {
	t.Helper()
	err := l.Grep(context.Background(), eventlog.Query{}, func(line string) error {
		if _, text, ok := strings.Cut(line, " Info: "); ok && !strings.Contains(text, "Logfile") && !strings.HasPrefix(text, "Version: ") && !strings.HasPrefix(text, "Time offset") {
			list = append(list, text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// wait waits for a line of a log that has text in it.
func wait(t *testing.T, l *eventlog.Log, text string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	found := ""
	l.Tail(ctx, 1000, func(line string) error {
		if strings.Contains(line, text) {
			found = line
			cancel()
		}
		return ctx.Err()
	})
	if found == "" {
		t.Fatalf("log %s has no line with %q", l.Name(), text)
	}
	return found
}

func TestLogsOfOneTypeHaveTheSameLines(t *testing.T) {
	b := open(t, map[string]*config.Subscription{
		"second": {Type: config.MailLogs, File: "mail"},
		"grave":  {Type: config.MailLogs, File: "grave", Level: "warning"},
	})
	b.Log("mail_logs").Line(eventlog.Info, "one")
	b.Log("mail_logs").Lines(eventlog.Info, []byte("two\nthree\n"))
	commit(t, b, map[string]*config.Subscription{
		"grave":     {Type: config.MailLogs, File: "grave"},
		"mail_logs": {Type: config.MailLogs, File: "mail", Level: "critical"},
	})
	if b.find("second") != nil {
		t.Fatal("the second log is still there")
	}
	b.Log("mail_logs").Line(eventlog.Info, "four")
	if got := texts(t, b.Log("mail_logs")); !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Errorf("mail_logs has %q", got)
	}
	if got := texts(t, b.Log("grave")); !slices.Equal(got, []string{"four"}) {
		t.Errorf("grave has %q", got)
	}
	// The files of what is gone stay, and are found again under the same name.
	commit(t, b, map[string]*config.Subscription{"second": {Type: config.MailLogs, File: "mail"}})
	if got := texts(t, b.Log("second")); !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Errorf("second has %q", got)
	}
	commit(t, b, map[string]*config.Subscription{"second": {Type: config.SystemLogs, File: "system"}})
	b.Log("system_logs").Line(eventlog.Info, "five")
	if got := texts(t, b.Log("second")); !slices.Equal(got, []string{"five"}) {
		t.Errorf("second as another type has %q", got)
	}
}

// A log that cannot be opened refuses the commit, and nothing has changed.
func TestLogThatCannotBeOpened(t *testing.T) {
	b := open(t, nil)
	if err := os.WriteFile(filepath.Join(b.opts.Dir, "taken"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	conf := config.Default("mail.example.com")
	conf.Logs.Subscriptions = map[string]*config.Subscription{
		"free": {Type: config.MailLogs, File: "mail"}, "taken": {Type: config.MailLogs, File: "mail"},
	}
	if _, err := b.Prepare(context.Background(), nil, conf); err == nil {
		t.Fatal("prepared")
	}
	if len(b.Current()) != 7 {
		t.Errorf("%d logs", len(b.Current()))
	}
}

func TestDebugLogSwitchesItselfOff(t *testing.T) {
	var ahead atomic.Int64
	now := time.Now()
	b := openAt(t, map[string]*config.Subscription{
		"byname": {Type: config.InjectionDebugLogs, File: "n", Peer: ".example.com", Sessions: 2},
		"domain": {Type: config.DomainDebugLogs, File: "d", Peer: "far.example", Minutes: 5},
	}, func() time.Time { return now.Add(time.Duration(ahead.Load())) })
	peer := netip.MustParseAddr("192.0.2.1")
	if c, _ := b.Injection(1, peer, "example.org"); c != nil {
		t.Error("somebody else is recorded")
	}
	_, end1 := b.Injection(2, peer, "mx.example.com")
	_, end2 := b.Injection(3, peer, "mx2.Example.com")
	if c, _ := b.Injection(4, peer, "mx.example.com"); c != nil {
		t.Error("a third conversation is recorded")
	}
	if s, _ := b.Status("byname"); !s.On {
		t.Error("off while conversations go on")
	}
	end1()
	end2()
	if s, _ := b.Status("byname"); s.On || s.Debug != "off" {
		t.Errorf("after two conversations: %+v", s)
	}
	if got := texts(t, b.Log("byname")); !strings.HasPrefix(got[len(got)-1], "This log is off now: the sessions are written") {
		t.Errorf("whoever tails it is told %q", got[len(got)-1])
	}
	_, end := b.Delivery(5, "FAR.example", "mx")
	end()
	ahead.Store(int64(5 * time.Minute))
	if c, _ := b.Delivery(6, "far.example", "mx"); c != nil || b.debugging.Load() != nil {
		t.Error("recorded behind the time, or a look at a list still costs something")
	}
	if err := b.Start("byname"); err != nil || b.debugging.Load() == nil {
		t.Errorf("started again: %v", err)
	}
	if c, _ := b.Injection(7, peer, "mx.example.com"); c == nil {
		t.Error("not recorded after the start")
	}
	if b.Start("mail_logs") == nil || b.Start("none") == nil {
		t.Error("what is no debug log was started")
	}
}

func TestEvents(t *testing.T) {
	b := open(t, map[string]*config.Subscription{"cef": {Type: config.EventLogs, File: "cef"}})
	m := maillog.New(b.Log("mail_logs"))
	a := netip.MustParseAddr("192.0.2.1")
	m.ConnectionIn(7, "Management", a, a, "mx.example.com", true)
	m.HostAccess(7, "ACCEPT", "UNKNOWN=LIST", "ALL", "")
	m.TLSInSuccess(7, "TLSv1.3", "TLS_AES_128_GCM_SHA256")
	m.MessageStarted(9, 7)
	m.From(9, 7, "a@example.com")
	m.To(9, 7, 0, "b@far.example")
	m.To(9, 7, 1, "c@far.example")
	m.Subject(9, `x | y = z \ "`)
	m.ConnectionInClosed(7)
	m.ConnectionOut(3, a, a, 25)
	m.MessageDone(3, 9, []int{0})
	m.Bounced(3, 9, 1, maillog.Failure{Status: "5.1.1", Words: "Bad destination mailbox address", Code: 550})
	m.MessageFinished(9)
	line := wait(t, b.Log("cef"), "MESSAGE_PARTLY_DELIVERED")
	_, cef, _ := strings.Cut(line, " Info: ")
	head, fields, err := parseCEF(cef)
	if err != nil || head[3] != "MESSAGE_PARTLY_DELIVERED" {
		t.Fatalf("%q: %v", cef, err)
	}
	for key, want := range map[string]string{
		"cn1": "9", "cn2": "7", "cn3": "3", "src": "192.0.2.1", "shost": "mx.example.com", "suser": "a@example.com",
		"duser": "b@far.example;c@far.example", "msg": `x | y = z \ "`, "cs1": "UNKNOWN=LIST", "cs2": "TLSv1.3 TLS_AES_128_GCM_SHA256",
		"cs3": "none", "deviceExternalId": "S|1", "dvchost": "mail.example.com", "reason": "5.1.1 Bad destination mailbox address", "cnt": "2",
	} {
		if fields[key] != want {
			t.Errorf("%s is %q, want %q", key, fields[key], want)
		}
	}
	commitAs(t, b, "other.example.com", map[string]*config.Subscription{"cef": {Type: config.EventLogs, File: "cef"}})
	m.MessageStarted(10, 7)
	m.From(10, 7, "a@example.com")
	m.To(10, 7, 0, "b@far.example")
	m.Bounced(0, 10, 0, maillog.Failure{Status: "5.1.1", Words: "Bad destination mailbox address", Code: 550})
	m.MessageFinished(10)
	if line := wait(t, b.Log("cef"), "cn1=10 "); !strings.Contains(line, "dvchost=other.example.com ") {
		t.Errorf("under its new name the machine says %q", line)
	}
}

// More messages under way than are remembered cost the oldest its completeness, and nobody else anything.
func TestEventsOfTooManyMessages(t *testing.T) {
	var got []string
	c := newConsolidator(Options{}, func() string { return "mail.example.com" }, func(line string) { got = append(got, line) })
	c.messages = newLatest[message](2)
	at := time.Now()
	see := func(kind maillog.Kind, mid uint64) {
		c.see(maillog.Event{Time: at, Kind: kind, MID: mid, Fields: map[string]string{"from": "a@example.com"}}, true)
	}
	for mid := uint64(1); mid <= 3; mid++ {
		see(maillog.MessageStarted, mid)
		see(maillog.From, mid)
	}
	see(maillog.MessageFinished, 3)
	see(maillog.MessageFinished, 1)
	see(maillog.MessageFinished, 2)
	want := []string{"1 INCOMPLETE", "3 DONE", "1 DONE", "2 DONE"}
	for i, line := range got {
		head, fields, err := parseCEF(line)
		if err != nil {
			t.Fatal(err)
		}
		got[i] = fields["cn1"] + " " + strings.TrimPrefix(head[3], "MESSAGE_")
		if complete := i != 2; complete != (fields["suser"] == "a@example.com") {
			t.Errorf("event %d: %s", i, line)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the events %q, want %q", got, want)
	}
}

// A fault in the making of an event is told, once, and costs only that event.
func TestEventsOutliveAFault(t *testing.T) {
	b := open(t, nil)
	var told, got []string
	b.Tell(func(text string) { told = append(told, text) })
	c := newConsolidator(Options{}, func() string { return "mail.example.com" }, func(line string) {
		if strings.Contains(line, "cn1=1 ") || strings.Contains(line, "cn1=2 ") {
			panic("a fault")
		}
		got = append(got, line)
	})
	now := time.Now()
	for _, text := range []string{"MID 1", "MID 2", "MID 3"} {
		b.consolidateLine(c, now.Format("Mon Jan _2 15:04:05 2006")+" Info: Message finished "+text+" done", now.Add(-time.Minute))
	}
	if len(told) != 1 || !strings.Contains(told[0], "the one of MID 1 is left out: a fault") || len(got) != 1 {
		t.Errorf("told %q, written %q", told, got)
	}
}

// Every line of a log that a commit has made is pushed, the first one too.
func TestNewLogIsPushedFromItsFirstLine(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	b := open(t, nil)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				b.Log("system_logs").Line(eventlog.Info, "line "+strconv.Itoa(i))
			}
		}
	}()
	at := server.LocalAddr().(*net.UDPAddr)
	commit(t, b, map[string]*config.Subscription{"pushed": {Type: config.SystemLogs, File: "pushed",
		Syslog: &config.Syslog{Host: "127.0.0.1", Port: at.Port, Protocol: "udp"}}})
	wait(t, b.Log("pushed"), "line ")
	close(stop)
	<-stopped
	first := texts(t, b.Log("pushed"))[0]
	packet := make([]byte, 1000)
	server.SetReadDeadline(time.Now().Add(30 * time.Second))
	n, _, err := server.ReadFrom(packet)
	if err != nil || !strings.HasSuffix(string(packet[:n]), first) {
		t.Errorf("the first message is %q (%v), the first line %q", packet[:n], err, first)
	}
}

func TestFilesAreRolledOverByTheClock(t *testing.T) {
	b := open(t, map[string]*config.Subscription{"often": {Type: config.SystemLogs, File: "often", Rollover: "30m"}})
	due := map[string]time.Time{}
	now := time.Date(2026, 11, 29, 9, 10, 0, 0, time.Local)
	if next := b.rollDue(due, now); !next.Equal(now.Add(20 * time.Minute)) {
		t.Fatalf("next is %v", next)
	}
	before := len(b.Log("often").Files())
	if next := b.rollDue(due, now.Add(21*time.Minute)); !next.Equal(now.Add(50*time.Minute)) || len(b.Log("often").Files()) != before+1 {
		t.Errorf("next is %v, files %d before and %d now", next, before, len(b.Log("often").Files()))
	}
}
