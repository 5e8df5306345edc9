package tlsreport

import (
	"context"
	"crypto"
	"crypto/x509"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/internal/dns"
	"posthouse/mta/tlspolicy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const partner = "partner.example"

// sentMail is a message that was handed to the queue.
type sentMail struct {
	from, to string
	message  []byte
}

// rig is a Collector on a clock of its own.
type rig struct {
	t   *testing.T
	dir string
	dns *dns.Fake
	c   *Collector

	mu    sync.Mutex
	now   time.Time
	conf  *config.Config
	key   crypto.Signer
	roots *x509.CertPool
	alien bool // our own network is not public
	mails []sentMail
	fail  error // of Send
	told  []string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC), conf: config.Default("mail.example.com"), key: testKey(t)}
	r.dns = &dns.Fake{Texts: map[string][]string{}, Hosts: map[string][]netip.Addr{}, Fail: map[string]dns.Kind{}}
	r.conf.TLSReports = config.TLSReports{Send: true, Organization: "Example \"Mail\"", DKIMSelector: "sel"}
	r.open()
	return r
}

// open opens the collector, as after a restart.
func (r *rig) open() {
	r.t.Helper()
	locked := func(do func()) {
		r.mu.Lock()
		defer r.mu.Unlock()
		do()
	}
	c, err := New(Options{
		Dir:      r.dir,
		Config:   func() (c *config.Config) { locked(func() { c = r.conf }); return c },
		Key:      func() (crypto.Signer, error) { return r.key, nil },
		Resolver: func() Resolver { return r.dns },
		Roots:    func() *x509.CertPool { return r.roots },
		Send: func(_ context.Context, from, to string, message []byte) (err error) {
			locked(func() {
				if err = r.fail; err == nil {
					r.mails = append(r.mails, sentMail{from, to, message})
				}
			})
			return err
		},
		Public: func(a netip.Addr) bool { return !r.alien && a.IsLoopback() },
		Tell:   func(text string) { locked(func() { r.told = append(r.told, text) }) },
		Now:    func() (now time.Time) { locked(func() { now = r.now }); return now },
		Jitter: func() time.Duration { return time.Hour },
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.c = c
}

func (r *rig) later(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// asks lets a domain publish where it wants reports.
func (r *rig) asks(domain, rua string) {
	r.dns.Update(func(f *dns.Fake) { f.Texts["_smtp._tls."+domain] = []string{"v=TLSRPTv1; rua=" + rua} })
}

// testKey makes a key as dkim new does.
func testKey(t *testing.T) crypto.Signer {
	t.Helper()
	text, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// record is a connection to the partner's host that went as it should; edit makes it another.
func record(edit func(r *tlspolicy.Record)) *tlspolicy.Record {
	r := &tlspolicy.Record{
		DCID: 1, Facts: tlspolicy.Facts{Domain: partner, Host: "mx." + partner},
		Wanted: tlspolicy.Wanted{Encrypt: tlspolicy.Prefer}, Outcome: tlspolicy.Outcome{Encrypted: true},
		Remote: netip.MustParseAddrPort("192.0.2.25:25"), Local: netip.MustParseAddr("192.0.2.1"),
	}
	if edit != nil {
		edit(r)
	}
	return r
}

// broken is a connection that was given up for a cause.
func broken(id cause.ID) *tlspolicy.Record {
	return record(func(r *tlspolicy.Record) {
		r.Outcome = tlspolicy.Outcome{Begun: true, Closed: true, Cause: id, Reason: "verify error: certificate has expired"}
		r.Action = tlspolicy.Action{Do: tlspolicy.NextHost, Cause: cause.P3, First: id}
	})
}
