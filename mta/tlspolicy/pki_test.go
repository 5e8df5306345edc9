package tlspolicy

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"sync/atomic"
	"testing"
	"time"

	"posthouse/config"
)

// entity is a certificate with its key, made for one test.
type entity struct {
	cert *x509.Certificate
	key  crypto.Signer
}

var serial atomic.Int64

func ecKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t testing.TB, bits int) crypto.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue makes a certificate that by signs; by nil means itself. change edits the template.
func issue(t testing.TB, by *entity, key crypto.Signer, name string, change ...func(*x509.Certificate)) *entity {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		BasicConstraintsValid: true,
	}
	for _, f := range change {
		f(template)
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
	return &entity{cert: cert, key: key}
}

func isCA(c *x509.Certificate) {
	c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
}

func dnsNames(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.DNSNames = names
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
}

// pki is a root, an intermediate, and a leaf for mx1.partner.example.
type pki struct {
	root, mid, leaf *entity
}

func newPKI(t testing.TB) pki {
	t.Helper()
	root := issue(t, nil, ecKey(t), "Test Root", isCA)
	mid := issue(t, root, ecKey(t), "Test Issuing CA", isCA)
	leaf := issue(t, mid, ecKey(t), "mx1.partner.example", dnsNames("mx1.partner.example"))
	return pki{root, mid, leaf}
}

// shown is what a server shows: the first's key, and all certificates in that order.
func shown(first *entity, more ...*entity) tls.Certificate {
	c := tls.Certificate{PrivateKey: first.key, Certificate: [][]byte{first.cert.Raw}}
	for _, e := range more {
		c.Certificate = append(c.Certificate, e.cert.Raw)
	}
	return c
}

func trusting(certs ...*entity) *Trust {
	var list []*x509.Certificate
	for _, e := range certs {
		list = append(list, e.cert)
	}
	return trustIn(modern(), list, nil)
}

// modern are the settings of a new appliance.
func modern() settings {
	s, err := compile(config.SSLService{})
	if err != nil {
		panic(err)
	}
	return s
}

// examined is what there is to say of certificates for a server that has to have one of the names.
func examined(t *Trust, certs []*x509.Certificate, names []string) ([]Finding, string) {
	v := t.examine(certs, x509.ExtKeyUsageServerAuth)
	peer, mismatch := matchNames(certs[0], names, true)
	if mismatch != nil {
		v.findings = append(v.findings, *mismatch)
	}
	sortFindings(v.findings)
	return v.findings, peer
}

func certsOf(entities ...*entity) (certs []*x509.Certificate) {
	for _, e := range entities {
		certs = append(certs, e.cert)
	}
	return certs
}
