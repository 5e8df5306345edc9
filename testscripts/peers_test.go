package testscripts

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"
)

// caVerb is "ca NAME [CA]": NAME.pem and NAME.key are a certificate authority, below another one where it is named.
func caVerb(ts *testscript.TestScript, neg bool, args []string) {
	template := &x509.Certificate{Subject: pkix.Name{CommonName: args[0]}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	issue(ts, args[0], template, strings.Join(args[1:], ""))
}

// certVerb is "cert NAME CA|self HOST...": NAME.pem and NAME.key are a server's, NAME.pem without the authority.
func certVerb(ts *testscript.TestScript, neg bool, args []string) {
	template := &x509.Certificate{Subject: pkix.Name{CommonName: args[2]}, DNSNames: args[2:],
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	issuer := args[1]
	if issuer == "self" {
		issuer = ""
	}
	issue(ts, args[0], template, issuer)
}

func issue(ts *testscript.TestScript, name string, template *x509.Certificate, issuer string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().Add(90 * 24 * time.Hour)
	parent, signer := template, key
	if issuer != "" {
		block, _ := pem.Decode([]byte(ts.ReadFile(issuer + ".pem")))
		parent, err = x509.ParseCertificate(block.Bytes)
		ts.Check(err)
		block, _ = pem.Decode([]byte(ts.ReadFile(issuer + ".key")))
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		ts.Check(err)
		signer = parsed.(*ecdsa.PrivateKey)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	ts.Check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	writePEM(ts, name+".pem", "CERTIFICATE", der)
	writePEM(ts, name+".key", "PRIVATE KEY", private)
}

func writePEM(ts *testscript.TestScript, name, kind string, der []byte) {
	ts.Check(os.WriteFile(ts.MkAbs(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

// loopbacks counts the addresses given out, so that peers whose port is fixed never meet.
var loopbacks atomic.Uint32

// freeLoopback returns an address of 127.0.0.0/8 on which nothing listens at port 25.
func freeLoopback(ts *testscript.TestScript) string {
	for range 200 {
		ip := nextLoopback()
		l, err := net.Listen("tcp", ip+":25")
		if err == nil {
			l.Close()
			return ip
		}
	}
	ts.Fatalf("no loopback address with a free port 25")
	return ""
}

// nextLoopback is an address that nobody was given yet.
func nextLoopback() string {
	n := loopbacks.Add(1)
	return fmt.Sprintf("127.%d.%d.%d", 64+os.Getpid()%128, os.Getpid()/128%250, 1+n%250)
}

// partnerVerb is "partner NAME DOMAIN [CERT] [KEY=VALUE]...": a real Postfix that takes mail for DOMAIN into the Maildir
// $WORK/NAME/mail/DOMAIN, offers STARTTLS with CERT.pem and CERT.key where given, and is reached at $NAME:25. Each
// KEY=VALUE is a line of its main.cf.
func partnerVerb(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: partner NAME DOMAIN [CERT]")
	}
	dir := ts.MkAbs(args[0])
	ip := freeLoopback(ts)
	for d := ts.Getenv("WORK"); len(d) > 5; d = filepath.Dir(d) {
		os.Chmod(d, 0o755) // Postfix's own users pass through
	}
	for _, sub := range []string{"etc", "spool", "data", "mail"} {
		ts.Check(os.MkdirAll(filepath.Join(dir, sub), 0o755))
	}
	run(ts, "chown", "postfix", filepath.Join(dir, "data"))
	run(ts, "chown", "nobody", filepath.Join(dir, "mail"))
	uid := strings.TrimSpace(run(ts, "id", "-u", "nobody"))
	gid := strings.TrimSpace(run(ts, "id", "-g", "nobody"))
	main := fmt.Sprintf(`compatibility_level = 3.6
queue_directory = %[1]s/spool
data_directory = %[1]s/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.%[2]s
mydestination =
local_recipient_maps =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_peername_lookup = no
virtual_mailbox_domains = %[2]s
virtual_mailbox_maps = static:%[2]s/
virtual_mailbox_base = %[1]s/mail
virtual_uid_maps = static:%[3]s
virtual_gid_maps = static:%[4]s
maillog_file = %[1]s/maillog
maillog_file_prefixes = %[1]s
`, dir, args[1], uid, gid)
	settings := args[2:]
	if len(settings) > 0 && !strings.Contains(settings[0], "=") {
		main += fmt.Sprintf("smtpd_tls_security_level = may\nsmtpd_tls_cert_file = %s.pem\nsmtpd_tls_key_file = %s.key\n", ts.MkAbs(args[2]), ts.MkAbs(args[2]))
		settings = settings[1:]
	}
	for _, setting := range settings {
		main += setting + "\n"
	}
	ts.Check(os.WriteFile(filepath.Join(dir, "etc", "main.cf"), []byte(main), 0o644))
	ts.Check(os.WriteFile(filepath.Join(dir, "etc", "master.cf"), []byte(masterFile(ip)), 0o644))
	for _, f := range []string{"postfix-files", "post-install", "postfix-script", "dynamicmaps.cf"} {
		if data, err := os.ReadFile("/etc/postfix/" + f); err == nil {
			ts.Check(os.WriteFile(filepath.Join(dir, "etc", f), data, 0o755))
		}
	}
	if out, err := exec.Command("postfix", "-c", filepath.Join(dir, "etc"), "check").CombinedOutput(); err != nil {
		ts.Fatalf("postfix check: %v: %s", err, out)
	}
	startPostfix(ts, dir, ip)
	ts.Setenv(args[0], ip)
}

// masterFile is the smallest set of Postfix services that receives and delivers locally.
func masterFile(ip string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s:25 inet n - n - - smtpd\n", ip)
	for _, line := range []string{"pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr",
		"tlsmgr unix - - n 1000? 1 tlsmgr", "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce",
		"defer unix - - n - 0 bounce", "trace unix - - n - 0 bounce", "flush unix n - n 1000? 0 flush",
		"proxymap unix - - n - - proxymap", "smtp unix - - n - - smtp", "error unix - - n - - error",
		"virtual unix - n n - - virtual", "anvil unix - - n - 1 anvil", "scache unix - - n - 1 scache", "postlog unix-dgram n - n - 1 postlogd"} {
		out.WriteString(line + "\n")
	}
	return out.String()
}

func startPostfix(ts *testscript.TestScript, dir, ip string) {
	var output bytes.Buffer
	cmd := exec.Command("/usr/lib/postfix/sbin/master", "-c", filepath.Join(dir, "etc"), "-d")
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	ts.Check(cmd.Start())
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	ts.Defer(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-ended
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := poll(ctx, func() bool {
		conn, err := net.DialTimeout("tcp", ip+":25", time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "maillog"))
		ts.Fatalf("postfix does not answer: %v\n%s%s", err, output.String(), log)
	}
}

// maildirVerb is "maildir NAME N PATTERN": wait until N messages lie in NAME's mail, one of them holding PATTERN.
func maildirVerb(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var files []string
	err = poll(ctx, func() bool {
		files, _ = filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "mail", "*", "new", "*"))
		return len(files) >= want
	})
	if err != nil || len(files) != want {
		log, _ := os.ReadFile(filepath.Join(ts.MkAbs(args[0]), "maillog"))
		ts.Fatalf("%d messages, want %d\n%s", len(files), want, log)
	}
	if want == 0 {
		return
	}
	for _, f := range files {
		if data, _ := os.ReadFile(f); strings.Contains(string(data), args[2]) {
			return
		}
	}
	ts.Fatalf("no message holds %q", args[2])
}

// dnsVerb is "dns ZONEFILE": a nameserver that answers from the records of the file and is reached at $DNS. It follows a
// CNAME, as a resolver does; a name with a TXT record is one for which it fails.
func dnsVerb(ts *testscript.TestScript, neg bool, args []string) {
	records := map[string][]dns.RR{}
	parser := dns.NewZoneParser(strings.NewReader(ts.ReadFile(args[0])), ".", args[0])
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		key := strings.ToLower(rr.Header().Name) + dns.TypeToString[rr.Header().Rrtype]
		records[key] = append(records[key], rr)
		records[strings.ToLower(rr.Header().Name)] = nil
	}
	ts.Check(parser.Err())
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	ts.Check(err)
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer := new(dns.Msg).SetReply(q)
		name := strings.ToLower(q.Question[0].Name)
		if alias := records[name+"CNAME"]; len(alias) == 1 {
			name = strings.ToLower(alias[0].(*dns.CNAME).Target)
			answer.Answer = append(answer.Answer, alias...)
		}
		answer.Answer = append(answer.Answer, records[name+dns.TypeToString[q.Question[0].Qtype]]...)
		if len(records[name+"TXT"]) > 0 {
			answer.Rcode = dns.RcodeServerFailure
		}
		if _, known := records[name]; !known && len(answer.Answer) == 0 {
			answer.Rcode = dns.RcodeNameError
		}
		w.WriteMsg(answer)
	})}
	go server.ActivateAndServe()
	ts.Defer(func() { server.Shutdown() })
	ts.Setenv("DNS", conn.LocalAddr().String())
}

// converseVerb is "converse HOST:PORT FILE": an SMTP client that sends each line of FILE that starts with "C: " and
// requires of each that starts with "S: " that the server's next line begins with it.
func converseVerb(ts *testscript.TestScript, neg bool, args []string) {
	conn, err := net.DialTimeout("tcp", args[0], patience)
	if errors.Is(err, syscall.ECONNRESET) && strings.HasPrefix(ts.ReadFile(args[1]), "EOF") {
		return // a refusal may be there before the dial has returned
	}
	ts.Check(err)
	defer conn.Close()
	ts.Check(conn.SetDeadline(time.Now().Add(patience)))
	replies := newLineReader(conn)
	for _, line := range strings.Split(ts.ReadFile(args[1]), "\n") {
		switch {
		case strings.HasPrefix(line, "C: "):
			text, err := strconv.Unquote(`"` + strings.ReplaceAll(line[3:], `"`, `\"`) + `"`)
			ts.Check(err)
			_, err = conn.Write([]byte(text + "\r\n"))
			ts.Check(err)
		case strings.HasPrefix(line, "S: "):
			got, err := replies.next()
			if err != nil || !strings.HasPrefix(got, line[3:]) {
				ts.Fatalf("the server said %q (%v), want %q", got, err, line[3:])
			}
		case line == "EOF":
			if got, err := replies.next(); err == nil {
				ts.Fatalf("the server said %q, want the connection's end", got)
			}
		}
	}
}

// run runs a program that has to succeed and returns its output.
func run(ts *testscript.TestScript, name string, args ...string) string {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		ts.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return string(out)
}
