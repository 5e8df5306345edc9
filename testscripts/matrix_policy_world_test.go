package testscripts

import (
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"posthouse/internal/dns/dnstest"
)

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
	zones  atomic.Pointer[dnstest.Zones] // as the nameserver has them
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
	address, stop, err := startSigned(filepath.Join(w.dir, "unbound"), func() (dnstest.Zones, error) { return *w.zones.Load(), nil })
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
	zones, err := readZones(filepath.Join(w.dir, "zone"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.zones.Store(&zones)
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
