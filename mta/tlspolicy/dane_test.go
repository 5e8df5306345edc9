package tlspolicy

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"posthouse/internal/dns"
)

// daneWorld is a DNS in which signed.example is proven and plain.example is not.
func daneWorld() *dns.Fake {
	addr := []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	good := []dns.TLSA{{Usage: 3, Selector: 1, Matching: 1, Data: make([]byte, 32)}}
	return &dns.Fake{
		Hosts: map[string][]netip.Addr{
			"mx.signed.example": addr, "none.signed.example": addr, "broken.signed.example": addr, "bogus.signed.example": addr,
			"odd.signed.example": addr, "late.signed.example": addr, "gap.signed.example": addr, "mx.plain.example": addr, "halfway.signed.example": addr,
		},
		Aliases: map[string]string{
			"inside.signed.example": "mx.signed.example", "own.signed.example": "none.signed.example", "out.signed.example": "mx.plain.example",
			"outown.signed.example": "mx.plain.example", "in.plain.example": "mx.signed.example", "far.plain.example": "mx.plain.example",
			"torn.signed.example": "broken.signed.example", "mixed.signed.example": "halfway.signed.example",
		},
		TLSAs: map[string][]dns.TLSA{
			"_25._tcp.mx.signed.example":      good,
			"_2525._tcp.mx.signed.example":    append(good, dns.TLSA{Usage: 1}),
			"_25._tcp.own.signed.example":     good,
			"_25._tcp.outown.signed.example":  good,
			"_25._tcp.odd.signed.example":     {{Usage: 3, Selector: 1, Matching: 1, Data: []byte("short")}, {Usage: 1, Selector: 1, Matching: 1, Data: make([]byte, 32)}},
			"_25._tcp.halfway.signed.example": good,
			"_25._tcp.mx.plain.example":       good,
		},
		Secure: map[string]bool{
			"mx.signed.example": true, "none.signed.example": true, "broken.signed.example": true, "bogus.signed.example": true,
			"odd.signed.example": true, "inside.signed.example": true, "own.signed.example": true, "out.signed.example": true,
			"outown.signed.example": true, "halfway.signed.example": true, "torn.signed.example": true,
			"_25._tcp.mx.signed.example": true, "_2525._tcp.mx.signed.example": true, "_25._tcp.none.signed.example": true,
			"_25._tcp.own.signed.example": true, "_25._tcp.odd.signed.example": true, "_25._tcp.outown.signed.example": true,
			"_25._tcp.out.signed.example": true, "_25._tcp.inside.signed.example": true,
			"gap.signed.example": true, "mixed.signed.example": true, "_25._tcp.mixed.signed.example": true,
		},
		Fail: map[string]dns.Kind{
			"_25._tcp.broken.signed.example": dns.Temporary, "_25._tcp.bogus.signed.example": dns.Bogus,
			"gone.signed.example": dns.Temporary,
		},
	}
}

func TestLookupDANE(t *testing.T) {
	tests := []struct {
		host    string
		port    int
		state   DANEState
		base    string
		records int
		words   string
	}{
		{"mx.signed.example", 25, DANEUsable, "mx.signed.example", 1, ""},
		{"MX.Signed.Example.", 25, DANEUsable, "mx.signed.example", 1, ""},
		{"mx.signed.example", 2525, DANEUsable, "mx.signed.example", 2, ""},
		{"none.signed.example", 25, DANEAbsent, "none.signed.example", 0, "proves that there is none"},
		{"odd.signed.example", 25, DANEUnusable, "odd.signed.example", 2, "none of 2 records can be used"},
		{"broken.signed.example", 25, DANEFailed, "broken.signed.example", 0, "temporary failure"},
		{"bogus.signed.example", 25, DANEFailed, "bogus.signed.example", 0, "DNSSEC bogus"},
		// A secure host may have its records in a part of the zone that is not signed.
		{"halfway.signed.example", 25, DANEInsecure, "halfway.signed.example", 0, "not proven"},
		{"gap.signed.example", 25, DANEInsecure, "gap.signed.example", 0, "not proven"},
		{"mx.plain.example", 25, DANEInsecure, "", 0, "the addresses of mx.plain.example are not proven"},
		// Aliases: the end's records, then the alias' own.
		{"inside.signed.example", 25, DANEUsable, "mx.signed.example", 1, ""},
		{"own.signed.example", 25, DANEUsable, "own.signed.example", 1, ""},
		{"mixed.signed.example", 25, DANEInsecure, "halfway.signed.example", 0, "not proven"},
		{"torn.signed.example", 25, DANEFailed, "broken.signed.example", 0, "temporary failure"},
		// An alias that leads out of what is signed.
		{"outown.signed.example", 25, DANEUsable, "outown.signed.example", 1, ""},
		{"out.signed.example", 25, DANEAbsent, "out.signed.example", 0, ""},
		{"in.plain.example", 25, DANEInsecure, "", 0, "an alias of mx.signed.example"},
		{"far.plain.example", 25, DANEInsecure, "", 0, "an alias of mx.plain.example"},
		{"gone.signed.example", 25, DANEFailed, "", 0, "gone.signed.example"},
		{"nowhere.example", 25, DANENotAsked, "", 0, "no address"},
		{"192.0.2.1", 25, DANENotAsked, "", 0, "only an address"},
		{"2001:db8::1", 25, DANENotAsked, "", 0, "only an address"},
		{".", 25, DANENotAsked, "", 0, ""},
		{"", 25, DANENotAsked, "", 0, ""},
	}
	for _, test := range tests {
		d := LookupDANE(t.Context(), daneWorld(), test.host, test.port)
		if d.State != test.state || d.Base != test.base || len(d.Records) != test.records || !strings.Contains(d.Words, test.words) {
			t.Errorf("%s:%d: %+v\nwant %q at %q with %d records, %q", test.host, test.port, d, test.state, test.base, test.records, test.words)
		}
		if d.State == DANEUsable && d.Words != "" {
			t.Errorf("%s: words for what is good: %q", test.host, d.Words)
		}
	}
	if d := LookupDANE(t.Context(), daneWorld(), "mx.signed.example", 2525); d.Name != "_2525._tcp.mx.signed.example" {
		t.Errorf("name %q", d.Name)
	}
}

// Without proof of the addresses, the question for the records is not even asked: RFC 7672 §2.2.
func TestRecordsOfUnprovenHostsAreNotAskedFor(t *testing.T) {
	f := daneWorld()
	f.Fail["_25._tcp.mx.plain.example"] = dns.Temporary
	if d := LookupDANE(t.Context(), f, "mx.plain.example", 25); d.State != DANEInsecure {
		t.Errorf("%+v, want insecure", d)
	}
}

// aliasless is a DNS that fails when it is asked for an alias itself.
type aliasless struct{ *dns.Fake }

func (aliasless) Query(_ context.Context, name, qtype string) ([]dns.Record, error) {
	return nil, &dns.Error{Name: name, Type: qtype, Kind: dns.Bogus}
}

// Whether an alias that leads out of what is signed is proven itself cannot be left open.
func TestAliasThatCannotBeProvenOrNot(t *testing.T) {
	if d := LookupDANE(t.Context(), aliasless{daneWorld()}, "outown.signed.example", 25); d.State != DANEFailed {
		t.Errorf("%+v, want failed", d)
	}
}
