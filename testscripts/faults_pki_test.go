package testscripts

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// entity is a certificate with its key, as odd as a test wants it.
type entity struct {
	*x509.Certificate
	key crypto.Signer
}

// odd makes a template odd.
type odd func(*x509.Certificate)

// issuing is for issuers, and for those that are none and issue all the same.
func issuing(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid = true, true
	c.KeyUsage, c.ExtKeyUsage, c.DNSNames = x509.KeyUsageCertSign|x509.KeyUsageCRLSign, nil, nil
}

// mint issues a server's certificate of a name, below issuer or, where that is nil, by itself.
func mint(t *testing.T, issuer *entity, name string, how ...odd) *entity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return mintFor(t, issuer, key, name, how...)
}

func mintFor(t *testing.T, issuer *entity, key crypto.Signer, name string, how ...odd) *entity {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, SerialNumber: big.NewInt(time.Now().UnixNano()),
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, o := range how {
		o(template)
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.Certificate, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &entity{c, key}
}

// belowZero is e with a negative serial number, which nobody here issues: the bytes are changed and signed anew.
func belowZero(t *testing.T, issuer, e *entity) *entity {
	t.Helper()
	number := e.SerialNumber.Bytes()
	at := bytes.Index(e.RawTBSCertificate, number)
	signed := bytes.Clone(e.RawTBSCertificate)
	signed[at] |= 0x80
	sum := sha256.Sum256(signed)
	signature, err := issuer.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	der, err := asn1.Marshal(struct {
		Signed    asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{
		asn1.RawValue{FullBytes: signed}, pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}},
		asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &entity{&x509.Certificate{Raw: der}, e.key}
}

// shows is a server that sends the first entity's certificate, signs with its key, and sends the others behind it.
func (e *entity) shows(others ...*entity) *tls.Config {
	chain := tls.Certificate{Certificate: [][]byte{e.Raw}, PrivateKey: e.key}
	for _, o := range others {
		chain.Certificate = append(chain.Certificate, o.Raw)
	}
	return &tls.Config{Certificates: []tls.Certificate{chain}}
}

// asPEM are certificates as an operator imports them.
func asPEM(list ...*entity) []byte {
	var text []byte
	for _, e := range list {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.Raw})...)
	}
	return text
}

// upTo is a server that speaks no version above.
func upTo(version uint16, conf *tls.Config) *tls.Config {
	conf.MinVersion, conf.MaxVersion = tls.VersionTLS10, version
	return conf
}

// impostor claims one key and signs with another.
type impostor struct {
	crypto.Signer
	claimed crypto.PublicKey
}

func (i impostor) Public() crypto.PublicKey { return i.claimed }

// rsaKey is an RSA key; crypto/rsa makes none below 1024 bits.
func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// publishes serves the revocation lists of authorities, by name; a nil list is not there.
func publishes(t *testing.T, lists map[string][]byte) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		list := lists[q.URL.Path]
		if list == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Write(list)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// revokes is an authority's list of revoked certificates that ends so long from now.
func (e *entity) revokes(t *testing.T, life time.Duration, revoked ...*entity) []byte {
	t.Helper()
	template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-24 * time.Hour), NextUpdate: time.Now().Add(life)}
	for _, r := range revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: r.SerialNumber, RevocationTime: time.Now().Add(-2 * time.Hour), ReasonCode: 1,
		})
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, e.Certificate, e.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// opensslServer starts openssl s_server and returns its address; empty where there is no openssl.
func opensslServer(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		return ""
	}
	cmd := exec.Command(path, append([]string{"s_server", "-accept", "127.0.0.1:0", "-rev"}, args...)...)
	cmd.Env = []string{"OPENSSL_CONF=/dev/null"}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	drained := make(chan struct{})
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-drained
		cmd.Wait()
	})
	lines := bufio.NewReader(out)
	var said string
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			close(drained)
			t.Fatalf("openssl s_server %q: %s", args, said)
		}
		if m := acceptsLine.FindStringSubmatch(line); m != nil {
			go func() { io.Copy(io.Discard, lines); close(drained) }()
			return net.JoinHostPort("127.0.0.1", m[1])
		}
		said += line
	}
}

var acceptsLine = regexp.MustCompile(`^ACCEPT .*:(\d+)\s`)

// files writes an entity where openssl finds it.
func (e *entity) files(t *testing.T) []string {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(e.key)
	if err != nil {
		t.Fatal(err)
	}
	return keyFiles(t, asPEM(e), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
}

func keyFiles(t *testing.T, cert, key []byte) []string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range map[string][]byte{"cert": cert, "key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"-cert", filepath.Join(dir, "cert"), "-key", filepath.Join(dir, "key")}
}

// tiny issues a certificate for an RSA key so short that nothing but openssl still makes one.
func tiny(t *testing.T, issuer *entity, bits int, name string) []string {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		return nil
	}
	key := filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("openssl", "genrsa", "-out", key, strconv.Itoa(bits)).CombinedOutput(); err != nil {
		t.Fatalf("openssl genrsa: %v\n%s", err, out)
	}
	out, err := exec.Command("openssl", "rsa", "-in", key, "-pubout").Output()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(out)
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	leaf := mintFor(t, issuer, impostor{issuer.key, public}, name)
	private, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	return keyFiles(t, asPEM(leaf), private)
}
