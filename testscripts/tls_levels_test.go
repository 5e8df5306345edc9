package testscripts

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// levels are the settings of a destination, as destconfig calls them.
var levels = []string{"no", "preferred", "required", "preferred-verify", "required-verify"}

// want is what becomes of a message at each of the levels: how it arrives (clear, encrypted, nothing where it waits), and
// what mail_logs says of its connection, joined by |. DOMAIN stands for the recipient's.
type want [5]string

const (
	succeeded   = "encrypted|TLS success protocol TLSv1.3 cipher TLS_AES_128_GCM_SHA256"
	wasRequired = "|TLS was required but could not be successfully negotiated [P3]"
)

// good is a peer with whom nothing is the matter.
var good = want{"clear", succeeded, succeeded, succeeded, succeeded}

// unverified is a peer whose certificate does not prove who it is.
func unverified(id, words string) want {
	return want{"clear", succeeded, succeeded, succeeded + "|cause " + id + " for DOMAIN|peer not verified for DOMAIN [P2]",
		"|TLS failed: verify error: " + words + " [" + id + "]" + wasRequired}
}

// absent is a peer without TLS; said is what the log says where TLS is only preferred.
func absent(id, said string) want {
	clear := "clear" + said + "|cause " + id + " for DOMAIN|delivery in clear for DOMAIN [P1]"
	waits := "|TLS failed: STARTTLS unexpected response [" + id + "]" + wasRequired
	return want{"clear", clear, waits, clear, waits}
}

// failing is a peer that says yes to STARTTLS and fails then: nothing goes in clear because of it, whatever the level.
func failing(id, words string) want {
	failed := "|TLS failed: " + words + " [" + id + "]"
	return want{"clear", failed, failed + wasRequired, failed, failed + wasRequired}
}

// levelRow is one kind of peer.
type levelRow struct {
	peer string
	how  behavior
	want want
}

func levelRows(t *testing.T, root *authority) []levelRow {
	const day = 24 * time.Hour
	const unexpected = "STARTTLS unexpected response"
	starttls := []string{"8BITMIME", "STARTTLS"}
	answering := func(reply string) behavior {
		return behavior{offers: starttls, replies: map[string]string{"STARTTLS": reply}}
	}
	asking := root.server(t, day, "*.asking.example")
	asking.ClientAuth, asking.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	old := root.server(t, day, "*.old.example")
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	return []levelRow{
		{"right", behavior{offers: starttls, tls: root.server(t, day, "*.right.example")}, good},
		{"self", behavior{offers: starttls, tls: new(authority).server(t, day, "*.self.example")},
			unverified("V1", "self-signed certificate")},
		{"stranger", behavior{offers: starttls, tls: newAuthority(t, "nobody").server(t, day, "*.stranger.example")},
			unverified("V2", "unable to get local issuer certificate")},
		{"wrong", behavior{offers: starttls, tls: root.server(t, day, "elsewhere.example")}, unverified("V5", "hostname mismatch")},
		{"expired", behavior{offers: starttls, tls: root.server(t, -day, "*.expired.example")},
			unverified("V4", "certificate has expired")},
		{"plain", behavior{offers: []string{"8BITMIME"}}, absent("S2", "")},
		{"masked", behavior{offers: []string{"8BITMIME", "XXXXXXXA"}}, absent("S5", "")},
		{"busy", answering("454 4.7.0 not now"), absent("S3", "|TLS failed: "+unexpected+" [S3]")},
		{"injecting", answering("220 go|250 more"), failing("S4", unexpected)},
		{"garbled", behavior{offers: starttls}, failing("H3", "wrong version number")},
		{"old", behavior{offers: starttls, tls: old}, failing("H2", "tlsv1 alert protocol version")},
		{"asking", behavior{offers: starttls, tls: asking}, failing("H8", "tlsv1 alert unknown ca")},
	}
}

// TestTLSLevels delivers to every kind of host under every setting, and holds the log against the table.
func TestTLSLevels(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, "root")
	rows := levelRows(t, root)
	data := filepath.Join(t.TempDir(), "mail")
	execute(t, strings.NewReader(password+"\n"), "init", "--data", data, "--hostname", "mail.example.com",
		"--ssh", "127.0.0.1:0", "--inbound", "127.0.0.1:0", "--outbound", "127.0.0.1:0", "--admin-password-stdin")
	if err := os.WriteFile(filepath.Join(data, "configuration", "root.pem"), root.pem(), 0o600); err != nil {
		t.Fatal(err)
	}
	server := startServer(t, data)
	defer server.kill()
	peers := t.TempDir()
	domains := configureLevels(t, data, peers, rows)
	for _, domain := range domains {
		text := []byte("X-For: " + domain + ";\r\n\r\n")
		if err := smtp.SendMail(server.outbound, nil, "a@example.com", []string{"b@" + domain}, text); err != nil {
			t.Fatal(err)
		}
	}
	log := newHistory(t, filepath.Join(data, "logs", "mail_logs", "mail.current"), domains)
	arrived := arrivals(t, peers)
	for _, row := range rows {
		for i, level := range levels {
			t.Run(row.peer+"/"+level, func(t *testing.T) {
				domain := level + "." + row.peer + ".example"
				got := strings.Join(append([]string{arrived[domain]}, log.lines(domain)...), "|")
				want := strings.ReplaceAll(row.want[i], "DOMAIN", domain)
				if got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			})
		}
	}
}

// configureLevels starts the peers and commits a destination for each of them at each level. It returns the domains.
func configureLevels(t *testing.T, data, peers string, rows []levelRow) []string {
	script := "certconfig authority custom import root.pem\ncertconfig authority custom enable\n"
	var domains []string
	for _, row := range rows {
		h := newHop(t, filepath.Join(peers, row.peer), row.how)
		_, port, _ := net.SplitHostPort(h.addr)
		script += fmt.Sprintf("smtproutes new .%s.example [127.0.0.1]:%s\n", row.peer, port)
		for _, level := range levels {
			domain := level + "." + row.peer + ".example"
			script += fmt.Sprintf("destconfig new %s tls %s\n", domain, level)
			domains = append(domains, domain)
		}
	}
	out := execute(t, strings.NewReader(script+"commit levels\n"), "console", "--data", data)
	if !strings.Contains(out, "Changes committed") {
		t.Fatalf("the settings are not taken: %s", out)
	}
	return domains
}

// arrivals says of each domain whether its mail reached its peer in clear or encrypted.
func arrivals(t *testing.T, dir string) map[string]string {
	found := map[string]string{}
	files, err := filepath.Glob(filepath.Join(dir, "*", "mail", "*", "new", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		body, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(body), "X-For: ")
		domain, _, _ := strings.Cut(rest, ";")
		found[domain] += filepath.Base(filepath.Dir(filepath.Dir(f)))
	}
	return found
}

// history is mail_logs, put in order by message and connection.
type history struct {
	mids  map[string]string   // by domain
	dcids map[string][]string // by MID
	said  map[string][]string // by DCID
}

var (
	toLine    = regexp.MustCompile(`MID (\d+) ICID \d+ RID 0 To: <b@(.*)>$`)
	usesLine  = regexp.MustCompile(`(?:Delivery start|Delayed:|Bounced:) DCID (\d+) MID (\d+) `)
	dcidLine  = regexp.MustCompile(`Info: DCID (\d+) (TLS .*|delivery in clear .*|peer not verified .*|cause .*)$`)
	settled   = regexp.MustCompile(`Message finished MID (\d+) done|MID (\d+) to RID \[0\] pending till`)
	openSSL   = regexp.MustCompile(`\(\d+, '.*:(.*)'\)`)
	forDomain = regexp.MustCompile(` for (\S+)(?: \[P\d+\])?$`)
	anyCipher = regexp.MustCompile(`cipher TLS_[A-Z0-9_]+`)
)

// newHistory waits until each domain's message is delivered or waits.
func newHistory(t *testing.T, file string, domains []string) *history {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var text []byte
	err := poll(ctx, func() bool {
		text, _ = os.ReadFile(file)
		return len(settled.FindAll(text, -1)) >= len(domains)
	})
	if err != nil {
		t.Fatalf("not every message is settled:\n%s", text)
	}
	h := &history{map[string]string{}, map[string][]string{}, map[string][]string{}}
	for line := range strings.Lines(string(text)) {
		h.read(strings.TrimSuffix(line, "\n"))
	}
	return h
}

func (h *history) read(line string) {
	if m := toLine.FindStringSubmatch(line); m != nil {
		h.mids[m[2]] = m[1]
	}
	if m := usesLine.FindStringSubmatch(line); m != nil && !slices.Contains(h.dcids[m[2]], m[1]) {
		h.dcids[m[2]] = append(h.dcids[m[2]], m[1])
	}
	if m := dcidLine.FindStringSubmatch(line); m != nil {
		h.said[m[1]] = append(h.said[m[1]], m[2])
	}
}

// lines are what the log says of the connections for a domain's message, with OpenSSL's numbers left out. What is said of
// another domain, whose mail went over the same connection, is not.
func (h *history) lines(domain string) []string {
	var all []string
	for _, dcid := range h.dcids[h.mids[domain]] {
		for _, line := range h.said[dcid] {
			if m := forDomain.FindStringSubmatch(line); m != nil && m[1] != domain {
				continue
			}
			line = openSSL.ReplaceAllString(line, "$1")
			all = append(all, anyCipher.ReplaceAllString(line, "cipher TLS_AES_128_GCM_SHA256"))
		}
	}
	return all
}
