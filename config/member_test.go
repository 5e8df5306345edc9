package config

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestMemberMatch(t *testing.T) {
	for _, c := range []struct {
		member, addr, name string
		want               bool
	}{
		{"ALL", "192.0.2.1", "", true},
		{"all", "2001:db8::1", "x.example", true},
		{"192.0.2.1", "192.0.2.1", "", true},
		{"192.0.2.1", "192.0.2.2", "", false},
		{"192.0.2.1", "::ffff:192.0.2.1", "", true},
		{"192.0.2.0/24", "192.0.2.255", "", true},
		{"192.0.2.0/24", "192.0.3.0", "", false},
		{"192.0.2.77/24", "192.0.2.1", "", true},
		{"192.0.2.0/31", "192.0.2.2", "", false},
		{"0.0.0.0/0", "255.255.255.255", "", true},
		{"0.0.0.0/0", "::1", "", false},
		{"192.0.2.10-20", "192.0.2.20", "", true},
		{"192.0.2.10-20", "192.0.2.21", "", false},
		{"192.0.2.10-20", "192.0.2.9", "", false},
		{"192.0.2.250-192.0.3.5", "192.0.3.0", "", true},
		{"192.0.2.", "192.0.2.200", "", true},
		{"192.0.2.", "192.0.20.1", "", false},
		{"10.", "10.255.0.1", "", true},
		{"251.192.1.", "251.192.1.9", "", true},
		{"2001:db8::/32", "2001:db8:ffff::1", "", true},
		{"2001:db8::/32", "2001:db9::", "", false},
		{"2001:db8::1", "2001:DB8:0::1", "", true},
		{"2001:db8::1-ff", "2001:db8::fe", "", true},
		{"2001:db8::1-2001:db8::1:0", "2001:db8::ffff", "", true},
		{"2001:db8:", "2001:db8:1::", "", true},
		{"2001:db8:", "2001:db80::", "", false},
		{"fe80::/10", "fe80::1%eth0", "", true},
		{"mx.partner.example", "192.0.2.1", "MX.partner.example.", true},
		{"mx.partner.example", "192.0.2.1", "a.mx.partner.example", false},
		{"mx.partner.example", "192.0.2.1", "", false},
		{".partner.example", "192.0.2.1", "mx.partner.example", true},
		{".partner.example", "192.0.2.1", "partner.example", false},
		{".partner.example", "192.0.2.1", "badpartner.example", false},
		{"sbrs[-10.0:-3.0]", "192.0.2.1", "x.example", false},
		{"dnslist[query.example.net]", "192.0.2.1", "", false},
	} {
		m, err := ParseMember(c.member)
		if err != nil {
			t.Errorf("ParseMember(%q): %v", c.member, err)
			continue
		}
		if got := m.Match(Peer{Addr: netip.MustParseAddr(c.addr), Name: c.name}); got != c.want {
			t.Errorf("%q matches %s %q: %v, want %v", c.member, c.addr, c.name, got, c.want)
		}
		if again, err := ParseMember(m.String()); err != nil || again != m {
			t.Errorf("%q is written as %q, which reads as %v, %v", c.member, m, again, err)
		}
	}
}

func TestMemberRefused(t *testing.T) {
	for _, s := range []string{
		"", ".", "-", "192.0.2.300", "192.0.2", "192.0.2.20-10", "192.0.2.1/33", "192.0.2.0/24-30", "1.2.3.4.", "..",
		"2001:db8::1-1.2.3.4", "::ffff:192.0.2.0/120", "fe80::1%eth0", "fe80:", "a b", "a..b", "-a.example", "*.example",
		"cert[a]", "cert[a,b", "cert[,b]", "cert[a,]", "cert[a,b]c", "cert[a,b,c]", "cert[a[,b]", `cert[a\b,c]`, `cert[a,b\]`,
		"cert[a\x01,b]", "cert[a\xff,b]", "cert[ , ]", "cert[a\nb,c]",
		"sbrs[", "sbrs[]", "sbrs[a b]", "dnslist[x]]", "accept", "RELAY", "user@example.com", "192.0.2.10-", "é\x00",
	} {
		if m, err := ParseMember(s); err == nil {
			t.Errorf("%q is taken for %q", s, m)
		}
	}
}

// A certificate counts by any of its names, and only under an authority that its verified chain leads through.
func TestCertificateMember(t *testing.T) {
	peer := Peer{
		Addr: netip.MustParseAddr("192.0.2.1"), Name: "mx.partner.example",
		Subjects:    []string{"mx1.partner.example", "Partner Relay", "CN=Partner Relay,O=Partner\\, Inc."},
		Authorities: []string{"Partner CA", "CN=Partner CA,O=Partner"},
	}
	for member, want := range map[string]bool{
		`cert[mx1.partner.example,Partner CA]`:                  true,
		`CERT[ MX1.Partner.Example , partner ca ]`:              true,
		`cert[Partner Relay,CN=Partner CA\,O=Partner]`:          true,
		`cert[CN=Partner Relay\,O=Partner\\\, Inc.,Partner CA]`: true,
		`cert[mx1.partner.example,Other CA]`:                    false,
		`cert[mx2.partner.example,Partner CA]`:                  false,
		`cert[mx.partner.example,Partner CA]`:                   false, // the reverse name proves nothing here
		`cert[Partner CA,Partner Relay]`:                        false,
		`cert[*.partner.example,Partner CA]`:                    false,
	} {
		m, err := ParseMember(member)
		if err != nil || m.Match(peer) != want || !m.NeedsCertificate() || m.NeedsName() {
			t.Errorf("%s: %v, %v", member, m.Match(peer), err)
		}
		if again, err := ParseMember(m.String()); err != nil || again != m {
			t.Errorf("%s is written as %s, which reads as %v, %v", member, m, again, err)
		}
		if m.Match(Peer{Addr: peer.Addr, Name: peer.Name, Subjects: peer.Subjects}) || m.Match(Peer{Authorities: peer.Authorities}) {
			t.Errorf("%s matches half a certificate", member)
		}
	}
}

func TestSplitMembers(t *testing.T) {
	for s, want := range map[string]string{
		"":                                  "[]",
		" , ":                               "[]",
		"192.0.2.1, .example,ALL":           `["192.0.2.1" ".example" "ALL"]`,
		`a.example,cert[x\,y, Z CA] ,b`:     `["a.example" "cert[x\\,y, Z CA]" "b"]`,
		`cert[x,Z CA],cert[y\],Z],cert[u,v`: `["cert[x,Z CA]" "cert[y\\],Z]" "cert[u" "v"]`,
	} {
		if got := fmt.Sprintf("%q", SplitMembers(s)); got != want {
			t.Errorf("%s: %s, want %s", s, got, want)
		}
	}
}

func TestMemberNeedsName(t *testing.T) {
	for s, want := range map[string]bool{
		"ALL": false, "192.0.2.": false, "sbrs[1:2]": false, "mx.example": true, ".example": true,
	} {
		if m, err := ParseMember(s); err != nil || m.NeedsName() != want {
			t.Errorf("%q: %v, %v", s, m.NeedsName(), err)
		}
	}
}

func FuzzParseMember(f *testing.F) {
	for _, s := range []string{"ALL", "192.0.2.10-20", "192.0.2.", "2001:db8::1-ff", ".example", "sbrs[-1:2]", "2001:db8:", `cert[CN=a\,O=b,C A]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseMember(s)
		if err != nil {
			return
		}
		again, err := ParseMember(m.String())
		if err != nil || again != m {
			t.Errorf("%q is written as %q, which reads as %+v, %v", s, m, again, err)
		}
		if words := SplitMembers(m.String() + ", ALL"); len(words) != 2 || words[0] != m.String() {
			t.Errorf("%q in a list is cut into %q", m, words)
		}
	})
}
