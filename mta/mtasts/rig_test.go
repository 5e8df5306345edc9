package mtasts

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"posthouse/internal/dns"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const partner = "partner.example"

// rig is a Store, the DNS of one partner and its web server.
type rig struct {
	t     *testing.T
	dir   string
	dns   *dns.Fake
	roots *x509.CertPool
	port  uint16
	store *Store

	mu    sync.Mutex
	now   time.Time
	serve http.HandlerFunc
	asked int
	told  []string
}

// newRig starts a web server whose certificate is for the names, under an authority that is trusted unless there is no
// name at all.
func newRig(t *testing.T, names ...string) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), roots: x509.NewCertPool(), now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	r.dns = &dns.Fake{Hosts: map[string][]netip.Addr{}, Texts: map[string][]string{}, Fail: map[string]dns.Kind{}}
	r.dns.Hosts["mta-sts."+partner] = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	trusted := len(names) > 0
	if !trusted {
		names = []string{"mta-sts." + partner}
	}
	certificate := r.certificate(names, trusted)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.port = uint16(l.Addr().(*net.TCPAddr).Port)
	server := &http.Server{Handler: http.HandlerFunc(r.answer), ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	ended := make(chan error)
	go func() { ended <- server.ServeTLS(l, "", "") }()
	t.Cleanup(func() {
		server.Close()
		<-ended
	})
	r.publish("1")
	r.policy(usualPolicy("enforce"))
	r.open()
	return r
}

func usualPolicy(mode string) string {
	return "version: STSv1\nmode: " + mode + "\nmx: mx.partner.example\nmax_age: 86400\n"
}

func (r *rig) certificate(names []string, trusted bool) tls.Certificate {
	r.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		r.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, IsCA: true,
		BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		r.t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		r.t.Fatal(err)
	}
	if trusted {
		r.roots.AddCert(parsed)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// open opens the store, as after a restart.
func (r *rig) open() {
	r.t.Helper()
	store, err := New(Options{Dir: r.dir, Resolver: func() Resolver { return r.dns }, Roots: func() *x509.CertPool { return r.roots },
		Port: r.port, Now: r.clock, Tell: func(text string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.told = append(r.told, text)
		}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.store = store
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) later(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// publish sets the record in the DNS; an empty id takes it away.
func (r *rig) publish(id string) {
	r.dns.Update(func(f *dns.Fake) {
		delete(f.Texts, "_mta-sts."+partner)
		if id != "" {
			f.Texts["_mta-sts."+partner] = []string{"v=STSv1; id=" + id}
		}
	})
}

// policy lets the web server serve a policy.
func (r *rig) policy(text string) {
	r.handle(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, text)
	})
}

func (r *rig) handle(h http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.serve = h
}

func (r *rig) answer(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	r.asked++
	serve := r.serve
	r.mu.Unlock()
	if q.URL.Path != "/.well-known/mta-sts.txt" || !strings.HasPrefix(q.Host, "mta-sts.") || q.TLS.ServerName != "mta-sts."+partner {
		http.Error(w, "not here", http.StatusNotFound)
		return
	}
	serve(w, q)
}

// fetches is how often the web server was asked.
func (r *rig) fetches() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}

func (r *rig) ask() Policy {
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	return r.store.Policy(ctx, partner)
}

// want fails the test unless the policy has the mode and the failure's result type, and the web server was asked so often.
func (r *rig) want(p Policy, mode Mode, report string, fetches int) {
	r.t.Helper()
	if p.Mode != mode || p.Report != report || (p.Cause == "M2") != (report != "") || r.fetches() != fetches {
		r.t.Errorf("got mode %q, report %q, cause %q (%s) after %d fetches; want %q, %q after %d", p.Mode, p.Report, p.Cause, p.Words,
			r.fetches(), mode, report, fetches)
	}
}
