package testscripts

import (
	"fmt"
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// outMatrix is one appliance among all the peers.
type outMatrix struct {
	t      *testing.T
	data   string
	server *server
	post   *postOffice
	cases  []*outCase
	ports  map[string]string // by domain

	metrics string // where they are served
	log     *outLog
}

// TestMatrixOut meets every cause that can occur on the way out, except for those of DANE, MTA-STS and REQUIRETLS, and holds
// mail_logs, the queue, tlsverify, notices and delivery_logs to the same id.
func TestMatrixOut(t *testing.T) {
	t.Parallel()
	m := newOutMatrix(t)
	m.configure()
	m.meet(t, "cases", func(c *outCase) bool { return !c.slow })
	m.run("deliveryconfig setup connect_timeout 1 reply_timeout 2 handshake_timeout 1\n")
	m.meet(t, "slow", func(c *outCase) bool { return c.slow })
	m.checkViews(t)
	m.withoutInterface(t)
}

// meet sends a message to everybody of a sort, waits until all is settled, and looks at it.
func (m *outMatrix) meet(t *testing.T, name string, sort func(*outCase) bool) {
	var cases []*outCase
	var domains []string
	for _, c := range m.cases {
		if !sort(c) {
			continue
		}
		cases = append(cases, c)
		for _, level := range c.levels() {
			domains = append(domains, c.domain(level))
			m.send(c.domain(level))
		}
	}
	m.settle(domains)
	t.Run(name, func(t *testing.T) { m.checkCases(t, cases) })
}

func (m *outMatrix) checkCases(t *testing.T, cases []*outCase) {
	hosts, attempts := m.hosts(), m.attempts()
	for n, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for i, level := range c.levels() {
				t.Run(level, func(t *testing.T) {
					m.checkLog(t, c, level)
					m.checkArrival(t, c, level)
					m.checkHost(t, c, level, hosts[c.domain(level)])
					m.checkAttempts(t, c, level, attempts[c.domain(level)])
					if raceEnabled && n%8 != 0 {
						return // asking takes several times as long under the detector
					}
					m.checkVerifyJSON(t, c, level)
					if i == 0 {
						m.checkVerifyText(t, c, level)
					}
				})
			}
		})
	}
}

// withoutInterface takes the address away that mail is to go out from: nothing leaves any more (N8).
func (m *outMatrix) withoutInterface(t *testing.T) {
	c := &outCase{name: "n8-interface", kind: unreached}
	domain := c.domain("preferred")
	m.run("destconfig new " + domain + " tls preferred\nsmtproutes new " + domain + " [127.0.0.1]:25\n" +
		"interfaceconfig new Gone 192.0.2.77/24 gone.example.com ssh off\ndeliveryconfig setup interface Gone\n")
	m.send(domain)
	m.until(domain, "expired")
	m.run("deliveryconfig setup interface auto\n")
	m.settle([]string{domain})
	m.run("deliveryconfig setup interface Gone\n")
	t.Run("interface", func(t *testing.T) { m.checkCases(t, []*outCase{c}) })
}

func newOutMatrix(t *testing.T) *outMatrix {
	m := &outMatrix{t: t, post: &postOffice{arrived: map[string][]string{}}, ports: map[string]string{}}
	m.data = filepath.Join(t.TempDir(), "mail")
	execute(t, strings.NewReader(password+"\n"), "init", "--data", m.data, "--hostname", "mail.example.com",
		"--ssh", "127.0.0.1:0", "--inbound", "127.0.0.1:0", "--outbound", "127.0.0.1:0", "--admin-password-stdin")
	authorities := newAuthorities(t)
	if err := os.WriteFile(filepath.Join(m.data, "configuration", "roots.pem"), authorities.pem(), 0o600); err != nil {
		t.Fatal(err)
	}
	m.server = startServer(t, m.data)
	for i, c := range outCases(t, authorities) {
		if raceEnabled && i%3 != 0 {
			continue // make test meets them all
		}
		if _, err := exec.LookPath(c.needs); c.needs != "" && err != nil {
			t.Logf("%s is left out: it needs %s", c.name, c.needs)
			continue
		}
		m.cases = append(m.cases, c)
	}
	m.run(authorities.settings())
	m.ask(t, "certconfig crl update") // one of the lists is not there
	return m
}

// configure starts the peers and says how mail gets to them, and that what waits is given up after the second try.
func (m *outMatrix) configure() {
	zone := ""
	m.metrics = freePort(m.t, quiet)
	script := "metricsconfig " + m.metrics + "\nbounceconfig new patient max_retries 1000 initial_retry 1 max_retry 1\n" +
		"destconfig new back.example tls no bounceprofile patient\ndestconfig default tls required-verify\n" +
		"bounceconfig setup max_retries 1 initial_retry 1 max_retry 1\n" +
		"smtproutes new back.example [127.0.0.1]:" + m.listen(fault{offers: []string{"8BITMIME"}}) + "\n"
	for _, c := range m.cases {
		zone += c.zone
		for _, level := range c.levels() {
			domain := c.domain(level)
			if c.literal == "" {
				script += fmt.Sprintf("destconfig new %s tls %s alert on\n", domain, level)
			}
			route := c.route
			if route == "" {
				route = "[127.0.0.1]:PORT"
			}
			if strings.HasSuffix(route, ":PORT") {
				m.ports[domain] = m.listen(c.fault)
				route = strings.TrimSuffix(route, "PORT") + m.ports[domain]
			}
			if route != byDNS {
				script += fmt.Sprintf("smtproutes new %s %s\n", domain, route)
			}
		}
	}
	m.run("dnsconfig new " + nameserver(m.t, zone) + "\n" + script)
}

// freePort is a port of an address on which the peers of this test do not listen, so that none takes it meanwhile.
func freePort(t *testing.T, address string) string {
	l, err := net.Listen("tcp", address+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (m *outMatrix) listen(f fault) string {
	_, port, _ := net.SplitHostPort(newFaulty(m.t, m.post, f).addr)
	return port
}

// run commits settings.
func (m *outMatrix) run(script string) {
	m.t.Helper()
	out := execute(m.t, strings.NewReader(script+"commit matrix\n"), "console", "--data", m.data)
	if !strings.Contains(out, "Changes committed") {
		m.t.Fatalf("the settings are not taken: %s", out)
	}
}

// nameserver answers from records. A name with a TXT record is one for which it fails.
func nameserver(t *testing.T, zone string) string {
	records := map[string][]dns.RR{}
	parser := dns.NewZoneParser(strings.NewReader("$TTL 300\n"+zone), ".", "zone")
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		name := strings.ToLower(rr.Header().Name)
		records[name] = append(records[name], rr)
	}
	if err := parser.Err(); err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer := new(dns.Msg).SetReply(q)
		known, found := records[strings.ToLower(q.Question[0].Name)]
		if !found {
			answer.Rcode = dns.RcodeNameError
		}
		for _, rr := range known {
			switch rr.Header().Rrtype {
			case q.Question[0].Qtype:
				answer.Answer = append(answer.Answer, rr)
			case dns.TypeTXT:
				answer.Rcode = dns.RcodeServerFailure
			}
		}
		w.WriteMsg(answer)
	})}
	ended := make(chan error)
	go func() { ended <- server.ActivateAndServe() }()
	t.Cleanup(func() {
		server.Shutdown()
		<-ended
	})
	return conn.LocalAddr().String()
}

func sender(domain string) string {
	return strings.NewReplacer(".", "_", "[", "", "]", "").Replace(domain) + "@back.example"
}

func (m *outMatrix) send(domain string) {
	text := []byte("X-For: " + domain + ";\r\n\r\n")
	if err := smtp.SendMail(m.server.outbound, nil, sender(domain), []string{"b@" + domain}, text); err != nil {
		m.t.Fatal(err)
	}
}
