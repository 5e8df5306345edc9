package crl

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"posthouse/internal/cause"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// authority issues certificates and lists.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  crypto.Signer
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newAuthority(t testing.TB, by *authority, name string) *authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(1000 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	a := &authority{t: t, key: key}
	if by == nil {
		by = &authority{t, template, key}
	}
	a.cert = by.sign(template, key.Public())
	return a
}

func (a *authority) sign(template *x509.Certificate, public any) *x509.Certificate {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, public, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

func (a *authority) leaf(serial int64, points ...string) *x509.Certificate {
	a.t.Helper()
	return a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "mx.example.com"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(1000 * time.Hour), CRLDistributionPoints: points,
	}, newKey(a.t).Public())
}

// list makes a revocation list.
func (a *authority) list(edit func(l *x509.RevocationList), revoked ...int64) []byte {
	a.t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(7), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour)}
	for _, serial := range revoked {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: big.NewInt(serial), RevocationTime: time.Now().Add(-time.Hour), ReasonCode: 1,
		})
	}
	if edit != nil {
		edit(l)
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, a.cert, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

// web serves what is set, or a status.
type web struct {
	*httptest.Server
	mu     sync.Mutex
	data   []byte
	status int
	asked  chan struct{}
}

func newWeb(t *testing.T, data []byte) *web {
	t.Helper()
	w := &web{data: data, asked: make(chan struct{}, 100)}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.status != 0 {
			rw.WriteHeader(w.status)
		}
		rw.Write(w.data)
		w.asked <- struct{}{}
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *web) serve(status int, data []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.data, w.status = data, status
}

func newLists(t *testing.T, opt Options) *Lists {
	t.Helper()
	if opt.Dir == "" {
		opt.Dir = t.TempDir()
	}
	l, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (w *web) source() Settings {
	return Settings{Sources: []Source{{Name: "ca", URL: w.URL, Interval: time.Hour}}}
}

func update(t *testing.T, l *Lists, fault string) Status {
	t.Helper()
	all := l.Update(t.Context())
	if len(all) != 1 || (fault == "") != (all[0].Fault == "") || !strings.Contains(all[0].Fault, fault) {
		t.Fatalf("update: %+v, want the fault %q", all, fault)
	}
	return all[0]
}

func expect(t *testing.T, l *Lists, want cause.ID, words string, chain ...*x509.Certificate) {
	t.Helper()
	if id, said := l.Revoked(chain); id != want || !strings.Contains(said, words) {
		t.Errorf("got %q, %q; want %q, %q", id, said, want, words)
	}
}

func TestRevoked(t *testing.T) {
	root := newAuthority(t, nil, "Root")
	ca := newAuthority(t, root, "Issuing CA")
	other := newAuthority(t, root, "Other CA")
	w := newWeb(t, ca.list(nil, 66))
	l := newLists(t, Options{})
	good, bad := ca.leaf(65), ca.leaf(66)
	expect(t, l, "", "", bad, ca.cert, root.cert)
	l.Apply(w.source())
	if st := update(t, l, ""); st.Revoked != 1 || st.Issuer != "CN=Issuing CA" || st.Number != "7" || st.Stale || st.Verified {
		t.Errorf("status %+v", st)
	}
	expect(t, l, "", "", good, ca.cert, root.cert)
	expect(t, l, cause.V7, "CN=mx.example.com, serial 42, was revoked on", bad, ca.cert, root.cert)
	expect(t, l, cause.V7, "(key compromise), says the CRL \"ca\" of CN=Issuing CA", bad, ca.cert, root.cert)
	expect(t, l, "", "", other.leaf(66), other.cert, root.cert) // its issuer has no source
	if st := l.Status()[0]; !st.Verified {
		t.Errorf("the issuer's chain was seen: %+v", st)
	}
	l.Apply(Settings{})
	expect(t, l, "", "", bad, ca.cert, root.cert)
}

func TestStaleAndNeverFetched(t *testing.T) {
	root := newAuthority(t, nil, "Root")
	now := time.Now()
	var mu sync.Mutex
	var told []Status
	l := newLists(t, Options{
		Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }, Stale: func(st Status) { told = append(told, st) },
	})
	w := newWeb(t, nil)
	w.serve(http.StatusNotFound, nil)
	l.Apply(w.source())
	update(t, l, `"404 Not Found"`)
	update(t, l, `"404 Not Found"`)
	expect(t, l, cause.V14, `the CRL "ca" for CN=mx.example.com was never fetched`, root.leaf(2, w.URL), root.cert)
	expect(t, l, "", "", root.leaf(2), root.cert)
	w.serve(0, root.list(nil, 3))
	update(t, l, "")
	expect(t, l, "", "", root.leaf(2), root.cert)
	mu.Lock()
	now = now.Add(2 * time.Hour)
	mu.Unlock()
	expect(t, l, cause.V14, "is stale since", root.leaf(2), root.cert)
	expect(t, l, cause.V7, "was revoked", root.leaf(3), root.cert)
	if st := l.Status()[0]; !st.Stale {
		t.Errorf("status %+v", st)
	}
	update(t, l, "")
	update(t, l, "")
	if len(told) != 2 || told[0].Fault == "" || told[1].Fault != "" || !told[1].Stale {
		t.Errorf("told of %+v", told)
	}
}

// A list of somebody else never takes the place of one that was proven, not even over a restart.
func TestStrangersList(t *testing.T) {
	root, stranger := newAuthority(t, nil, "Root"), newAuthority(t, nil, "Root")
	w := newWeb(t, root.list(nil, 66))
	dir := t.TempDir()
	l := newLists(t, Options{Dir: dir})
	set := w.source()
	set.Authorities = []*x509.Certificate{root.cert}
	l.Apply(set)
	update(t, l, "")
	w.serve(0, stranger.list(nil))
	update(t, l, "not signed by the key that signed the one before")
	expect(t, l, cause.V7, "revoked", root.leaf(66), root.cert)
	w.serve(0, root.list(func(l *x509.RevocationList) { l.ThisUpdate = time.Now().Add(-time.Hour) }))
	update(t, l, "older than the one in use")
	w.serve(0, root.list(func(l *x509.RevocationList) {
		l.ThisUpdate, l.NextUpdate = time.Now().Add(5*time.Hour), time.Now().Add(6*time.Hour)
	}))
	update(t, l, "in the future")
	expect(t, l, cause.V7, "revoked", root.leaf(66), root.cert)

	again := newLists(t, Options{Dir: dir})
	again.Apply(w.source()) // without the authority: what signed it is remembered
	expect(t, again, cause.V7, "revoked", root.leaf(66), root.cert)
	w.serve(0, stranger.list(nil))
	update(t, again, "not signed by the key that signed the one before")
	expect(t, again, cause.V7, "revoked", root.leaf(66), root.cert)
	expect(t, again, "", "", stranger.leaf(66), stranger.cert) // a chain of the new key is looked up in the new list
}

func TestNotSignedByTheIssuer(t *testing.T) {
	root, stranger := newAuthority(t, nil, "Root"), newAuthority(t, nil, "Root")
	w := newWeb(t, stranger.list(nil, 66))
	l := newLists(t, Options{})
	l.Apply(w.source())
	update(t, l, "")
	expect(t, l, cause.V14, "is not signed by CN=Root", root.leaf(66), root.cert)
	w.serve(0, root.list(nil, 66))
	update(t, l, "")
	expect(t, l, cause.V7, "revoked", root.leaf(66), root.cert)
}

func TestWhatIsRefused(t *testing.T) {
	root := newAuthority(t, nil, "Root")
	extension := func(oid asn1.ObjectIdentifier, value any, critical bool) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) {
			der, err := asn1.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			l.ExtraExtensions = append(l.ExtraExtensions, pkix.Extension{Id: oid, Critical: critical, Value: der})
		}
	}
	point := func(p issuingPoint) func(*x509.RevocationList) { return extension(oidScope, p, true) }
	w := newWeb(t, nil)
	l := newLists(t, Options{})
	l.Apply(w.source())
	for _, tt := range []struct {
		data []byte
		want string
	}{
		{[]byte("hello"), "no CRL"},
		{nil, "no CRL"},
		{pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.cert.Raw}), `"CERTIFICATE"`},
		{[]byte("-----BEGIN X509 CRL-----\nAAAA"), "not whole"},
		{root.list(extension(oidDelta, 1, true)), "delta CRL"},
		{root.list(point(issuingPoint{Indirect: true})), "indirect CRL"},
		{root.list(point(issuingPoint{Attributes: true})), "attribute certificates"},
		{root.list(point(issuingPoint{Reasons: asn1.BitString{Bytes: []byte{0x40}, BitLength: 2}})), "some reasons"},
		{root.list(extension(asn1.ObjectIdentifier{1, 2, 3}, 1, true)), "critical extension 1.2.3"},
		{root.list(func(l *x509.RevocationList) {
			l.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: big.NewInt(5), RevocationTime: time.Now(),
				ExtraExtensions: []pkix.Extension{{Id: oidEntryIssuer, Critical: true, Value: []byte{0x30, 0}}}}}
		}), "indirect CRL"},
		{make([]byte, maxSize+1), "larger than 32 MB"},
	} {
		w.serve(0, tt.data)
		update(t, l, tt.want)
	}
	if _, _, err := read(root.list(extension(oidDelta, 1, true))); !errors.Is(err, ErrDelta) {
		t.Errorf("delta: %v", err)
	}
	w.serve(0, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: root.list(extension(asn1.ObjectIdentifier{1, 2, 3}, 1, false), 66)}))
	update(t, l, "")
	expect(t, l, cause.V7, "", root.leaf(66), root.cert)
}

// A list that speaks for some certificates only says nothing of the others.
func TestScope(t *testing.T) {
	root := newAuthority(t, nil, "Root")
	ca := newAuthority(t, root, "Issuing CA")
	scoped := func(p issuingPoint) []byte {
		return root.list(func(l *x509.RevocationList) {
			l.NextUpdate = time.Now().Add(-time.Second)
			der, err := asn1.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			l.ExtraExtensions = []pkix.Extension{{Id: oidScope, Critical: true, Value: der}}
		}, 66)
	}
	w := newWeb(t, nil)
	l := newLists(t, Options{})
	l.Apply(w.source())
	w.serve(0, scoped(issuingPoint{Users: true}))
	update(t, l, "")
	expect(t, l, "", "", ca.leaf(2), ca.cert, root.cert)
	expect(t, l, cause.V14, "stale", root.leaf(2), root.cert)
	w.serve(0, scoped(issuingPoint{Authorities: true}))
	update(t, l, "")
	expect(t, l, cause.V14, "stale", ca.leaf(2), ca.cert, root.cert)
	expect(t, l, "", "", root.leaf(2), root.cert)
	url := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte("http://crl.example/1")}
	w.serve(0, scoped(issuingPoint{Point: distributionPoint{FullName: []asn1.RawValue{url}}}))
	update(t, l, "")
	expect(t, l, cause.V14, "stale", root.leaf(2, "http://crl.example/1"), root.cert)
	expect(t, l, "", "", root.leaf(2, "http://crl.example/2"), root.cert)
	expect(t, l, cause.V7, "", root.leaf(66, "http://crl.example/2"), root.cert)
}

// Run fetches at once what is new, and again when the interval is over; what belongs to no source leaves the cache.
func TestRun(t *testing.T) {
	root := newAuthority(t, nil, "Root")
	w := newWeb(t, root.list(nil, 66))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gone-012345678901.pem"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := newLists(t, Options{Dir: dir})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- l.Run(ctx) }()
	set := w.source()
	set.Sources[0].Interval = 50 * time.Millisecond
	l.Apply(set)
	for range 3 {
		<-w.asked
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || !strings.HasPrefix(entries[0].Name(), "ca-") {
		t.Errorf("the cache holds %v, %v", entries, err)
	}
}

// What fails is told once, and once that it is well again; a server that hangs holds nothing up for longer than its time.
func TestFaultsAreToldOnce(t *testing.T) {
	root := newAuthority(t, nil, "Root")
	w := newWeb(t, nil)
	w.serve(http.StatusInternalServerError, nil)
	var told []string
	l := newLists(t, Options{Log: func(line string) { told = append(told, line) }})
	l.Apply(w.source())
	update(t, l, "500")
	update(t, l, "500")
	w.serve(0, root.list(nil))
	update(t, l, "")
	update(t, l, "")
	if len(told) != 2 || !strings.Contains(told[0], "500") || !strings.Contains(told[1], "again") {
		t.Errorf("told %q", told)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	stop(errors.New("the session ended"))
	if all := l.Update(ctx); all[0].Fault != "the session ended" || l.Status()[0].Fault != "" {
		t.Errorf("cancelled: %+v", all)
	}
}

func TestRedirects(t *testing.T) {
	root := newAuthority(t, nil, "Root")
	data := root.list(nil)
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/list":
			rw.Write(data)
		case "/once":
			http.Redirect(rw, r, "/list", http.StatusFound)
		case "/file":
			http.Redirect(rw, r, "file:///etc/passwd", http.StatusFound)
		default:
			http.Redirect(rw, r, s.URL+"/", http.StatusFound)
		}
	}))
	t.Cleanup(s.Close)
	l := newLists(t, Options{})
	for path, want := range map[string]string{"/once": "", "/file": "file", "/loop": "more than 5 redirects"} {
		l.Apply(Settings{Sources: []Source{{"ca", s.URL + path, time.Hour}}})
		update(t, l, want)
	}
}

// Looking up while settings and lists change never sees half of either.
func TestConcurrentUse(t *testing.T) {
	root := newAuthority(t, nil, "Root")
	w := newWeb(t, root.list(nil, 66))
	l := newLists(t, Options{})
	l.Apply(w.source())
	update(t, l, "")
	bad := root.leaf(66)
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				if id, _ := l.Revoked([]*x509.Certificate{bad, root.cert}); id != cause.V7 {
					t.Errorf("got %q", id)
					return
				}
				l.Status()
			}
		})
	}
	for i := range 20 {
		set := w.source()
		set.Sources = append(set.Sources, Source{Name: fmt.Sprint("more", i), URL: w.URL + "/more", Interval: time.Hour})
		l.Apply(set)
		l.Update(ctx)
		for len(w.asked) > 0 {
			<-w.asked
		}
	}
	stop()
	all.Wait()
}

// A serial number is compared by its value, and the reasons have their names.
func TestReasons(t *testing.T) {
	var named []string
	for code := range 12 {
		if r := reason(code); r != "" {
			named = append(named, strings.Trim(r, " ()"))
		}
	}
	if want := []string{"key compromise", "CA compromise", "affiliation changed", "superseded", "cessation of operation", "on hold",
		"privilege withdrawn", "AA compromise"}; !slices.Equal(named, want) {
		t.Errorf("got %q", named)
	}
}

func FuzzCRL(f *testing.F) {
	root := newAuthority(f, nil, "Root")
	der := root.list(nil, 66, 67)
	f.Add(der)
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
	scope, err := asn1.Marshal(issuingPoint{Users: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(root.list(func(l *x509.RevocationList) {
		l.ExtraExtensions = []pkix.Extension{{Id: oidScope, Critical: true, Value: scope}}
	}))
	leaf := root.leaf(66)
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := newList(data, time.Now())
		if (l == nil) == (err == nil) {
			t.Fatalf("%v, %v", l, err)
		}
		if l == nil {
			return
		}
		l.signedBy(root.cert)
		l.speaksFor(leaf)
		l.staleAt(time.Now(), time.Hour)
	})
}
