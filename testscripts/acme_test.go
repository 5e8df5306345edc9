package testscripts

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"
)

const (
	pebbleModule  = "github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1"
	pebbleHost    = "127.0.0.3" // where the authority listens
	challengeHost = "127.0.0.2" // what every name resolves to: where challenges are answered
	updateKey     = "update-key."
	updateSecret  = "c29tZSBzZWNyZXQgb2YgdGhlIHRlc3Q="
)

// pebbleBuilt builds the authority beside the binary, once; the error says why there is none.
var pebbleBuilt = sync.OnceValue(func() error {
	build := exec.Command("go", "install", pebbleModule)
	build.Env = append(os.Environ(), "GOBIN="+binary, "GOFLAGS=-mod=mod")
	build.Dir = binary
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
})

// pebbleVerb is "pebble": a real certificate authority for every name below acme.example, at $ACME_DIRECTORY; its
// HTTPS is vouched for by pebble-ca.pem. It visits $ACME_HTTP and $ACME_TLS at $ACME_HOST, and asks $ACME_DNS, which takes
// updates for acme.example signed with the key update-key, whose secret is in the file tsig.
func pebbleVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: pebble")
	}
	ts.Check(pebbleBuilt())
	zone := newUpdatedZone(ts)
	visits := [2]string{heldPort(ts), heldPort(ts)}
	listen, manage := net.JoinHostPort(pebbleHost, heldPort(ts)), net.JoinHostPort(pebbleHost, heldPort(ts))
	pebbleKeys(ts)
	config := map[string]any{
		"listenAddress": listen, "managementListenAddress": manage, "keyAlgorithm": "ecdsa",
		"certificate": ts.MkAbs("pebble.pem"), "privateKey": ts.MkAbs("pebble.key"),
		"httpPort": json.Number(visits[0]), "tlsPort": json.Number(visits[1]), "retryAfter": map[string]int{"authz": 1, "order": 1},
		"profiles": map[string]any{"default": map[string]any{"description": "tests", "validityPeriod": 7776000}},
	}
	text, err := json.Marshal(map[string]any{"pebble": config})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("pebble.json"), text, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("tsig"), []byte(updateSecret+"\n"), 0o600))
	startPebble(ts, listen, zone)
	for name, value := range map[string]string{
		"ACME_DIRECTORY": "https://" + listen + "/dir", "ACME_HTTP": visits[0], "ACME_TLS": visits[1], "ACME_HOST": challengeHost, "ACME_DNS": zone,
	} {
		ts.Setenv(name, value)
	}
}

// startPebble runs it until the script ends and waits until it answers.
func startPebble(ts *testscript.TestScript, listen, zone string) {
	cmd := exec.Command(filepath.Join(binary, "pebble"), "-config", ts.MkAbs("pebble.json"), "-dnsserver", zone)
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "PEBBLE_AUTHZREUSE=0")
	log, err := os.Create(ts.MkAbs("pebble.log"))
	ts.Check(err)
	cmd.Stdout, cmd.Stderr = log, log
	ts.Check(cmd.Start())
	ts.Defer(func() {
		cmd.Process.Kill()
		cmd.Wait()
		log.Close()
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err = poll(ctx, func() bool {
		conn, err := tls.Dial("tcp", listen, &tls.Config{InsecureSkipVerify: true})
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	if err != nil {
		ts.Fatalf("pebble does not come up:\n%s", ts.ReadFile("pebble.log"))
	}
}

// heldPort is a port that nobody takes on all addresses as long as the script runs, while it is free on the others of
// loopback: programs that cannot say which port they got are given it before they listen.
func heldPort(ts *testscript.TestScript) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	return port
}

// pebbleKeys makes the authority of pebble's own HTTPS, pebble-ca.pem, and the server's certificate, which is for an address.
func pebbleKeys(ts *testscript.TestScript) {
	issue(ts, "pebble-ca", &x509.Certificate{Subject: pkix.Name{CommonName: "pebble-ca"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}, "")
	issue(ts, "pebble", &x509.Certificate{Subject: pkix.Name{CommonName: "pebble"}, IPAddresses: []net.IP{net.ParseIP(pebbleHost)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, "pebble-ca")
}

// updatedZone is acme.example: every name has one address, and TXT records come and go by dynamic update.
type updatedZone struct {
	mu  sync.Mutex // guards txt
	txt []*dns.TXT
}

// newUpdatedZone serves the zone until the script ends and returns where.
func newUpdatedZone(ts *testscript.TestScript) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	pc, err := net.ListenPacket("udp", l.Addr().String())
	ts.Check(err)
	zone := &updatedZone{}
	for _, server := range []*dns.Server{{Listener: l}, {PacketConn: pc}} {
		server.Handler, server.TsigSecret = zone, map[string]string{updateKey: updateSecret}
		server.MsgAcceptFunc = func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }
		go server.ActivateAndServe()
		ts.Defer(func() { server.Shutdown() })
	}
	return l.Addr().String()
}

func (z *updatedZone) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	z.mu.Lock()
	defer z.mu.Unlock()
	reply := new(dns.Msg).SetReply(q)
	if q.Opcode == dns.OpcodeUpdate {
		t := q.IsTsig()
		if t == nil || w.TsigStatus() != nil {
			reply.Rcode = dns.RcodeNotAuth
		} else {
			z.update(q)
			reply.SetTsig(t.Hdr.Name, t.Algorithm, 300, int64(t.TimeSigned))
		}
		w.WriteMsg(reply)
		return
	}
	z.answer(reply, q.Question[0])
	w.WriteMsg(reply)
}

func (z *updatedZone) update(q *dns.Msg) {
	for _, rr := range q.Ns {
		txt, ok := rr.(*dns.TXT)
		if ok && txt.Hdr.Class == dns.ClassNONE {
			z.txt = slices.DeleteFunc(z.txt, func(have *dns.TXT) bool {
				return have.Hdr.Name == txt.Hdr.Name && slices.Equal(have.Txt, txt.Txt)
			})
		} else if ok {
			z.txt = append(z.txt, txt)
		}
	}
}

func (z *updatedZone) answer(reply *dns.Msg, q dns.Question) {
	name := strings.ToLower(q.Name)
	header := dns.RR_Header{Name: name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: 1}
	switch {
	case q.Qtype == dns.TypeA && !strings.HasPrefix(name, "_"):
		reply.Answer = append(reply.Answer, &dns.A{Hdr: header, A: net.ParseIP(challengeHost)})
	case q.Qtype == dns.TypeTXT:
		for _, txt := range z.txt {
			if txt.Hdr.Name == name {
				reply.Answer = append(reply.Answer, txt)
			}
		}
	}
	if len(reply.Answer) == 0 {
		header.Name, header.Rrtype = "acme.example.", dns.TypeSOA
		reply.Ns = append(reply.Ns, &dns.SOA{Hdr: header, Ns: "ns.acme.example.", Mbox: "root.acme.example.", Serial: 1, Refresh: 1, Retry: 1, Expire: 1, Minttl: 1})
	}
}

// managedVerb is "managed NAME PROFILE STATE": wait until certconfig acme status says that a profile is in a state.
func managedVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: managed NAME PROFILE STATE")
	}
	var report struct {
		Profiles []struct{ Profile, State, Error string }
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := poll(ctx, func() bool {
		out, err := onAppliance(ts, args[0], "certconfig acme status --json")
		ts.Check(err)
		ts.Check(json.Unmarshal(out, &report))
		for _, p := range report.Profiles {
			if p.Profile == args[1] && p.State == args[2] {
				return true
			}
		}
		return false
	})
	if err != nil {
		ts.Fatalf("profile %s does not become %s: %+v", args[1], args[2], report)
	}
}

// onAppliance runs one line of the shell.
func onAppliance(ts *testscript.TestScript, name, line string) ([]byte, error) {
	return exec.Command(filepath.Join(ts.Getenv("WORK"), "bin", "ssh"), name, line).Output()
}

// undisturbedVerb is "undisturbed HOST:PORT NAME LINE": 50 clients are in TLS while NAME's shell works LINE, which renews the
// listener's certificate. Who connects within a second of its end gets another certificate; the 50 go on.
func undisturbedVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: undisturbed HOST:PORT NAME LINE")
	}
	const many = 50
	var open []*secured
	for range many {
		c, err := secure(args[0])
		ts.Check(err)
		defer c.conn.Close()
		open = append(open, c)
	}
	if out, err := onAppliance(ts, args[1], args[2]); err != nil {
		ts.Fatalf("%s: %v: %s", args[2], err, out)
	}
	began := time.Now()
	c, err := secure(args[0])
	ts.Check(err)
	defer c.conn.Close()
	if c.serial().Cmp(open[0].serial()) == 0 || time.Since(began) > time.Second {
		ts.Fatalf("a new connection has the certificate %v after %s; those of before have %v", c.serial(), time.Since(began), open[0].serial())
	}
	ts.Logf("a new connection had the new certificate after %s", time.Since(began))
	for _, c := range open {
		if err := c.say("NOOP", "250"); err != nil {
			ts.Fatalf("a connection of before: %v", err)
		}
	}
}

// secured is an SMTP client behind STARTTLS.
type secured struct {
	conn    *tls.Conn
	replies *lineReader
}

func secure(address string) (*secured, error) {
	plain, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, err
	}
	plain.SetDeadline(time.Now().Add(patience))
	replies := newLineReader(plain)
	for _, line := range []string{"", "EHLO client.example", "STARTTLS"} {
		if line != "" {
			if _, err := plain.Write([]byte(line + "\r\n")); err != nil {
				return nil, err
			}
		}
		if err := replies.expect("2"); err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
	}
	s := &secured{conn: tls.Client(plain, &tls.Config{InsecureSkipVerify: true})}
	if err := s.conn.Handshake(); err != nil {
		return nil, err
	}
	s.replies = newLineReader(s.conn)
	return s, s.say("EHLO client.example", "250")
}

func (s *secured) say(line, want string) error {
	if _, err := s.conn.Write([]byte(line + "\r\n")); err != nil {
		return err
	}
	return s.replies.expect(want)
}

// expect reads a reply of one line or several that begins so.
func (l *lineReader) expect(want string) error {
	for {
		line, err := l.next()
		if err != nil {
			return err
		}
		if !strings.HasPrefix(line, want) {
			return fmt.Errorf("got %q", line)
		}
		if len(line) < 4 || line[3] != '-' {
			return nil
		}
	}
}

func (s *secured) serial() *big.Int { return s.conn.ConnectionState().PeerCertificates[0].SerialNumber }
