package config

import (
	"net/netip"
	"reflect"
	"strconv"
	"testing"
)

// TestInheritEveryField sets one field after the other: what is unset is inherited, and what is set stays.
func TestInheritEveryField(t *testing.T) {
	for i := range reflect.TypeFor[Destination]().NumField() {
		var from, unset, other Destination
		set := func(d *Destination, n int) {
			switch f := reflect.ValueOf(d).Elem().Field(i); f.Kind() {
			case reflect.Pointer:
				f.Set(reflect.ValueOf(&n))
			default:
				f.SetString(strconv.Itoa(n))
			}
		}
		set(&from, 1)
		set(&other, 2)
		before := other
		name := reflect.TypeFor[Destination]().Field(i).Name
		if unset.inherit(&from); !reflect.DeepEqual(unset, from) {
			t.Errorf("%s is not inherited", name)
		}
		if other.inherit(&from); !reflect.DeepEqual(other, before) {
			t.Errorf("%s is overwritten", name)
		}
	}
}

func TestDestination(t *testing.T) {
	c := Default("mail.example.com")
	c.Destinations[DefaultDestination].Certificate = ""
	c.Destinations["partner.example"] = &Destination{TLS: TLSRequireVerify, Recipients: new(10)}
	c.Destinations[".example"] = &Destination{Concurrency: new(3)}
	c.Destinations[".partner.example"] = &Destination{Concurrency: new(4), BounceProfile: "x"}
	c.Destinations["[192.0.2.1]"] = &Destination{TLS: TLSRequire}
	for _, x := range []struct {
		domain, entry string
		tls           TLSLevel
		concurrency   int
	}{
		{"partner.example", "partner.example", TLSRequireVerify, 500},
		{"Partner.EXAMPLE.", "partner.example", TLSRequireVerify, 500},
		{"a.partner.example", ".partner.example", TLSNo, 4},
		{"a.b.partner.example", ".partner.example", TLSNo, 4},
		{"notpartner.example", ".example", TLSNo, 3},
		{"example", "DEFAULT", TLSNo, 500},
		{"default", "DEFAULT", TLSNo, 500},
		{"[192.0.2.1]", "[192.0.2.1]", TLSRequire, 500},
		{"[192.0.2.2]", "DEFAULT", TLSNo, 500},
		{"", "DEFAULT", TLSNo, 500},
	} {
		d, entry := c.Destination(x.domain)
		if entry != x.entry || d.TLS != x.tls || *d.Concurrency != x.concurrency {
			t.Errorf("%q: %s %s %d", x.domain, entry, d.TLS, *d.Concurrency)
		}
		if d.Certificate != DemoCertificate || d.LimitPer != "domain" || d.LimitApply != "system" || d.DANE != "none" {
			t.Errorf("%q: not everything is inherited: %+v", x.domain, d)
		}
		if (d.Recipients == nil) != (d.RecipientMinutes == nil) {
			t.Errorf("%q: a limit without its time", x.domain)
		}
	}
	if c.Destinations["partner.example"].Concurrency != nil {
		t.Error("the lookup modified the entry")
	}
}

func TestRoute(t *testing.T) {
	c := Default("mail.example.com")
	if _, _, ok := c.Route("partner.example"); ok {
		t.Error("a route where there is none")
	}
	c.Routes = map[string]*Route{".partner.example": {}, "partner.example": {}, ".example": {}, "[192.0.2.1]": {}}
	for domain, want := range map[string]string{
		"Partner.example": "partner.example", "x.partner.example": ".partner.example", "y.example": ".example",
		"[192.0.2.1]": "[192.0.2.1]", "example": "", "[192.0.2.2]": "", "all": "",
	} {
		if _, key, ok := c.Route(domain); key != want || ok != (want != "") {
			t.Errorf("%s: %q %v", domain, key, ok)
		}
	}
	c.Routes[RouteAll] = &Route{}
	if _, key, _ := c.Route("[192.0.2.2]"); key != RouteAll {
		t.Errorf("got %q", key)
	}
}

func TestRecipientAccess(t *testing.T) {
	yes, no := &RecipientRule{Accept: true}, &RecipientRule{Code: 550, Text: "go away"}
	r := RecipientAccess{
		"example.com": yes, "bad@example.com": no, "noc@": no, ".example.net": yes, "only@example.org": yes,
		"user@[192.0.2.1]": yes, "closed.example": no, "postmaster@secret.example": no, "secret.example": yes,
	}
	for _, x := range []struct {
		local, domain string
		rule          *RecipientRule
	}{
		{"joe", "example.com", yes},
		{"Joe", "EXAMPLE.com.", yes},
		{"BAD", "example.com", no},
		{"noc", "example.com", no},
		{"joe", "sub.example.com", nil},
		{"joe", "sub.example.net", yes},
		{"joe", "example.net", nil},
		{"only", "example.org", yes},
		{"other", "example.org", nil},
		{"user", "[192.0.2.1]", yes},
		{"user", "[192.0.2.2]", nil},
		{"joe", "closed.example", no},
		{"postmaster", "closed.example", no},
		{"postmaster", "other.example", nil},
		{"postmaster", "secret.example", no},
		{"postmaster", "", nil},
		{"", "example.com", yes},
	} {
		if rule, ok := r.Lookup(x.local, x.domain); rule != x.rule || ok != (x.rule != nil) {
			t.Errorf("%s@%s: %+v, %v", x.local, x.domain, rule, ok)
		}
	}
	for _, domain := range []string{"example.org", "example.com", "[192.0.2.1]", "sub.example.net"} {
		if rule, ok := r.Lookup("PostMaster", domain); !ok || !rule.Accept {
			t.Errorf("postmaster@%s: %+v, %v", domain, rule, ok)
		}
	}
	r["ALL"] = yes
	if rule, ok := r.Lookup("joe", "other.example"); !ok || !rule.Accept {
		t.Error("ALL does not match")
	}
}

func TestParseHop(t *testing.T) {
	addr := netip.MustParseAddr
	for s, want := range map[string]Hop{
		"mx.Example.com":           {Host: "mx.example.com", Port: 25},
		"mx.example.com.:2525":     {Host: "mx.example.com", Port: 2525},
		"[192.0.2.1]":              {Addr: addr("192.0.2.1"), Port: 25},
		"[192.0.2.1]:2525":         {Addr: addr("192.0.2.1"), Port: 2525},
		"192.0.2.1":                {Addr: addr("192.0.2.1"), Port: 25},
		"192.0.2.1:26":             {Addr: addr("192.0.2.1"), Port: 26},
		"[2001:db8::1]:26":         {Addr: addr("2001:db8::1"), Port: 26},
		"[IPv6:2001:db8::1]":       {Addr: addr("2001:db8::1"), Port: 25},
		"2001:db8::1":              {Addr: addr("2001:db8::1"), Port: 25},
		" usedns ":                 {UseDNS: true, Port: 25},
		"/dev/null":                {Discard: true, Port: 25},
		"10/mx.example.com":        {Priority: 10, Host: "mx.example.com", Port: 25},
		"0/[192.0.2.1]:24":         {Addr: addr("192.0.2.1"), Port: 24},
		"7/USEDNS":                 {Priority: 7, UseDNS: true, Port: 25},
		"localhost:2525":           {Host: "localhost", Port: 2525},
		"5/[2001:db8::1]:2525":     {Priority: 5, Addr: addr("2001:db8::1"), Port: 2525},
		"xn--bcher-kva.example:26": {Host: "xn--bcher-kva.example", Port: 26},
	} {
		got, err := ParseHop(s)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
		if again, err := ParseHop(got.String()); err != nil || again != got {
			t.Errorf("%q is written as %q", s, got)
		}
	}
	for _, s := range []string{
		"", ":25", "mx.example.com:0", "mx.example.com:65536", "mx.example.com:", "x/mx.example.com", "70000/mx.example.com",
		"-1/mx.example.com", "[192.0.2.1", "[mx.example.com]", "[192.0.2.1]:", "[192.0.2.1]x", "192.0.2.300", "a b", "a,b",
		"/dev/zero", "[fe80::1%eth0]", "mx..example.com", "1/2/mx.example.com",
	} {
		if h, err := ParseHop(s); err == nil {
			t.Errorf("%q is taken for %+v", s, h)
		}
	}
}

func FuzzParseHop(f *testing.F) {
	for _, s := range []string{"mx.example.com:25", "[2001:db8::1]:25", "10/USEDNS", "/dev/null"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := ParseHop(s)
		if err != nil {
			return
		}
		if again, err := ParseHop(h.String()); err != nil || again != h {
			t.Errorf("%q is written as %q, which reads as %+v, %v", s, h, again, err)
		}
	})
}

// How a sender writes an international domain does not decide which rule holds for it.
func TestDestinationInItsOwnScript(t *testing.T) {
	for _, key := range []string{"bücher.example", "xn--bcher-kva.example"} {
		c := Default("mail.example.com")
		c.Destinations[key] = &Destination{TLS: TLSRequireVerify}
		c.Routes = map[string]*Route{"." + key: {Hops: []string{"192.0.2.1"}}}
		for _, domain := range []string{"bücher.example", "BÜCHER.example.", "xn--bcher-kva.example"} {
			if d, entry := c.Destination(domain); entry != key || d.TLS != TLSRequireVerify {
				t.Errorf("%s: %s by %s, want %s", domain, d.TLS, entry, key)
			}
			if _, found, ok := c.Route("mx." + domain); !ok || found != "."+key {
				t.Errorf("route of mx.%s: %s", domain, found)
			}
		}
	}
	c := Default("mail.example.com")
	c.Destinations[".example"] = &Destination{TLS: TLSRequire}
	c.Destinations["xn--bcher-kva.example"] = &Destination{TLS: TLSNo}
	if _, entry := c.Destination("bücher.example"); entry != "xn--bcher-kva.example" {
		t.Errorf("the less exact one wins: %s", entry)
	}
}
