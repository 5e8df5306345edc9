package dns

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"posthouse/internal/dns/dnstest"
)

// What a real validating resolver says of a signed zone is what the resolver tells its callers.
func TestValidatingResolver(t *testing.T) {
	zones := dnstest.Zones{
		Text: `
signed.example. MX 10 mx.signed.example.
signed.example. TXT "v=STSv1; id=1;"
mx.signed.example. A 192.0.2.1
_25._tcp.mx.signed.example. TLSA 3 1 1 ` + fmt.Sprintf("%064x", 1) + `
alias.signed.example. CNAME mx.signed.example.
out.signed.example. CNAME mx.plain.example.
in.plain.example. CNAME mx.signed.example.
plain.example. MX 10 mx.plain.example.
mx.plain.example. A 192.0.2.2
_25._tcp.mx.plain.example. TLSA 3 1 1 ` + fmt.Sprintf("%064x", 2) + `
mx.torn.example. A 192.0.2.3
_25._tcp.mx.torn.example. TLSA 3 1 1 ` + fmt.Sprintf("%064x", 3) + `
mx.failing.example. A 192.0.2.4
`,
		Unsigned: []string{"plain.example"},
		Bogus:    []string{"_25._tcp.mx.torn.example", "bogus.example"},
		Fail:     []string{"_25._tcp.mx.failing.example"},
	}
	authority, stop, err := dnstest.StartSigned(func() (dnstest.Zones, error) { return zones, nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	address, stopUnbound, err := dnstest.StartUnbound(t.TempDir(), authority)
	if errors.Is(err, dnstest.ErrNoUnbound) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stopUnbound)
	r := New([]Server{{Address: address, Validating: true}}, nil).(*resolver)
	r.timeout = 20 * time.Second

	for domain, secure := range map[string]bool{"signed.example": true, "plain.example": false} {
		list, err := r.MX(t.Context(), domain)
		if err != nil || len(list) != 1 || list[0].Secure != secure {
			t.Errorf("MX(%q) = %+v, %v; want secure %v", domain, list, err, secure)
		}
	}
	for host, want := range map[string]string{
		"mx.signed.example": "mx.signed.example true", "alias.signed.example": "mx.signed.example true", "mx.plain.example": "mx.plain.example false",
		"out.signed.example": "mx.plain.example false", "in.plain.example": "mx.signed.example false",
	} {
		list, err := r.Addresses(t.Context(), host)
		if err != nil || len(list) != 1 || fmt.Sprint(list[0].Name, " ", list[0].Secure) != want {
			t.Errorf("Addresses(%q) = %+v, %v; want %s", host, list, err, want)
		}
	}
	if list, err := r.Query(t.Context(), "out.signed.example", "CNAME"); err != nil || !list[0].Secure {
		t.Errorf("the alias alone: %+v, %v; want it secure", list, err)
	}
	for _, test := range []struct {
		host           string
		secure, proven bool
		kind           Kind
	}{
		{"mx.signed.example", true, false, 0},
		{"mx.plain.example", false, false, 0},
		{"signed.example", false, true, NotFound},
		{"nowhere.example", false, true, NotFound},
		{"plain.example", false, false, NotFound},
		{"mx.torn.example", false, false, Bogus},
	} {
		ans, err := r.TLSA(t.Context(), "_25._tcp."+test.host)
		if ans.Secure != test.secure || ProvenAbsent(err) != test.proven || KindOf(err) != test.kind {
			t.Errorf("TLSA of %s: %+v, %v (proven %v)", test.host, ans, err, ProvenAbsent(err))
		}
	}
	if _, err := r.TLSA(t.Context(), "_tcp.mx.signed.example"); KindOf(err) != NoData || !ProvenAbsent(err) {
		t.Errorf("a name without records: %v (proven %v)", err, ProvenAbsent(err))
	}
	r.timeout = 2 * time.Second // unbound goes on asking for a while
	if _, err := r.TLSA(t.Context(), "_25._tcp.mx.failing.example"); KindOf(err) != Temporary {
		t.Errorf("a failing server: %v", err)
	}

	// The same server, not believed.
	doubting := New([]Server{{Address: address}}, nil)
	if list, err := doubting.MX(t.Context(), "signed.example"); err != nil || list[0].Secure {
		t.Errorf("without validating: %+v, %v", list, err)
	}
}
