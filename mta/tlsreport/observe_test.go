package tlsreport

import (
	"fmt"
	"strings"
	"testing"

	"posthouse/internal/cause"
	"posthouse/mta/tlspolicy"
)

// counts writes what was counted for a domain in one line: "sts partner.example +1 -0 validation-failure:1".
func (r *rig) counts(domain string) string {
	summary, _ := r.c.Summary(domain)
	var lines []string
	for _, c := range summary.Counted {
		for _, p := range c.Policies {
			line := fmt.Sprintf("%s %s +%d -%d", p.Policy.Type, p.Policy.Domain, p.Summary.Successful, p.Summary.Failed)
			for _, f := range p.Failures {
				line += fmt.Sprintf(" %s:%d", f.Type, f.Count)
			}
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

func TestObserve(t *testing.T) {
	enforce := func(r *tlspolicy.Record) {
		r.Facts.STS = tlspolicy.STS{Mode: "enforce", Match: true, MX: []string{"mx.partner.example"}, Text: []string{"version: STSv1"}}
	}
	usable := func(r *tlspolicy.Record) {
		r.Facts.DANE = tlspolicy.DANE{State: tlspolicy.DANEUsable, Records: []tlspolicy.TLSA{{Usage: 3, Selector: 1, Matching: 1, Data: []byte{0xab}}}}
	}
	proven := func(r *tlspolicy.Record, proof tlspolicy.Proof, why cause.ID) {
		result := tlspolicy.Result{Proof: proof, OK: why == ""}
		if why != "" {
			result.Why = &tlspolicy.Finding{Cause: why}
		}
		r.Outcome.Proven = append(r.Outcome.Proven, result)
	}
	for _, c := range []struct {
		name string
		edit func(r *tlspolicy.Record)
		want string
	}{
		{"encrypted", nil, "no-policy-found partner.example +1 -0"},
		{"no STARTTLS", func(r *tlspolicy.Record) { r.Outcome = tlspolicy.Outcome{Cause: cause.S2} },
			"no-policy-found partner.example +0 -1 starttls-not-supported:1"},
		{"the handshake fails", func(r *tlspolicy.Record) { r.Outcome = tlspolicy.Outcome{Begun: true, Cause: cause.H1} },
			"no-policy-found partner.example +0 -1 validation-failure:1"},
		{"TLS is not wanted", func(r *tlspolicy.Record) { r.Wanted.Encrypt, r.Outcome = tlspolicy.Never, tlspolicy.Outcome{} }, ""},
		{"no connection", func(r *tlspolicy.Record) { r.Outcome = tlspolicy.Outcome{Cause: cause.N3} }, ""},
		{"unverified, which only our wish minds", func(r *tlspolicy.Record) { r.Outcome.Cause = cause.V5 },
			"no-policy-found partner.example +1 -0"},
		{"unverified, and given up", func(r *tlspolicy.Record) {
			r.Outcome = tlspolicy.Outcome{Cause: cause.V4}
			r.Action.Do = tlspolicy.NextHost
		}, "no-policy-found partner.example +0 -1 certificate-expired:1"},

		{"enforce, verified", func(r *tlspolicy.Record) { enforce(r); proven(r, tlspolicy.ProofSTS, "") },
			"sts partner.example +1 -0"},
		{"testing, another name", func(r *tlspolicy.Record) {
			enforce(r)
			r.Facts.STS.Mode = "testing"
			proven(r, tlspolicy.ProofSTS, cause.V5)
		}, "sts partner.example +0 -1 certificate-host-mismatch:1"},
		{"the host is not in the policy", func(r *tlspolicy.Record) {
			enforce(r)
			r.Facts.STS.Match, r.Wanted.Blocked, r.Outcome = false, cause.M1, tlspolicy.Outcome{}
		}, "sts partner.example +0 -1 validation-failure:1"},
		{"enforce, no STARTTLS", func(r *tlspolicy.Record) { enforce(r); r.Outcome = tlspolicy.Outcome{Cause: cause.S2} },
			"sts partner.example +0 -1 starttls-not-supported:1"},
		{"enforce, the peer cannot be reached", func(r *tlspolicy.Record) { enforce(r); r.Outcome = tlspolicy.Outcome{Cause: cause.N4} }, ""},
		{"the cached policy cannot be renewed", func(r *tlspolicy.Record) {
			enforce(r)
			proven(r, tlspolicy.ProofSTS, "")
			r.Facts.STS.Cause, r.Facts.STS.Report = cause.M2, "sts-policy-invalid"
		}, "sts partner.example +1 -0 sts-policy-invalid:1"},
		{"the policy cannot be had", func(r *tlspolicy.Record) { r.Facts.STS.Cause, r.Facts.STS.Report = cause.M2, "sts-webpki-invalid" },
			"no-policy-found partner.example +0 -1 sts-webpki-invalid:1"},
		{"mode none", func(r *tlspolicy.Record) { enforce(r); r.Facts.STS.Mode = "none" }, "no-policy-found partner.example +1 -0"},

		{"DANE", func(r *tlspolicy.Record) { usable(r); proven(r, tlspolicy.ProofDANE, "") }, "tlsa mx.partner.example +1 -0"},
		{"DANE at the CNAME's end, without a match", func(r *tlspolicy.Record) {
			usable(r)
			r.Facts.DANE.Base = "host.partner.example"
			proven(r, tlspolicy.ProofDANE, cause.D1)
		}, "tlsa host.partner.example +0 -1 tlsa-invalid:1"},
		{"DANE and MTA-STS", func(r *tlspolicy.Record) {
			usable(r)
			enforce(r)
			proven(r, tlspolicy.ProofDANE, "")
			proven(r, tlspolicy.ProofSTS, cause.V1)
		}, "tlsa mx.partner.example +1 -0; sts partner.example +0 -1 certificate-not-trusted:1"},
		{"no usable TLSA record", func(r *tlspolicy.Record) { r.Facts.DANE.State = tlspolicy.DANEUnusable },
			"tlsa mx.partner.example +0 -1 tlsa-invalid:1"},
		{"the lookup fails", func(r *tlspolicy.Record) {
			r.Facts.DANE.State, r.Wanted.Blocked, r.Outcome = tlspolicy.DANEFailed, cause.D3, tlspolicy.Outcome{}
			enforce(r)
		}, "tlsa mx.partner.example +0 -1 dnssec-invalid:1"},
		{"mandatory and absent", func(r *tlspolicy.Record) {
			r.Facts.DANE.State, r.Wanted.Blocked, r.Outcome = tlspolicy.DANEAbsent, cause.D4, tlspolicy.Outcome{}
		}, "no-policy-found partner.example +0 -1 dane-required:1"},

		{"tried once more with a smaller hello", func(r *tlspolicy.Record) {
			r.Outcome = tlspolicy.Outcome{Begun: true, Cause: cause.H5, TrySmaller: true}
		}, ""},
		{"a report of ours", func(r *tlspolicy.Record) { r.Facts.Optional = true }, ""},
		{"an address", func(r *tlspolicy.Record) { r.Facts.Domain = "[192.0.2.1]" }, ""},
		{"a route", func(r *tlspolicy.Record) { r.Facts.Routed, r.Facts.Host = true, "relay.other.example" }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.c.Observe(record(c.edit))
			if got := r.counts(partner); got != c.want {
				t.Errorf("counted %q, want %q", got, c.want)
			}
		})
	}
}

func TestObserveRoute(t *testing.T) {
	r := newRig(t)
	r.c.Observe(record(func(r *tlspolicy.Record) { r.Facts.Routed, r.Facts.Host = true, "Relay.other.example" }))
	if got := r.counts("relay.other.example"); got != "no-policy-found relay.other.example +1 -0" {
		t.Errorf("counted %q", got)
	}
	r.c.Observe(record(func(r *tlspolicy.Record) { r.Facts.Routed, r.Facts.Host = true, "192.0.2.1" }))
	if summary, known := r.c.Summary("192.0.2.1"); known {
		t.Errorf("an address has %+v", summary)
	}
}

// Failures of one kind are counted together, and their details are what RFC 8460 §4.4 names.
func TestFailureDetails(t *testing.T) {
	r := newRig(t)
	for range 3 {
		r.c.Observe(broken(cause.V4))
	}
	r.c.Observe(record(nil))
	summary, _ := r.c.Summary("PARTNER.example.")
	got := summary.Counted[0].Policies[0]
	want := Failure{Type: "certificate-expired", SendingIP: "192.0.2.1", ReceivingIP: "192.0.2.25", Host: "mx.partner.example", Count: 3,
		Reason: "V4: expired certificate"}
	if len(got.Failures) != 1 || got.Failures[0] != want || got.Summary != (Sessions{1, 3}) {
		t.Errorf("counted %+v", got)
	}
	if d := summary.Total; d.Failed != 3 || d.Cause != cause.V4 || !strings.Contains(d.Reason, "expired") {
		t.Errorf("deliveries are %+v", d)
	}
}

// No list of domains, hosts or addresses makes the count grow without end.
func TestCountIsBounded(t *testing.T) {
	r := newRig(t)
	for i := range maxFailures + 10 {
		r.c.Observe(record(func(r *tlspolicy.Record) {
			r.Outcome = tlspolicy.Outcome{Cause: cause.S2}
			r.Facts.Host = fmt.Sprintf("mx%d.partner.example", i)
		}))
	}
	summary, _ := r.c.Summary(partner)
	if p := summary.Counted[0].Policies[0]; len(p.Failures) != maxFailures || p.Summary.Failed != maxFailures+10 {
		t.Errorf("%d kinds, %d failures", len(p.Failures), p.Summary.Failed)
	}
	for i := range maxDestination + 10 {
		r.c.Delivered(fmt.Sprintf("d%d.example", i), Clear, cause.S2, 1)
		r.c.Observe(record(func(r *tlspolicy.Record) { r.Facts.Domain = fmt.Sprintf("d%d.example", i) }))
	}
	if n := len(r.c.open.Domains); n != maxDomains {
		t.Errorf("%d domains are counted", n)
	}
	if others, _ := r.c.Summary(Others); others.Total.Clear < 10 || len(r.c.Deliveries()) != maxDestination+1 {
		t.Errorf("others are %+v of %d", others.Total, len(r.c.Deliveries()))
	}
}
