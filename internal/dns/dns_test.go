package dns

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
	"go.uber.org/goleak"

	"posthouse/internal/dns/dnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// aMoment is how long a silent server is waited for. An answer has to come within it too, on a busy machine as well.
const aMoment = time.Second

// asking returns a resolver that asks the servers and does not wait long.
func asking(addresses ...string) *resolver {
	var list []Server
	for i, a := range addresses {
		list = append(list, Server{Address: a, Priority: i})
	}
	r := New(list, nil).(*resolver)
	r.timeout = aMoment
	return r
}

func TestMX(t *testing.T) {
	s := dnstest.Start(t,
		"partner.example. 60 IN MX 20 MX2.partner.example.",
		"partner.example. 60 IN MX 10 mx1.partner.example.",
		"null.example. 60 IN MX 0 .",
		"plain.example. 60 IN A 192.0.2.1",
		"alias.example. 60 IN CNAME partner.example.",
		"loop.example. 60 IN CNAME pool.example.",
	)
	r := asking(s.Address)
	tests := []struct {
		domain string
		want   string
		kind   Kind
	}{
		{"partner.example", "10 mx1.partner.example, 20 mx2.partner.example", 0},
		{"Partner.Example.", "10 mx1.partner.example, 20 mx2.partner.example", 0},
		{"alias.example", "10 mx1.partner.example, 20 mx2.partner.example", 0},
		{"null.example", "0 .", 0},
		{"plain.example", "", NoData},
		{"nowhere.example", "", NotFound},
		{"not a name..example", "", NotFound},
	}
	for _, test := range tests {
		list, err := r.MX(t.Context(), test.domain)
		got := ""
		for i, mx := range list {
			if i > 0 {
				got += ", "
			}
			got += fmt.Sprintf("%d %s", mx.Preference, mx.Host)
			if mx.TTL <= 0 || mx.TTL > time.Minute {
				t.Errorf("MX(%q): TTL %v", test.domain, mx.TTL)
			}
		}
		if got != test.want || KindOf(err) != test.kind {
			t.Errorf("MX(%q) = %q, %v; want %q, kind %v", test.domain, got, err, test.want, test.kind)
		}
	}
}

func TestAddresses(t *testing.T) {
	s := dnstest.Start(t,
		"both.example. 60 IN A 192.0.2.1", "both.example. 60 IN AAAA 2001:db8::1",
		"six.example. 60 IN AAAA 2001:db8::2",
		"none.example. 60 IN TXT hello",
		"alias.example. 60 IN CNAME both.example.",
		"half.example. 60 IN A 192.0.2.3",
	)
	s.Odd("broken.example", func(q *mdns.Msg, _ bool) *mdns.Msg {
		return new(mdns.Msg).SetRcode(q, mdns.RcodeServerFailure)
	})
	s.Odd("half.example", func(q *mdns.Msg, _ bool) *mdns.Msg {
		reply := new(mdns.Msg).SetReply(q)
		if q.Question[0].Qtype == mdns.TypeAAAA {
			return reply.SetRcode(q, mdns.RcodeServerFailure)
		}
		rr, _ := mdns.NewRR("half.example. 60 IN A 192.0.2.3")
		reply.Answer = append(reply.Answer, rr)
		return reply
	})
	r := asking(s.Address)
	tests := []struct {
		host string
		want string
		kind Kind
	}{
		{"both.example", "[192.0.2.1 2001:db8::1]", 0},
		{"alias.example", "[192.0.2.1 2001:db8::1]", 0},
		{"six.example", "[2001:db8::2]", 0},
		{"half.example", "[192.0.2.3]", 0},
		{"192.0.2.9", "[192.0.2.9]", 0},
		{"none.example", "[]", NoData},
		{"absent.example", "[]", NotFound},
		{"broken.example", "[]", Temporary},
	}
	for _, test := range tests {
		list, err := r.Addresses(t.Context(), test.host)
		got := make([]netip.Addr, 0)
		for _, a := range list {
			got = append(got, a.Addr)
		}
		if fmt.Sprint(got) != test.want || KindOf(err) != test.kind {
			t.Errorf("Addresses(%q) = %v, %v; want %s, kind %v", test.host, got, err, test.want, test.kind)
		}
	}
}

func TestReverseAndQuery(t *testing.T) {
	s := dnstest.Start(t, "1.2.0.192.in-addr.arpa. 60 IN PTR Host.Example.", "a.example. 60 IN MX 5 mx.example.", `a.example. 60 IN TXT "x y"`)
	r := asking(s.Address)
	if names, err := r.Reverse(t.Context(), netip.MustParseAddr("192.0.2.1")); err != nil || !slices.Equal(names, []string{"host.example"}) {
		t.Errorf("Reverse = %q, %v", names, err)
	}
	if _, err := r.Reverse(t.Context(), netip.MustParseAddr("192.0.2.2")); KindOf(err) != NotFound {
		t.Errorf("Reverse of an unknown address: %v", err)
	}
	for _, test := range []struct{ name, qtype, want string }{
		{"a.example", "mx", "5 mx.example"}, {"a.example", "TXT", `"x y"`}, {"192.0.2.1", "PTR", "Host.Example"},
	} {
		list, err := r.Query(t.Context(), test.name, test.qtype)
		if err != nil || len(list) != 1 || list[0].Data != test.want {
			t.Errorf("Query(%q, %q) = %v, %v; want %q", test.name, test.qtype, list, err, test.want)
		}
	}
	if _, err := r.Query(t.Context(), "a.example", "NONSENSE"); err == nil {
		t.Error("Query of an unknown type succeeds")
	}
}

func TestLoopbackIsNotAskedOfTheSystemsNameservers(t *testing.T) {
	s := dnstest.Start(t, "1.0.0.127.in-addr.arpa. 60 IN PTR mine.example.", "localhost. 60 IN A 192.0.2.66")
	own := asking(s.Address)
	system := asking(s.Address)
	system.hosts = newHostsFile(t.TempDir() + "/none")
	loopback := netip.MustParseAddr("127.0.0.1")
	for r, want := range map[*resolver]string{own: "mine.example", system: "localhost"} {
		if names, err := r.Reverse(t.Context(), loopback); err != nil || !slices.Equal(names, []string{want}) {
			t.Errorf("Reverse = %q, %v; want %s", names, err, want)
		}
	}
	if list, err := system.Addresses(t.Context(), "LocalHost."); err != nil || len(list) != 2 || list[0].Addr != loopback {
		t.Errorf("localhost is %v, %v", list, err)
	}
	if n := s.Asked("localhost"); n != 0 {
		t.Error("the nameserver was asked for localhost")
	}
}

func TestCacheKeepsAnswersAsLongAsTheyLive(t *testing.T) {
	s := dnstest.Start(t, "a.example. 60 IN MX 5 mx.example.")
	r := asking(s.Address)
	now := time.Now()
	r.cache.now = func() time.Time { return now }
	for range 3 {
		if _, err := r.MX(t.Context(), "a.example"); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Asked("a.example"); n != 1 {
		t.Errorf("asked %d times within the TTL, want 1", n)
	}
	now = now.Add(61 * time.Second)
	if _, err := r.MX(t.Context(), "a.example"); err != nil {
		t.Fatal(err)
	}
	if n := s.Asked("a.example"); n != 2 {
		t.Errorf("asked %d times after the TTL, want 2", n)
	}
}

func TestTruncatedAnswersComeOverTCP(t *testing.T) {
	s := dnstest.Start(t)
	s.Odd("big.example", func(q *mdns.Msg, tcp bool) *mdns.Msg {
		reply := new(mdns.Msg).SetReply(q)
		if !tcp {
			reply.Truncated = true
			return reply
		}
		for i := range 100 {
			rr, _ := mdns.NewRR(fmt.Sprintf("big.example. 60 IN MX %d mx%d.a-rather-long-name.big.example.", i, i))
			reply.Answer = append(reply.Answer, rr)
		}
		return reply
	})
	list, err := asking(s.Address).MX(t.Context(), "big.example")
	if err != nil || len(list) != 100 {
		t.Errorf("%d records, %v; want 100", len(list), err)
	}
}

func TestServersAreAskedInTurn(t *testing.T) {
	t.Parallel()
	good := dnstest.Start(t, "a.example. 60 IN MX 5 mx.example.")
	bad := dnstest.Start(t)
	bad.Odd("a.example", func(q *mdns.Msg, _ bool) *mdns.Msg { return new(mdns.Msg).SetRcode(q, mdns.RcodeRefused) })
	if _, err := asking(bad.Address, good.Address).MX(t.Context(), "a.example"); err != nil {
		t.Errorf("with the first server refusing: %v", err)
	}
	silent := dnstest.Start(t)
	silent.Odd("a.example", func(*mdns.Msg, bool) *mdns.Msg { return nil })
	if _, err := asking(silent.Address, good.Address).MX(t.Context(), "a.example"); err != nil {
		t.Errorf("with the first server silent: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := asking(silent.Address)
	r.timeout = time.Hour
	if _, err := r.MX(ctx, "a.example"); KindOf(err) != Temporary {
		t.Errorf("with the context ended: %v", err)
	}
}

func TestServersOfADomain(t *testing.T) {
	inside := dnstest.Start(t, "a.corp.example. 60 IN MX 5 inside.example.")
	outside := dnstest.Start(t, "a.corp.example. 60 IN MX 5 outside.example.", "corp.example.net. 60 IN MX 5 outside.example.")
	r := New([]Server{{Address: outside.Address}, {Address: inside.Address, Domain: "corp.example", Priority: 5}}, nil)
	for domain, want := range map[string]string{"a.corp.example": "inside.example", "corp.example.net": "outside.example"} {
		list, err := r.MX(t.Context(), domain)
		if err != nil || list[0].Host != want {
			t.Errorf("MX(%q) = %v, %v; want %q", domain, list, err, want)
		}
	}
}

func TestBogusIsNotAskedElsewhere(t *testing.T) {
	s, other := dnstest.Start(t), dnstest.Start(t, "a.example. 60 IN MX 5 mx.example.")
	s.Odd("a.example", func(q *mdns.Msg, _ bool) *mdns.Msg {
		reply := new(mdns.Msg).SetRcode(q, mdns.RcodeServerFailure)
		reply.SetEdns0(1232, false)
		opt := reply.IsEdns0()
		opt.Option = append(opt.Option, &mdns.EDNS0_EDE{InfoCode: mdns.ExtendedErrorCodeDNSBogus})
		return reply
	})
	if _, err := asking(s.Address, other.Address).MX(t.Context(), "a.example"); KindOf(err) != Bogus {
		t.Errorf("got %v, want bogus", err)
	}
}

func TestCNAMEChainAcrossAnswers(t *testing.T) {
	s := dnstest.Start(t, "end.example. 60 IN MX 5 mx.example.")
	alias := func(to string) func(*mdns.Msg, bool) *mdns.Msg {
		return func(q *mdns.Msg, _ bool) *mdns.Msg {
			reply := new(mdns.Msg).SetReply(q)
			rr, _ := mdns.NewRR(q.Question[0].Name + " 60 IN CNAME " + to)
			reply.Answer = append(reply.Answer, rr)
			return reply
		}
	}
	s.Odd("one.example", alias("two.example."))
	s.Odd("two.example", alias("end.example."))
	s.Odd("ring.example", alias("ring2.example."))
	s.Odd("ring2.example", alias("ring.example."))
	r := asking(s.Address)
	if list, err := r.MX(t.Context(), "one.example"); err != nil || list[0].Host != "mx.example" {
		t.Errorf("chain: %v, %v", list, err)
	}
	if _, err := r.MX(t.Context(), "ring.example"); KindOf(err) != Temporary {
		t.Errorf("ring: %v", err)
	}
}

func TestSystemFiles(t *testing.T) {
	s := dnstest.Start(t, "a.example. 60 IN MX 5 mx.example.")
	host, port, _ := net.SplitHostPort(s.Address)
	dir := t.TempDir()
	conf := filepath.Join(dir, "resolv.conf")
	if err := os.WriteFile(conf, []byte("nameserver "+host+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	set := newSystemServers(conf).set()
	if len(set.list) != 1 || set.list[0].Address != host+":53" {
		t.Errorf("resolv.conf read as %v, want %s:53", set.list, host)
	}
	if got := newSystemServers(filepath.Join(dir, "absent")).set(); len(got.list) != 1 {
		t.Errorf("without resolv.conf: %v", got.list)
	}
	hosts := filepath.Join(dir, "hosts")
	if err := os.WriteFile(hosts, []byte("# c\n192.0.2.7 Mail.Example mail # x\n::1 localhost\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := asking(host + ":" + port)
	r.hosts = newHostsFile(hosts)
	if list, err := r.Addresses(t.Context(), "mail.example"); err != nil || list[0].Addr.String() != "192.0.2.7" {
		t.Errorf("hosts: %v, %v", list, err)
	}
	if names, err := r.Reverse(t.Context(), netip.MustParseAddr("192.0.2.7")); err != nil || names[0] != "mail.example" {
		t.Errorf("hosts reverse: %v, %v", names, err)
	}
}

func TestParseServer(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1": "192.0.2.1:53", "192.0.2.1:5353": "192.0.2.1:5353", "2001:db8::1": "[2001:db8::1]:53",
		"[2001:db8::1]": "[2001:db8::1]:53", "[2001:db8::1]:99": "[2001:db8::1]:99", "ns.example": "", "": "", "1.2.3.4:x": "",
	} {
		got, err := ParseServer(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("ParseServer(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestFakeAnswersLikeAResolver(t *testing.T) {
	f := &Fake{
		MXs:   map[string][]MX{"a.example": {{Preference: 1, Host: "mx.example"}}},
		Hosts: map[string][]netip.Addr{"mx.example": {netip.MustParseAddr("192.0.2.1")}},
		Fail:  map[string]Kind{"bad.example": Temporary},
	}
	var r Resolver = f
	if list, err := r.MX(t.Context(), "A.example."); err != nil || len(list) != 1 {
		t.Errorf("MX: %v, %v", list, err)
	}
	for name, want := range map[string]Kind{"mx.example": NoData, "no.example": NotFound, "bad.example": Temporary} {
		if _, err := r.MX(t.Context(), name); KindOf(err) != want {
			t.Errorf("MX(%q): %v, want %v", name, err, want)
		}
	}
}
