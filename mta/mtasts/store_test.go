package mtasts

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"posthouse/internal/dns"
)

func TestPolicyIsKept(t *testing.T) {
	r := newRig(t, "mta-sts."+partner)
	p := r.ask()
	r.want(p, Enforce, "", 1)
	if p.ID != "1" || !p.Match("mx.partner.example") || p.Match("mx.other.example") || p.Expires.Sub(p.Fetched) != 24*time.Hour || len(p.Text) != 4 {
		t.Errorf("policy is %+v", p)
	}
	r.want(r.ask(), Enforce, "", 1)
	r.open() // a restart
	r.want(r.ask(), Enforce, "", 1)
	r.publish("2")
	r.policy(usualPolicy("testing"))
	r.want(r.ask(), Testing, "", 2)
	r.publish("3")
	r.policy("version: STSv1\nmode: none\nmax_age: 60\n")
	p = r.ask()
	r.want(p, None, "", 3)
	if p.Active() {
		t.Error("a policy that was taken back asks something")
	}
	r.later(time.Minute)
	r.publish("")
	r.want(r.ask(), "", "", 3)
}

// A domain in its own script has the policy of its A-labels.
func TestPolicyOfInternationalDomain(t *testing.T) {
	r := newRig(t, "mta-sts."+partner)
	r.dns.Update(func(f *dns.Fake) { f.Texts["_mta-sts.xn--bcher-kva.example"] = []string{"v=STSv1; id=1"} })
	p := r.store.Policy(t.Context(), "Bücher.example")
	if p.Domain != "xn--bcher-kva.example" || p.Cause == "" || !strings.Contains(p.Words, "mta-sts.xn--bcher-kva.example") {
		t.Errorf("policy is %+v", p)
	}
}

// What cannot be read for a reason of our own is not thrown away.
func TestUnreadablePolicyStays(t *testing.T) {
	r := newRig(t, "mta-sts."+partner)
	path := filepath.Join(r.dir, "0123"+suffix)
	if err := os.Mkdir(path, 0o700); err != nil { // reading it is an error of the file system
		t.Fatal(err)
	}
	r.store.refresh(t.Context())
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// A domain whose web server or DNS fails keeps the policy that it had, for as long as that said (RFC 8461 §3.3).
func TestPolicyOutlivesFailures(t *testing.T) {
	r := newRig(t, "mta-sts."+partner)
	r.want(r.ask(), Enforce, "", 1)
	r.publish("2")
	r.handle(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) })
	p := r.ask()
	r.want(p, Enforce, reportFetch, 2)
	if p.ID != "1" || !strings.Contains(p.Words, "https://mta-sts.partner.example:") || !strings.Contains(p.Words, "503 Service Unavailable") {
		t.Errorf("policy is %+v", p)
	}
	r.want(r.ask(), Enforce, reportFetch, 2) // what has failed rests
	r.open()
	r.want(r.ask(), Enforce, reportFetch, 3)
	r.publish("3")
	r.want(r.ask(), Enforce, reportFetch, 4) // another id is tried at once
	r.later(failureRest)
	r.want(r.ask(), Enforce, reportFetch, 5)
	r.publish("")
	r.want(r.ask(), Enforce, reportFetch, 5) // the record is gone, the policy is not
	r.dns.Update(func(f *dns.Fake) { f.Fail["_mta-sts."+partner] = dns.Temporary })
	r.want(r.ask(), Enforce, reportFetch, 5)
	r.dns.Update(func(f *dns.Fake) { delete(f.Fail, "_mta-sts."+partner) })
	r.publish("4")
	r.policy(usualPolicy("testing"))
	r.want(r.ask(), Enforce, reportFetch, 5) // the failed question rests, too
	r.later(lookupRest)
	r.want(r.ask(), Testing, "", 6)
	r.publish("5")
	r.policy("<html>")
	r.later(24 * time.Hour)
	r.want(r.ask(), "", reportInvalid, 7) // its time is over
}

func TestPolicyCannotBeHad(t *testing.T) {
	for _, c := range []struct {
		name   string
		names  []string
		serve  http.HandlerFunc
		dns    func(f *dns.Fake)
		report string
		words  string
		asked  int
	}{
		{"a redirect", good, func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, "/.well-known/mta-sts.txt?again", http.StatusFound)
		}, nil, reportFetch, "302 Found", 1},
		{"another content type", good, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Write([]byte(usualPolicy("enforce")))
		}, nil, reportInvalid, "text/html", 1},
		{"a long body", good, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.Write([]byte(usualPolicy("enforce") + strings.Repeat("x: y\n", maxPolicy/5)))
		}, nil, reportInvalid, "larger than", 1},
		{"no policy", good, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.Write([]byte("hello"))
		}, nil, reportInvalid, "no field", 1},
		{"an end in the middle", good, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("Content-Length", "1000")
			w.Write([]byte("version: STSv1\n"))
		}, nil, reportFetch, "EOF", 1},
		{"the certificate of another", []string{"partner.example"}, nil, nil, reportWebPKI, "valid for partner.example", 0},
		{"the wildcard of another", []string{"*.example"}, nil, nil, reportWebPKI, "valid for", 0},
		{"nobody's certificate", nil, nil, nil, reportWebPKI, "unknown authority", 0},
		{"two records", good, nil, func(f *dns.Fake) {
			f.Texts["_mta-sts."+partner] = []string{"v=STSv1; id=1", "v=STSv1; id=1"}
		}, reportInvalid, "more than one", 0},
		{"a record without id", good, nil, func(f *dns.Fake) {
			f.Texts["_mta-sts."+partner] = []string{"v=STSv1; x=1"}
		}, reportInvalid, "no id", 0},
		{"no address", good, nil, func(f *dns.Fake) { delete(f.Hosts, "mta-sts."+partner) }, reportFetch, "mta-sts.partner.example", 0},
		{"no web server", good, nil, func(f *dns.Fake) {
			f.Hosts["mta-sts."+partner] = []netip.Addr{netip.MustParseAddr("127.99.99.99")}
		}, reportFetch, "refused", 0},
		{"the DNS fails", good, nil, func(f *dns.Fake) { f.Fail["_mta-sts."+partner] = dns.Temporary }, reportFetch, "temporary failure", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.names...)
			if c.serve != nil {
				r.handle(c.serve)
			}
			if c.dns != nil {
				r.dns.Update(c.dns)
			}
			p := r.ask()
			r.want(p, "", c.report, c.asked)
			if !strings.Contains(p.Words, c.words) || strings.ContainsAny(p.Words, "\r\n") {
				t.Errorf("words are %q, want %q", p.Words, c.words)
			}
		})
	}
}

// good is what the certificate of a right web server names; a wildcard counts for one label.
var good = []string{"*." + partner}

func TestNoPolicy(t *testing.T) {
	r := newRig(t, good...)
	r.publish("")
	r.want(r.ask(), "", "", 0)
	for _, domain := range []string{"[192.0.2.1]", "192.0.2.1", "", "a..example", strings.Repeat("a", 254)} {
		if p := r.store.Policy(t.Context(), domain); p.Mode != "" || p.Cause != "" {
			t.Errorf("%q has the policy %+v", domain, p)
		}
	}
}

// Many deliveries to one domain ask its web server once.
func TestOneFetchForAll(t *testing.T) {
	r := newRig(t, good...)
	begun, release := make(chan struct{}, 100), make(chan struct{})
	r.handle(func(w http.ResponseWriter, _ *http.Request) {
		begun <- struct{}{}
		<-release
		w.Header().Set("Content-Type", "text/plain")
		w.Write([]byte(usualPolicy("enforce")))
	})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if p := r.ask(); p.Mode != Enforce {
				t.Errorf("policy is %+v", p)
			}
		})
	}
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if p := r.store.Policy(ctx, partner); p.Mode != "" {
		t.Errorf("a delivery that has ended gets %+v", p)
	}
	close(release)
	all.Wait()
	r.want(r.ask(), Enforce, "", 1)
}

// A delivery that is broken off while it fetches says nothing of the domain, and another goes on in its place.
func TestFetchBrokenOff(t *testing.T) {
	r := newRig(t, good...)
	begun, release := make(chan struct{}, 2), make(chan struct{})
	r.handle(func(_ http.ResponseWriter, q *http.Request) {
		begun <- struct{}{}
		select {
		case <-q.Context().Done():
		case <-release:
		}
	})
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan Policy)
	go func() { first <- r.store.Policy(ctx, partner) }()
	<-begun
	second := make(chan Policy)
	go func() { second <- r.ask() }()
	r.policy(usualPolicy("enforce"))
	cancel()
	if p := <-first; p.Mode != "" {
		t.Errorf("the first gets %+v", p)
	}
	if p := <-second; p.Mode != Enforce || p.Cause != "" {
		t.Errorf("the second gets %+v", p)
	}
}

func TestDamagedCache(t *testing.T) {
	r := newRig(t, good...)
	r.ask()
	files, err := filepath.Glob(filepath.Join(r.dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files are %v, %v", files, err)
	}
	if err := os.WriteFile(files[0], []byte(`{"domain":"partner.example","id":"1","policy":["mode: enforce"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r.open()
	r.want(r.ask(), Enforce, "", 2)
	if _, err := load(files[0]); err != nil {
		t.Error(err)
	}
}

// Policies are renewed a day after they were fetched, also with the same id, and somebody is told where that fails.
func TestRefresh(t *testing.T) {
	r := newRig(t, good...)
	r.policy("version: STSv1\nmode: enforce\nmx: mx.partner.example\nmax_age: 1000000\n")
	before := r.ask()
	r.later(23 * time.Hour)
	r.store.refresh(t.Context())
	r.want(r.ask(), Enforce, "", 1)
	r.later(time.Hour)
	r.store.refresh(t.Context())
	p := r.ask()
	r.want(p, Enforce, "", 2)
	if !p.Expires.After(before.Expires) {
		t.Error("the renewed policy lives no longer")
	}
	r.later(25 * time.Hour)
	r.handle(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusNotFound) })
	r.store.refresh(t.Context())
	r.store.refresh(t.Context())
	if len(r.told) != 1 || !strings.Contains(r.told[0], "the policy of partner.example cannot be renewed") || !strings.Contains(r.told[0], "404") {
		t.Errorf("told %q", r.told)
	}
	if p := r.store.entry(partner).policy(r.clock()); p.Mode != Enforce {
		t.Errorf("policy is %+v", p)
	}
	r.later(1000000 * time.Second)
	r.store.refresh(t.Context())
	if files, _ := policyFiles(r.dir); len(files) != 0 || r.store.files != 0 {
		t.Errorf("after its time %v are left, and %d are counted", files, r.store.files)
	}
}

// What nobody asks for any more is let go.
func TestRefreshOfTheUnused(t *testing.T) {
	r := newRig(t, good...)
	r.policy("version: STSv1\nmode: enforce\nmx: mx.partner.example\nmax_age: 31557600\n")
	r.ask()
	r.later(unusedAfter)
	r.store.refresh(t.Context())
	r.want(r.store.entry(partner).policy(r.clock()), Enforce, "", 1)
	r.ask() // in use again, also on disk
	r.open()
	r.store.refresh(t.Context())
	if r.fetches() != 2 {
		t.Errorf("%d fetches", r.fetches())
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := New(Options{Dir: t.TempDir(), Resolver: func() Resolver { return &dns.Fake{} }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		time.Sleep(3 * lookEvery) // the bubble's clock
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	r := newRecent(3)
	for _, domain := range []string{"a", "b", "c", "a", "d"} {
		if _, ok := r.get(domain); !ok {
			r.put(domain, entry{failedID: domain})
		}
	}
	for domain, want := range map[string]bool{"a": true, "b": false, "c": true, "d": true} {
		if e, ok := r.get(domain); ok != want || ok && e.failedID != domain {
			t.Errorf("%s is there: %v", domain, ok)
		}
	}
}
