package testscripts

import (
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"
)

// namesVerb is "names ZONEFILE": a nameserver that answers from the records of the file, of every type, and is reached
// at $DNS. The file is read anew for each question; records with a TTL of 0 are not kept, so a script changes the names by
// changing the file.
func namesVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: names ZONEFILE")
	}
	file := ts.MkAbs(args[0])
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	ts.Check(err)
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		w.WriteMsg(nameAnswer(file, q))
	})}
	ended := make(chan error)
	go func() { ended <- server.ActivateAndServe() }()
	ts.Defer(func() {
		server.Shutdown()
		<-ended
	})
	ts.Setenv("DNS", conn.LocalAddr().String())
}

// nameAnswer answers from a zone file, and fails where it is no good one.
func nameAnswer(file string, q *dns.Msg) *dns.Msg {
	answer := new(dns.Msg).SetReply(q)
	text, err := os.ReadFile(file)
	if err != nil {
		answer.Rcode = dns.RcodeServerFailure
		return answer
	}
	known := false
	parser := dns.NewZoneParser(strings.NewReader(string(text)), ".", file)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if !strings.EqualFold(rr.Header().Name, q.Question[0].Name) {
			continue
		}
		known = true
		if rr.Header().Rrtype == q.Question[0].Qtype {
			answer.Answer = append(answer.Answer, rr)
		}
	}
	switch {
	case parser.Err() != nil:
		answer.Rcode = dns.RcodeServerFailure
	case !known:
		answer.Rcode = dns.RcodeNameError
	}
	return answer
}

// policyHost is a web server for MTA-STS policies and for reports on TLS.
type policyHost struct {
	dir  string // see policyHostVerb
	cert string

	mu      sync.Mutex
	reports int
}

// policyHostVerb is "policyhost NAME CERT": a web server at the port 443 of an address of its own, $NAME, that shows
// CERT.pem, read anew for each connection. What it serves as MTA-STS policy is the file $WORK/NAME/policy; where the file
// $WORK/NAME/answer says "404", "302", "text/html" or "large", it does that instead. Every request is a line in
// $WORK/NAME/requests, and each report posted lies decompressed in $WORK/NAME/reports/N.json.
func policyHostVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: policyhost NAME CERT")
	}
	p := &policyHost{dir: ts.MkAbs(args[0]), cert: ts.MkAbs(args[1])}
	ts.Check(os.MkdirAll(filepath.Join(p.dir, "reports"), 0o700))
	l := p.listen(ts)
	server := &http.Server{Handler: p, ErrorLog: log.New(io.Discard, "", 0), TLSConfig: &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(p.cert+".pem", p.cert+".key")
			return &pair, err
		},
	}}
	ended := make(chan error)
	go func() { ended <- server.ServeTLS(l, "", "") }()
	ts.Defer(func() {
		server.Close()
		<-ended
	})
	host, _, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Setenv(args[0], host)
}

// listen takes the port 443 of a free address.
func (p *policyHost) listen(ts *testscript.TestScript) net.Listener {
	for range 20 {
		if l, err := net.Listen("tcp", freeLoopback(ts)+":443"); err == nil {
			return l
		}
	}
	ts.Fatalf("no loopback address with a free port 443")
	return nil
}

func (p *policyHost) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.note(q); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	switch {
	case q.Method == http.MethodPost:
		if err := p.take(q); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	case q.URL.Path == "/.well-known/mta-sts.txt":
		p.policy(w, q)
	default:
		http.NotFound(w, q)
	}
}

// note writes a request down.
func (p *policyHost) note(q *http.Request) error {
	f, err := os.OpenFile(filepath.Join(p.dir, "requests"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintf(f, "%s https://%s%s %s\n", q.Method, q.Host, q.URL.Path, q.Header.Get("Content-Type"))
	return err
}

// take keeps a report.
func (p *policyHost) take(q *http.Request) error {
	z, err := gzip.NewReader(q.Body)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return err
	}
	p.reports++
	return os.WriteFile(filepath.Join(p.dir, "reports", fmt.Sprintf("%d.json", p.reports)), text, 0o600)
}

// policy serves the policy, or what is served in its place.
func (p *policyHost) policy(w http.ResponseWriter, q *http.Request) {
	kind := "text/plain"
	answer, _ := os.ReadFile(filepath.Join(p.dir, "answer"))
	text, err := os.ReadFile(filepath.Join(p.dir, "policy"))
	switch strings.TrimSpace(string(answer)) {
	case "404":
		err = os.ErrNotExist
	case "302":
		http.Redirect(w, q, q.URL.Path+"?again", http.StatusFound)
		return
	case "text/html":
		kind = "text/html"
	case "large":
		text = append(text, strings.Repeat("x: y\n", 20000)...)
	}
	if err != nil {
		http.NotFound(w, q)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Write(text)
}
