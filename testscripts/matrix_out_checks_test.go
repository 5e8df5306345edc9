package testscripts

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

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
