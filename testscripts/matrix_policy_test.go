package testscripts

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"posthouse/internal/dns/dnstest"
)

// policyRow is one situation of the rules beyond the destination controls. It has a domain of its own, NAME.example, whose
// mail exchanger is mx.NAME.example; in its texts DOMAIN stands for the former and MX for the latter.
type policyRow struct {
	name    string
	peer    string   // who answers at MX
	zone    string   // more of the zone; without an MX record there it is "DOMAIN. MX 10 MX." and "MX. A PEER"
	tlsa    []string // of MX, "3 1 1 @CERT"
	policy  string   // what the web server says of MTA-STS; empty: there is no record for one
	gone    bool     // the policy was there once, and its server fails now
	control string   // the destination control
	route   string   // the SMTP route
	header  string   // of the message
	require bool     // the message is sent with REQUIRETLS

	arrives string // "verified", "encrypted", "clear"; empty: it does not
	said    string // by mail_logs, joined by |
	id      string // why it does not arrive, by everybody
	status  string // of the notice; empty: 5.4.7, the message waited and expired
	verify  string // what tlsverify makes of it, where that is not the id
	held    string // words of the notice or of "Last TLS" that the row is about
}

const (
	encryptedWell = "TLS success protocol TLSv1.3 cipher TLS_AES_128_GCM_SHA256"
	negotiated    = "TLS was required but could not be successfully negotiated [P3]"
	noRecordFits  = "TLS failed: verify error: no TLSA record matches [D1]|" + negotiated
)

func (r *policyRow) domain() string { return r.name + ".example" }

// fill puts the row's names into one of its texts.
func (r *policyRow) fill(text string) string {
	return strings.NewReplacer("DOMAIN", r.domain(), "MX.", "mx."+r.domain()+".", "HOST", "mx."+r.domain()).Replace(text)
}

// records are the row's part of the zone.
func (r *policyRow) records(w *policyWorld) string {
	text := r.zone
	if !strings.Contains(text, " MX 10 ") {
		text += "DOMAIN. MX 10 MX.\nMX. A PEER\n"
	}
	for _, record := range r.tlsa {
		text += "_25._tcp.MX. TLSA " + record + "\n"
	}
	if r.policy != "" {
		text += fmt.Sprintf("_mta-sts.DOMAIN. TXT \"v=STSv1; id=%d\"\nmta-sts.DOMAIN. A %s\n", w.round, w.web.ip)
	}
	for name, p := range w.peers {
		text = strings.ReplaceAll(text, "PEER:"+name, p.ip)
	}
	return r.fill(strings.ReplaceAll(text, "PEER", w.peers[r.peer].ip))
}

// policyPeer is a mail exchanger.
type policyPeer struct {
	*hop
	ip string
}

// policyWorld is everything around one appliance.
type policyWorld struct {
	t      *testing.T
	dir    string // certificates, the zone, and a folder for each peer
	data   string // the appliance's
	rows   []policyRow
	root   *authority // whom we trust
	anchor *authority // whom nobody trusts but by DANE
	peers  map[string]policyPeer
	home   *hop // of the senders
	web    *policyWeb
	round  int // of the policies' ids
	server *server
	dns    string
}

// newPolicyWorld starts peers, a signed zone behind unbound, a web server and the appliance with the rows' settings.
func newPolicyWorld(t *testing.T, rows []policyRow) *policyWorld {
	if os.Geteuid() != 0 {
		t.Skip("ports 25 and 443 need root")
	}
	w := &policyWorld{t: t, dir: t.TempDir(), rows: rows, peers: map[string]policyPeer{}, round: 1}
	w.root, w.anchor = newAuthority(t, "root"), newAuthority(t, "anchor")
	w.web = newPolicyWeb(t, w)
	w.startPeers()
	w.writeZone()
	address, stop, err := startSigned(filepath.Join(w.dir, "unbound"), func() (dnstest.Zones, error) { return readZones(filepath.Join(w.dir, "zone")) })
	if errors.Is(err, dnstest.ErrNoUnbound) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	w.dns = address
	w.data = filepath.Join(t.TempDir(), "mail")
	execute(t, strings.NewReader(password+"\n"), "init", "--data", w.data, "--hostname", "mail.example.com",
		"--ssh", "127.0.0.1:0", "--inbound", "127.0.0.1:0", "--outbound", "127.0.0.1:0", "--admin-password-stdin")
	w.write(filepath.Join(w.data, "configuration", "root.pem"), string(w.root.pem()))
	w.server = startServer(t, w.data)
	if out, status := w.console(w.settings()...); status != 0 || !strings.Contains(out, "Changes committed") {
		t.Fatalf("the settings are not taken: %s", out)
	}
	return w
}

func (w *policyWorld) write(file, text string) {
	w.t.Helper()
	if !filepath.IsAbs(file) {
		file = filepath.Join(w.dir, file)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// hosts are the names that a peer's certificate has: those of all rows.
func (w *policyWorld) hosts() (names []string) {
	for i := range w.rows {
		names = append(names, w.rows[i].fill("HOST"))
	}
	return append(names, "mx.shared.example")
}

// startPeers starts the mail exchangers that rows are about, and writes their certificates for TLSA records.
func (w *policyWorld) startPeers() {
	const day = 24 * time.Hour
	offers := []string{"8BITMIME", "STARTTLS"}
	whole := w.anchor.server(w.t, day, w.hosts()...)
	whole.Certificates[0].Certificate = append(whole.Certificates[0].Certificate, w.anchor.certificate.Raw)
	misnamed := w.anchor.server(w.t, day, "elsewhere.example")
	misnamed.Certificates[0].Certificate = append(misnamed.Certificates[0].Certificate, w.anchor.certificate.Raw)
	for name, b := range map[string]behavior{
		"valid":    {offers: offers, tls: w.root.server(w.t, day, w.hosts()...)},
		"extends":  {offers: append(offers, "REQUIRETLS"), tls: w.root.server(w.t, day, w.hosts()...)},
		"stranger": {offers: append(offers, "REQUIRETLS"), tls: new(authority).server(w.t, day, "elsewhere.example")},
		"old":      {offers: offers, tls: new(authority).server(w.t, -day, "elsewhere.example")},
		"whole":    {offers: offers, tls: whole},
		"misnamed": {offers: offers, tls: misnamed},
		"wrong":    {offers: offers, tls: w.root.server(w.t, day, "elsewhere.example")},
		"expired":  {offers: offers, tls: w.root.server(w.t, -day, w.hosts()...)},
		"naked":    {offers: []string{"8BITMIME"}},
		"garbled":  {offers: offers},
	} {
		w.peers[name] = w.startPeer(name, b)
		if b.tls != nil {
			w.write(name+".pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.tls.Certificates[0].Certificate[0]})))
		}
	}
	w.write("anchor.pem", string(w.anchor.pem()))
	w.write("root.pem", string(w.root.pem()))
	w.home = newHop(w.t, filepath.Join(w.dir, "home"), behavior{offers: []string{"8BITMIME"}})
}

// startPeer takes the port 25 of an address of its own.
func (w *policyWorld) startPeer(name string, b behavior) policyPeer {
	w.t.Helper()
	var last error
	for range 50 {
		ip := nextLoopback()
		h, end, err := startHop(filepath.Join(w.dir, "peers", name), ip+":25", b)
		if last = err; err == nil {
			w.t.Cleanup(end)
			return policyPeer{h, ip}
		}
	}
	w.t.Fatal(last)
	return policyPeer{}
}

func (w *policyWorld) writeZone() {
	text := "$TTL 1\n"
	for i := range w.rows {
		text += w.rows[i].records(w)
	}
	w.write("zone", text)
}

// settings are the commands that make the appliance what the rows want.
func (w *policyWorld) settings() []string {
	_, port, _ := net.SplitHostPort(w.home.addr)
	list := []string{
		"dnsconfig new " + w.dns + " validating on", "certconfig authority custom import root.pem", "certconfig authority custom enable",
		"certconfig authority system disable", "bounceconfig new once max_retries 0", "destconfig default dane opportunistic mta_sts on",
		"listenerconfig edit OutboundMail hostaccess default tls preferred", "smtproutes new home.example [127.0.0.1]:" + port,
	}
	for i := range w.rows {
		r := &w.rows[i]
		list = append(list, r.fill("destconfig new DOMAIN bounceprofile once alert on "+r.control))
		if r.route != "" {
			list = append(list, r.fill("smtproutes new DOMAIN "+r.route))
		}
	}
	return append(list, "commit matrix")
}

// console runs commands at the owner's console and returns what they print and their status.
func (w *policyWorld) console(lines ...string) (string, int) {
	w.t.Helper()
	cmd := exec.Command(filepath.Join(binary, "posthouse"), "console", "--data", w.data)
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// document reads what a command prints as JSON.
func (w *policyWorld) document(into any, command string) (status int) {
	w.t.Helper()
	out, status := w.console(command)
	begin := strings.Index(out, "{")
	if begin < 0 || json.NewDecoder(strings.NewReader(out[begin:])).Decode(into) != nil {
		w.t.Fatalf("%s prints no JSON:\n%s", command, out)
	}
	return status
}

// send submits the row's message.
func (w *policyWorld) send(r *policyRow) error {
	c, err := smtp.Dial(w.server.outbound)
	if err != nil {
		return err
	}
	defer c.Close()
	if ok, _ := c.Extension("REQUIRETLS"); ok {
		return errors.New("REQUIRETLS is offered in clear")
	}
	if err := c.StartTLS(&tls.Config{InsecureSkipVerify: true}); err != nil {
		return err
	}
	if ok, _ := c.Extension("REQUIRETLS"); !ok {
		return errors.New("REQUIRETLS is not offered under TLS")
	}
	mail := "MAIL FROM:<" + r.name + "@home.example>"
	if r.require {
		mail += " REQUIRETLS"
	}
	for _, command := range []string{mail, "RCPT TO:<b@" + r.domain() + ">"} {
		id, err := c.Text.Cmd("%s", command)
		if err != nil {
			return err
		}
		c.Text.StartResponse(id)
		_, _, err = c.Text.ReadResponse(250)
		c.Text.EndResponse(id)
		if err != nil {
			return fmt.Errorf("%s: %w", command, err)
		}
	}
	body, err := c.Data()
	if err != nil {
		return err
	}
	header := ""
	if r.header != "" {
		header = r.header + "\r\n"
	}
	fmt.Fprintf(body, "X-For: %s;\r\n%s\r\ntext\r\n", r.domain(), header)
	return errors.Join(body.Close(), c.Quit())
}

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

// policySeen is what there is to be seen of the matrix afterwards.
type policySeen struct {
	log      *history
	arrived  map[string]string
	notices  map[string]string // by recipient domain
	attempts map[string]policyAttempt
	alerts   map[string][]string // causes, by domain
}

// policyAttempt is a line of delivery_logs.
type policyAttempt struct {
	Domain, Outcome, Protection, Cause string
}

// settled waits until as many messages are settled, and every notice about one.
func (w *policyWorld) settled(messages int) *history {
	w.t.Helper()
	file := filepath.Join(w.data, "logs", "mail_logs", "mail.current")
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	var text []byte
	err := poll(ctx, func() bool {
		text, _ = os.ReadFile(file)
		notices := bytes.Count(text, []byte(" was generated for bounce of "))
		return bytes.Count(text, []byte("Message finished MID ")) >= messages+notices
	})
	if err != nil {
		w.t.Errorf("not every message is settled: %v", err)
	}
	return newHistory(w.t, file, nil)
}

// look reads all that is told of the rows' messages.
func (w *policyWorld) look() *policySeen {
	s := &policySeen{log: w.settled(len(w.rows)), attempts: map[string]policyAttempt{}, alerts: map[string][]string{}}
	s.notices = w.notices()
	s.arrived = arrivals(w.t, filepath.Join(w.dir, "peers"))
	files, _ := filepath.Glob(filepath.Join(w.data, "logs", "delivery_logs", "delivery.@*"))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		for line := range bytes.Lines(text) {
			var a policyAttempt
			if json.Unmarshal(line, &a) == nil && a.Domain != "" {
				s.attempts[a.Domain] = a
			}
		}
	}
	var shown struct {
		Alerts []struct{ Domain, Cause string }
	}
	w.document(&shown, "displayalerts 500 --json")
	for _, a := range shown.Alerts {
		s.alerts[a.Domain] = append(s.alerts[a.Domain], a.Cause)
	}
	return s
}

// lines are what mail_logs says about a domain without a connection, and then of its message's connections.
func (s *policySeen) lines(domain string) string {
	var lines []string
	for _, line := range s.log.said["0"] {
		if strings.HasSuffix(line, " for "+domain) {
			lines = append(lines, line)
		}
	}
	if !slices.Equal(s.log.dcids[s.log.mids[domain]], []string{"0"}) {
		lines = append(lines, s.log.lines(domain)...)
	}
	return strings.Join(lines, "|")
}

var finalRecipient = regexp.MustCompile(`(?m)^Final-Recipient: rfc822; b@(.*?)\r?$`)

// notices are what the senders' server has.
func (w *policyWorld) notices() map[string]string {
	found := map[string]string{}
	files, _ := filepath.Glob(filepath.Join(w.dir, "home", "mail", "*", "new", "*"))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		if m := finalRecipient.FindSubmatch(text); m != nil {
			found[string(m[1])] += string(text)
		}
	}
	return found
}

// field is a field of a notice.
func field(notice, name string) string {
	m := regexp.MustCompile(`(?m)^`+name+`: (.*?)\r?$`).FindAllStringSubmatch(notice, -1)
	var all []string
	for _, one := range m {
		all = append(all, one[1])
	}
	return strings.Join(all, ",")
}

// TestPolicyMatrix delivers in every situation of DANE, MTA-STS, REQUIRETLS and TLS-Required: No, and wants the same cause
// from everybody who tells of it.
func TestPolicyMatrix(t *testing.T) {
	w := newPolicyWorld(t, slices.Concat(daneRows(), stsRows(), requireRows()))
	w.spoil()
	for i := range w.rows {
		if err := w.send(&w.rows[i]); err != nil {
			t.Fatalf("%s: %v", w.rows[i].name, err)
		}
	}
	seen := w.look()
	for i := range w.rows {
		r := &w.rows[i]
		t.Run(r.name, func(t *testing.T) { w.compare(t, r, seen) })
	}
}

// spoil makes the policies that were there once unavailable: who has seen them keeps to them.
func (w *policyWorld) spoil() {
	for i := range w.rows {
		if r := &w.rows[i]; r.gone {
			w.console("tlsverify " + r.domain())
			w.web.set(r.domain(), "404")
		}
	}
	w.round++
	w.writeZone()
}

// compare holds everything that tells of a row's message against the row.
func (w *policyWorld) compare(t *testing.T, r *policyRow, seen *policySeen) {
	same := func(who, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", who, got, want)
		}
	}
	domain := r.domain()
	folder := r.arrives
	if folder == "verified" {
		folder = "encrypted"
	}
	same("it arrives", seen.arrived[domain], folder)
	same("mail_logs", seen.lines(domain), r.fill(r.said))

	var host struct {
		State     string `json:"state"`
		LastCause string `json:"last_cause"`
		LastTLS   string `json:"last_tls"`
	}
	w.document(&host, "hoststatus "+domain+" --json")
	same("hoststatus", host.LastCause, r.id)
	state := map[bool]string{true: "up", false: "down"}[r.id == ""]
	if r.status != "" {
		state = "unknown" // it is the message that was at fault
	}
	same("hoststatus' state", host.State, state)
	if listed, _ := w.console("showhosts " + domain); r.id != "" && !regexp.MustCompile(regexp.QuoteMeta(domain)+` .* `+r.id+" ").MatchString(listed) {
		t.Errorf("showhosts does not say %s:\n%s", r.id, listed)
	}
	attempt := seen.attempts[domain]
	same("delivery_logs", attempt.Cause, r.id)
	same("delivery_logs' protection", attempt.Protection, r.arrives)
	notice := seen.notices[domain]
	same("the notice", field(notice, "X-Posthouse-Cause"), r.id)
	switch {
	case r.id == "":
		if !strings.Contains(host.LastTLS, r.held) {
			t.Errorf("last TLS %q, want %q", host.LastTLS, r.held)
		}
	default:
		status := r.status
		if status == "" {
			status = "5.4.7"
		}
		same("the notice's status", field(notice, "Status"), status)
		same("delivery_logs' outcome", attempt.Outcome, "bounced")
		if !strings.Contains(notice, "Cause "+r.id+": ") || !strings.Contains(notice, r.fill(r.held)) {
			t.Errorf("the notice does not say Cause %s and %q:\n%s", r.id, r.fill(r.held), notice)
		}
	}
	same("the alert", strings.Join(seen.alerts[domain], ","), r.id)
	w.compareVerify(t, r)
}

// compareVerify holds tlsverify against the row.
func (w *policyWorld) compareVerify(t *testing.T, r *policyRow) {
	want := r.verify
	switch want {
	case "":
		want = r.id
	case "verified":
		want = ""
	}
	var shown struct {
		Hosts []struct {
			Verified bool
			Cause    string
		}
	}
	status := w.document(&shown, "tlsverify "+r.domain()+" --json")
	if len(shown.Hosts) != 1 || shown.Hosts[0].Cause != want || shown.Hosts[0].Verified != (want == "") || (status == 0) != (want == "") {
		t.Errorf("tlsverify --json: %+v, status %d, want %q", shown.Hosts, status, want)
	}
	text, status := w.console("tlsverify " + r.domain())
	if want == "" && (status != 0 || !strings.Contains(text, "TLS certificate verified.")) {
		t.Errorf("tlsverify fails with %d:\n%s", status, text)
	}
	if want != "" && (status != 1 || !strings.Contains(text, "\nCause "+want+", ")) {
		t.Errorf("tlsverify does not say Cause %s:\n%s", want, text)
	}
}
