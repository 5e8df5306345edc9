package acme

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"posthouse/certstore"
	"posthouse/internal/dns"
	"posthouse/internal/safefile"
)

const day = 24 * time.Hour

// fakeAuthority issues at once, unless a test wants it otherwise.
type fakeAuthority struct {
	root *x509.Certificate
	key  crypto.Signer
	life time.Duration

	mu       sync.Mutex // guards what follows
	fault    error
	extra    []string                                     // names that nobody asked for
	window   func(leaf *x509.Certificate) (advice, error) // nil: it gives no advice
	during   func()                                       // runs while an order is under way
	orders   []order
	times    []time.Time
	underWay int

	predecessor error // what it has against orders that name one; set before the start
}

func newFakeAuthority(t *testing.T) *fakeAuthority {
	t.Helper()
	key, err := newKey(certstore.P256)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test Authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(10 * 365 * day), KeyUsage: x509.KeyUsageCertSign,
		SubjectKeyId: []byte{1, 2, 3, 4},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &fakeAuthority{root: root, key: key, life: 90 * day}
}

func (f *fakeAuthority) order(ctx context.Context, _ *Settings, o order) ([]*x509.Certificate, error) {
	f.mu.Lock()
	f.orders, f.times = append(f.orders, o), append(f.times, time.Now())
	f.underWay++
	during, fault, many := f.during, f.fault, f.underWay
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.underWay--
		f.mu.Unlock()
	}()
	if many > 1 {
		return nil, errors.New("two orders at once")
	}
	if during != nil {
		during()
	}
	if fault == nil && o.replaces != nil {
		fault = f.predecessor
	}
	if fault != nil {
		return nil, fault
	}
	return f.issue(o.names, o.key)
}

func (f *fakeAuthority) issue(names []string, key crypto.Signer) ([]*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, DNSNames: append(slices.Clone(names), f.extra...),
		NotBefore: time.Now(), NotAfter: time.Now().Add(f.life), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, f.root, key.Public(), f.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	return []*x509.Certificate{leaf, f.root}, err
}

func (f *fakeAuthority) advice(_ context.Context, _ *Settings, leaf *x509.Certificate) (advice, error) {
	f.mu.Lock()
	window := f.window
	f.mu.Unlock()
	if window == nil {
		return advice{}, errors.New("no renewal information here")
	}
	return window(leaf)
}

func (f *fakeAuthority) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeAuthority) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.orders)
}

func (f *fakeAuthority) last() (order, time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.orders[len(f.orders)-1], f.times[len(f.times)-1]
}

// stage is a manager with an engine's part played around it: what it installs is applied, as a commit would.
type stage struct {
	t         *testing.T
	dir       string
	keys      *safefile.Vault
	keysDir   string
	authority *fakeAuthority
	m         *Manager
	end       func()

	talk    func(m *Manager) authority // nil: the fake
	arrived func(*certstore.Profile)   // told of what is put in service; nil: nobody

	mu        sync.Mutex // guards what follows
	settings  Settings
	refuse    error // what Install returns
	installed []*certstore.Profile
	lines     []string
	notices   []Notice
	tlsa      map[string]dns.Answer
	dnsFault  error
}

func newStage(t *testing.T, profiles ...Managed) *stage {
	t.Helper()
	keysDir := t.TempDir()
	keys, err := safefile.OpenVault(keysDir)
	if err != nil {
		t.Fatal(err)
	}
	account, err := newKey(certstore.P256)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, dir: t.TempDir(), keys: keys, keysDir: keysDir, authority: newFakeAuthority(t), tlsa: map[string]dns.Answer{}}
	s.settings = Settings{Directory: "https://ca.example/dir", AccountKey: account, TermsAgreed: true, Profiles: profiles}
	return s
}

func (s *stage) start() {
	s.t.Helper()
	m, err := New(Options{
		Dir: s.dir, Keys: s.keys, Install: s.install, TLSA: s.lookup,
		Roots: func() *x509.CertPool { return nil },
		Log: func(line string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.lines = append(s.lines, line)
		},
		Alert: func(n Notice) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.notices = append(s.notices, n)
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	m.authority = s.authority
	if s.talk != nil {
		m.authority = s.talk(m)
	}
	s.m = m
	s.apply(func(*Settings) {})
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	s.end = func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("Run: %v", err)
		}
	}
}

// restart ends the manager and lets another go on.
func (s *stage) restart() {
	s.end()
	s.start()
}

// apply changes the settings and puts them in force.
func (s *stage) apply(change func(*Settings)) {
	s.mu.Lock()
	s.settings.Profiles = slices.Clone(s.settings.Profiles)
	change(&s.settings)
	now := s.settings
	s.mu.Unlock()
	s.m.Apply(&now)
}

func (s *stage) install(_ context.Context, profile string, p *certstore.Profile) error {
	s.mu.Lock()
	refuse := s.refuse
	if refuse == nil {
		s.installed = append(s.installed, p)
	}
	s.mu.Unlock()
	if refuse != nil {
		return refuse
	}
	if s.arrived != nil {
		defer s.arrived(p)
	}
	s.apply(func(settings *Settings) {
		if managed := settings.managed(profile); managed != nil {
			managed.Current, managed.Pending = p, false
		}
	})
	return nil
}

func (s *stage) lookup(_ context.Context, name string) (dns.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dnsFault != nil {
		return dns.Answer{}, s.dnsFault
	}
	if a, ok := s.tlsa[name]; ok {
		return a, nil
	}
	return dns.Answer{}, &dns.Error{Name: name, Type: "TLSA", Kind: dns.NotFound}
}

// publish makes 3 1 1 records of public keys the whole of what a name has.
func (s *stage) publish(name string, ttl time.Duration, digests ...string) {
	s.t.Helper()
	a := dns.Answer{Name: name, TTL: ttl, Secure: true}
	for _, d := range digests {
		var data []byte
		if _, err := fmt.Sscanf(d, "%x", &data); err != nil {
			s.t.Fatal(err)
		}
		a.TLSA = append(a.TLSA, dns.TLSA{Usage: 3, Selector: 1, Matching: 1, Data: data})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tlsa["_25._tcp."+name] = a
}

func (s *stage) current() *certstore.Profile {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.installed) == 0 {
		return nil
	}
	return s.installed[len(s.installed)-1]
}

func (s *stage) status() Status {
	s.t.Helper()
	all := s.m.Status()
	if len(all) == 0 {
		s.t.Fatal("no status")
	}
	return all[0]
}

// said counts the lines that contain text.
func (s *stage) said(text string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, line := range s.lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func (s *stage) alerts(severity Severity, text string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, a := range s.notices {
		if a.Severity == severity && strings.Contains(a.Subject+a.Text, text) {
			n++
		}
	}
	return n
}

func digestOf(t *testing.T, p *certstore.Profile) string {
	t.Helper()
	der, err := spki(p.Leaf().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return hash256(der)
}

// fresh is a profile that waits for its first certificate.
func fresh(name string, names ...string) Managed {
	return Managed{Name: name, Names: names, Challenge: HTTP01, Key: certstore.P256, Pending: true}
}

// timed runs a test with a clock of its own, on which a month passes at once.
func timed(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// pass lets time pass and everything that it makes due happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// keyPath is where the next key is kept.
func (s *stage) keyPath() string {
	s.t.Helper()
	kept := s.m.progressOf("mx").Next
	if kept == nil {
		s.t.Fatal("there is no next key")
	}
	return filepath.Join(s.keysDir, kept.ID)
}
