package testscripts

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
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

// policySeen is what there is to be seen of the matrix afterwards.
type policySeen struct {
	log      *history
	arrived  map[string]string
	notices  map[string]string // by recipient domain
	attempts map[string]policyAttempt
	alerts   map[string][]string // causes, by domain
	counts   map[string]policyCount
}

// policyCount is a domain in tlsreport.
type policyCount struct {
	Verified, Encrypted, Clear, Failed int

	Cause string // of the last connection that failed
}

// counts is what tlsreport says of one message; failed is how many connections were made for it in vain.
func (r *policyRow) counts(failed int) (c policyCount) {
	switch r.arrives {
	case "verified":
		c.Verified = 1
	case "encrypted":
		c.Encrypted = 1
	case "clear":
		c.Clear = 1
	case "":
		c.Failed, c.Cause = max(1, failed), r.id
		return c
	}
	if strings.Contains(r.zone, " MX 5 ") { // the host before the one that took it
		c.Failed, c.Cause = 1, r.verify
		if r.require {
			c.Cause = "R1"
		}
	}
	return c
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
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if poll(ctx, func() bool { w.readAttempts(s.attempts); return len(s.attempts) >= len(w.rows) }) != nil {
		w.t.Errorf("delivery_logs tell of %d domains, not of %d", len(s.attempts), len(w.rows))
	}
	var shown struct {
		Alerts []struct{ Domain, Cause string }
	}
	w.document(&shown, "displayalerts 500 --json")
	for _, a := range shown.Alerts {
		s.alerts[a.Domain] = append(s.alerts[a.Domain], a.Cause)
	}
	var counted struct {
		Domains []struct {
			Domain string
			policyCount
		}
	}
	w.document(&counted, "tlsreport --json")
	s.counts = map[string]policyCount{}
	for _, d := range counted.Domains {
		s.counts[d.Domain] = d.policyCount
	}
	return s
}

// readAttempts reads the delivery logs, which tell of a message a little later than mail_logs.
func (w *policyWorld) readAttempts(attempts map[string]policyAttempt) {
	files, _ := filepath.Glob(filepath.Join(w.data, "logs", "delivery_logs", "delivery.@*"))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		for line := range bytes.Lines(text) {
			var a policyAttempt
			if json.Unmarshal(line, &a) == nil && a.Domain != "" {
				attempts[a.Domain] = a
			}
		}
	}
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
		if raceEnabled && i%12 != 0 {
			continue // all mail has travelled, and asking about it takes several times as long under the detector
		}
		r := &w.rows[i]
		t.Run(r.name, func(t *testing.T) { w.compare(t, r, seen) })
	}
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
	if r.require && strings.Contains(notice, "X-For:") {
		t.Errorf("the notice repeats the header of a message with REQUIRETLS:\n%s", notice)
	}
	counts := r.counts(seen.counts[domain].Failed)
	same("tlsreport", fmt.Sprintf("%+v", seen.counts[domain]), fmt.Sprintf("%+v", counts))
	same("the alert", strings.Join(seen.alerts[domain], ","), counts.Cause) // also where another host took the mail
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
	hosts := 1 + strings.Count(r.zone, " MX 5 ")
	if len(shown.Hosts) != hosts || shown.Hosts[0].Cause != want || shown.Hosts[0].Verified != (want == "") || (status == 0) != (want == "") {
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
