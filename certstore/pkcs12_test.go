package certstore

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"
)

// TestOpenSSLFiles imports what OpenSSL writes, of old and new encryption.
func TestOpenSSLFiles(t *testing.T) {
	f := newFamily(t)
	dir := t.TempDir()
	key := must[[]byte](t)(x509.MarshalPKCS8PrivateKey(f.leaf.key))
	writeFile(t, filepath.Join(dir, "key.pem"), toPEM("PRIVATE KEY", key))
	writeFile(t, filepath.Join(dir, "leaf.pem"), EncodePEM(certsOf(f.leaf)))
	writeFile(t, filepath.Join(dir, "others.pem"), EncodePEM(certsOf(f.upper, f.lower)))
	for name, options := range map[string][]string{
		"modern":      nil,
		"legacy":      {"-legacy"},
		"3DES":        {"-legacy", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"},
		"RC2":         {"-legacy", "-keypbe", "PBE-SHA1-RC2-40", "-certpbe", "PBE-SHA1-RC2-40"},
		"AES-128":     {"-keypbe", "AES-128-CBC", "-certpbe", "AES-128-CBC", "-macalg", "sha512"},
		"clear certs": {"-certpbe", "NONE"},
		"with a name": {"-name", "my friendly name"},
		"few rounds":  {"-iter", "1"},
		"many rounds": {"-iter", "100000"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"pkcs12", "-export", "-inkey", "key.pem", "-in", "leaf.pem", "-certfile", "others.pem", "-passout", "pass:pass wörd"}
			data := openssl(t, dir, append(args, options...)...)
			p, notes, err := ImportPKCS12(data, "pass wörd", f.root.cert)
			if err != nil || !p.Leaf().Equal(f.leaf.cert) || len(p.Intermediates()) != 2 || !p.Intermediates()[0].Equal(f.lower.cert) {
				t.Fatal(notes, err)
			}
			if want := "disordered"; len(notes) != 1 || !strings.Contains(notes[0], want) {
				t.Errorf("notes %q, want %q", notes, want)
			}
			for _, wrong := range []string{"", "pass word"} {
				if _, _, err := ImportPKCS12(data, wrong); !errors.Is(err, ErrPassphrase) {
					t.Errorf("pass phrase %q: %v", wrong, err)
				}
			}
		})
	}
}

// A file may be without a pass phrase, and may hold more than it should.
func TestOddOpenSSLFiles(t *testing.T) {
	f := newFamily(t)
	stranger := newCA(t, "Stranger")
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "key.pem"), toPEM("PRIVATE KEY", must[[]byte](t)(x509.MarshalPKCS8PrivateKey(f.leaf.key))))
	writeFile(t, filepath.Join(dir, "leaf.pem"), EncodePEM(certsOf(f.leaf)))
	writeFile(t, filepath.Join(dir, "others.pem"), EncodePEM(certsOf(stranger, f.lower, f.lower)))
	for name, options := range map[string][]string{"modern": nil, "legacy": {"-legacy"}} {
		args := []string{"pkcs12", "-export", "-inkey", "key.pem", "-in", "leaf.pem", "-certfile", "others.pem", "-passout", "pass:"}
		data := openssl(t, dir, append(args, options...)...)
		p, notes, err := ImportPKCS12(data, "", f.root.cert)
		if err != nil || !p.Leaf().Equal(f.leaf.cert) || len(p.Intermediates()) != 1 {
			t.Fatalf("%s: %v", name, err)
		}
		said := strings.Join(notes, "\n")
		for _, want := range []string{"Duplicate and left out: CN=Lower", "Not needed and left out: CN=Stranger", "Missing: the certificate of the issuer CN=Upper"} {
			if !strings.Contains(said, want) {
				t.Errorf("%s: %q lacks %q", name, said, want)
			}
		}
		if _, _, err := ImportPKCS12(data, "wrong"); !errors.Is(err, ErrPassphrase) {
			t.Errorf("%s with a wrong pass phrase: %v", name, err)
		}
	}
}

// TestExport lets OpenSSL read what is exported, and reads it again.
func TestExport(t *testing.T) {
	f := newFamily(t)
	p, _, err := Assemble(f.leaf.key, certsOf(f.leaf, f.lower, f.upper), f.root.cert)
	if err != nil {
		t.Fatal(err)
	}
	data, err := ExportPKCS12(p, "secret")
	if err != nil {
		t.Fatal(err)
	}
	again, notes, err := ImportPKCS12(data, "secret", f.root.cert)
	if err != nil || !again.Equal(p) || len(notes) > 0 {
		t.Fatal(notes, err)
	}
	if _, _, err := ImportPKCS12(data, "Secret"); !errors.Is(err, ErrPassphrase) {
		t.Error(err)
	}
	if _, err := ExportPKCS12(p, ""); err == nil {
		t.Error("a key is exported without a pass phrase")
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "out.p12"), data)
	text := openssl(t, dir, "pkcs12", "-in", "out.p12", "-passin", "pass:secret", "-nodes")
	certs, err := ParsePEMChain(text)
	if err != nil || len(certs) != 3 {
		t.Errorf("%d certificates, %v", len(certs), err)
	}
	if key, err := ParseKey(text); err != nil || !belongs(key, f.leaf.cert) {
		t.Error(err)
	}
}

func TestBadPKCS12(t *testing.T) {
	f := newFamily(t)
	other := ecKey(t)
	foreign := must[[]byte](t)(pkcs12.Modern2023.Encode(other, f.leaf.cert, nil, "secret"))
	if _, _, err := ImportPKCS12(foreign, "secret"); !errors.Is(err, ErrWrongKey) {
		t.Errorf("a foreign certificate: %v", err)
	}
	trustStore := must[[]byte](t)(pkcs12.LegacyRC2.EncodeTrustStore(certsOf(f.root), "secret"))
	heavy := must[[]byte](t)(pkcs12.Modern2023.WithIterations(10).Encode(f.leaf.key, f.leaf.cert, nil, "secret"))
	heavy = withIterations(t, heavy)
	for name, data := range map[string][]byte{
		"nothing": nil, "text": []byte("hello"), "PEM": EncodePEM(certsOf(f.leaf)), "certificate": f.leaf.cert.Raw,
		"no key": trustStore, "cut": foreign[:len(foreign)-20], "too large": make([]byte, maxPKCS12+1), "many iterations": heavy,
	} {
		if _, _, err := ImportPKCS12(data, "secret"); !errors.Is(err, ErrParse) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, _, err := ImportPKCS12([]byte{0x30, 0x80, 2, 1, 3}, "secret")
	if !errors.Is(err, ErrParse) || !strings.Contains(err.Error(), "openssl pkcs12") {
		t.Errorf("BER: %v", err)
	}
}

// withIterations writes a monstrous count of iterations into the MAC of a file.
func withIterations(t *testing.T, data []byte) []byte {
	t.Helper()
	var file struct {
		Version  int
		AuthSafe asn1.RawValue
		Mac      struct {
			Digest     asn1.RawValue
			Salt       []byte
			Iterations int
		}
	}
	if _, err := asn1.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	file.Mac.Iterations = 1 << 31
	return must[[]byte](t)(asn1.Marshal(file))
}

func FuzzPKCS12(f *testing.F) {
	fam := newFamily(f)
	data, err := pkcs12.Modern2023.WithIterations(1).Encode(fam.leaf.key, fam.leaf.cert, certsOf(fam.lower), "p")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, "p")
	old, err := pkcs12.LegacyRC2.WithIterations(1).Encode(fam.leaf.key, fam.leaf.cert, nil, "")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(old, "")
	f.Fuzz(func(t *testing.T, data []byte, pass string) {
		if bytes.Contains(data, []byte{0x02, 0x03}) {
			return // counts of iterations that would only make the search slow
		}
		p, _, err := ImportPKCS12(data, pass)
		if (err == nil) != (p != nil) {
			t.Errorf("profile and %v", err)
		}
	})
}
