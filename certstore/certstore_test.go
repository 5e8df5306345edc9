package certstore

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// memoryVault is a vault that keeps everything in memory.
type memoryVault map[string][]byte

func (v memoryVault) Put(kind string, content []byte) (string, error) {
	sum := sha256.Sum256(content)
	id := kind + "-" + hex.EncodeToString(sum[:16])
	v[id] = content
	return id, nil
}

func (v memoryVault) Get(id string) ([]byte, error) {
	if content, ok := v[id]; ok {
		return content, nil
	}
	return nil, errors.New("no such content")
}

func TestStore(t *testing.T) {
	vault := memoryVault{}
	demo, err := Demo("mail.example.com")
	if err != nil {
		t.Fatal(err)
	}
	signed, err := Create(Request{CommonName: "mx.example.com", Days: 30})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*Profile{demo, signed} {
		id, err := New(vault).Put(p)
		if err != nil || !strings.HasPrefix(id, "certificate-") {
			t.Fatal(id, err)
		}
		s := New(vault)
		got, err := s.Get(id)
		if err != nil || !got.Equal(p) || string(got.CSR()) != string(p.CSR()) {
			t.Fatalf("%v, %v", got, err)
		}
		if again, _ := s.Get(id); again != got {
			t.Error("a profile is parsed twice")
		}
		if second, _ := s.Put(got); second != id {
			t.Errorf("the same profile has two ids: %q and %q", id, second)
		}
	}
	if _, err := New(vault).Get("certificate-00"); err == nil {
		t.Error("an unknown id is found")
	}
}

func TestStoreAuthorities(t *testing.T) {
	vault := memoryVault{}
	a, b := newCA(t, "CA A"), newCA(t, "CA B")
	for _, list := range [][]*x509.Certificate{{a.cert, b.cert}, {}} {
		id, err := New(vault).PutAuthorities(list)
		if err != nil {
			t.Fatal(err)
		}
		got, err := New(vault).GetAuthorities(id)
		if err != nil || len(got) != len(list) || len(list) > 0 && !got[1].Equal(b.cert) {
			t.Errorf("%v, %v", got, err)
		}
	}
}

func TestDamagedContent(t *testing.T) {
	p, err := Create(Request{CommonName: "mx.example.com", Days: 30})
	if err != nil {
		t.Fatal(err)
	}
	other, err := Create(Request{CommonName: "mx.example.com", Days: 30})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := encodeProfile(p)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := encodeProfile(&Profile{Pairs: []Pair{{Key: p.Pairs[0].Key, Chain: other.Pairs[0].Chain}}})
	if err != nil {
		t.Fatal(err)
	}
	key, _, _ := strings.Cut(string(whole), "-----BEGIN CERTIFICATE-")
	for name, content := range map[string]string{
		"empty": "", "text": "hello", "key alone": key, "certificate first": string(whole[len(key):]), "foreign": string(foreign),
	} {
		if _, err := decodeProfile([]byte(content)); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

func TestStatus(t *testing.T) {
	p, err := Create(Request{CommonName: "mx.example.com", Days: 100})
	if err != nil {
		t.Fatal(err)
	}
	day := 24 * time.Hour
	for _, test := range []struct {
		after   time.Duration
		pending bool
		want    string
	}{
		{0, false, StatusActive}, {0, true, StatusPending}, {69 * day, false, StatusActive}, {71 * day, false, StatusExpiring},
		{101 * day, false, StatusExpired}, {-day, false, StatusNotYetValid},
	} {
		if got := p.Status(time.Now().Add(test.after), test.pending); got != test.want {
			t.Errorf("after %v: %s, want %s", test.after, got, test.want)
		}
	}
}

func TestProfile(t *testing.T) {
	p, err := Demo("mail.example.com")
	if err != nil {
		t.Fatal(err)
	}
	certs := p.TLSCertificates()
	if len(certs) != 2 || certs[0].Leaf.PublicKeyAlgorithm != x509.ECDSA || certs[1].Leaf.PublicKeyAlgorithm != x509.RSA {
		t.Errorf("%d certificates", len(certs))
	}
	if p.CommonName() != "mail.example.com" || p.Issuer() != "mail.example.com" || p.CSR() != nil {
		t.Error(p.CommonName(), p.Issuer())
	}
	if left := time.Until(p.NotAfter()); left < 3649*24*time.Hour || left > 3653*24*time.Hour {
		t.Errorf("%v left", left)
	}
	if !p.Covers("MAIL.example.com.") || p.Covers("x.example.com") || p.Covers("192.0.2.1") {
		t.Error("Covers is wrong")
	}
}

// A key and its certificates come into the form of the vault in whatever order they stand; what does not belong together does not.
func TestCanonical(t *testing.T) {
	t.Parallel()
	p, err := Create(Request{CommonName: "a.example", Days: 9})
	if err != nil {
		t.Fatal(err)
	}
	other, err := Create(Request{CommonName: "b.example", Days: 9})
	if err != nil {
		t.Fatal(err)
	}
	want, err := encodeProfile(p)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Canonical(want); err != nil || !bytes.Equal(got, want) {
		t.Errorf("its own form: %v", err)
	}
	key, certificate := want[:bytes.Index(want, []byte("-----BEGIN CERTIFICATE-----"))], EncodePEM(p.Pairs[0].Chain)
	got, err := Canonical(slices.Concat([]byte("\n  "), certificate, []byte("\n"), key))
	if err != nil || !bytes.Equal(got, slices.Concat(key, certificate)) {
		t.Errorf("the certificate first: %v", err)
	}
	for what, content := range map[string][]byte{
		"nothing": nil, "no key": certificate, "no certificate": key, "another's": slices.Concat(key, EncodePEM(other.Pairs[0].Chain)),
	} {
		if _, err := Canonical(content); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}
