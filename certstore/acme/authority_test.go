package acme

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"posthouse/certstore"
)

// real is a stage that plays against pebble.
type real struct {
	*stage
	p    *pebble
	news chan *certstore.Profile
}

func newReal(t *testing.T, c pebbleConfig, profiles ...Managed) *real {
	t.Helper()
	p := startPebble(t, c)
	s := newStage(t, profiles...)
	s.settings.Directory, s.settings.Contact = p.directory, []string{"postmaster@acme.example"}
	s.settings.Address, s.settings.HTTPPort, s.settings.TLSPort = ownHost, p.httpPort, p.tlsPort
	s.settings.DNSServer, s.settings.TSIGName, s.settings.TSIGAlgorithm, s.settings.TSIGSecret = p.ns.address, testKey, "hmac-sha256", testSecret
	return &real{stage: s, p: p, news: make(chan *certstore.Profile, 100)}
}

// begin starts the manager with the client that talks to pebble.
func (r *real) begin() {
	r.t.Helper()
	r.stage.arrived = func(p *certstore.Profile) { r.news <- p }
	r.stage.talk = func(m *Manager) authority {
		return &client{roots: func() *x509.CertPool { return r.p.roots }, version: "1.0.0", accounts: m}
	}
	r.start()
	r.t.Cleanup(func() { r.end() })
}

// next waits for the next certificate that is put in service.
func (r *real) next() *certstore.Profile {
	r.t.Helper()
	select {
	case p := <-r.news:
		return p
	case <-time.After(patience):
		r.mu.Lock()
		defer r.mu.Unlock()
		r.t.Fatalf("no certificate came; lines:\n%s", strings.Join(r.lines, "\n"))
		return nil
	}
}

func TestChallenges(t *testing.T) {
	wildcard := fresh("wild", "*.acme.example", "acme.example")
	wildcard.Challenge = DNS01
	alpn := fresh("alpn", "smtp.acme.example", "imap.acme.example")
	alpn.Challenge, alpn.Key = TLSALPN01, certstore.RSA2048
	r := newReal(t, pebbleConfig{chain: 2}, fresh("http", "mx.acme.example", "mail.acme.example"), alpn, wildcard)
	r.begin()
	for range 3 {
		p := r.next()
		if len(p.Pairs[0].Chain) != 3 || certstore.SelfSigned(p.Leaf()) {
			t.Errorf("chain of %d", len(p.Pairs[0].Chain))
		}
	}
	waitFor(t, func() bool {
		return !slices.ContainsFunc(r.m.Status(), func(st Status) bool { return st.State != StateValid || st.Failures != 0 })
	})
	if r.p.ns.left() != 0 {
		t.Errorf("%d records are left in the DNS", r.p.ns.left())
	}
	for _, port := range []int{r.p.httpPort, r.p.tlsPort} {
		if conn, err := net.Dial("tcp", net.JoinHostPort(ownHost, strconv.Itoa(port))); err == nil {
			conn.Close()
			t.Errorf("port %d is still open without a challenge", port)
		}
	}
	if a := r.m.savedAccount(); a.URL == "" || a.Directory != r.p.directory {
		t.Errorf("account %+v", a)
	}
}

// TestRenewalByItself lets a certificate of some seconds end: nobody asks, and the service goes on.
func TestRenewalByItself(t *testing.T) {
	r := newReal(t, pebbleConfig{validity: 10}, fresh("mx", "mx.acme.example"))
	r.begin()
	first, second, third := r.next(), r.next(), r.next()
	if first.Leaf().Equal(second.Leaf()) || second.Leaf().Equal(third.Leaf()) {
		t.Error("the same certificate twice")
	}
	if digestOf(t, first) == digestOf(t, second) {
		t.Error("the key was used again")
	}
}

func TestAdviceOfAuthority(t *testing.T) {
	r := newReal(t, pebbleConfig{}, fresh("mx", "mx.acme.example"))
	r.begin()
	first := r.next()
	waitFor(t, func() bool { return r.status().Advised })
	if st := r.status(); st.Next.Before(time.Now().Add(50*day)) || st.Next.After(time.Now().Add(65*day)) {
		t.Errorf("status %+v", st)
	}
	// The authority wants it replaced at once, and is asked again at the next opportunity.
	r.p.advise(t, first.Leaf(), time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
	r.m.mu.Lock()
	r.m.state.Profiles["mx"].Schedule.Ask = time.Time{}
	r.m.mu.Unlock()
	r.m.poke()
	second := r.next()
	if second.Leaf().Equal(first.Leaf()) {
		t.Error("the same certificate")
	}
	// The account and the schedule are known to the manager after it.
	account := r.m.savedAccount()
	// Until the authority has answered about the new certificate, its advice about the former one stands there.
	waitFor(t, func() bool {
		st := r.status()
		return st.Advised && st.Expires.Equal(second.NotAfter()) && st.Next.After(time.Now().Add(50*day))
	})
	planned := r.status().Next
	r.restart()
	waitFor(t, func() bool { return r.status().Advised })
	if r.m.savedAccount().URL != account.URL || !r.status().Next.Equal(planned) {
		t.Errorf("account %+v, next %v, want %v", r.m.savedAccount(), r.status().Next, planned)
	}
	if err := r.m.RenewNow(t.Context(), "mx"); err != nil {
		t.Error(err)
	}
}

func waitFor(t *testing.T, true func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if true() {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Fatal("it did not happen in time")
}

func TestExternalAccountBinding(t *testing.T) {
	const secret = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
	r := newReal(t, pebbleConfig{eab: map[string]string{"kid-1": secret}}, fresh("mx", "mx.acme.example"))
	r.begin()
	waitFor(t, func() bool { return r.status().State == StateFailing })
	if st := r.status(); !strings.Contains(st.Error, "account: externalAccountRequired") {
		t.Errorf("status %+v", st)
	}
	r.apply(func(s *Settings) { s.EABKey, s.EABSecret = "kid-1", secret })
	r.next()
	if r.said(secret) != 0 {
		t.Error("the secret is in the log")
	}
}

func TestRefusals(t *testing.T) {
	r := newReal(t, pebbleConfig{blocked: "blocked.acme.example"}, fresh("mx", "blocked.acme.example"))
	r.begin()
	fails := func(want string) {
		t.Helper()
		if err := r.m.RenewNow(t.Context(), "mx"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	fails("rejectedIdentifier")
	r.apply(func(s *Settings) { s.Profiles[0].Names = []string{"mx.acme.example"} })
	r.next()
	r.apply(func(s *Settings) { s.HTTPPort = hold(t) }) // pebble visits another
	fails("mx.acme.example: connection: ")
	busy, err := net.Listen("tcp", net.JoinHostPort(ownHost, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	r.apply(func(s *Settings) { s.HTTPPort = busy.Addr().(*net.TCPAddr).Port })
	fails("address already in use")
	r.apply(func(s *Settings) { s.TermsAgreed = false })
	if err := r.m.RenewNow(t.Context(), "mx"); err == nil || strings.Contains(err.Error(), "terms") {
		t.Errorf("got %v: an account that is there was asked for its terms again", err)
	}
	another, err := newKey(certstore.P256)
	if err != nil {
		t.Fatal(err)
	}
	r.apply(func(s *Settings) { s.AccountKey = another })
	fails("terms of service are not agreed to")
	r.apply(func(s *Settings) { s.AccountKey = nil })
	fails("there is no account key")
	r.apply(func(s *Settings) {
		s.AccountKey, s.TermsAgreed, s.Directory = another, true, "https://"+busy.Addr().String()+"/dir"
	})
	busy.Close()
	fails("connection refused")
}

// TestAccountIsForgotten says that an authority that has lost the account costs one try.
func TestAccountIsForgotten(t *testing.T) {
	r := newReal(t, pebbleConfig{}, fresh("mx", "mx.acme.example"))
	r.begin()
	r.next()
	a := r.m.savedAccount()
	lost := a
	lost.URL = a.URL[:strings.LastIndex(a.URL, "/")+1] + "99999"
	r.m.saveAccount(lost)
	if err := r.m.RenewNow(t.Context(), "mx"); err == nil || !strings.Contains(err.Error(), "accountDoesNotExist") {
		t.Errorf("got %v", err)
	}
	if err := r.m.RenewNow(t.Context(), "mx"); err != nil {
		t.Error(err)
	}
	// A changed contact is told to the authority under the same account.
	r.apply(func(s *Settings) { s.Contact = []string{"other@acme.example"} })
	if err := r.m.RenewNow(t.Context(), "mx"); err != nil || r.m.savedAccount().Contact[0] != "other@acme.example" {
		t.Errorf("%v, account %+v", err, r.m.savedAccount())
	}
}

// TestUntrustedDirectory says that nobody is talked to who is not vouched for.
func TestUntrustedDirectory(t *testing.T) {
	r := newReal(t, pebbleConfig{}, fresh("mx", "mx.acme.example"))
	r.p.roots = x509.NewCertPool()
	r.begin()
	if err := r.m.RenewNow(t.Context(), "mx"); err == nil || !strings.Contains(err.Error(), "certificate signed by unknown authority") {
		t.Errorf("got %v", err)
	}
}

// TestNextKeyAgainstAuthority renews with the announced key once its record is there.
func TestNextKeyAgainstAuthority(t *testing.T) {
	r := newReal(t, pebbleConfig{}, fresh("mx", "mx.acme.example"))
	r.begin()
	first := digestOf(t, r.next())
	r.publish("mx.acme.example", 0, first)
	if err := r.m.RenewNow(t.Context(), "mx"); err == nil || !strings.Contains(err.Error(), "_25._tcp.mx.acme.example. IN TLSA 3 1 1 ") {
		t.Fatalf("got %v", err)
	}
	record := r.status().TLSA[0]
	next := record[strings.LastIndex(record, " ")+1:]
	r.publish("mx.acme.example", 0, first, next)
	if err := r.m.RenewNow(t.Context(), "mx"); err != nil {
		t.Fatal(err)
	}
	if got := digestOf(t, r.next()); got != next {
		t.Errorf("key %s is in service, %s was announced", got, next)
	}
}

// TestStrangersAtTheChallengePorts says what others find there while a challenge is open.
func TestStrangersAtTheChallengePorts(t *testing.T) {
	s := &Settings{Address: "127.0.0.1"}
	web, err := newSolver(s, HTTP01)
	if err != nil {
		t.Fatal(err)
	}
	defer web.close()
	c := challengeFor("mx.acme.example", "token")
	if err := web.Present(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if _, err := newSolver(s, "smtp-01"); err == nil {
		t.Error("an unknown challenge is solved")
	}
	alpn, err := newSolver(s, TLSALPN01)
	if err != nil {
		t.Fatal(err)
	}
	defer alpn.close()
	if err := alpn.Present(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	address := alpn.(*port).at
	for _, conf := range []*tls.Config{
		{InsecureSkipVerify: true, ServerName: "other.example", NextProtos: []string{"acme-tls/1"}},
		{InsecureSkipVerify: true, ServerName: "mx.acme.example", NextProtos: []string{"h2"}},
	} {
		if conn, err := tls.Dial("tcp", address, conf); err == nil {
			conn.Close()
			t.Errorf("%s, %q: a handshake", conf.ServerName, conf.NextProtos)
		}
	}
	for path, want := range map[string]string{
		"/.well-known/acme-challenge/token": "200 OK", "/.well-known/acme-challenge/other": "404 Not Found", "/": "404 Not Found",
		"/.well-known/acme-challenge/token/": "404 Not Found",
	} {
		if got := ask(t, web.(*port).at, "GET "+path+" HTTP/1.0\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.0 "+want) {
			t.Errorf("%s: %q", path, got)
		}
	}
}

func ask(t *testing.T, address, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}
