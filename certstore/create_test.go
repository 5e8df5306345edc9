package certstore

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"path/filepath"
	"strings"
	"testing"
)

func TestCreate(t *testing.T) {
	p, err := Create(Request{
		CommonName: "mx.example.com", Organization: "Example", Unit: "Mail", Locality: "Bremen", Province: "HB", Country: "de",
		Days: 3650, SANs: []string{"mx.example.com", " *.example.com", "192.0.2.1", "bücher.example"},
	})
	if err != nil {
		t.Fatal(err)
	}
	leaf := p.Leaf()
	if got := DN(leaf.Subject); got != "C=DE,ST=HB,L=Bremen,O=Example,OU=Mail,CN=mx.example.com" {
		t.Errorf("subject %s", got)
	}
	block, _ := pem.Decode(p.CSR())
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || csr.CheckSignature() != nil || DN(csr.Subject) != DN(leaf.Subject) {
		t.Fatal(err)
	}
	want := "mx.example.com *.example.com xn--bcher-kva.example"
	if strings.Join(csr.DNSNames, " ") != want || strings.Join(leaf.DNSNames, " ") != want || len(leaf.IPAddresses) != 1 || len(csr.IPAddresses) != 1 {
		t.Error(leaf.DNSNames, csr.DNSNames, leaf.IPAddresses)
	}
	if !SelfSigned(leaf) || leaf.SerialNumber.Sign() <= 0 || leaf.IsCA {
		t.Error("the certificate has a wrong form")
	}
	for _, host := range []string{"mx.example.com", "any.example.com", "192.0.2.1", "bücher.example"} {
		ascii := host
		if name, err := HostName(host); err == nil {
			ascii = name
		}
		if !p.Covers(ascii) {
			t.Errorf("does not cover %s", host)
		}
	}
}

func TestKeyKinds(t *testing.T) {
	for kind, bits := range map[KeyKind]int{"": 256, P256: 256, P384: 384, RSA2048: 2048, RSA3072: 3072, RSA4096: 4096} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			p, err := Create(Request{CommonName: "Example Mail", Days: 1, Key: kind})
			if err != nil {
				t.Fatal(err)
			}
			got := 0
			switch key := p.Pairs[0].Key.(type) {
			case *ecdsa.PrivateKey:
				got = key.Curve.Params().BitSize
			case *rsa.PrivateKey:
				got = key.N.BitLen()
			}
			if got != bits || len(p.Leaf().DNSNames) != 0 {
				t.Errorf("%d bits, names %q", got, p.Leaf().DNSNames)
			}
		})
	}
}

func TestBadRequests(t *testing.T) {
	good := Request{CommonName: "mx.example.com", Days: 365}
	for want, change := range map[string]func(*Request){
		"common name is missing":   func(r *Request) { r.CommonName = " " },
		"common name":              func(r *Request) { r.CommonName = strings.Repeat("x", 65) },
		"organization":             func(r *Request) { r.Organization = "a\nb" },
		"organizational unit":      func(r *Request) { r.Unit = "\x00" },
		"country":                  func(r *Request) { r.Country = "DEU" },
		"a code of 2 letters":      func(r *Request) { r.Country = "D1" },
		"1 to 36500 days":          func(r *Request) { r.Days = 0 },
		"36500 days":               func(r *Request) { r.Days = 36501 },
		"rsa4096":                  func(r *Request) { r.Key = "dsa" },
		"neither a host name":      func(r *Request) { r.SANs = []string{"a b"} },
		"nor an address":           func(r *Request) { r.SANs = []string{"x.*.example"} },
		"subject alternative name": func(r *Request) { r.SANs = []string{""} },
	} {
		r := good
		change(&r)
		if _, err := Create(r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// TestOpenSSLReadsUs lets OpenSSL check a signing request and sign it.
func TestOpenSSLReadsUs(t *testing.T) {
	p, err := Create(Request{CommonName: "mx.example.com", Country: "DE", Days: 10, Key: RSA2048})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "csr.pem"), p.CSR())
	openssl(t, dir, "req", "-in", "csr.pem", "-verify", "-noout")
	openssl(t, dir, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=OpenSSL CA", "-days", "10")
	answer := openssl(t, dir, "x509", "-req", "-in", "csr.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "5")
	certs, err := ParsePEMChain(answer)
	if err != nil {
		t.Fatal(err)
	}
	signed, _, err := p.Update(certs, false)
	if err != nil || signed.Issuer() != "OpenSSL CA" {
		t.Error(err)
	}
}

func TestDN(t *testing.T) {
	for _, test := range []struct {
		name pkix.Name
		want string
	}{
		{pkix.Name{Country: []string{"DE"}, Organization: []string{"Example"}, CommonName: "mx1.partner.example"}, "C=DE,O=Example,CN=mx1.partner.example"},
		{pkix.Name{Organization: []string{"Example, Inc."}}, `O=Example\, Inc.`},
		{pkix.Name{CommonName: "a\r\nb\x1b[31m"}, `CN=a\0D\0Ab\1B[31m`},
		{pkix.Name{CommonName: "Müller"}, "CN=Müller"},
		{pkix.Name{}, ""},
	} {
		if got := DN(test.name); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

func TestMatchName(t *testing.T) {
	for _, test := range []struct {
		name, host string
		want       bool
	}{
		{"mx1.partner.example", "mx1.partner.example", true},
		{"MX1.Partner.Example.", "mx1.partner.example", true},
		{"*.partner.example", "mx1.partner.example", true},
		{"*.partner.example", "a.mx1.partner.example", false},
		{"*.partner.example", "partner.example", false},
		{"*.example", "partner.example", false},
		{"*", "partner", false},
		{"mx*.partner.example", "mx1.partner.example", false},
		{"mx1.*.example", "mx1.partner.example", false},
		{"*.*.example", "mx1.partner.example", false},
		{"192.0.2.1", "192.0.2.1", false},
		{"*.0.2.1", "192.0.2.1", false},
		{"", "", false},
		{"*.partner.example", ".partner.example", false},
		{"*.partner.example", "*.partner.example", true},
	} {
		if got := MatchName(test.name, test.host); got != test.want {
			t.Errorf("%q, %q: %v", test.name, test.host, got)
		}
	}
}

func TestHostName(t *testing.T) {
	for _, good := range []string{"a", "mx1.partner.example", "MX1.Partner.Example.", "_x.example", "1.example"} {
		if _, err := HostName(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", ".", "a..b", "-a.example", "a-.example", "a b", "a\nb", "192.0.2.1", "2001:db8::1", "../x", strings.Repeat("a", 64), strings.Repeat("a.", 127) + "aa", "*.example"} {
		if name, err := HostName(bad); err == nil {
			t.Errorf("%q is %q", bad, name)
		}
	}
}
