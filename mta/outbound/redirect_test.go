package outbound

import (
	"testing"

	"posthouse/config"
	"posthouse/mta/queue"
)

// TestRedirectedMail goes to the machine that an operator named, message after message over one connection, and what came
// later where the routes say, whatever route there is for all domains.
func TestRedirectedMail(t *testing.T) {
	usual, relay := newMailbox(t, nil), newMailbox(t, nil)
	b := newBench(t, func(b *bench, c *config.Config) {
		route(c, config.RouteAll, usual.peer)
		b.idle = forLong
	})
	if err := b.queue.Suspend(nil); err != nil {
		t.Fatal(err)
	}
	b.send("b@peer.example", "c@other.example")
	b.send("d@peer.example")
	to := config.Hop{Addr: relay.addr.Addr(), Port: int(relay.addr.Port())}
	if done, err := b.queue.Redirect(t.Context(), to, nil); done != (queue.Changed{Messages: 2, Recipients: 3}) || err != nil {
		t.Fatalf("redirected %+v, %v", done, err)
	}
	b.send("e@peer.example", "f@other.example")
	if err := b.queue.Resume(nil); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		b.until("Message finished")
		b.seen = nil
	}
	for who, m := range map[string]*mailbox{"the relay": relay, "the usual way": usual} {
		if mail := m.got(); len(mail) != 2 {
			t.Errorf("by %s went %q", who, mail)
		}
	}
}

// TestTogether tells which destinations' mail may share a transaction.
func TestTogether(t *testing.T) {
	conf := config.Default("mail.example.com")
	conf.Routes = map[string]*config.Route{
		"dns.example":    {Hops: []string{"USEDNS"}},
		"own.example":    {Hops: []string{"[192.0.2.1]:25"}},
		config.RouteAll:  {Hops: []string{"relay.example"}},
		"verify.example": {Hops: []string{"relay.example"}},
	}
	conf.Destinations["verify.example"] = &config.Destination{TLS: config.TLSRequireVerify}
	for destination, want := range map[string]string{
		"a.example":          "ALL DEFAULT",
		"b.example":          "ALL DEFAULT",
		"own.example":        "own.example DEFAULT",
		"dns.example":        "",
		"verify.example":     "",
		"[192.0.2.9]:25":     "", // where an operator sent it
		"[relay.example]:25": "",
	} {
		if got := Together(conf, destination); got != want {
			t.Errorf("%s goes by %q, want %q", destination, got, want)
		}
	}
}
