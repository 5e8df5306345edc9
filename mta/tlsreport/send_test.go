package tlsreport

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/internal/dns"
)

// A report is sent by mail after the day has ended, once, signed and in the form of RFC 8460 §5.3.
func TestReportByMail(t *testing.T) {
	r := newRig(t)
	r.asks(partner, "mailto:tls@reports.example")
	r.c.Observe(record(nil))
	r.c.Observe(broken(cause.V4))
	r.c.Observe(record(nil))
	r.later(16 * time.Hour) // midnight
	r.c.turn(r.now)
	r.c.sendDue(t.Context())
	if len(r.mails) != 0 {
		t.Fatal("the report is sent before its hour")
	}
	r.later(time.Hour)
	r.c.sendDue(t.Context())
	r.c.sendDue(t.Context())
	if len(r.mails) != 1 || r.mails[0].from != "tlsrpt@mail.example.com" || r.mails[0].to != "tls@reports.example" {
		t.Fatalf("sent %+v", r.mails)
	}
	m := r.mails[0].message
	message, err := mail.ReadMessage(bytes.NewReader(m))
	if err != nil {
		t.Fatal(err)
	}
	report, err := Parse(m)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"From": `"Example \"Mail\"" <tlsrpt@mail.example.com>`, "To": "<tls@reports.example>",
		"Subject":           "Report Domain: partner.example Submitter: mail.example.com Report-ID: <" + report.ID + ">",
		"TLS-Report-Domain": partner, "TLS-Report-Submitter": "mail.example.com", "TLS-Required": "No",
	} {
		if got := message.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if kind := message.Header.Get("Content-Type"); !strings.HasPrefix(kind, "multipart/report; report-type=\"tlsrpt\";") {
		t.Errorf("Content-Type is %q", kind)
	}
	if !bytes.Contains(m, []byte(`filename="mail.example.com!partner.example!1795305600!1795391999.json.gz"`)) {
		t.Errorf("the attachment has another name: %s", m)
	}
	r.verifySignature(m)
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	if report.Organization != "Example \"Mail\"" || report.Contact != "tlsrpt@mail.example.com" || !report.Range.Start.Equal(day) ||
		!report.Range.End.Equal(day.Add(24*time.Hour-time.Second)) || len(report.Policies) != 1 || report.Policies[0].Summary != (Sessions{2, 1}) {
		t.Errorf("the report is %+v", report)
	}
}

// verifySignature checks the signature with the record that dkim new shows.
func (r *rig) verifySignature(message []byte) {
	r.t.Helper()
	text, err := KeyRecord(r.key)
	if err != nil {
		r.t.Fatal(err)
	}
	lookup := func(name string) ([]string, error) {
		if name != "sel._domainkey.mail.example.com" {
			r.t.Errorf("the key is looked for at %s", name)
		}
		return []string{text}, nil
	}
	found, err := dkim.VerifyWithOptions(bytes.NewReader(message), &dkim.VerifyOptions{LookupTXT: lookup})
	if err != nil || len(found) != 1 || found[0].Err != nil || found[0].Domain != "mail.example.com" {
		r.t.Fatalf("the signature: %+v, %v", found, err)
	}
	if !slices.Contains(found[0].HeaderKeys, "TLS-Report-Domain") {
		r.t.Errorf("signed are %v", found[0].HeaderKeys)
	}
}

// post is what a web server was sent.
type post struct {
	kind   string
	report Report
}

// receiver is a web server that takes reports; status is what it answers.
func (r *rig) receiver(status *int) (url string, roots *x509.CertPool, posts func() []post) {
	var mu sync.Mutex
	var list []post
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		z, err := gzip.NewReader(q.Body)
		if err != nil {
			r.t.Error(err)
			return
		}
		var p post
		if err := json.NewDecoder(z).Decode(&p.report); err != nil {
			r.t.Error(err)
		}
		p.kind = q.Method + " " + q.Header.Get("Content-Type")
		list = append(list, p)
		w.WriteHeader(*status)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	r.t.Cleanup(server.Close)
	roots = x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server.URL, roots, func() []post {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(list)
	}
}

func TestReportByHTTPS(t *testing.T) {
	r := newRig(t)
	status := http.StatusServiceUnavailable
	url, roots, posts := r.receiver(&status)
	r.roots = roots
	r.asks(partner, "mailto:tls@reports.example, "+url+"/v1")
	r.c.Observe(record(nil))
	r.later(24 * time.Hour)
	r.c.turn(r.now)
	r.c.sendDue(t.Context())
	if len(r.mails) != 1 || len(posts()) != 1 {
		t.Fatalf("%d mails, %d posts", len(r.mails), len(posts()))
	}
	if summary, _ := r.c.Summary(partner); len(summary.Counted[0].Sent) != 2 || summary.Counted[0].Done ||
		!strings.Contains(summary.Counted[0].Sent[0].Note, "503") {
		t.Errorf("summary is %+v", summary.Counted)
	}
	status = http.StatusCreated
	r.c.sendDue(t.Context()) // too soon
	r.c.keep()
	r.open() // a restart
	r.later(firstPause)
	r.c.sendDue(t.Context())
	r.later(firstPause)
	r.c.sendDue(t.Context())
	all := posts()
	if len(r.mails) != 1 || len(all) != 2 || all[1].kind != "POST application/tlsrpt+gzip" || all[0].report.ID != all[1].report.ID ||
		all[1].report.Policies[0].Summary.Successful != 1 {
		t.Errorf("%d mails, posts %+v", len(r.mails), all)
	}
	if sent := r.waiting(); sent != 0 {
		t.Errorf("%d periods wait", sent)
	}
}

func (r *rig) waiting() int { return len(r.c.waiting()) }

// A report goes to a web server whose certificate does not verify: it may be about that.
func TestReportByHTTPSWithoutTrust(t *testing.T) {
	r := newRig(t)
	status := http.StatusOK
	url, _, posts := r.receiver(&status)
	r.asks(partner, url)
	r.c.Observe(record(nil))
	r.later(24 * time.Hour)
	sent, err := r.c.SendNow(t.Context(), false)
	if err != nil || len(sent) != 1 || !sent[0].OK || !strings.Contains(sent[0].Note, "not verified") || len(posts()) != 1 {
		t.Errorf("sent %+v, %v", sent, err)
	}
}

// Nobody makes us knock at the doors of our own network: what is there and proves nothing gets no report.
func TestReportByHTTPSIntoOurNetwork(t *testing.T) {
	r := newRig(t)
	r.alien = true
	status := http.StatusOK
	url, roots, posts := r.receiver(&status)
	r.asks(partner, url)
	r.c.Observe(record(nil))
	r.later(24 * time.Hour)
	sent, err := r.c.SendNow(t.Context(), false)
	if err != nil || len(sent) != 1 || sent[0].OK || !strings.Contains(sent[0].Note, "no address that may be connected to") || len(posts()) != 0 {
		t.Errorf("sent %+v, %v", sent, err)
	}
	r.roots = roots
	if sent, err = r.c.SendNow(t.Context(), false); err != nil || len(sent) != 1 || !sent[0].OK || len(posts()) != 1 {
		t.Errorf("to one that proves itself: %+v, %v", sent, err)
	}
}

func TestReportIsGivenUpAfterADay(t *testing.T) {
	r := newRig(t)
	r.asks(partner, "mailto:tls@reports.example")
	r.fail = errors.New("queue full")
	r.c.Observe(record(nil))
	r.later(24 * time.Hour)
	r.c.turn(r.now)
	for range 48 {
		r.c.sendDue(t.Context())
		r.later(30 * time.Minute)
	}
	if r.waiting() != 0 || len(r.told) != 1 || !strings.Contains(r.told[0], "could not be sent") {
		t.Errorf("%d periods wait, told %q", r.waiting(), r.told)
	}
	r.fail = nil
	if r.c.sendDue(t.Context()); len(r.mails) != 0 {
		t.Error("a report is sent after it was given up")
	}
}

func TestNoReport(t *testing.T) {
	for name, prepare := range map[string]func(r *rig){
		"none is asked for":     func(*rig) {},
		"sending is off":        func(r *rig) { r.asks(partner, "mailto:a@b.example"); r.conf = config.Default("x.example") },
		"the record is no good": func(r *rig) { r.asks(partner, "nonsense") },
		"a day without mail": func(r *rig) {
			r.asks(partner, "mailto:a@b.example")
			r.c.open = newPeriod(r.c.open.Start)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.c.Observe(record(nil))
			prepare(r)
			r.later(24 * time.Hour)
			r.c.turn(r.now)
			r.c.sendDue(t.Context())
			if len(r.mails) != 0 || r.waiting() != 0 {
				t.Errorf("%d mails, %d periods wait", len(r.mails), r.waiting())
			}
		})
	}
}

// Without a key nothing unsigned goes out (RFC 8460 §3), and a question that the DNS cannot answer is asked again.
func TestReportWaits(t *testing.T) {
	r := newRig(t)
	r.asks(partner, "mailto:tls@reports.example")
	key := r.key
	r.key = nil
	r.dns.Update(func(f *dns.Fake) { f.Fail["_smtp._tls."+partner] = dns.Temporary })
	r.c.Observe(record(nil))
	r.later(24 * time.Hour)
	r.c.turn(r.now)
	r.c.sendDue(t.Context())
	r.dns.Update(func(f *dns.Fake) { delete(f.Fail, "_smtp._tls."+partner) })
	r.later(firstPause)
	r.c.sendDue(t.Context())
	if summary, _ := r.c.Summary(partner); !strings.Contains(summary.Counted[0].Sent[0].Note, "no DKIM key") || len(r.mails) != 0 {
		t.Errorf("summary is %+v", summary.Counted)
	}
	r.key = key
	r.later(2 * firstPause)
	if r.c.sendDue(t.Context()); len(r.mails) != 1 {
		t.Errorf("%d mails", len(r.mails))
	}
}

func TestSendNow(t *testing.T) {
	r := newRig(t)
	r.asks(partner, "mailto:tls@reports.example")
	r.c.Observe(record(nil))
	if sent, err := r.c.SendNow(t.Context(), false); err != nil || len(sent) != 0 {
		t.Errorf("before the day has ended: %+v, %v", sent, err)
	}
	if sent, err := r.c.SendNow(t.Context(), true); err != nil || len(sent) != 1 || !sent[0].OK || sent[0].Domain != partner {
		t.Errorf("today: %+v, %v", sent, err)
	}
	if sent, err := r.c.SendNow(t.Context(), true); err != nil || len(sent) != 0 {
		t.Errorf("again: %+v, %v", sent, err)
	}
	r.open() // a restart
	r.c.Observe(record(nil))
	r.c.Observe(record(nil))
	r.later(time.Minute)
	if _, err := r.c.SendNow(t.Context(), true); err != nil || len(r.mails) != 2 {
		t.Fatalf("%d mails, %v", len(r.mails), err)
	}
	second, err := Parse(r.mails[1].message)
	if err != nil || second.Policies[0].Summary.Successful != 2 || !second.Range.Start.Equal(time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)) {
		t.Errorf("the second report is %+v, %v", second, err)
	}
	r.conf = config.Default("x.example")
	if _, err := r.c.SendNow(t.Context(), true); !errors.Is(err, ErrOff) {
		t.Errorf("while it is off: %v", err)
	}
}

// What was counted is on disk within a minute, whatever happens to the process.
func TestRunKeepsTheCount(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		open := func() *Collector {
			c, err := New(Options{Dir: dir, Config: func() *config.Config { return config.Default("mail.example.com") }, Resolver: func() Resolver { return &dns.Fake{} }})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		c := open()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.Run(ctx) }()
		c.Observe(record(nil))
		c.Delivered(partner, Clear, cause.S2, 3)
		time.Sleep(time.Minute) // the bubble's clock
		killed, _ := open().Summary(partner)
		if killed.Total.Clear != 3 || len(killed.Counted) != 1 || killed.Counted[0].Policies[0].Summary.Successful != 1 {
			t.Errorf("after a minute there is %+v", killed)
		}
		c.Delivered(partner, Verified, "", 1)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
		if stopped, _ := open().Summary(partner); stopped.Total.Verified != 1 {
			t.Errorf("after the end there is %+v", stopped.Total)
		}
	})
}
