package certstore

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

// until issues a certificate that ends after so many days.
func until(t *testing.T, by *entity, name string, authority bool, days int) *entity {
	t.Helper()
	key := ecKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serials.Add(1)), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Duration(days)*24*time.Hour + time.Minute), BasicConstraintsValid: true, IsCA: authority,
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return &entity{must[*x509.Certificate](t)(x509.ParseCertificate(der)), key}
}

func TestExpiring(t *testing.T) {
	root := until(t, nil, "Root", true, 2)
	between := until(t, root, "Between", true, 5)
	one, two := until(t, between, "one.example", false, 60), until(t, between, "two.example", false, 20)
	custom := until(t, nil, "Partner CA", true, 400)
	store := New(memoryVault{})
	var used []InUse
	for name, leaf := range map[string]*entity{"one": one, "two": two} {
		p, _, err := Assemble(leaf.key, certsOf(leaf, between, root))
		if err != nil {
			t.Fatal(err)
		}
		used = append(used, InUse{name, must[string](t)(store.Put(p)), []string{"Listener " + name}})
	}
	slices.SortFunc(used, func(a, b InUse) int { return strings.Compare(a.Profile, b.Profile) })
	used = append(used, InUse{"lost", "certificate-unknown", nil})

	all := store.Expiring(used, certsOf(custom), time.Now())
	var got []string
	for _, e := range all {
		got = append(got, strings.Join([]string{Title(e.Certificate.Subject), e.Role, strings.Join(e.Profiles, "+"), strings.Join(e.Uses, "+")}, "|"))
	}
	want := []string{
		"Between|intermediate certificate|one+two|Listener one+Listener two", "two.example|certificate|two|Listener two",
		"one.example|certificate|one|Listener one", "Partner CA|certificate authority||" + CustomList,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if e := all[0]; e.Days != 5 || e.Threshold != 7 || e.Key() != "expiry/"+e.Fingerprint+"/7" ||
		e.Subject() != "The intermediate certificate Between expires in 5 days" {
		t.Errorf("got %+v, %s", e, e.Subject())
	}
	text := all[0].Text()
	for _, part := range []string{"CN=Between", "Issuer: CN=Root", "Profile: one, two", "Used by: Listener one, Listener two"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q lacks %q", text, part)
		}
	}
}

// Each certificate is told of once at each threshold, and the thresholds follow each other.
func TestThresholds(t *testing.T) {
	for days, want := range map[float64]int{31: -1, 30.1: -1, 30: 30, 15: 30, 14: 14, 8: 14, 7: 7, 3.5: 7, 3: 3, 1.5: 3, 1: 1, 0.1: 1, 0: 0, -40: 0} {
		if got := threshold(time.Duration(days * 24 * float64(time.Hour))); got != want {
			t.Errorf("%v days: %d, want %d", days, got, want)
		}
	}
	for left, want := range map[time.Duration]string{
		49 * time.Hour: "expires in 2 days", 25 * time.Hour: "expires in 1 day", time.Hour: "expires within a day", -time.Hour: "has expired",
	} {
		e := Expiry{Left: left, Days: wholeDays(left)}
		if got := e.when(); got != want {
			t.Errorf("%v: %q", left, got)
		}
	}
	if d := wholeDays(-time.Hour); d != -1 {
		t.Errorf("an hour ago: %d days", d)
	}
}

// The chain ends with the first of its certificates that ends, a root apart.
func TestEnds(t *testing.T) {
	root := until(t, nil, "Root", true, 1)
	between := until(t, root, "Between", true, 5)
	leaf := until(t, between, "mx.example.com", false, 60)
	p, _, err := Assemble(leaf.key, certsOf(leaf, between, root))
	if err != nil {
		t.Fatal(err)
	}
	if !p.Ends().Equal(between.cert) || p.Status(time.Now(), false) != StatusExpiring {
		t.Errorf("%s ends first, %s", p.Ends().Subject, p.Status(time.Now(), false))
	}
}

func TestPlaces(t *testing.T) {
	f := newFamily(t)
	stranger := newCA(t, "Stranger")
	for _, tt := range []struct {
		name    string
		chain   []*entity
		known   []*entity
		want    []Place
		missing string
	}{
		{"in order", []*entity{f.leaf, f.lower, f.upper}, []*entity{f.root}, []Place{PlaceRight, PlaceRight, PlaceRight}, ""},
		{"with its root", []*entity{f.leaf, f.lower, f.upper, f.root}, nil, []Place{PlaceRight, PlaceRight, PlaceRight, PlaceRight}, ""},
		{"disordered", []*entity{f.leaf, f.upper, f.lower}, []*entity{f.root}, []Place{PlaceRight, PlaceWrong, PlaceWrong}, ""},
		{"duplicate", []*entity{f.leaf, f.lower, f.lower, f.upper}, []*entity{f.root}, []Place{PlaceRight, PlaceRight, PlaceDuplicate, PlaceRight}, ""},
		{"stranger", []*entity{f.leaf, stranger, f.lower, f.upper}, []*entity{f.root}, []Place{PlaceRight, PlaceUnneeded, PlaceRight, PlaceRight}, ""},
		{"gap", []*entity{f.leaf, f.upper}, []*entity{f.root}, []Place{PlaceRight, PlaceUnneeded}, "CN=Lower"},
		{"no root", []*entity{f.leaf, f.lower, f.upper}, nil, []Place{PlaceRight, PlaceRight, PlaceRight}, "CN=Root"},
		{"nothing", nil, nil, nil, ""},
	} {
		if got, missing := Places(certsOf(tt.chain...), certsOf(tt.known...)...); !slices.Equal(got, tt.want) || missing != tt.missing {
			t.Errorf("%s: %q, missing %q", tt.name, got, missing)
		}
	}
}

// A profile without a request is renewed on its key, with the names that it has.
func TestRenewalRequest(t *testing.T) {
	f := newFamily(t)
	p, _, err := Assemble(f.leaf.key, certsOf(f.leaf, f.lower))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(must[[]byte](t)(p.RenewalRequest()))
	csr := must[*x509.CertificateRequest](t)(x509.ParseCertificateRequest(block.Bytes))
	if csr.CheckSignature() != nil || !slices.Equal(csr.DNSNames, f.leaf.cert.DNSNames) || csr.Subject.String() != f.leaf.cert.Subject.String() {
		t.Errorf("request for %s %q", csr.Subject, csr.DNSNames)
	}
	if public, ok := f.leaf.key.Public().(*ecdsa.PublicKey); !ok || !public.Equal(csr.PublicKey) {
		t.Error("the request is of another key")
	}
}

func TestInBoth(t *testing.T) {
	one, other := newCA(t, "One"), newCA(t, "Other")
	if notes := InBoth(certsOf(one, other), certsOf(other)); len(notes) != 1 || !strings.Contains(notes[0], "CN=Other") {
		t.Errorf("got %q", notes)
	}
}
