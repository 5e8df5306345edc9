package metrics

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"posthouse/internal/cause"
	"posthouse/mta/tlspolicy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// page is what the handler serves.
func page(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func record(do tlspolicy.Do, o tlspolicy.Outcome, ids ...cause.ID) *tlspolicy.Record {
	r := &tlspolicy.Record{DCID: 7, Remote: netip.MustParseAddrPort("192.0.2.1:25"), Outcome: o, Action: tlspolicy.Action{Do: do}}
	if len(ids) > 0 {
		r.Action.Cause = ids[0]
	}
	r.Action.First = o.Cause
	r.Wanted.Rules = []tlspolicy.Rule{{Source: "MTA-STS"}, {Source: "destination control partner.example", InForce: true}}
	return r
}

func TestNumbers(t *testing.T) {
	m := New("1.0.0-001")
	m.Observe(record(tlspolicy.Proceed, tlspolicy.Outcome{Encrypted: true, Verified: true, Protocol: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256", Resumed: true}))
	m.Observe(record(tlspolicy.Proceed, tlspolicy.Outcome{Encrypted: true, Cause: cause.V4, Protocol: "TLSv1.2", Cipher: "AES128-SHA"}, cause.P2))
	m.Observe(record(tlspolicy.ProceedClear, tlspolicy.Outcome{Cause: cause.S2}, cause.P1))
	m.Observe(record(tlspolicy.NextHost, tlspolicy.Outcome{Cause: cause.H1}, cause.P3))
	m.Observe(record(tlspolicy.NextHost, tlspolicy.Outcome{Cause: cause.N3}))
	m.Observe(&tlspolicy.Record{Outcome: tlspolicy.Outcome{Cause: cause.N1}})
	m.Observe(record(tlspolicy.NextHost, tlspolicy.Outcome{Cause: "X1"}))
	m.Incoming(nil, true)
	m.Incoming(nil, false)
	m.Incoming(&tlspolicy.Outcome{Encrypted: true, Protocol: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256"}, true)
	m.Incoming(&tlspolicy.Outcome{Cause: cause.H2}, false)
	m.Attempted("delivered", "verified", 3)
	m.Attempted("bounced", "verified", 2)
	m.Watch(func() Gauges {
		return Gauges{Unattempted: 5, Attempted: 4, Destinations: 3, SpoolUsed: 1000, ConnectionsIn: 2, ConnectionsOut: 1, OldestMessage: time.Now().Add(-time.Hour),
			Certificates: map[string]time.Time{"partner": time.Now().Add(-time.Hour)}}
	})
	text := page(t, m)
	for _, want := range []string{
		`posthouse_build_info{version="1.0.0-001"} 1`,
		`posthouse_connections_total{direction="out",tls="verified"} 1`,
		`posthouse_connections_total{direction="out",tls="encrypted"} 1`,
		`posthouse_connections_total{direction="out",tls="clear"} 1`,
		`posthouse_connections_total{direction="out",tls="failed"} 2`,
		`posthouse_connections_total{direction="out",tls="unused"} 1`,
		`posthouse_connections_total{direction="in",tls="clear"} 1`,
		`posthouse_connections_total{direction="in",tls="unused"} 1`,
		`posthouse_connections_total{direction="in",tls="encrypted"} 1`,
		`posthouse_connections_total{direction="in",tls="failed"} 1`,
		`posthouse_tls_causes_total{cause="V4",direction="out"} 1`,
		`posthouse_tls_causes_total{cause="P2",direction="out"} 1`,
		`posthouse_tls_causes_total{cause="S2",direction="out"} 1`,
		`posthouse_tls_causes_total{cause="N1",direction="out"} 1`,
		`posthouse_tls_causes_total{cause="H2",direction="in"} 1`,
		`posthouse_recipients_total{outcome="delivered",protection="verified"} 3`,
		`posthouse_recipients_total{outcome="bounced",protection=""} 2`,
		`posthouse_tls_sessions_total{cipher="TLS_AES_128_GCM_SHA256",direction="out",protocol="TLSv1.3",resumed="yes"} 1`,
		`posthouse_tls_rules_total{rule="destination control"} 6`,
		`posthouse_queue_recipients{attempted="no"} 5`, `posthouse_queue_recipients{attempted="yes"} 4`, `posthouse_queue_destinations 3`,
		`posthouse_spool_used_bytes 1000`, `posthouse_queue_oldest_message_seconds 36`,
		`posthouse_open_connections{direction="in"} 2`, `posthouse_certificate_expiry_seconds{profile="partner"} -36`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(text, "X1") || strings.Contains(text, "partner.example") {
		t.Errorf("a label is not from a short list:\n%s", text)
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestHandlerServesNothingElse(t *testing.T) {
	h := New("1").Handler()
	for _, r := range []*http.Request{httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRequest(http.MethodPost, "/metrics", nil)} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code == http.StatusOK {
			t.Errorf("%s %s is served", r.Method, r.URL)
		}
	}
}

// get fetches the page of a server.
func get(t *testing.T, s *Server) (string, error) {
	t.Helper()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get("http://" + s.Address().String() + "/metrics")
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	return string(body), err
}

func commit(t *testing.T, s *Server, address string) {
	t.Helper()
	p, err := s.Prepare(address)
	if err != nil {
		t.Fatal(err)
	}
	p.Commit()
}

func TestServerMovesWithTheConfiguration(t *testing.T) {
	s := NewServer(New("1").Handler(), func(text string) { t.Error(text) })
	ctx, cancel := context.WithCancel(t.Context())
	commit(t, s, "127.0.0.1:0") // bound before it runs
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	if body, err := get(t, s); err != nil || !strings.Contains(body, "posthouse_build_info") {
		t.Errorf("%v: %s", err, body)
	}
	old := s.Address()
	commit(t, s, "127.0.0.1:0") // the same setting: nothing moves
	if s.Address() != old {
		t.Errorf("moved from %s to %s", old, s.Address())
	}
	commit(t, s, "127.0.0.2:0")
	if _, err := get(t, s); err != nil || s.Address() == old {
		t.Errorf("on %s: %v", s.Address(), err)
	}
	if _, err := s.Prepare(s.Address().String()); err == nil {
		t.Error("an address in use was bound")
	}
	p, err := s.Prepare("127.0.0.3:0")
	if err != nil {
		t.Fatal(err)
	}
	p.Abort()
	if _, err := get(t, s); err != nil {
		t.Errorf("after an abort: %v", err)
	}
	s.changed <- struct{}{} // as two commits leave it, where Run serves the second for both
	if _, err := get(t, s); err != nil {
		t.Errorf("after two commits: %v", err)
	}
	commit(t, s, "")
	if s.Address().IsValid() {
		t.Errorf("still on %s", s.Address())
	}
	commit(t, s, "127.0.0.1:0")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	commit(t, s, "127.0.0.1:0") // too late: nothing is left bound
	if s.Address().IsValid() {
		t.Errorf("after the end on %s", s.Address())
	}
}
