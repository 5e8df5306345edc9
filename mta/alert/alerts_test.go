package alert

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"posthouse/config"
	"posthouse/internal/cause"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is alerts with a queue that keeps what is sent.
type rig struct {
	*Alerts
	conf *config.Config
	stop func()

	mu   sync.Mutex
	fail map[string]error // by recipient; "" is every one
	sent []sent
}

type sent struct {
	from string
	to   []string
	mail string
}

// newRig runs alerts in dir for the subscriptions "ADDRESS CLASS SEVERITY".
func newRig(t *testing.T, dir string, subscriptions ...string) *rig {
	t.Helper()
	r := &rig{conf: config.Default("mail.example.com")}
	r.conf.Alerts.Recipients = map[string]*config.AlertRecipient{}
	for _, s := range subscriptions {
		f := strings.Fields(s)
		r.conf.Alerts.Recipients[f[0]] = &config.AlertRecipient{Subscriptions: []config.AlertSubscription{{Class: f[1], Severities: f[2:]}}}
	}
	r.start(t, dir)
	return r
}

func (r *rig) start(t *testing.T, dir string) {
	t.Helper()
	var err error
	r.Alerts, err = New(Options{Dir: dir, Config: func() *config.Config { return r.conf }, Send: r.send})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.stop)
}

func (r *rig) send(_ context.Context, from string, to []string, message []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := cmp.Or(r.fail[""], r.fail[to[0]]); err != nil {
		return err
	}
	r.sent = append(r.sent, sent{from, to, string(message)})
	return nil
}

// failing makes the queue refuse mail to an address, or take it again.
func (r *rig) failing(to string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = map[string]error{to: err}
}

// taken waits until nothing goes on any more and returns the mail since the last call.
func (r *rig) taken() []sent {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.sent
	r.sent = nil
	return list
}

func failed(domain string) Alert {
	return TLSFailed(domain, "mx1."+domain, cause.V4, "verify error: certificate has expired")
}

func TestRecipientsByClassAndSeverity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir(), "all@a.example All All", "sys@a.example System Warning", "crit@a.example All Critical",
			"certs@a.example Certificates All", "there@partner.example All All")
		defer r.stop()
		r.Raise(failed("partner.example"))
		list := r.taken()
		if len(list) != 1 || !slices.Equal(list[0].to, []string{"all@a.example", "sys@a.example"}) {
			t.Errorf("TLS failure went to %+v", list)
		}
		r.Raise(Alert{Class: Certificates, Severity: Critical, Key: "expiry", Subject: "expires in 2 days", Text: "soon"})
		list = r.taken()
		if len(list) != 1 || !slices.Equal(list[0].to, []string{"all@a.example", "certs@a.example", "crit@a.example", "there@partner.example"}) {
			t.Errorf("expiry went to %+v", list)
		}
		entries := r.Last(10)
		if len(entries) != 2 || entries[0].Class != Certificates || len(entries[1].Mailed) != 2 {
			t.Errorf("kept %+v", entries)
		}
	})
}

func TestDuplicatesAreHeldBackEverLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := newRig(t, dir, "a@a.example All All")
		defer func() { r.stop() }()
		r.conf.Alerts.InitialWait, r.conf.Alerts.MaxWait = 300, 900
		start := time.Now()
		var at []int
		var last string
		step := func(until time.Duration) {
			for ; time.Since(start) < until; time.Sleep(10 * time.Second) {
				r.Raise(failed("partner.example"))
				for _, m := range r.taken() {
					at = append(at, int(time.Since(start).Seconds()))
					last = m.mail
				}
			}
		}
		step(2000 * time.Second)
		// A restart forgets nothing.
		r.stop()
		r.start(t, dir)
		step(2500 * time.Second)
		if want := []int{0, 300, 900, 1800}; !slices.Equal(at, want) {
			t.Errorf("sent after %v seconds, want %v", at, want)
		}
		if !strings.Contains(last, "\r\n89 more alerts like this came") {
			t.Errorf("the count of those held back is missing:\n%s", last)
		}
		r.Raise(failed("other.example"))
		if list := r.taken(); len(list) != 1 {
			t.Errorf("another destination: %d messages", len(list))
		}
		if e := r.Last(2); len(e) != 2 || e[1].Repeated != 69 || e[1].Domain != "partner.example" {
			t.Errorf("kept %+v", e)
		}
		time.Sleep(3 * time.Hour)
		at = nil
		start = time.Now()
		step(650 * time.Second)
		if want := []int{0, 300}; len(at) != 2 || at[1] != want[1] {
			t.Errorf("after a long silence sent after %v seconds, want %v", at, want)
		}
	})
}

func TestNoWaitSendsEveryOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir(), "a@a.example All All")
		defer r.stop()
		r.conf.Alerts.InitialWait, r.conf.Alerts.MaxWait = 0, 0
		for range 5 {
			r.Raise(failed("partner.example"))
		}
		if list := r.taken(); len(list) != 5 {
			t.Errorf("%d messages, want 5", len(list))
		}
	})
}

func TestDigest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := newRig(t, dir, "a@a.example All All", "b@a.example All Critical Warning")
		defer func() { r.stop() }()
		r.conf.Alerts.Digest = 10
		r.Raise(failed("one.example"))
		r.Raise(Problem(Information, "x", "a thing", "a thing"))
		r.Raise(Problem(Critical, "disk", "the disk is full", "The disk is full."))
		list := r.taken()
		if len(list) != 1 || !strings.Contains(list[0].mail, "Subject: Critical <System> mail.example.com: the disk is full\r\n") {
			t.Fatalf("at once: %+v", list)
		}
		time.Sleep(5 * time.Minute)
		r.stop()
		r.start(t, dir)
		if list := r.taken(); len(list) != 0 {
			t.Fatalf("too early: %+v", list)
		}
		time.Sleep(5*time.Minute + time.Second)
		list = r.taken()
		if len(list) != 2 {
			t.Fatalf("digest: %+v", list)
		}
		if m := list[0].mail; !strings.Contains(m, "Subject: Digest mail.example.com: 2 alerts") || !strings.Contains(m, "one.example") || !strings.Contains(m, "a thing") {
			t.Errorf("digest:\n%s", m)
		}
		if m := list[1].mail; !strings.Contains(m, "Subject: Warning <System>") || strings.Contains(m, "a thing") {
			t.Errorf("the second recipient's:\n%s", m)
		}
	})
}

func TestQueueThatRefusesIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir(), "a@a.example All All")
		defer r.stop()
		r.failing("", errors.New("disk full"))
		r.Raise(failed("partner.example"))
		r.taken()
		time.Sleep(150 * time.Second)
		r.failing("", nil)
		if list := r.taken(); len(list) != 0 {
			t.Fatal("sent before it was time")
		}
		time.Sleep(time.Minute)
		if list := r.taken(); len(list) != 1 || !slices.Equal(r.Last(1)[0].Mailed, []string{"a@a.example"}) {
			t.Errorf("sent %+v, kept %+v", list, r.Last(1))
		}
	})
}

func TestOnlyWhatFailedIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := newRig(t, dir, "a@a.example All All", "b@b.example All All Information")
		defer func() { r.stop() }()
		r.conf.Alerts.Digest = 1
		r.failing("b@b.example", errors.New("disk full"))
		r.Raise(failed("b.example")) // so that b gets another message
		r.Raise(failed("partner.example"))
		time.Sleep(90 * time.Second)
		if list := r.taken(); len(list) != 1 || list[0].to[0] != "a@a.example" {
			t.Fatalf("first: %+v", list)
		}
		r.stop()
		r.failing("", nil)
		r.start(t, dir)
		time.Sleep(time.Minute)
		if list := r.taken(); len(list) != 1 || !slices.Equal(list[0].to, []string{"b@b.example"}) {
			t.Errorf("then: %+v", list)
		}
		if e := r.Last(1); len(e) != 1 || !slices.Equal(e[0].Mailed, []string{"a@a.example", "b@b.example"}) {
			t.Errorf("kept %+v", e)
		}
	})
}

func TestClockThatIsSetBack(t *testing.T) {
	s := state{Waits: map[string]*wait{}}
	now := time.Now()
	a := failed("a.example")
	for i, at := range []time.Time{now, now.Add(-24 * time.Hour)} {
		if _, due := s.admit(a, at, time.Minute, time.Hour); !due {
			t.Errorf("alert %d is held back", i)
		}
	}
}

func TestAlertsAboutAlertsAreNotMailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir(), "a@a.example All All")
		defer r.stop()
		own := failed("b.example")
		own.Own = true
		r.Raise(own)
		r.Raise(failed("a.example"))
		if list := r.taken(); len(list) != 0 {
			t.Errorf("mailed %+v", list)
		}
		if n := len(r.Last(10)); n != 2 {
			t.Errorf("%d kept, want 2", n)
		}
		r.Raise(failed("b.example"))
		if list := r.taken(); len(list) != 1 {
			t.Errorf("the failure of others' mail: %+v", list)
		}
	})
}

func TestRaiseNeverBlocks(t *testing.T) {
	r := &rig{conf: config.Default("mail.example.com")}
	r.conf.Alerts.Recipients = map[string]*config.AlertRecipient{"a@a.example": {Subscriptions: []config.AlertSubscription{{Class: "All", Severities: []string{"All"}}}}}
	a, err := New(Options{Dir: t.TempDir(), Config: func() *config.Config { return r.conf }, Send: r.send})
	if err != nil {
		t.Fatal(err)
	}
	for i := range waiting + 7 {
		a.Raise(Problem(Warning, fmt.Sprint(i), "x", "x"))
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	said := make(chan struct{}, 1)
	a.opt.Send = func(_ context.Context, _ string, _ []string, m []byte) error {
		if bytes.Contains(m, []byte("7 are lost")) {
			said <- struct{}{}
		}
		return nil
	}
	go func() { ended <- a.Run(ctx) }()
	<-said
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestKeptIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir(), "a@a.example All Critical")
		defer r.stop()
		for i := range heldKeys + kept {
			r.Raise(Problem(Warning, fmt.Sprint(i), fmt.Sprint(i), "x"))
			synctest.Wait()
		}
		if n := len(r.Last(10000)); n != kept {
			t.Errorf("%d kept, want %d", n, kept)
		}
		if e := r.Last(1); e[0].Subject != fmt.Sprint(heldKeys+kept-1) {
			t.Errorf("the last is %+v", e)
		}
		if n := len(r.state.Waits); n > heldKeys {
			t.Errorf("%d keys remembered", n)
		}
		if n := len(r.Last(-1)); n != 0 {
			t.Errorf("the last -1 are %d", n)
		}
	})
}

func TestDamagedFileIsPutAside(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "alerts.json"), []byte("{nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := New(Options{Dir: dir, Config: func() *config.Config { return config.Default("x.example") }})
	if err != nil || len(a.Last(1)) != 0 {
		t.Fatalf("New: %v", err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "alerts.json.damaged")); err != nil || string(data) != "{nonsense" {
		t.Errorf("put aside: %q, %v", data, err)
	}
}

func TestOnceIsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := newRig(t, dir, "a@a.example All All")
		defer func() { r.stop() }()
		n := 0
		for range 30 {
			r.Raise(Alert{Class: Certificates, Severity: Critical, Key: "expiry 7", Subject: "expires", Text: "expires", Once: true})
			n += len(r.taken())
			time.Sleep(24 * time.Hour)
			r.stop()
			r.start(t, dir)
		}
		if e := r.Last(10); n != 1 || len(e) != 1 || e[0].Repeated != 0 {
			t.Errorf("%d messages, want 1; kept %+v", n, e)
		}
	})
}

func TestListStale(t *testing.T) {
	never, once := ListStale("CA", "HTTP 404", time.Time{}), ListStale("CA", "HTTP 404", time.Date(2026, 9, 22, 9, 0, 0, 0, time.UTC))
	if !strings.Contains(never.Text, "no earlier one") || !strings.Contains(once.Text, "out of date on Tue Sep 22 09:00:00 2026 UTC") {
		t.Errorf("texts:\n%s\n%s", never.Text, once.Text)
	}
	if never.Cause != cause.V14 || never.Key != once.Key || !strings.Contains(once.Text, "V14, ") {
		t.Errorf("%+v", once)
	}
	if a := ListStale("CA", "", time.Time{}); a.Subject != "The revocation list of CA is stale: nothing newer is at hand" {
		t.Errorf("%q", a.Subject)
	}
}

func TestMessage(t *testing.T) {
	c := config.Default("mail.example.com")
	hostile := TLSFailed("evil.example\r\nBcc: x@y", "mx\n\nbody", cause.D1, "no\r\n.\r\nX: y \x1b[2J \x00")
	long := Problem(Warning, "x", strings.Repeat("ä", 600), strings.Repeat("long ", 1000))
	list := []notice{{Alert: hostile}, {Alert: long, Held: 1}}
	for _, notices := range [][]notice{list, list[:1], list[1:]} {
		raw := compose(c, group{to: []string{"a@a.example", "b@a.example"}, notices: notices}, time.Date(2026, 9, 22, 9, 5, 0, 0, time.UTC))
		for line := range bytes.Lines(raw) {
			if !bytes.HasSuffix(line, []byte("\r\n")) || bytes.Count(line, []byte("\r")) != 1 || len(line) > 998+2 {
				t.Errorf("bad line %q", line)
			}
		}
		if i := bytes.IndexFunc(raw, func(r rune) bool { return r < ' ' && r != '\r' && r != '\n' }); i >= 0 {
			t.Errorf("control byte %#x", raw[i])
		}
		m, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To", "X-Posthouse-Cause"}
		for name, values := range m.Header {
			if !slices.Contains(want, name) || len(values) != 1 {
				t.Errorf("header %s: %q", name, values)
			}
		}
		if from := m.Header.Get("From"); from != "alert@mail.example.com" {
			t.Errorf("From %q", from)
		}
		if to, err := m.Header.AddressList("To"); err != nil || len(to) != 2 {
			t.Errorf("To %v, %v", to, err)
		}
		if _, err := m.Header.Date(); err != nil {
			t.Error(err)
		}
		if m.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			if _, err := io.ReadAll(quotedprintable.NewReader(m.Body)); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestTLSFailedSaysWhatHelps(t *testing.T) {
	a := failed("partner.example")
	c, _ := cause.Lookup(cause.V4)
	for _, want := range []string{"partner.example", "mx1.partner.example", "certificate has expired", "V4", c.Title, c.Fault, c.Helps} {
		if !strings.Contains(a.Text, want) {
			t.Errorf("%q is missing in:\n%s", want, a.Text)
		}
	}
	if a.Class != System || a.Severity != Warning {
		t.Errorf("class %s, severity %s", a.Class, a.Severity)
	}
}
