package testscripts

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// What an inward's clients come under: the first two octets of their addresses.
const (
	offered = "127.41" // TLS is preferred
	needed  = "127.42" // TLS is required
	known   = "127.43" // and a client's certificate
)

// inward is an appliance that clients of all kinds come to. Each of them has an address of its own, by which mail_logs
// and findevent know its connection, and a listener is the public one or that of implicit TLS, "Submissions".
type inward struct {
	data    string
	root    *entity // of the authority whose certificates are trusted, and which issued our own
	last    atomic.Uint32
	revoked atomic.Pointer[[]byte] // the list of revoked certificates, as published
}

// newInward starts an appliance with a certificate of its own authority, and with more settings.
func newInward(t *testing.T, settings ...string) *inward {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("needs openssl")
	}
	in := &inward{data: filepath.Join(t.TempDir(), "mail"), root: mint(t, nil, "root", issuing)}
	execute(t, strings.NewReader(password+"\n"), "init", "--data", in.data, "--hostname", "mail.example.com",
		"--ssh", "127.0.0.1:0", "--inbound", "127.0.0.1:0", "--outbound", "127.0.0.1:0", "--admin-password-stdin")
	t.Cleanup(startServer(t, in.data).kill)
	in.write(t, "root.pem", asPEM(in.root))
	lines := []string{
		"dnsconfig new " + nobodyKnown(t),
		"certconfig authority custom import root.pem", "certconfig authority custom enable",
		in.imported(t, "ours", mint(t, in.root, "mail.example.com")),
		"listenerconfig edit InboundMail rcptaccess new b@example.com accept",
		"listenerconfig edit InboundMail certificate ours",
		"listenerconfig new Submissions public Management 0",
		"listenerconfig edit Submissions certificate ours", "listenerconfig edit Submissions implicit_tls on",
		"smtproutes new ALL /dev/null",
	}
	for _, l := range []string{"InboundMail", "Submissions"} {
		for _, g := range []struct{ name, network, policy string }{
			{"OFFERED", offered, "tls preferred"}, {"NEEDED", needed, "tls required"}, {"KNOWN", known, "tls required tls_verify on"},
		} {
			lines = append(lines, fmt.Sprintf("listenerconfig edit %s hostaccess new policy %s accept %s", l, g.name, g.policy),
				fmt.Sprintf("listenerconfig edit %s hostaccess new sendergroup %s %s. policy %s", l, g.name, g.network, g.name))
		}
	}
	in.commit(t, append(lines, settings...)...)
	return in
}

// nobodyKnown is a nameserver that knows no name, so that nobody waits for one.
func nobodyKnown(t *testing.T) string {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeNameError))
	})}
	go server.ActivateAndServe()
	t.Cleanup(func() { server.Shutdown() })
	return conn.LocalAddr().String()
}

// write puts a file where commands read files.
func (in *inward) write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(in.data, "configuration", name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// imported writes a certificate with its key and its chain for certconfig, and returns the command that takes it.
func (in *inward) imported(t *testing.T, profile string, e *entity, chain ...*entity) string {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(e.key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(asPEM(append([]*entity{e}, chain...)...), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	in.write(t, profile+".pem", text)
	file := filepath.Join(in.data, "configuration", profile)
	cmd := exec.Command("openssl", "pkcs12", "-export", "-in", file+".pem", "-out", file+".p12", "-passout", "pass:abc123")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl pkcs12: %v\n%s", err, out)
	}
	return fmt.Sprintf("certconfig import %s %s.p12 abc123", profile, profile)
}

// console runs commands as the machine's owner and returns what each of them said.
func (in *inward) console(t *testing.T, lines ...string) []string {
	t.Helper()
	out := execute(t, strings.NewReader(strings.Join(lines, "\n")+"\n"), "console", "--data", in.data)
	said := strings.Split(out, "mail.example.com> ")
	if len(said) != len(lines)+2 {
		t.Fatalf("%d commands and %d answers: %s", len(lines), len(said)-2, out)
	}
	return said[1 : len(lines)+1]
}

// commit changes the configuration. None of the commands may fail.
func (in *inward) commit(t *testing.T, lines ...string) {
	t.Helper()
	for i, said := range in.console(t, append(lines, "commit force test")...) {
		if bad := complaint.FindString(said); bad != "" {
			t.Fatalf("%s: %s", append(lines, "commit")[i], said)
		}
	}
}

var complaint = regexp.MustCompile(`(?m)^(Error:|Invalid|Failed to|Unable to|No such file|Unknown).*`)

// listener is where one of the listeners is reached.
func (in *inward) listener(t *testing.T, name string) string {
	t.Helper()
	var bound addresses
	data, err := os.ReadFile(filepath.Join(in.data, "run", "addresses.json"))
	if err == nil {
		err = json.Unmarshal(data, &bound)
	}
	if err != nil || len(bound.Listeners[name]) == 0 {
		t.Fatalf("listener %s is not bound: %v: %s", name, err, data)
	}
	return bound.Listeners[name][0]
}

// log is mail_logs.
func (in *inward) log(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(in.data, "logs", "mail_logs", "mail.current"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// awaits waits for a line of mail_logs.
func (in *inward) awaits(t *testing.T, pattern string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	wanted := regexp.MustCompile(pattern)
	if poll(ctx, func() bool { return wanted.MatchString(in.log(t)) }) != nil {
		t.Fatalf("no line like %s:\n%s", pattern, in.log(t))
	}
}
