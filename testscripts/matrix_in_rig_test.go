package testscripts

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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

// caller is one client.
type caller struct {
	t    *testing.T
	in   *inward
	from string
	conn net.Conn
	r    *lineReader
}

// newcomer is a client of a network that has not come yet.
func (in *inward) newcomer(t *testing.T, network string) *caller {
	n := in.last.Add(1)
	return &caller{t: t, in: in, from: fmt.Sprintf("%s.%d.%d", network, n/250, 1+n%250)}
}

// call connects.
func (c *caller) call(listener string) *caller {
	c.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(c.from)}, Timeout: patience}
	conn, err := d.Dial("tcp", c.in.listener(c.t, listener))
	if err != nil {
		c.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	c.t.Cleanup(func() { conn.Close() })
	c.use(conn)
	return c
}

func (c *caller) use(conn net.Conn) { c.conn, c.r = conn, newLineReader(conn) }

// say sends a line, and hears the reply; a - in place of the line sends none.
func (c *caller) say(line, want string) string {
	c.t.Helper()
	if line != "-" {
		fmt.Fprintf(c.conn, "%s\r\n", line)
	}
	var reply strings.Builder
	for {
		got, err := c.r.next()
		reply.WriteString(got + "\n")
		if err != nil || !strings.HasPrefix(got, want[:3]) {
			c.t.Fatalf("%q is answered with %q (%v), want %q", line, reply.String(), err, want)
		}
		if len(got) > 3 && got[3] == ' ' {
			if !strings.HasPrefix(got, want) {
				c.t.Fatalf("%q is answered with %q, want %q", line, reply.String(), want)
			}
			return reply.String()
		}
	}
}

// ready goes as far as the 220 to STARTTLS.
func (c *caller) ready() *caller {
	c.t.Helper()
	c.say("-", "220 ")
	if offer := c.say("EHLO client.example", "250 SIZE"); !strings.Contains(offer, "STARTTLS") {
		c.t.Errorf("STARTTLS is not offered: %s", offer)
	}
	c.say("STARTTLS", "220 2.0.0 Go ahead with TLS")
	return c
}

// rest reads until the far end closes, closes too, and returns what else was said.
func (c *caller) rest() string {
	var said bytes.Buffer
	io.Copy(&said, c.r.from)
	c.conn.Close()
	return said.String()
}

// program runs a client that is not ours from the caller's address and returns its output. It ends by itself or is at
// the end of its input.
func (c *caller) program(stdin string, args ...string) string {
	c.t.Helper()
	path, err := exec.LookPath(args[0])
	if err != nil {
		c.t.Skip("needs " + args[0])
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args[1:]...)
	cmd.Env = append(os.Environ(), "OPENSSL_CONF=/dev/null")
	cmd.Stdin = strings.NewReader(stdin)
	out, _ := cmd.CombinedOutput()
	return string(out)
}

// openssl is s_client that says QUIT behind the handshake and hears the server out.
func (c *caller) openssl(listener string, args ...string) string {
	c.t.Helper()
	call := []string{"openssl", "s_client", "-connect", c.in.listener(c.t, listener), "-bind", c.from + ":0", "-crlf", "-ign_eof"}
	if listener != "Submissions" {
		call = append(call, "-starttls", "smtp")
	}
	return c.program("QUIT\n", append(call, args...)...)
}

var (
	comesLine  = regexp.MustCompile(`New SMTP ICID (\d+) interface .* address (\S+) reverse`)
	icidLine   = regexp.MustCompile(`Info: (Start MID \d+ |MID \d+ )?ICID (\d+) ?(.*)$`)
	accessLine = regexp.MustCompile(`^(ACCEPT|RELAY|REJECT) SG `)
)

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

// visits are the lines of mail_logs about a caller's connections once all of them are closed: those between the host
// access table's decision and the close, without OpenSSL's numbers and with the caller's address as ADDR.
func (c *caller) visits(n int) []string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	var said []string
	err := poll(ctx, func() bool {
		var closed int
		said, closed = c.read(c.in.log(c.t))
		return closed >= n
	})
	if err != nil {
		c.t.Fatalf("%d connections of %s are not over:\n%s", n, c.from, strings.Join(said, "\n"))
	}
	return said
}

func (c *caller) read(text string) (said []string, closed int) {
	mine := map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if m := comesLine.FindStringSubmatch(line); m != nil && m[2] == c.from {
			mine[m[1]] = true
			continue
		}
		m := icidLine.FindStringSubmatch(line)
		if m == nil || !mine[m[2]] {
			continue
		}
		switch what := m[3]; {
		case what == "close":
			closed++
		case m[1] != "":
			said = append(said, "MID "+what)
		case !accessLine.MatchString(what):
			what = openSSL.ReplaceAllString(what, "$1")
			said = append(said, strings.ReplaceAll(what, c.from, "ADDR"))
		}
	}
	return said, closed
}

// want holds what mail_logs says of the caller's one connection against lines in which a * stands for anything.
func (c *caller) want(lines ...string) {
	c.t.Helper()
	got := strings.Join(c.visits(1), "\n")
	pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.Join(lines, "\n")), `\*`, ".*")
	if !regexp.MustCompile("^" + pattern + "$").MatchString(got) {
		c.t.Errorf("mail_logs:\n%s\nwant:\n%s", got, strings.Join(lines, "\n"))
	}
}
