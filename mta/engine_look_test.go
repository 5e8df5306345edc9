package mta

import (
	"testing"
	"time"

	"posthouse/config"
	"posthouse/internal/dns/dnstest"
	"posthouse/mta/queue"
)

// TestWorkQueueIsPausedOverARestart: what is accepted while the work queue is paused is on disk, is not delivered, and
// goes on when it is resumed, after a restart too.
func TestWorkQueueIsPausedOverARestart(t *testing.T) {
	peer, got := startSink(t)
	dir := t.TempDir()
	conf, certs := testConfig(t, dir)
	conf.Routes = map[string]*config.Route{config.RouteAll: {Hops: []string{"[127.0.0.1]:" + port(t, peer)}}}
	e := start(t, dir, conf, certs)
	if err := e.PauseWorkQueue("admin", "a look"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := e.send(t, "OutboundMail", "b@far.example"); err != nil {
			t.Fatal(err)
		}
	}
	held := func() {
		t.Helper()
		st, work := e.Status(), e.WorkQueue()
		if st.System != "Work queue paused" || st.WorkQueue != 3 || st.ActiveRecipients != 0 || st.MessagesReceived.Lifetime != 3 {
			t.Errorf("%s, %d in the work queue, %d recipients queued, received %+v", st.System, st.WorkQueue, st.ActiveRecipients, st.MessagesReceived)
		}
		if p := work.Paused; p == nil || p.By != "admin" || p.Reason != "a look" {
			t.Errorf("paused %+v", p)
		}
	}
	held()
	e.stop()
	e = start(t, dir, conf, certs)
	held()
	if err := e.ResumeWorkQueue(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		receive(t, got)
	}
	if st := e.Status(); st.System != "Online" || st.WorkQueue != 0 {
		t.Errorf("resumed: %s, %d in the work queue", st.System, st.WorkQueue)
	}
	e.stop()
	e = start(t, dir, conf, certs)
	if p := e.WorkQueue().Paused; p != nil {
		t.Errorf("paused again after a restart: %+v", p)
	}
}

// TestDNSOutlivesCommits: a commit that leaves the nameservers alone keeps the answers, and none takes the counts away.
func TestDNSOutlivesCommits(t *testing.T) {
	one := dnstest.Start(t, "a.example. 60 IN MX 5 mx.example.")
	two := dnstest.Start(t, "a.example. 60 IN MX 5 mx.example.")
	dir := t.TempDir()
	conf, certs := testConfig(t, dir)
	conf.DNS.Servers = []config.DNSServer{{Address: one.Address}}
	e := start(t, dir, conf, certs)
	ask := func(requests, network, hits uint64) {
		t.Helper()
		if _, err := e.Resolver().MX(t.Context(), "a.example"); err != nil {
			t.Fatal(err)
		}
		if st := e.DNS(); st.Requests.Uptime != requests || st.Network.Uptime != network || st.Hits.Uptime != hits {
			t.Errorf("%+v, want %d requests, %d of them over the network, %d hits", st, requests, network, hits)
		}
	}
	ask(1, 1, 0)
	if err := e.commit(t, func(c *config.Config) { c.Hostname = "other.example.com" }); err != nil {
		t.Fatal(err)
	}
	ask(2, 1, 1)
	if err := e.commit(t, func(c *config.Config) { c.DNS.Servers[0].Address = two.Address }); err != nil {
		t.Fatal(err)
	}
	ask(3, 2, 1)
	if n := e.FlushDNS(); n != 1 {
		t.Errorf("%d answers flushed, want 1", n)
	}
	ask(4, 3, 1)
	if _, err := e.ResetCounters(); err != nil {
		t.Fatal(err)
	}
	if st := e.DNS(); st.Requests != (Counter{0, 4, 4}) {
		t.Errorf("after the reset %+v", st.Requests)
	}
}

func TestHardBouncesByReason(t *testing.T) {
	dir := t.TempDir()
	conf, certs := testConfig(t, dir)
	conf.DNS.Servers = []config.DNSServer{{Address: dnstest.Start(t, "null.example. 60 IN MX 0 .").Address}}
	conf.Routes = map[string]*config.Route{"example.com": {Hops: []string{"/dev/null"}}}
	e := start(t, dir, conf, certs)
	if err := e.send(t, "OutboundMail", "b@null.example"); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for e.Status().Delivered.Lifetime == 0 { // the notice, to a@example.com
		if time.Now().After(deadline) {
			t.Fatal("no notice was delivered")
		}
	}
	st := e.Status()
	if st.HardBounced.Lifetime != 1 || st.DNSHard.Lifetime != 1 || st.OtherHard.Lifetime != 0 || st.GeneratedBounces.Lifetime != 1 {
		t.Errorf("hard %+v, by DNS %+v, generated %+v", st.HardBounced, st.DNSHard, st.GeneratedBounces)
	}
	if st.Delivered.Lifetime != 1 || st.InClear.Lifetime != 0 {
		t.Errorf("what a route threw away: delivered %+v, in clear %+v", st.Delivered, st.InClear)
	}
	if r := st.Rates.MessagesReceived; r != (Rate{60, 12, 4}) {
		t.Errorf("rates %v", r)
	}
	if len(hardBounces) != len(queue.Totals{}.Reasons) {
		t.Error("a reason has no name")
	}
}
