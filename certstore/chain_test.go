package certstore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

type entity struct {
	cert *x509.Certificate
	key  crypto.Signer
}

var serials atomic.Int64

// issue makes a certificate for key that by signs; by nil means itself.
func issue(t testing.TB, by *entity, key crypto.Signer, name string, authority bool) *entity {
	t.Helper()
	n := serials.Add(1)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(n), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour).Add(time.Duration(n) * time.Second), NotAfter: time.Now().Add(100 * time.Hour),
		BasicConstraintsValid: true, IsCA: authority,
	}
	if authority {
		template.KeyUsage = x509.KeyUsageCertSign
	} else {
		template.DNSNames = []string{name}
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &entity{cert, key}
}

func ecKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newCA(t testing.TB, name string) *entity { return issue(t, nil, ecKey(t), name, true) }

// family is a root, two intermediates below each other, and a leaf.
type family struct{ root, upper, lower, leaf *entity }

func newFamily(t testing.TB) family {
	t.Helper()
	root := newCA(t, "Root")
	upper := issue(t, root, ecKey(t), "Upper", true)
	lower := issue(t, upper, ecKey(t), "Lower", true)
	return family{root, upper, lower, issue(t, lower, ecKey(t), "mx.example.com", false)}
}

func certsOf(entities ...*entity) (certs []*x509.Certificate) {
	for _, e := range entities {
		certs = append(certs, e.cert)
	}
	return certs
}

func TestAssemble(t *testing.T) {
	f := newFamily(t)
	stranger := newCA(t, "Stranger")
	older := issue(t, f.lower, f.leaf.key, "mx.example.com", false)
	f.leaf = issue(t, f.lower, f.leaf.key, "mx.example.com", false)
	chain := []*entity{f.leaf, f.lower, f.upper}
	for _, test := range []struct {
		name  string
		certs []*entity
		known []*entity
		want  []*entity
		notes []string
	}{
		{"in order", chain, []*entity{f.root}, chain, nil},
		{"with root", []*entity{f.leaf, f.lower, f.upper, f.root}, nil, []*entity{f.leaf, f.lower, f.upper, f.root}, nil},
		{"disordered", []*entity{f.upper, f.leaf, f.lower}, []*entity{f.root}, chain, []string{"disordered"}},
		{"duplicate", []*entity{f.leaf, f.lower, f.lower, f.upper}, []*entity{f.root}, chain, []string{"Duplicate and left out: CN=Lower"}},
		{"not needed", []*entity{f.leaf, stranger, f.lower, f.upper}, []*entity{f.root}, chain, []string{"Not needed and left out: CN=Stranger"}},
		{"older leaf of the same key", []*entity{older, f.leaf, f.lower, f.upper}, []*entity{f.root}, chain, []string{"Not needed and left out: CN=mx.example.com"}},
		{"missing in the middle", []*entity{f.leaf, f.upper}, []*entity{f.root}, []*entity{f.leaf}, []string{"Not needed and left out: CN=Upper", "Missing: the certificate of the issuer CN=Lower"}},
		{"missing root", chain, nil, chain, []string{"Missing: the certificate of the issuer CN=Root"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, notes, err := Assemble(f.leaf.key, certsOf(test.certs...), certsOf(test.known...)...)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(p.Pairs[0].Chain, certsOf(test.want...), (*x509.Certificate).Equal) {
				t.Errorf("chain of %d", len(p.Pairs[0].Chain))
			}
			if !slices.EqualFunc(notes, test.notes, strings.Contains) {
				t.Errorf("notes %q, want %q", notes, test.notes)
			}
		})
	}
	if _, _, err := Assemble(ecKey(t), certsOf(chain...)); !errors.Is(err, ErrWrongKey) {
		t.Errorf("wrong key: %v", err)
	}
	if _, _, err := Assemble(ecKey(t), nil); !errors.Is(err, ErrWrongKey) {
		t.Errorf("nothing: %v", err)
	}
}

// TestUpdate is the way of a profile from the signing request over the authority's answer to its renewal.
func TestUpdate(t *testing.T) {
	f := newFamily(t)
	p, err := Create(Request{CommonName: "mx.example.com", Days: 10})
	if err != nil {
		t.Fatal(err)
	}
	key := p.Pairs[0].Key
	answer := issue(t, f.lower, key, "mx.example.com", false)
	signed, notes, err := p.Update(certsOf(f.upper, answer, f.lower), false, f.root.cert)
	if err != nil || len(signed.Pairs[0].Chain) != 3 || signed.Leaf() != answer.cert {
		t.Fatal(notes, err)
	}
	if signed.CSR() == nil || p.Leaf() == answer.cert {
		t.Error("the request is lost, or the old profile was changed")
	}
	renewed := issue(t, f.lower, key, "mx.example.com", false)
	kept, notes, err := signed.Update(certsOf(renewed), true, f.root.cert)
	if err != nil || len(kept.Pairs[0].Chain) != 3 || len(notes) > 0 || kept.Leaf() != renewed.cert {
		t.Error(len(kept.Pairs[0].Chain), notes, err)
	}
	bare, notes, err := signed.Update(certsOf(renewed), false, f.root.cert)
	if err != nil || len(bare.Pairs[0].Chain) != 1 || len(notes) != 1 {
		t.Error(notes, err)
	}
	other := newFamily(t)
	elsewhere := issue(t, other.lower, key, "mx.example.com", false)
	moved, notes, err := signed.Update(certsOf(elsewhere, other.lower, other.upper), true, other.root.cert)
	if err != nil || len(moved.Pairs[0].Chain) != 3 || len(notes) > 0 {
		t.Error("old intermediates are kept for a new authority:", notes, err)
	}
	full, notes, err := bare.AddIntermediates(certsOf(f.upper, f.lower), f.root.cert)
	if err != nil || len(full.Pairs[0].Chain) != 3 || len(bare.Intermediates()) != 0 || len(full.Intermediates()) != 2 {
		t.Error(notes, err)
	}
	if _, _, err := p.Update(certsOf(f.leaf, f.lower), false); !errors.Is(err, ErrWrongKey) {
		t.Errorf("a certificate of another key: %v", err)
	}
}

func TestUpdateOneOfTwo(t *testing.T) {
	f := newFamily(t)
	demo, err := Demo("mail.example.com")
	if err != nil {
		t.Fatal(err)
	}
	answer := issue(t, f.root, demo.Pairs[1].Key, "mail.example.com", false)
	updated, _, err := demo.Update(certsOf(answer), false, f.root.cert)
	if err != nil || updated.Pairs[1].Chain[0] != answer.cert || updated.Pairs[0].Chain[0] != demo.Pairs[0].Chain[0] {
		t.Error(err)
	}
}

func TestAuthorities(t *testing.T) {
	f := newFamily(t)
	list, notes, err := ParseAuthorities(EncodePEM(certsOf(f.root, f.upper, f.root, f.leaf)))
	if err != nil || len(list) != 3 || len(notes) != 2 {
		t.Fatal(len(list), notes, err)
	}
	if !strings.HasPrefix(notes[0], "Duplicate and left out: CN=Root") || !strings.HasPrefix(notes[1], "No authority, trusted for itself alone: CN=mx.example.com") {
		t.Error(notes)
	}
	if _, _, err := ParseAuthorities([]byte("nothing")); !errors.Is(err, ErrParse) {
		t.Error(err)
	}
}

func TestSystem(t *testing.T) {
	ca := newCA(t, "Host CA")
	file := t.TempDir() + "/roots.pem"
	writeFile(t, file, append(EncodePEM(certsOf(ca, ca)), "-----BEGIN CERTIFICATE-----\nodd\n-----END CERTIFICATE-----\n"...))
	t.Setenv("SSL_CERT_FILE", file)
	pool, list := System()
	if len(list) != 1 || !list[0].Equal(ca.cert) {
		t.Fatalf("%d roots", len(list))
	}
	leaf := issue(t, ca, ecKey(t), "x.example", false)
	if _, err := leaf.cert.Verify(x509.VerifyOptions{Roots: pool}); err != nil {
		t.Error(err)
	}
}
