package testscripts

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

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
