package dns

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"posthouse/internal/dns/dnstest"
)

// believing returns a resolver that believes the server's word about DNSSEC.
func believing(s *dnstest.Server) *resolver {
	r := New([]Server{{Address: s.Address, Validating: true}}, nil).(*resolver)
	r.timeout = aMoment
	return r
}

// signedZone is a server for which signed.example is proven and plain.example is not.
func signedZone(t *testing.T) *dnstest.Server {
	s := dnstest.Start(t,
		"signed.example. 60 IN MX 10 mx.signed.example.",
		"signed.example. 60 IN SOA ns.signed.example. hostmaster.signed.example. 1 60 60 60 60",
		"mx.signed.example. 60 IN A 192.0.2.1",
		"mx.signed.example. 60 IN AAAA 2001:db8::1",
		"_25._tcp.mx.signed.example. 60 IN TLSA 3 1 1 00FF",
		"_25._tcp.mx.signed.example. 60 IN TLSA 2 0 2 aa",
		"_25._tcp.alias.signed.example. 60 IN CNAME _25._tcp.mx.signed.example.",
		"inside.signed.example. 60 IN CNAME mx.signed.example.",
		"out.signed.example. 60 IN CNAME mx.plain.example.",
		"plain.example. 60 IN MX 10 mx.plain.example.",
		"mx.plain.example. 60 IN A 192.0.2.2",
		"_25._tcp.mx.plain.example. 60 IN TLSA 3 1 1 00ff",
		"in.plain.example. 60 IN CNAME mx.signed.example.",
	)
	s.Secure("signed.example")
	return s
}

func TestADBitIsBelievedOnlyOfTrustedServers(t *testing.T) {
	s := signedZone(t)
	// A lying server sets the bit though it was not asked for.
	s.Odd("lie.example", func(q *mdns.Msg, _ bool) *mdns.Msg {
		reply := new(mdns.Msg).SetReply(q)
		rr, _ := mdns.NewRR("lie.example. 60 IN MX 5 mx.lie.example.")
		reply.Answer, reply.AuthenticatedData = append(reply.Answer, rr), true
		return reply
	})
	system := asking(s.Address)
	system.hosts = newHostsFile(t.TempDir() + "/none")
	for name, test := range map[string]struct {
		r      *resolver
		domain string
		want   bool
	}{
		"trusted, signed":     {believing(s), "signed.example", true},
		"trusted, plain":      {believing(s), "plain.example", false},
		"not trusted, signed": {asking(s.Address), "signed.example", false},
		"not trusted, a lie":  {asking(s.Address), "lie.example", false},
		"the system's":        {system, "lie.example", false},
	} {
		for range 2 { // the second answer comes from the cache
			list, err := test.r.MX(t.Context(), test.domain)
			if err != nil || list[0].Secure != test.want {
				t.Errorf("%s: %+v, %v; want secure %v", name, list, err, test.want)
			}
		}
	}
	if n := s.Asked("signed.example"); n != 2 {
		t.Errorf("asked %d times, want once for each resolver", n)
	}
	for _, srv := range readResolvConf("/etc/resolv.conf").list {
		if srv.Validating {
			t.Error("a server of resolv.conf is believed")
		}
	}
}

// An answer that cannot be proven must not take the place of one that can and does not come.
func TestNothingIsAskedBesideServersThatValidate(t *testing.T) {
	good, other := signedZone(t), dnstest.Start(t, "signed.example. 60 IN MX 5 mx.evil.example.", "in.corp.example. 60 IN MX 5 mx.corp.example.")
	good.Fail("signed.example")
	r := New([]Server{
		{Address: good.Address, Validating: true, Priority: 5}, {Address: other.Address}, {Address: other.Address, Domain: "corp.example"},
	}, nil).(*resolver)
	r.timeout = aMoment
	if list, err := r.MX(t.Context(), "signed.example"); KindOf(err) != Temporary {
		t.Errorf("MX = %+v, %v; want a temporary failure", list, err)
	}
	if list, err := r.MX(t.Context(), "in.corp.example"); err != nil || list[0].Secure {
		t.Errorf("a domain with a server of its own: %+v, %v", list, err)
	}
	if n := other.Asked("signed.example"); n != 0 {
		t.Errorf("the other server was asked %d times", n)
	}
}

func TestAddressesSayWhereTheyAreAndWhetherProven(t *testing.T) {
	r := believing(signedZone(t))
	for host, want := range map[string]string{
		"mx.signed.example":     "192.0.2.1 mx.signed.example true, 2001:db8::1 mx.signed.example true, ",
		"INSIDE.signed.example": "192.0.2.1 mx.signed.example true, 2001:db8::1 mx.signed.example true, ",
		"out.signed.example":    "192.0.2.2 mx.plain.example false, ",
		"in.plain.example":      "192.0.2.1 mx.signed.example false, 2001:db8::1 mx.signed.example false, ",
		"192.0.2.9":             "192.0.2.9 192.0.2.9 false, ",
	} {
		for range 2 {
			got := ""
			list, err := r.Addresses(t.Context(), host)
			for _, a := range list {
				got += fmt.Sprintf("%s %s %v, ", a.Addr, a.Name, a.Secure)
			}
			if got != want || err != nil {
				t.Errorf("Addresses(%q) = %s%v; want %s", host, got, err, want)
			}
		}
	}
	list, err := r.Query(t.Context(), "out.signed.example", "CNAME")
	if err != nil || len(list) != 1 || list[0].Data != "mx.plain.example" || list[0].Secure {
		t.Errorf("the alias: %+v, %v", list, err)
	}
}

func TestTLSA(t *testing.T) {
	s := signedZone(t)
	s.Bogus("_25._tcp.bogus.example")
	s.Fail("_25._tcp.broken.example")
	s.Odd("_25._tcp.silent.example", func(*mdns.Msg, bool) *mdns.Msg { return nil })
	r := believing(s)
	for _, test := range []struct {
		name   string
		want   string
		secure bool
		kind   Kind
		proven bool
	}{
		{"_25._tcp.mx.signed.example", "_25._tcp.mx.signed.example 3 1 1 00ff 2 0 2 aa", true, 0, false},
		{"_25._tcp.ALIAS.signed.example.", "_25._tcp.mx.signed.example 3 1 1 00ff 2 0 2 aa", true, 0, false},
		{"_25._tcp.mx.plain.example", "_25._tcp.mx.plain.example 3 1 1 00ff", false, 0, false},
		{"_26._tcp.mx.signed.example", "", false, NotFound, true},
		{"_tcp.mx.signed.example", "", false, NoData, true},
		{"_26._tcp.mx.plain.example", "", false, NotFound, false},
		{"_25._tcp.bogus.example", "", false, Bogus, false},
		{"_25._tcp.broken.example", "", false, Temporary, false},
		{"_25._tcp.silent.example", "", false, Temporary, false},
	} {
		for range 2 {
			ans, err := r.TLSA(t.Context(), test.name)
			got := ans.Name
			for _, a := range ans.TLSA {
				got += fmt.Sprintf(" %d %d %d %x", a.Usage, a.Selector, a.Matching, a.Data)
			}
			if got != test.want || ans.Secure != test.secure || KindOf(err) != test.kind || ProvenAbsent(err) != test.proven {
				t.Errorf("TLSA(%q) = %q, secure %v, %v (proven %v)", test.name, got, ans.Secure, err, ProvenAbsent(err))
			}
			if err == nil && (ans.TTL <= 0 || ans.TTL > time.Minute) {
				t.Errorf("TLSA(%q): TTL %v", test.name, ans.TTL)
			}
		}
	}
}

func TestProofOfAbsenceIsKept(t *testing.T) {
	s := signedZone(t)
	s.Odd("none.signed.example", func(q *mdns.Msg, _ bool) *mdns.Msg {
		reply := new(mdns.Msg).SetRcode(q, mdns.RcodeNameError)
		soa, _ := mdns.NewRR("signed.example. 60 IN SOA ns.signed.example. hostmaster.signed.example. 1 60 60 60 60")
		reply.Ns, reply.AuthenticatedData = append(reply.Ns, soa), true
		return reply
	})
	r := believing(s)
	for range 2 {
		if _, err := r.TLSA(t.Context(), "none.signed.example"); !ProvenAbsent(err) {
			t.Errorf("got %v, want a proven absence", err)
		}
		if _, err := r.Addresses(t.Context(), "none.signed.example"); !ProvenAbsent(err) {
			t.Errorf("got %v, want a proven absence of addresses", err)
		}
	}
	if n := s.Asked("none.signed.example"); n != 3 {
		t.Errorf("asked %d times, want once for each type", n)
	}
	if ProvenAbsent(&Error{Kind: Temporary, Secure: true}) || ProvenAbsent(errors.New("x")) || ProvenAbsent(nil) {
		t.Error("what is no absence is a proven one")
	}
}

// One family's proof says nothing of the other's.
func TestAbsenceOfAddressesIsProvenForBothFamilies(t *testing.T) {
	s := dnstest.Start(t)
	for name, proven := range map[string]uint16{"four.example": mdns.TypeA, "six.example": mdns.TypeAAAA} {
		s.Odd(name, func(q *mdns.Msg, _ bool) *mdns.Msg {
			reply := new(mdns.Msg).SetReply(q)
			reply.AuthenticatedData = q.Question[0].Qtype == proven
			return reply
		})
		if _, err := believing(s).Addresses(t.Context(), name); KindOf(err) != NoData || ProvenAbsent(err) {
			t.Errorf("Addresses(%q): %v, proven %v", name, err, ProvenAbsent(err))
		}
	}
}

// Proof is asked for in both ways, of servers that are believed only (RFC 4035 §3.2.1, RFC 6840 §5.7).
func TestProofIsAskedFor(t *testing.T) {
	s := dnstest.Start(t)
	asked := make(chan [2]bool, 1)
	s.Odd("a.example", func(q *mdns.Msg, _ bool) *mdns.Msg {
		asked <- [2]bool{q.IsEdns0().Do(), q.AuthenticatedData}
		return new(mdns.Msg).SetReply(q)
	})
	for r, want := range map[*resolver]bool{believing(s): true, asking(s.Address): false} {
		if _, err := r.MX(t.Context(), "a.example"); KindOf(err) != NoData {
			t.Error(err)
		}
		if got := <-asked; got != [2]bool{want, want} {
			t.Errorf("DO and AD %v; want %v", got, want)
		}
	}
}

// A chain over several answers is proven only where every one of them is.
func TestChainAcrossAnswersIsAsWeakAsItsWeakestLink(t *testing.T) {
	s := signedZone(t)
	hop := func(proven bool) func(*mdns.Msg, bool) *mdns.Msg {
		return func(q *mdns.Msg, _ bool) *mdns.Msg {
			reply := new(mdns.Msg).SetReply(q)
			rr, _ := mdns.NewRR(q.Question[0].Name + " 60 IN CNAME mx.signed.example.")
			reply.Answer, reply.AuthenticatedData = append(reply.Answer, rr), proven
			return reply
		}
	}
	s.Odd("one.example", hop(true))
	s.Odd("two.example", hop(false))
	r := believing(s)
	for host, want := range map[string]bool{"one.example": true, "two.example": false} {
		list, err := r.Addresses(t.Context(), host)
		if err != nil || len(list) != 2 || list[0].Secure != want || list[0].Name != "mx.signed.example" {
			t.Errorf("Addresses(%q) = %+v, %v; want secure %v", host, list, err, want)
		}
	}
}

func TestText(t *testing.T) {
	s := dnstest.Start(t,
		`_mta-sts.a.example. 60 IN TXT "v=STSv1; " "id=1;"`,
		`_mta-sts.a.example. 60 IN TXT "quote \" and \\ and \195\164"`,
		"b.example. 60 IN CNAME _mta-sts.a.example.",
		"c.example. 60 IN A 192.0.2.1",
	)
	r := asking(s.Address)
	for _, name := range []string{"_mta-sts.a.example", "b.example"} {
		list, err := r.Text(t.Context(), name)
		if err != nil || len(list) != 2 || list[0] != "v=STSv1; id=1;" || list[1] != `quote " and \ and ä` {
			t.Errorf("Text(%q) = %q, %v", name, list, err)
		}
	}
	if _, err := r.Text(t.Context(), "c.example"); KindOf(err) != NoData {
		t.Errorf("without text: %v", err)
	}
}

func TestFakeProves(t *testing.T) {
	f := &Fake{
		MXs:     map[string][]MX{"a.example": {{Host: "mx.a.example"}}},
		Hosts:   map[string][]netip.Addr{"mx.a.example": {netip.MustParseAddr("192.0.2.1")}},
		Texts:   map[string][]string{"_mta-sts.a.example": {"v=STSv1; id=1"}},
		TLSAs:   map[string][]TLSA{"_25._tcp.mx.a.example": {{3, 1, 1, []byte{1}}}},
		Aliases: map[string]string{"alias.a.example": "mx.a.example", "alias.b.example": "mx.a.example"},
		Secure:  map[string]bool{"a.example": true, "mx.a.example": true, "alias.a.example": true, "_25._tcp.mx.a.example": true, "_25._tcp.no.example": true},
	}
	var r Resolver = f
	if list, err := r.MX(t.Context(), "a.example"); err != nil || !list[0].Secure {
		t.Errorf("MX: %+v, %v", list, err)
	}
	for host, want := range map[string]bool{"mx.a.example": true, "alias.a.example": true, "alias.b.example": false} {
		if list, err := r.Addresses(t.Context(), host); err != nil || list[0].Secure != want || list[0].Name != "mx.a.example" {
			t.Errorf("Addresses(%q): %+v, %v", host, list, err)
		}
	}
	if ans, err := r.TLSA(t.Context(), "_25._TCP.mx.a.example."); err != nil || !ans.Secure || !bytes.Equal(ans.TLSA[0].Data, []byte{1}) {
		t.Errorf("TLSA: %+v, %v", ans, err)
	}
	if _, err := r.TLSA(t.Context(), "_25._tcp.no.example"); !ProvenAbsent(err) {
		t.Errorf("TLSA: %v", err)
	}
	if list, err := r.Text(t.Context(), "_mta-sts.a.example"); err != nil || list[0] != "v=STSv1; id=1" {
		t.Errorf("Text: %q, %v", list, err)
	}
	if list, err := r.Query(t.Context(), "alias.a.example", "CNAME"); err != nil || !list[0].Secure || list[0].Data != "mx.a.example" {
		t.Errorf("Query: %+v, %v", list, err)
	}
}

// FuzzReply takes whatever a nameserver may send as an answer for TLSA and TXT records.
func FuzzReply(f *testing.F) {
	for _, text := range []string{"_25._tcp.a.example. 60 IN TLSA 3 1 1 00ff", `_25._tcp.a.example. 60 IN TXT "a\"\200" "b"`, "_25._tcp.a.example. 60 IN CNAME b.example."} {
		rr, err := mdns.NewRR(text)
		if err != nil {
			f.Fatal(err)
		}
		m := &mdns.Msg{Answer: []mdns.RR{rr}}
		wire, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		m := new(mdns.Msg)
		if m.Unpack(wire) != nil {
			return
		}
		for _, rr := range m.Answer {
			switch rr := rr.(type) {
			case *mdns.TLSA:
				a, err := tlsaOf(rr)
				if err != nil {
					t.Errorf("a record from the wire: %v", err)
				}
				if len(a.Data)*2 != len(rr.Certificate) {
					t.Errorf("%d bytes of %q", len(a.Data), rr.Certificate)
				}
			case *mdns.TXT:
				joinText(rr)
			}
		}
		follow(m, "_25._tcp.a.example", mdns.TypeTLSA)
	})
}

// FuzzText holds the way back from a zone file's escapes against the wire.
func FuzzText(f *testing.F) {
	f.Add([]byte(`a\"b`))
	f.Add([]byte{0, 255, '\\', '9', '9', '9', '"', ';'})
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 254 {
			return
		}
		wire := append([]byte{0, 0, 16, 0, 1, 0, 0, 0, 0, 0, byte(len(text) + 1), byte(len(text))}, text...)
		rr, _, err := mdns.UnpackRR(wire, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := joinText(rr.(*mdns.TXT)); got != string(text) {
			t.Errorf("%q became %q", text, got)
		}
	})
}
