package testscripts

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// outCase is one way in which mail to others fares badly.
type outCase struct {
	name   string // of the catalogue's id in lower case, and what tells it from other ways to the same
	kind   kind
	fault  fault
	route  string // in place of one to a server with the fault; by DNS: there is none
	zone   string // records for the case's names
	logged string // the id that delivery finds, where tlsverify finds out more
	needs  string // a program that must be there

	slow    bool   // it takes the time that a peer is given
	only    string // the one level at which it can be told; empty: those of the kind
	literal string // the domain, where it is an address
}

// id is what the case is to be called everywhere.
func (c *outCase) id() string {
	id, _, _ := strings.Cut(c.name, "-")
	return strings.ToUpper(id)
}

// seen is the id that delivery names.
func (c *outCase) seen() string {
	if c.logged != "" {
		return c.logged
	}
	return c.id()
}

func (c *outCase) domain(level string) string {
	if c.literal != "" {
		return c.literal
	}
	return level + "." + c.name + ".example"
}

func (c *outCase) levels() []string {
	if c.only != "" {
		return []string{c.only}
	}
	return c.kind.levels()
}

// byDNS is the route of a case whose mail goes where the DNS says.
const byDNS = "USEDNS"

// kind is what the levels make of a cause.
type kind int

const (
	warned     kind = iota // the peer is verified all the same
	unproven               // encrypted, and not proven who it is
	withoutTLS             // TLS is not to be had
	broken                 // TLS was agreed upon and failed
	unreached              // it never came to the question of TLS
	hopeless               // and never will
)

// levels of each kind at which it matters.
func (k kind) levels() []string {
	switch k {
	case warned:
		return []string{"required-verify"}
	case unproven:
		return []string{"preferred", "preferred-verify", "required-verify"}
	case withoutTLS, broken:
		return []string{"preferred", "required"}
	}
	return []string{"preferred"}
}

// fate is what becomes of a message: how it arrives or what the queue does with it, and which ids mail_logs has for it.
type fate struct {
	end string // "clear", "encrypted", "waits", "bounced"
	ids []string
}

func (c *outCase) fate(level string) fate {
	id := c.seen()
	required := strings.HasPrefix(level, "required")
	switch c.kind {
	case warned:
		if id == "H12" { // the first try fails, and nobody knows why before the second
			return fate{"encrypted", []string{id, "H4"}}
		}
		return fate{"encrypted", nil}
	case unproven:
		switch level {
		case "preferred":
			return fate{"encrypted", nil}
		case "preferred-verify":
			return fate{"encrypted", []string{"P2", id}}
		}
		return fate{"waits", []string{"P3", id}}
	case withoutTLS:
		if required {
			return fate{"waits", []string{"P3", id}}
		}
		return fate{"clear", []string{"P1", id}}
	case broken:
		if required {
			return fate{"waits", []string{"P3", id}}
		}
		return fate{"waits", []string{id}}
	case hopeless:
		return fate{"bounced", []string{id}}
	}
	return fate{"waits", []string{id}}
}

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
	m := newOutMatrix(t)
	m.configure()
	m.meet(t, "cases", func(c *outCase) bool { return !c.slow })
	m.run("deliveryconfig setup connect_timeout 1 reply_timeout 1 handshake_timeout 1\n")
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
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for i, level := range c.levels() {
				t.Run(level, func(t *testing.T) {
					m.checkLog(t, c, level)
					m.checkArrival(t, c, level)
					m.checkHost(t, c, level, hosts[c.domain(level)])
					m.checkAttempts(t, c, level, attempts[c.domain(level)])
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
	for _, c := range outCases(t, authorities) {
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
	script := "metricsconfig " + m.metrics + "\ndestconfig new back.example tls no\ndestconfig default tls required-verify\n" +
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

// nameserver answers from records. A name with a TXT record is one for which it fails; an A record is there for every
// name that is asked for by it.
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

// outLog is mail_logs, put in order by domain.
type outLog struct {
	lines map[string][]string // everything that is about the domain's connections
	ids   map[string][]string // those lines' causes, sorted, each once
	ended map[string]string   // "done", "expired", "bounced"
}

var (
	envelopeLine = regexp.MustCompile(`MID (\d+) ICID \d+ RID 0 To: <b@(.*)>$`)
	portLine     = regexp.MustCompile(`New SMTP DCID (\d+) interface \S+ address \S+ port (\d+)$`)
	errorLine    = regexp.MustCompile(`Connection Error: DCID (\d+) domain: (\S+) IP`)
	refusedLine  = regexp.MustCompile(`(Delayed|Bounced): DCID (\d+) MID (\d+) to RID 0 - (\S+) - (.*)$`)
	doneLine     = regexp.MustCompile(`Message done DCID (\d+) MID (\d+) to RID`)
	finishedLine = regexp.MustCompile(`Message finished MID (\d+) done$`)
	anyDCID      = regexp.MustCompile(`Info: DCID (\d+) `)
	idInLine     = regexp.MustCompile(`\[([A-Z]\d+)\]$| cause ([A-Z]\d+) for (\S+)$`)
	forLine      = regexp.MustCompile(`DCID 0 cause [A-Z]\d+ for (\S+)$`)
)

// settle waits until the messages to the domains, and the notices about those that failed, have ended.
func (m *outMatrix) settle(domains []string) {
	m.follow(func(text []byte) bool {
		if bytes.Count(text, []byte(": Message finished MID ")) < bytes.Count(text, []byte(": Start MID ")) {
			return false
		}
		return !slices.ContainsFunc(domains, func(d string) bool { return m.log.ended[d] == "" || m.log.ended[d] == "waited " })
	})
}

// until waits for the end of the message to one domain; the notice about it may go on waiting.
func (m *outMatrix) until(domain, end string) {
	m.follow(func([]byte) bool { return strings.HasSuffix(m.log.ended[domain], end) })
}

// follow reads mail_logs until enough is there.
func (m *outMatrix) follow(enough func(text []byte) bool) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), patience)
	defer cancel()
	var text []byte
	err := poll(ctx, func() bool {
		next, _ := os.ReadFile(filepath.Join(m.data, "logs", "mail_logs", "mail.current"))
		if len(next) == len(text) {
			return false
		}
		text = next
		m.log = &outLog{map[string][]string{}, map[string][]string{}, map[string]string{}}
		m.log.read(string(text), m.ports)
		return enough(text)
	})
	if err != nil {
		m.t.Fatalf("mail_logs does not come to an end:\n%s", text)
	}
}

func (l *outLog) read(text string, ports map[string]string) {
	byPort, byMID, byDCID := map[string]string{}, map[string]string{}, map[string]string{}
	for domain, port := range ports {
		byPort[port] = domain
	}
	lines := strings.Split(text, "\n")
	for _, line := range lines { // the line that says whose a connection is may be its last
		if f := envelopeLine.FindStringSubmatch(line); f != nil {
			byMID[f[1]] = f[2]
		}
		if f := portLine.FindStringSubmatch(line); f != nil && byPort[f[2]] != "" {
			byDCID[f[1]] = byPort[f[2]]
		}
		if f := errorLine.FindStringSubmatch(line); f != nil {
			byDCID[f[1]] = f[2]
		}
	}
	for _, line := range lines {
		domain := ""
		if f := anyDCID.FindStringSubmatch(line); f != nil {
			domain = byDCID[f[1]]
		}
		if f := forLine.FindStringSubmatch(line); f != nil {
			domain = f[1]
		}
		if f := refusedLine.FindStringSubmatch(line); f != nil {
			domain = byMID[f[3]]
			l.refused(domain, f[1], f[4])
		}
		if f := doneLine.FindStringSubmatch(line); f != nil {
			domain = byMID[f[2]]
			l.ended[domain] += "done"
		}
		if domain == "" {
			continue
		}
		l.lines[domain] = append(l.lines[domain], line)
		if f := idInLine.FindStringSubmatch(line); f != nil && !slices.Contains(l.ids[domain], f[1]+f[2]) {
			l.ids[domain] = append(l.ids[domain], f[1]+f[2])
			slices.Sort(l.ids[domain])
		}
	}
}

// refused notes what came of a message that was not taken: whether it waited, and how it ended.
func (l *outLog) refused(domain, what, class string) {
	switch {
	case what == "Delayed":
		l.ended[domain] += "waited "
	case class == "5.4.7":
		l.ended[domain] += "expired"
	default:
		l.ended[domain] += "bounced"
	}
}

// ends is what mail_logs says of a message with a fate.
var ends = map[string]string{"clear": "done", "encrypted": "done", "waits": "waited expired", "bounced": "bounced"}

func (m *outMatrix) checkLog(t *testing.T, c *outCase, level string) {
	f, domain := c.fate(level), c.domain(level)
	slices.Sort(f.ids)
	if got := m.log.ids[domain]; !slices.Equal(got, f.ids) {
		t.Errorf("mail_logs names %v, want %v:\n%s", got, f.ids, strings.Join(m.log.lines[domain], "\n"))
	}
	if got := m.log.ended[domain]; got != ends[f.end] {
		t.Errorf("mail_logs says %q, want %q:\n%s", got, ends[f.end], strings.Join(m.log.lines[domain], "\n"))
	}
}

var causeHeader = regexp.MustCompile(`(?m)^X-Posthouse-Cause: (\S+)\r?$`)
var causeText = regexp.MustCompile(`(?m)\b(?:Cause|Warning) ([A-Z]\d+)[:,]`)

func (m *outMatrix) checkArrival(t *testing.T, c *outCase, level string) {
	f, domain := c.fate(level), c.domain(level)
	arrived, notices := f.end, 0
	if f.end == "waits" || f.end == "bounced" {
		arrived, notices = "", 1
	}
	if got := m.post.how(domain); got != arrived {
		t.Errorf("arrived %q, want %q", got, arrived)
	}
	list := m.post.returned(sender(domain))
	if len(list) != notices {
		t.Errorf("%d notices to the sender, want %d: %q", len(list), notices, list)
	}
	for _, notice := range list {
		for _, found := range [][][]string{causeHeader.FindAllStringSubmatch(notice, -1), causeText.FindAllStringSubmatch(notice, -1)} {
			if len(found) != 1 || found[0][1] != c.seen() {
				t.Errorf("the notice names %q, want %s:\n%s", found, c.seen(), notice)
			}
		}
	}
}

// ask runs a command that may fail, and returns what it prints and its status.
func (m *outMatrix) ask(t *testing.T, line string) (string, int) {
	t.Helper()
	cmd := exec.Command(filepath.Join(binary, "posthouse"), "console", "--data", m.data)
	cmd.Stdin = strings.NewReader(line + "\n")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		t.Fatal(err)
	}
	return strings.ReplaceAll(out.String(), "\r\n", "\n"), cmd.ProcessState.ExitCode()
}

// answer runs a command with --json and reads what it prints.
func (m *outMatrix) answer(t *testing.T, line string, into any) (string, int) {
	t.Helper()
	out, status := m.ask(t, line+" --json")
	begin := strings.Index(out, "{")
	if begin < 0 {
		t.Errorf("%s: %s", line, out)
		return out, status
	}
	if err := json.NewDecoder(strings.NewReader(out[begin:])).Decode(into); err != nil {
		t.Errorf("%s: %v in %s", line, err, out)
	}
	return out, status
}

// shownHost is a host as showhosts and hoststatus have it.
type shownHost struct {
	Host  string `json:"host"`
	Cause string `json:"last_cause"`
	TLS   string `json:"last_tls"`
}

func (m *outMatrix) hosts() map[string]shownHost {
	var list struct {
		Hosts []shownHost `json:"hosts"`
	}
	m.answer(m.t, "showhosts", &list)
	byName := map[string]shownHost{}
	for _, h := range list.Hosts {
		byName[h.Host] = h
	}
	return byName
}

func (m *outMatrix) checkHost(t *testing.T, c *outCase, level string, h shownHost) {
	f, domain := c.fate(level), c.domain(level)
	want := c.seen()
	if f.end == "clear" || f.end == "encrypted" {
		want = ""
	}
	if h.Cause != want {
		t.Errorf("showhosts names %q, want %q", h.Cause, want)
	}
	var status shownHost
	m.answer(t, "hoststatus "+domain, &status)
	if status.Cause != want {
		t.Errorf("hoststatus names %q, want %q", status.Cause, want)
	}
	if (slices.Contains(f.ids, "P1") || slices.Contains(f.ids, "P2")) && !strings.Contains(status.TLS, "("+c.seen()+")") {
		t.Errorf("hoststatus says %q of TLS and does not name %s", status.TLS, c.seen())
	}
}

// attempt is a line of delivery_logs.
type attempt struct {
	To      []string `json:"to"`
	Outcome string   `json:"outcome"`
	Cause   string   `json:"cause"`
	How     string   `json:"protection"`
	TLS     *struct {
		Cause string `json:"cause"`
	} `json:"tls"`
}

func (m *outMatrix) attempts() map[string][]attempt {
	files, _ := filepath.Glob(filepath.Join(m.data, "logs", "delivery_logs", "*.c"))
	byDomain := map[string][]attempt{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			m.t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			var a attempt
			if json.Unmarshal([]byte(line), &a) == nil && len(a.To) == 1 {
				_, domain, _ := strings.Cut(a.To[0], "@")
				byDomain[domain] = append(byDomain[domain], a)
			}
		}
	}
	return byDomain
}

func (m *outMatrix) checkAttempts(t *testing.T, c *outCase, level string, list []attempt) {
	f := c.fate(level)
	if len(list) == 0 {
		t.Error("delivery_logs has nothing")
	}
	for _, a := range list {
		want := attempt{Outcome: "delayed", Cause: c.seen()}
		switch f.end {
		case "clear":
			want = attempt{Outcome: "delivered", Cause: a.Cause, How: "clear"}
		case "encrypted":
			want = attempt{Outcome: "delivered", Cause: a.Cause, How: "encrypted"}
			if c.kind == warned {
				want.How = "verified"
			}
		case "bounced":
			want.Outcome = "bounced"
		}
		if a.Outcome == "bounced" && f.end == "waits" {
			want.Outcome = "bounced"
		}
		if a.Outcome != want.Outcome || a.Cause != want.Cause || a.How != want.How {
			t.Errorf("delivery_logs says %q %q %q, want %q %q %q", a.Outcome, a.Cause, a.How, want.Outcome, want.Cause, want.How)
		}
		if a.TLS != nil && a.TLS.Cause != "" && a.TLS.Cause != c.seen() {
			t.Errorf("delivery_logs names %q of TLS, want %s", a.TLS.Cause, c.seen())
		}
	}
}

// titles are the levels as tlsverify calls them.
var titles = map[string]string{
	"no": "No", "preferred": "Preferred", "required": "Required", "preferred-verify": "Preferred (Verify)", "required-verify": "Required (Verify)",
}

// told is what tlsverify says of a level.
func (c *outCase) told(level string) string {
	switch f := c.fate(level); {
	case f.end == "waits" || f.end == "bounced":
		return "NOT delivered: " + c.id()
	case f.end == "clear":
		return "delivered in clear: " + c.id()
	case slices.Contains(f.ids, "P2"):
		return "delivered, encrypted, NOT verified: " + c.id()
	case c.kind == warned:
		return "delivered, encrypted, verified"
	}
	return "delivered, encrypted"
}

func (m *outMatrix) checkVerifyJSON(t *testing.T, c *outCase, level string) {
	var report struct {
		Hosts []struct {
			Cause    string `json:"cause"`
			Verified bool   `json:"verified"`
			Settings []struct {
				Setting, Outcome string
			} `json:"settings"`
		} `json:"hosts"`
	}
	out, status := m.answer(t, "tlsverify "+c.domain(level), &report)
	want, wantStatus := c.id(), 1
	if c.kind == warned {
		want, wantStatus = "", 0
	}
	if len(report.Hosts) != 1 || report.Hosts[0].Cause != want || report.Hosts[0].Verified != (want == "") || status != wantStatus {
		t.Errorf("tlsverify --json ends with %d and does not name %q alone:\n%s", status, want, out)
		return
	}
	for _, s := range report.Hosts[0].Settings {
		if s.Setting == titles[level] && s.Outcome != c.told(level) {
			t.Errorf("tlsverify says of %s %q, want %q, as delivery does", s.Setting, s.Outcome, c.told(level))
		}
	}
}

func (m *outMatrix) checkVerifyText(t *testing.T, c *outCase, level string) {
	out, status := m.ask(t, "tlsverify "+c.domain(level))
	wantStatus := 1
	if c.kind == warned {
		wantStatus = 0
	}
	if status != wantStatus {
		t.Errorf("tlsverify ends with %d, want %d:\n%s", status, wantStatus, out)
	}
	named := map[string]bool{}
	for _, f := range causeText.FindAllStringSubmatch(out, -1) {
		named[f[1]] = true
	}
	if !named[c.id()] || len(named) != 1 {
		t.Errorf("tlsverify names %v, want %s:\n%s", named, c.id(), out)
	}
	if c.kind != warned && !strings.Contains(out, "("+c.id()+")") {
		t.Errorf("tlsverify's last words do not name %s:\n%s", c.id(), out)
	}
}
