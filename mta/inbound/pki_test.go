package inbound

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"posthouse/config"
)

// authority issues certificates to clients.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, cn string) *authority {
	a := &authority{t: t}
	a.key = newKey(t)
	a.cert = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: cn, Organization: []string{"Partner"}}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}, nil, a.key)
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign completes and signs a certificate; a nil parent stands for the certificate itself.
func (a *authority) sign(leaf, parent *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	a.t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		a.t.Fatal(err)
	}
	leaf.SerialNumber, leaf.NotBefore, leaf.NotAfter = serial, time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if parent == nil {
		parent = leaf
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, parent, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

// client issues a certificate for a client.
func (a *authority) client(cn string, names ...string) tls.Certificate {
	a.t.Helper()
	key := newKey(a.t)
	leaf := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: cn, Organization: []string{"Partner, Inc."}}, DNSNames: names,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, a.cert, key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

// trust puts authorities on the custom list, and that list in force alone.
func (r *rig) trust(c *config.Config, list ...*authority) {
	r.t.Helper()
	var certs []*x509.Certificate
	for _, a := range list {
		certs = append(certs, a.cert)
	}
	id, err := r.certs.PutAuthorities(certs)
	if err != nil {
		r.t.Fatal(err)
	}
	c.Authorities = config.Authorities{Custom: true}
	c.Refs[config.AuthoritiesRef] = id
}
