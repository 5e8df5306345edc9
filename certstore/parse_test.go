package certstore

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/smallstep/pkcs7"
)

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func toPEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// openssl runs the tool in dir, or skips the test where there is none.
func openssl(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	tool, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	cmd := exec.Command(tool, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl %q: %v\n%s", args, err, stderr.Bytes())
	}
	return out
}

func TestParsePEMChain(t *testing.T) {
	f := newFamily(t)
	two := EncodePEM(certsOf(f.leaf, f.lower))
	der := append(bytes.Clone(f.leaf.cert.Raw), f.lower.cert.Raw...)
	key := toPEM("PRIVATE KEY", must[[]byte](t)(x509.MarshalPKCS8PrivateKey(f.leaf.key)))
	for name, data := range map[string][]byte{
		"PEM":           two,
		"CRLF":          bytes.ReplaceAll(two, []byte("\n"), []byte("\r\n")),
		"indented":      bytes.ReplaceAll(two, []byte("\n"), []byte("\n   ")),
		"with text":     append([]byte("subject=CN = mx.example.com\n\n"), two...),
		"no final line": bytes.TrimRight(two, "\n"),
		"with key":      append(bytes.Clone(key), two...),
		"DER":           der,
		"base64":        []byte(base64.StdEncoding.EncodeToString(der)),
		"trusted":       append(toPEM("TRUSTED CERTIFICATE", append(bytes.Clone(f.leaf.cert.Raw), 0x30, 0)), EncodePEM(certsOf(f.lower))...),
	} {
		certs, err := ParsePEMChain(data)
		if err != nil || len(certs) != 2 || !certs[0].Equal(f.leaf.cert) || !certs[1].Equal(f.lower.cert) {
			t.Errorf("%s: %d certificates, %v", name, len(certs), err)
		}
	}
	cut := bytes.Replace(two, []byte("-----END"), []byte("----END"), 1)
	for name, data := range map[string][]byte{
		"nothing": nil, "text": []byte("hello"), "key alone": key, "cut": cut, "request": toPEM("CERTIFICATE REQUEST", []byte("x")),
		"broken": toPEM("CERTIFICATE", []byte("x")), "too large": make([]byte, maxInput+1), "zeros": make([]byte, 100),
	} {
		certs, err := ParsePEMChain(data)
		if !errors.Is(err, ErrParse) || certs != nil {
			t.Errorf("%s: %d certificates, %v", name, len(certs), err)
		}
	}
}

// What is wrong with a pasted block is named, and the whole ones beside it are not lost.
func TestTornPEM(t *testing.T) {
	f := newFamily(t)
	one, other := EncodePEM(certsOf(f.leaf)), EncodePEM(certsOf(f.lower))
	for want, first := range map[string][]byte{
		"PEM block 1 of 2 is cut off: there is no line -----END CERTIFICATE-----": append(bytes.Clone(one[:100]), '\n'),
		"PEM block 1 of 2 is damaged": bytes.Replace(one, []byte("M"), []byte("*"), 1),
	} {
		blocks, err := splitPEM(append(first, other...))
		if err == nil || !strings.HasSuffix(err.Error(), want) || len(blocks) != 1 || !bytes.Equal(blocks[0].Bytes, f.lower.cert.Raw) {
			t.Errorf("%d blocks, %v; want %s", len(blocks), err, want)
		}
	}
}

// TestPKCS7 takes an authority's answer as OpenSSL writes it.
func TestPKCS7(t *testing.T) {
	f := newFamily(t)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "chain.pem"), EncodePEM(certsOf(f.leaf, f.lower, f.upper)))
	for _, form := range []string{"PEM", "DER"} {
		bundle := openssl(t, dir, "crl2pkcs7", "-nocrl", "-certfile", "chain.pem", "-outform", form)
		certs, err := ParsePEMChain(bundle)
		if err != nil || len(certs) != 3 {
			t.Fatalf("%s: %d certificates, %v", form, len(certs), err)
		}
		p, _, err := Assemble(f.leaf.key, certs, f.root.cert)
		if err != nil || !p.Leaf().Equal(f.leaf.cert) || len(p.Intermediates()) != 2 {
			t.Errorf("%s: %v", form, err)
		}
	}
}

func TestParseKey(t *testing.T) {
	ec := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	rs := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8 := func(key any) []byte { return must[[]byte](t)(x509.MarshalPKCS8PrivateKey(key)) }
	sec1 := must[[]byte](t)(x509.MarshalECPrivateKey(ec))
	parameters := toPEM("EC PARAMETERS", []byte{6, 5, 43, 129, 4, 0, 34})
	for name, test := range map[string]struct {
		data []byte
		want crypto.Signer
	}{
		"PKCS#8 ECDSA":   {toPEM("PRIVATE KEY", pkcs8(ec)), ec},
		"PKCS#8 RSA":     {toPEM("PRIVATE KEY", pkcs8(rs)), rs},
		"PKCS#8 Ed25519": {toPEM("PRIVATE KEY", pkcs8(ed)), ed},
		"PKCS#1":         {toPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rs)), rs},
		"SEC1":           {append(parameters, toPEM("EC PRIVATE KEY", sec1)...), ec},
		"DER":            {pkcs8(ec), ec},
		"DER SEC1":       {sec1, ec},
	} {
		key, err := ParseKey(test.data)
		if err != nil || !key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(test.want.Public()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	marked := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rs), Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}}
	two := append(toPEM("PRIVATE KEY", pkcs8(ec)), toPEM("PRIVATE KEY", pkcs8(rs))...)
	for name, test := range map[string]struct {
		data []byte
		want error
	}{
		"encrypted PKCS#8": {toPEM("ENCRYPTED PRIVATE KEY", []byte("x")), ErrEncrypted},
		"encrypted PKCS#1": {pem.EncodeToMemory(marked), ErrEncrypted},
		"two keys":         {two, ErrParse},
		"cut":              {pkcs8(rs)[:500], ErrParse},
		"broken":           {toPEM("PRIVATE KEY", pkcs8(rs)[:500]), ErrParse},
		"for SSH":          {toPEM("OPENSSH PRIVATE KEY", []byte("x")), ErrParse},
		"certificate":      {toPEM("CERTIFICATE", []byte("x")), ErrParse},
		"nothing":          {nil, ErrParse},
	} {
		key, err := ParseKey(test.data)
		if !errors.Is(err, test.want) || key != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestErrorsHoldNoKey cuts and twists keys everywhere, and wants no error to show any of them.
func TestErrorsHoldNoKey(t *testing.T) {
	key := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 1024))
	der := x509.MarshalPKCS1PrivateKey(key)
	secrets := []string{key.D.String(), key.Primes[0].String(), key.D.Text(16)}
	for i := 0; i < len(der); i += 3 {
		broken := bytes.Clone(der)
		broken[i] ^= 0x55
		for _, data := range [][]byte{broken, toPEM("RSA PRIVATE KEY", broken), toPEM("PRIVATE KEY", der[:i]), append([]byte{0x30, 0x80}, broken...)} {
			_, err := ParseKey(data)
			_, _, importErr := ImportPKCS12(data, "secret-pass")
			for _, err := range []error{err, importErr} {
				if err == nil {
					continue
				}
				if len(err.Error()) > 250 || strings.Contains(err.Error(), "secret-pass") || containsAny(err.Error(), secrets) {
					t.Fatalf("error %q", err)
				}
			}
		}
	}
}

func containsAny(s string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}

// FuzzPKCS7 holds that a bundle gives certificates or an error, and never both.
func FuzzPKCS7(f *testing.F) {
	fam := newFamily(f)
	bundle, err := pkcs7.DegenerateCertificate(append(bytes.Clone(fam.leaf.cert.Raw), fam.lower.cert.Raw...))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bundle)
	f.Add(bundle[:len(bundle)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		certs, err := parseDERCertificates(data)
		if (err == nil) != (len(certs) > 0) {
			t.Fatalf("%d certificates and %v", len(certs), err)
		}
		if pem, err := ParsePEMChain(toPEM("PKCS7", data)); (err == nil) != (len(certs) > 0) || len(pem) != len(certs) {
			t.Errorf("as PEM %d certificates, %v", len(pem), err)
		}
		climb(fam.leaf.cert, append(certs, fam.leaf.cert))
	})
}

func FuzzPEM(f *testing.F) {
	fam := newFamily(f)
	key, err := x509.MarshalPKCS8PrivateKey(fam.leaf.key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(EncodePEM(certsOf(fam.leaf, fam.lower)))
	f.Add(append(toPEM("PRIVATE KEY", key), EncodePEM(certsOf(fam.leaf))...))
	f.Add(fam.leaf.cert.Raw)
	f.Add([]byte("-----BEGIN TRUSTED CERTIFICATE-----\nMIIB\n-----END TRUSTED CERTIFICATE-----"))
	f.Add([]byte("0\x80\x06\x09*\x86H\x86\xf7\r\x01\a\x02\xa0\x80"))
	f.Fuzz(func(t *testing.T, data []byte) {
		certs, err := ParsePEMChain(data)
		if (err == nil) != (len(certs) > 0) {
			t.Errorf("%d certificates and %v", len(certs), err)
		}
		if again, err := ParsePEMChain(EncodePEM(certs)); len(certs) > 0 && (err != nil || len(again) != len(certs)) {
			t.Errorf("written and read again: %v", err)
		}
		if key, err := ParseKey(data); (err == nil) != (key != nil) {
			t.Errorf("key and %v", err)
		}
		decodeProfile(data)
		ParseAuthorities(data)
	})
}
