package acme

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"posthouse/certstore"
)

const (
	pebbleModule = "github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1"
	pebbleHost   = "127.0.0.3" // where it listens
	ownHost      = "127.0.0.2" // where challenges are answered

	patience = 60 * time.Second // bounds every wait for an event
)

// programs is the folder of what tests build; TestMain makes it and removes it.
var programs string

// buildPebble builds it once for all tests.
var buildPebble = sync.OnceValues(func() (string, error) {
	build := exec.Command("go", "install", pebbleModule)
	build.Env = append(os.Environ(), "GOBIN="+programs, "GOFLAGS=-mod=mod")
	build.Dir = programs
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return filepath.Join(programs, "pebble"), nil
})

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "acme-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	programs = dir
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		os.RemoveAll(dir)
		os.Exit(status)
	}))
}

// pebble is a real authority on loopback.
type pebble struct {
	directory  string
	management string
	roots      *x509.CertPool // who vouches for its HTTPS
	ns         *nameserver
	httpPort   int // where it visits for http-01
	tlsPort    int
}

type pebbleConfig struct {
	validity int // seconds
	eab      map[string]string
	chain    int    // intermediates
	blocked  string // a name that it issues for nobody
}

// hold keeps a port from everybody who would take it on all addresses, while it is free on the others of loopback.
func hold(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

func startPebble(t *testing.T, c pebbleConfig) *pebble {
	t.Helper()
	binary, err := buildPebble()
	if err != nil {
		t.Skipf("pebble cannot be built: %v", err)
	}
	p := &pebble{roots: x509.NewCertPool(), ns: startNameserver(t, ownHost), httpPort: hold(t), tlsPort: hold(t)}
	listen, manage := net.JoinHostPort(pebbleHost, fmt.Sprint(hold(t))), net.JoinHostPort(pebbleHost, fmt.Sprint(hold(t)))
	p.directory, p.management = "https://"+listen+"/dir", "https://"+manage
	dir := t.TempDir()
	p.writeKeys(t, dir)
	if c.validity == 0 {
		c.validity = 7776000
	}
	settings := map[string]any{
		"listenAddress": listen, "managementListenAddress": manage, "httpPort": p.httpPort, "tlsPort": p.tlsPort,
		"certificate": filepath.Join(dir, "cert.pem"), "privateKey": filepath.Join(dir, "key.pem"), "keyAlgorithm": "ecdsa",
		"externalAccountBindingRequired": c.eab != nil, "externalAccountMACKeys": c.eab,
		"retryAfter": map[string]int{"authz": 1, "order": 1},
		"profiles":   map[string]any{"default": map[string]any{"description": "tests", "validityPeriod": c.validity}},
	}
	if c.blocked != "" {
		settings["domainBlocklist"] = []string{c.blocked}
	}
	text, err := json.Marshal(map[string]any{"pebble": settings})
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "config.json")
	if err := os.WriteFile(conf, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-config", conf, "-dnsserver", p.ns.address, "-strict")
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "PEBBLE_AUTHZREUSE=0", fmt.Sprintf("PEBBLE_CHAIN_LENGTH=%d", max(1, c.chain)))
	run(t, cmd)
	p.await(t, listen)
	p.await(t, manage)
	return p
}

// run starts a program that ends with the test, and shows what it said where the test fails.
func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		io.Copy(&said, bufio.NewReader(out))
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-read
		cmd.Wait()
		if t.Failed() {
			lines := strings.Split(said.String(), "\n")
			t.Logf("pebble:\n%s", strings.Join(lines[max(0, len(lines)-30):], "\n"))
		}
	})
}

// writeKeys makes the certificate of pebble's own HTTPS.
func (p *pebble) writeKeys(t *testing.T, dir string) {
	t.Helper()
	own, err := certstore.Create(certstore.Request{CommonName: "pebble", SANs: []string{pebbleHost}, Days: 1})
	if err != nil {
		t.Fatal(err)
	}
	key, err := encodeKey(own.Pairs[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	p.roots.AddCert(own.Leaf())
	for name, content := range map[string][]byte{"cert.pem": certstore.EncodePEM(own.Pairs[0].Chain), "key.pem": key} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// await waits until somebody answers at an address.
func (p *pebble) await(t *testing.T, address string) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: p.roots})
		if err == nil {
			conn.Close()
			return
		}
		<-time.After(20 * time.Millisecond)
	}
	t.Fatalf("pebble does not listen at %s", address)
}

// advise makes pebble advise a window for a certificate.
func (p *pebble) advise(t *testing.T, leaf *x509.Certificate, start, end time.Time) {
	t.Helper()
	window, err := json.Marshal(map[string]any{"suggestedWindow": map[string]any{"start": start.UTC(), "end": end.UTC()}})
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]string{
		"certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})), "ariResponse": string(window),
	})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.roots}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Post(p.management+"/set-renewal-info/", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("set-renewal-info: %s", response.Status)
	}
}
