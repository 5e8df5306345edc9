package testscripts

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// checkViews holds what is told of everybody at once to the same ids: alerts, what tlsreport and status detail count, the
// metrics, and findevent.
func (m *outMatrix) checkViews(t *testing.T) {
	t.Run("alerts", m.checkAlerts)
	t.Run("tlsreport", m.checkReport)
	t.Run("status", m.checkStatus)
	t.Run("metrics", m.checkMetrics)
	t.Run("findevent", m.checkFindEvent)
}

// each calls check for every message.
func (m *outMatrix) each(check func(c *outCase, domain string, f fate)) {
	for _, c := range m.cases {
		for _, level := range c.levels() {
			check(c, c.domain(level), c.fate(level))
		}
	}
}

// An alert is raised where TLS was required and not had, and there alone.
func (m *outMatrix) checkAlerts(t *testing.T) {
	var list struct {
		Alerts []struct{ Cause, Domain string } `json:"alerts"`
	}
	m.answer(t, "displayalerts 500", &list)
	told := map[string][]string{}
	for _, a := range list.Alerts {
		told[a.Domain] = append(told[a.Domain], a.Cause)
	}
	m.each(func(c *outCase, domain string, f fate) {
		var want []string
		if slices.Contains(f.ids, "P3") && !c.unlisted() {
			want = []string{c.seen()}
		}
		if !slices.Equal(told[domain], want) {
			t.Errorf("%s: alerts name %q, want %q", domain, told[domain], want)
		}
	})
}

// unlisted are destinations that have no entry of their own which could ask for alerts.
func (c *outCase) unlisted() bool { return c.literal != "" }

// deliveries are a domain's in tlsreport.
type deliveries struct {
	Domain     string `json:"domain"`
	Clear      int    `json:"clear"`
	Encrypted  int    `json:"encrypted"`
	Verified   int    `json:"verified"`
	Failed     int    `json:"failed"`
	ClearCause string `json:"clear_cause"`
	WeakCause  string `json:"weak_cause"`
	Cause      string `json:"cause"`
}

func (m *outMatrix) checkReport(t *testing.T) {
	var report struct {
		Domains []deliveries `json:"domains"`
	}
	m.answer(t, "tlsreport", &report)
	known := map[string]deliveries{}
	for _, d := range report.Domains {
		known[d.Domain] = d
	}
	m.each(func(c *outCase, domain string, f fate) {
		want := deliveries{}
		switch {
		case f.end == "clear":
			want.Clear, want.ClearCause = 1, c.seen()
		case f.end == "encrypted" && c.kind == warned:
			want.Verified = 1
		case f.end == "encrypted":
			want.Encrypted = 1
		case c.kind != unreached && c.kind != hopeless:
			want.Cause = c.seen()
		}
		if slices.Contains(f.ids, "P2") {
			want.WeakCause = c.seen()
		}
		got := known[domain]
		if got.Failed > 0 != (want.Cause != "") {
			t.Errorf("%s: %d failed connections, and the cause %q", domain, got.Failed, want.Cause)
		}
		got.Domain, got.Failed = "", 0
		if got != want {
			t.Errorf("%s: tlsreport has %+v, want %+v", domain, got, want)
		}
	})
}

// status detail lists what went in clear, and why.
func (m *outMatrix) checkStatus(t *testing.T) {
	out, _ := m.ask(t, "status detail")
	m.each(func(c *outCase, domain string, f fate) {
		listed := false
		for line := range strings.Lines(out) {
			listed = listed || strings.Contains(line, domain) && strings.Contains(line, c.seen())
		}
		if listed != (f.end == "clear") {
			t.Errorf("%s: status detail lists it: %v", domain, listed)
		}
	})
	if t.Failed() {
		t.Log(out)
	}
}

func (m *outMatrix) checkMetrics(t *testing.T) {
	reply, err := http.Get("http://" + m.metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	page, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	m.each(func(c *outCase, domain string, f fate) {
		if c.kind == warned || c.route == byDNS {
			return // what is counted are connections that were not as wanted
		}
		for _, id := range f.ids {
			if line := fmt.Sprintf("causes_total{cause=%q,direction=\"out\"}", id); !strings.Contains(string(page), line) {
				t.Errorf("%s: the metrics do not count %s", domain, id)
			}
		}
	})
}

// findevent finds a message by each id that its connections have.
func (m *outMatrix) checkFindEvent(t *testing.T) {
	found := map[string]string{}
	m.each(func(c *outCase, domain string, f fate) {
		for _, id := range f.ids {
			if id != c.seen() && c.kind == warned {
				continue // a connection that no message was waiting for
			}
			if _, asked := found[id]; !asked {
				found[id], _ = m.ask(t, "findevent -x "+id+" mail_logs")
			}
			if !strings.Contains(found[id], sender(domain)) && !strings.Contains(found[id], "b@"+domain) {
				t.Errorf("findevent -x %s does not find the message to %s", id, domain)
			}
		}
	})
}
