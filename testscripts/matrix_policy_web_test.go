package testscripts

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// policyWeb is the web server of every row's MTA-STS policy.
type policyWeb struct {
	ip string

	mu       sync.Mutex // guards everything below
	policies map[string]string
}

func newPolicyWeb(t *testing.T, w *policyWorld) *policyWeb {
	p := &policyWeb{policies: map[string]string{}}
	names := []string{"mta-sts.shared.example"}
	for i := range w.rows {
		if r := &w.rows[i]; r.policy != "" {
			p.policies["mta-sts."+r.domain()] = r.fill(r.policy)
			names = append(names, "mta-sts."+r.domain())
		}
	}
	var l net.Listener
	var err error
	for range 50 {
		p.ip = nextLoopback()
		if l, err = net.Listen("tcp", p.ip+":443"); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: p, TLSConfig: w.root.server(t, 24*time.Hour, names...), ErrorLog: log.New(io.Discard, "", 0)}
	ended := make(chan error)
	go func() { ended <- server.ServeTLS(l, "", "") }()
	t.Cleanup(func() { server.Close(); <-ended })
	return p
}

// set replaces a domain's policy.
func (p *policyWeb) set(domain, policy string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.policies["mta-sts."+domain] = policy
}

func (p *policyWeb) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := p.policies[q.Host]
	if text == "" || text == "404" {
		http.NotFound(w, q)
		return
	}
	mode, hosts, _ := strings.Cut(text, " ")
	w.Header().Set("Content-Type", "text/plain")
	fmt.Fprintf(w, "version: STSv1\nmode: %s\nmax_age: 604800\n", mode)
	for host := range strings.FieldsSeq(hosts) {
		fmt.Fprintf(w, "mx: %s\n", host)
	}
}
