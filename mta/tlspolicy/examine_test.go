package tlspolicy

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"
	"time"

	"posthouse/internal/cause"
)

var expired = func(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
}

var early = func(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = time.Now().Add(24*time.Hour), time.Now().Add(48*time.Hour)
}

// TestExamine has one row for each way in which a chain can be at fault. want is the first fatal cause, "" for none.
func TestExamine(t *testing.T) {
	p := newPKI(t)
	name := dnsNames("mx1.partner.example")
	leaf := func(change ...func(*x509.Certificate)) *entity {
		return issue(t, p.mid, ecKey(t), "mx1.partner.example", append([]func(*x509.Certificate){name}, change...)...)
	}
	self := issue(t, nil, ecKey(t), "mx1.partner.example", name)
	selfExpired := issue(t, nil, ecKey(t), "other.example", dnsNames("other.example"), expired)
	otherRoot := issue(t, nil, ecKey(t), "Other Root", isCA)
	otherMid := issue(t, otherRoot, ecKey(t), "Other Issuing CA", isCA)
	otherLeaf := issue(t, otherMid, ecKey(t), "mx1.partner.example", name)
	noCA := issue(t, p.root, ecKey(t), "No CA")
	short := issue(t, p.root, ecKey(t), "Short CA", isCA, func(c *x509.Certificate) { c.MaxPathLenZero = true })
	shortBelow := issue(t, short, ecKey(t), "Below Short CA", isCA)
	limited := issue(t, p.root, ecKey(t), "Limited CA", isCA, func(c *x509.Certificate) {
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"internal.example"}, true
	})
	mailOnly := issue(t, p.root, ecKey(t), "Mail CA", isCA, func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}
	})
	expiredMid := issue(t, p.root, ecKey(t), "Expired CA", isCA, expired)
	strange := func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
	}
	byRSA := issue(t, p.root, rsaKey(t, 2048), "RSA CA", isCA)

	for _, test := range []struct {
		name    string
		chain   []*entity
		want    cause.ID
		reason  string
		warning cause.ID
	}{
		{"good", []*entity{p.leaf, p.mid}, "", "", ""},
		{"good with root", []*entity{p.leaf, p.mid, p.root}, "", "", ""},
		{"self-signed", []*entity{self}, cause.V1, "self-signed certificate", ""},
		{"self-signed stands before expired and wrong name", []*entity{selfExpired}, cause.V1, "self-signed certificate", ""},
		{"intermediate missing", []*entity{p.leaf}, cause.V2, "unable to get local issuer certificate", ""},
		{"unknown root sent", []*entity{otherLeaf, otherMid, otherRoot}, cause.V8, "self-signed certificate in certificate chain", ""},
		{"unknown root not sent", []*entity{otherLeaf, otherMid}, cause.V8, "unable to get local issuer certificate", ""},
		{"disordered", []*entity{p.leaf, p.root, p.mid}, "", "", cause.V3},
		{"duplicate", []*entity{p.leaf, p.mid, p.mid}, "", "", cause.V3},
		{"not needed", []*entity{p.leaf, otherMid, p.mid}, "", "", cause.V3},
		{"issuer first", []*entity{p.mid, p.leaf}, cause.V3, "certificate chain is out of order", ""},
		{"expired", []*entity{leaf(expired), p.mid}, cause.V4, "certificate has expired", ""},
		{"expired intermediate", []*entity{issue(t, expiredMid, ecKey(t), "x", name), expiredMid}, cause.V4, "certificate has expired", ""},
		{"not yet valid", []*entity{leaf(early), p.mid}, cause.V6, "certificate is not yet valid", ""},
		{"wrong name", []*entity{leaf(dnsNames("mail.provider.example")), p.mid}, cause.V5, "hostname mismatch", ""},
		{"expired stands before wrong name", []*entity{leaf(dnsNames("x.example"), expired), p.mid}, cause.V4, "certificate has expired", ""},
		{"common name alone", []*entity{issue(t, p.mid, ecKey(t), "mx1.partner.example"), p.mid}, "", "", cause.V5},
		{"wrong use", []*entity{leaf(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} }), p.mid}, cause.V9, "unsupported certificate purpose", ""},
		{"issuer may not issue for it", []*entity{issue(t, mailOnly, ecKey(t), "x", name), mailOnly}, cause.V9, "unsupported certificate purpose", ""},
		{"issuer is no authority", []*entity{issue(t, noCA, ecKey(t), "x", name), noCA}, cause.V9, "invalid CA certificate", ""},
		{"path length", []*entity{issue(t, shortBelow, ecKey(t), "x", name), shortBelow, short}, cause.V12, "path length constraint exceeded", ""},
		{"name constraint", []*entity{issue(t, limited, ecKey(t), "x", name), limited}, cause.V12, "permitted subtree violation", ""},
		{"critical extension", []*entity{leaf(strange), p.mid}, cause.V12, "unhandled critical extension", ""},
		{"weak key", []*entity{issue(t, p.mid, rsaKey(t, 1024), "x", name), p.mid}, "", "", cause.V10},
		{"weak digest", []*entity{issue(t, byRSA, ecKey(t), "x", name, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA }), byRSA}, cause.V10, "CA signature digest algorithm too weak", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			facts := Facts{Domain: "partner.example", Host: "mx1.partner.example"}
			findings, peer := examined(trusting(p.root), certsOf(test.chain...), facts.Names(ProofNames))
			t.Logf("%+v", findings)
			if got, reason := firstFatal(findings); got != test.want || reason != test.reason {
				t.Errorf("cause %q %q, want %q %q", got, reason, test.want, test.reason)
			}
			if test.want == "" && peer != "mx1.partner.example" {
				t.Errorf("matched %q", peer)
			}
			if test.warning != "" && !warns(findings, test.warning) {
				t.Errorf("no warning %s", test.warning)
			}
			if test.warning == "" && test.want == "" && len(findings) > 0 {
				t.Errorf("unexpected findings")
			}
		})
	}
}

func firstFatal(findings []Finding) (cause.ID, string) {
	if fatal(findings) {
		return findings[0].Cause, findings[0].Reason
	}
	return "", ""
}

func warns(findings []Finding, id cause.ID) bool {
	for _, f := range findings {
		if f.Cause == id && !f.Fatal {
			return true
		}
	}
	return false
}

// TestTrustedLeaf covers what an operator does about V1: he imports the partner's own certificate.
func TestTrustedLeaf(t *testing.T) {
	self := issue(t, nil, ecKey(t), "mx1.partner.example", dnsNames("mx1.partner.example"))
	findings, _ := examined(trusting(self), certsOf(self), []string{"mx1.partner.example"})
	if len(findings) > 0 {
		t.Errorf("findings %+v", findings)
	}
}

// TestAuthorityForMailOnly has an authority in force that may not issue for servers.
func TestAuthorityForMailOnly(t *testing.T) {
	root := issue(t, nil, ecKey(t), "Mail Root", isCA, func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}
	})
	leaf := issue(t, root, ecKey(t), "x.example", dnsNames("x.example"))
	findings, _ := examined(trusting(root), certsOf(leaf), []string{"x.example"})
	if id, _ := firstFatal(findings); id != cause.V9 || len(findings) != 1 {
		t.Errorf("findings %+v", findings)
	}
}

// TestKnownIssuers tells a forgotten intermediate from a stranger by what was learnt before or is in a list not in force.
func TestKnownIssuers(t *testing.T) {
	p := newPKI(t)
	trust := trusting(p.root)
	names := []string{"mx1.partner.example"}
	findings, _ := examined(trust, certsOf(p.leaf), names)
	if id, _ := firstFatal(findings); id != cause.V2 || !strings.Contains(findings[0].Detail, "presumed") {
		t.Errorf("at first: %+v", findings)
	}
	if findings, _ = examined(trust, certsOf(p.leaf, p.mid), names); fatal(findings) {
		t.Fatalf("whole chain: %+v", findings)
	}
	findings, _ = examined(trust, certsOf(p.leaf), names)
	if id, _ := firstFatal(findings); id != cause.V2 || strings.Contains(findings[0].Detail, "presumed") {
		t.Errorf("once learnt: %+v", findings)
	}
	after := trusting(p.root)
	after.Inherit(trust)
	findings, _ = examined(after, certsOf(p.leaf), names)
	if id, _ := firstFatal(findings); id != cause.V2 || strings.Contains(findings[0].Detail, "presumed") {
		t.Errorf("after a commit: %+v", findings)
	}
	off := trustIn(modern(), nil, certsOf(p.root))
	findings, _ = examined(off, certsOf(p.leaf, p.mid), names)
	if id, _ := firstFatal(findings); id != cause.V8 || !strings.Contains(findings[0].Detail, "not in force") {
		t.Errorf("list off: %+v", findings)
	}
}

// TestEveryFinding wants all faults named, not only the first.
func TestEveryFinding(t *testing.T) {
	p := newPKI(t)
	bad := issue(t, p.mid, ecKey(t), "x", dnsNames("x.example"), expired)
	findings, _ := examined(trusting(p.root), certsOf(bad, p.mid, p.mid), []string{"mx1.partner.example"})
	var got []string
	for _, f := range findings {
		got = append(got, string(f.Cause))
	}
	if strings.Join(got, " ") != "V4 V5 V3" {
		t.Errorf("findings %v", got)
	}
}

// TestNames is the table of who may speak for whom.
func TestNames(t *testing.T) {
	for _, test := range []struct {
		facts                Facts
		names, hosted, alone string
	}{
		{Facts{Domain: "partner.example", Host: "mx1.partner.example"}, "partner.example mx1.partner.example", "partner.example mx1.partner.example", "mx1.partner.example"},
		{Facts{Domain: "Partner.Example.", Host: "MX1.partner.example."}, "partner.example mx1.partner.example", "partner.example mx1.partner.example", "mx1.partner.example"},
		{Facts{Domain: "partner.example", Host: "a.b.partner.example"}, "partner.example", "partner.example a.b.partner.example", "a.b.partner.example"},
		{Facts{Domain: "partner.example", Host: "mx.provider.example"}, "partner.example", "partner.example mx.provider.example", "mx.provider.example"},
		{Facts{Domain: "partner.example", Host: "mx.provider.example", Routed: true}, "partner.example mx.provider.example", "partner.example mx.provider.example", "mx.provider.example"},
		{Facts{Domain: "partner.example", Host: "192.0.2.1", Routed: true}, "partner.example", "partner.example", ""},
		{Facts{Domain: "partner.example", Host: "partner.example"}, "partner.example", "partner.example", "partner.example"},
		{Facts{Domain: "bücher.example", Host: "mx.bücher.example"}, "xn--bcher-kva.example mx.xn--bcher-kva.example", "xn--bcher-kva.example mx.xn--bcher-kva.example", "mx.xn--bcher-kva.example"},
		{Facts{Domain: "[192.0.2.1]", Host: "192.0.2.1", Routed: true}, "", "", ""},
		{Facts{Domain: "[IPv6:2001:db8::1]", Host: "2001:db8::1"}, "", "", ""},
	} {
		for p, want := range map[Proof]string{ProofNames: test.names, ProofHosted: test.hosted, ProofSTS: test.alone, ProofMX: test.alone} {
			if got := strings.Join(test.facts.Names(p), " "); got != want {
				t.Errorf("%+v, %s: %q, want %q", test.facts, p, got, want)
			}
		}
	}
	aliased := Facts{Domain: "partner.example", Host: "mx.provider.example", DANE: DANE{Base: "mx7.provider.example"}}
	if got := strings.Join(aliased.Names(ProofDANE), " "); got != "mx7.provider.example mx.provider.example partner.example" {
		t.Errorf("DANE: %q", got)
	}
	address := Facts{Domain: "[192.0.2.1]", Host: "192.0.2.1"}
	leaf := newPKI(t).leaf
	for _, p := range []Proof{ProofNames, ProofHosted, ProofSTS} {
		if r := address.proveName(p, leaf.cert, verdict{}); r.OK || r.Why == nil || r.Why.Cause != cause.V13 {
			t.Errorf("%s: %+v", p, r)
		}
	}
}

// TestHostileNames wants no line of a log to be forged by a certificate.
func TestHostileNames(t *testing.T) {
	self := issue(t, nil, ecKey(t), "x\r\nMon Jan 1 Info: TLS success", dnsNames("a\nb.example", "ok.example"))
	findings, _ := examined(trusting(), certsOf(self), []string{"mx1.partner.example"})
	for _, f := range findings {
		if strings.ContainsAny(f.Detail+f.Reason, "\r\n") {
			t.Errorf("%q", f.Detail)
		}
	}
}

func TestManyCertificates(t *testing.T) {
	root := issue(t, nil, ecKey(t), "Same", isCA)
	chain := []*entity{issue(t, root, ecKey(t), "leaf", dnsNames("x.example"))}
	for range 100 {
		chain = append(chain, issue(t, root, root.key, "Same", isCA))
	}
	begin := time.Now()
	examined(trusting(), certsOf(chain...), []string{"x.example"})
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestClock says when not the peer's certificate but our own clock looks wrong.
func TestClock(t *testing.T) {
	p := newPKI(t)
	lateLeaf := issue(t, p.mid, ecKey(t), "mx1.partner.example", dnsNames("mx1.partner.example"), early)
	lateMid := issue(t, p.root, ecKey(t), "Test Late CA", isCA, early)
	lateChain := issue(t, lateMid, ecKey(t), "mx1.partner.example", dnsNames("mx1.partner.example"), early)
	for _, test := range []struct {
		name  string
		chain []*entity
		back  time.Duration
		want  string
	}{
		{"one certificate", []*entity{lateLeaf, p.mid}, 0, ""},
		{"several", []*entity{lateChain, lateMid}, 0, "looks wrong: so are others of the chain"},
		{"before the authorities", []*entity{p.leaf, p.mid}, 48 * time.Hour, "looks wrong: authorities in force are younger"},
	} {
		trust := trusting(p.root)
		trust.now = func() time.Time { return time.Now().Add(-test.back) }
		v := trust.examine(certsOf(test.chain...), x509.ExtKeyUsageServerAuth)
		if v.fault() == nil || v.fault().Cause != cause.V6 || !strings.Contains(v.fault().Detail, "the clock here says") ||
			strings.Contains(v.fault().Detail, "looks wrong") != (test.want != "") || !strings.Contains(v.fault().Detail, test.want) {
			t.Errorf("%s: %+v", test.name, v.findings)
		}
	}
}
