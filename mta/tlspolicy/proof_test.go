package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"posthouse/config"
	"posthouse/internal/cause"
)

// asked is a query for the facts as they are weighed.
func asked(f Facts) Query { return Query{Facts: f, Wanted: Weigh(f)} }

func records(list ...TLSA) func(*Facts) {
	return func(f *Facts) { f.DANE = DANE{State: DANEUsable, Base: f.Host, Records: list} }
}

// TestProofs shakes hands with one peer under every rule and looks at what proves what.
func TestProofs(t *testing.T) {
	p := newPKI(t)
	self := issue(t, nil, ecKey(t), "anything.example", dnsNames("anything.example"), expired)
	nameless := issue(t, p.mid, ecKey(t), "mx1.partner.example")
	hosted := issue(t, p.mid, ecKey(t), "mx.provider.example", dnsNames("mx.provider.example"))
	provider := func(f *Facts) { f.Host = "mx.provider.example" }
	match := sts("enforce", true)
	for _, test := range []struct {
		name  string
		facts Facts
		chain []*entity
		by    Proof
		peer  string
		want  cause.ID
	}{
		{"Verify", facts(level(config.TLSRequireVerify)), []*entity{p.leaf, p.mid}, ProofNames, "mx1.partner.example", ""},
		{"Verify at a provider", facts(level(config.TLSRequireVerify), provider), []*entity{hosted, p.mid}, "", "", cause.V5},
		{"Hosted Domains at a provider", facts(level(config.TLSRequireVerifyHosted), provider), []*entity{hosted, p.mid}, ProofHosted, "mx.provider.example", ""},
		{"Verify with the common name", facts(level(config.TLSRequireVerify)), []*entity{nameless, p.mid}, ProofNames, "mx1.partner.example", ""},
		{"MTA-STS", facts(match), []*entity{p.leaf, p.mid}, ProofSTS, "mx1.partner.example", ""},
		{"MTA-STS at a provider", facts(match, provider), []*entity{hosted, p.mid}, ProofSTS, "mx.provider.example", ""},
		{"MTA-STS takes no common name", facts(match), []*entity{nameless, p.mid}, "", "", cause.V5},
		{"MTA-STS takes no other name", facts(match, provider), []*entity{p.leaf, p.mid}, "", "", cause.V5},
		{"MTA-STS takes no stranger", facts(match), []*entity{self}, "", "", cause.V1},
		{"usage 3 ignores name, date and issuer", facts(records(TLSAOf(self.cert, 3, 1, 1))), []*entity{self}, ProofDANE, "TLSA 3 1 1", ""},
		{"usage 3 counts as verification", facts(level(config.TLSRequireVerify), records(TLSAOf(self.cert, 3, 1, 1))), []*entity{self}, ProofDANE, "TLSA 3 1 1", ""},
		{"usage 2", facts(records(TLSAOf(p.mid.cert, 2, 0, 2))), []*entity{p.leaf, p.mid}, ProofDANE, "TLSA 2 0 2", ""},
		{"usage 2 wants the name", facts(records(TLSAOf(p.mid.cert, 2, 0, 1))), []*entity{hosted, p.mid}, "", "", cause.D1},
		{"another record", facts(records(TLSAOf(self.cert, 3, 1, 1))), []*entity{p.leaf, p.mid}, "", "", cause.D1},
		{"another record under Verify", facts(level(config.TLSRequireVerify), records(TLSAOf(self.cert, 3, 1, 1))), []*entity{p.leaf, p.mid}, "", "", cause.D1},
		{"a rollover", facts(records(TLSAOf(self.cert, 3, 1, 1), TLSAOf(p.leaf.cert, 3, 1, 1))), []*entity{p.leaf}, ProofDANE, "TLSA 3 1 1", ""},
		{"REQUIRETLS", facts(requireTLS, mxSecure), []*entity{p.leaf, p.mid}, ProofMX, "mx1.partner.example", ""},
		{"REQUIRETLS with DANE", facts(requireTLS, records(TLSAOf(self.cert, 3, 1, 1))), []*entity{self}, ProofDANE, "TLSA 3 1 1", ""},
		{"REQUIRETLS at a provider", facts(requireTLS, mxSecure, provider), []*entity{p.leaf, p.mid}, "", "", cause.V5},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			addr := serve(t, tlsPeer(&tls.Config{Certificates: []tls.Certificate{shown(test.chain[0], test.chain[1:]...)}}))
			q := asked(test.facts)
			o := shake(t, trusting(p.root), q, addr)
			if o.Verified != (test.want == "") || o.Encrypted != o.Verified || o.Stopped == o.Verified || o.Cause != test.want || o.By != test.by || o.PeerName != test.peer {
				t.Errorf("%+v", o)
			}
			if o.Verified && fatal(o.Findings) {
				t.Errorf("verified in spite of %+v", o.Findings)
			}
			if len(o.Chain) < len(test.chain) || len(o.NamesTried) == 0 {
				t.Errorf("chain %+v, names %v, %v", o.Chain, o.NamesTried, o.NamesFound)
			}
			if action := Decide(q.Wanted, o); (action.Do == NextHost) != (test.want != "" || q.RequireTLS) {
				t.Errorf("%+v", action)
			}
		})
	}
}

// TestServerNameOfQuery asks for the name at which TLSA records lie, else for the host.
func TestServerNameOfQuery(t *testing.T) {
	p := newPKI(t)
	var mu sync.Mutex
	var asks []string
	addr := serve(t, tlsPeer(&tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		mu.Lock()
		defer mu.Unlock()
		asks = append(asks, hello.ServerName)
		c := shown(p.leaf, p.mid)
		return &c, nil
	}}))
	based := facts(records(TLSAOf(p.leaf.cert, 3, 1, 1)))
	based.DANE.Base = "mx7.provider.example"
	absent := based
	absent.DANE.State = DANEAbsent
	absent.Control.Level = config.TLSPrefer
	address := facts(level(config.TLSPrefer), func(f *Facts) { f.Host = "192.0.2.1" })
	for _, f := range []Facts{based, absent, address} {
		if o := shake(t, trusting(p.root), asked(f), addr); !o.Encrypted {
			t.Errorf("%+v", o)
		}
	}
	if want := []string{"mx7.provider.example", "mx1.partner.example", ""}; !slices.Equal(asks, want) {
		t.Errorf("asked for %q", asks)
	}
}

// TestSessionKey wants another key for everything on which the decision rests.
func TestSessionKey(t *testing.T) {
	p := newPKI(t)
	seen := map[string]string{}
	for name, f := range map[string]Facts{
		"plain": facts(), "another domain": facts(func(f *Facts) { f.Domain = "other.example" }),
		"another host": facts(func(f *Facts) { f.Host = "mx2.partner.example" }), "routed": facts(routed), "proven": facts(mxSecure),
		"level": facts(level(config.TLSRequire)), "verify": facts(level(config.TLSRequireVerify)), "hosted": facts(level(config.TLSRequireVerifyHosted)),
		"DANE": facts(records(TLSAOf(p.leaf.cert, 3, 1, 1))), "another record": facts(records(TLSAOf(p.mid.cert, 3, 1, 1))),
		"MTA-STS": facts(sts("enforce", true)), "testing": facts(sts("testing", true)), "REQUIRETLS": facts(requireTLS, mxSecure),
	} {
		key := asked(f).sessionKey()
		if other, ok := seen[key]; ok {
			t.Errorf("%s and %s share sessions", name, other)
		}
		seen[key] = name
	}
}

// TestChain describes the chain as sent: places, notes, and what is missing.
func TestChain(t *testing.T) {
	p := newPKI(t)
	other := issue(t, nil, ecKey(t), "Other Root", isCA)
	old := issue(t, p.mid, rsaKey(t, 1024), "mx1.partner.example", dnsNames("mx1.partner.example"), expired)
	for _, test := range []struct {
		chain  []*entity
		places string
		notes  string
	}{
		{[]*entity{p.leaf, p.mid}, "leaf, intermediate", ""},
		{[]*entity{p.leaf, p.mid, p.root}, "leaf, intermediate, root", ""},
		{[]*entity{p.leaf}, "leaf, missing", "V2"},
		{[]*entity{p.leaf, p.root, p.mid}, "leaf, root, out of order", "V3"},
		{[]*entity{p.leaf, p.mid, p.mid}, "leaf, intermediate, duplicate", "V3"},
		{[]*entity{p.leaf, other, p.mid}, "leaf, not needed, intermediate", "V3"},
		{[]*entity{p.mid, p.leaf}, "out of order, out of order", "V3"},
		{[]*entity{old, p.mid}, "leaf, intermediate", "V10 V4"},
	} {
		v := trusting(p.root).examine(certsOf(test.chain...), x509.ExtKeyUsageServerAuth)
		var places, notes []string
		for _, el := range v.chain {
			places = append(places, el.Place)
			for _, note := range el.Notes {
				if id, _, _ := strings.Cut(note, ":"); !slices.Contains(notes, id) {
					notes = append(notes, id)
				}
			}
			if el.Subject == "" || el.Place != placeMissing && (el.SHA256 == "" || el.Serial == "" || el.Key == "" || el.NotAfter.IsZero()) {
				t.Errorf("%+v", el)
			}
		}
		if got := strings.Join(places, ", "); got != test.places || strings.Join(notes, " ") != test.notes {
			t.Errorf("%s: %s", got, notes)
		}
	}
	if v := trusting(p.root).examine(certsOf(old, p.mid), x509.ExtKeyUsageServerAuth); v.chain[0].Key != "RSA 1024" || v.chain[1].Key != "ECDSA P-256" || v.chain[1].Subject != "CN=Test Issuing CA" {
		t.Errorf("%+v", v.chain)
	}
}

// crl revokes or misses a list for the certificates of one name.
type crl struct {
	name string
	id   cause.ID
	asks int
}

func (c *crl) Revoked(chain []*x509.Certificate) (cause.ID, string) {
	c.asks++
	for _, cert := range chain {
		if cert.Subject.CommonName == c.name {
			return c.id, "CN=" + c.name + " is in no good list"
		}
	}
	return "", ""
}

// TestRevocation looks certificates up where the configuration says so, in either direction and on resumed sessions too.
func TestRevocation(t *testing.T) {
	p := newPKI(t)
	addr := serve(t, tlsPeer(&tls.Config{Certificates: []tls.Certificate{shown(p.leaf, p.mid)}}))
	for _, test := range []struct {
		name     string
		lists    crl
		out, in  bool
		want     cause.ID
		wantIn   cause.ID
		warning  bool
		outAsked bool
	}{
		{"off", crl{name: "Test Issuing CA", id: cause.V7}, false, false, "", "", false, false},
		{"outgoing", crl{name: "Test Issuing CA", id: cause.V7}, true, false, cause.V7, "", false, true},
		{"incoming", crl{name: "mx1.partner.example", id: cause.V7}, false, true, "", cause.H11, false, false},
		{"stale", crl{name: "mx1.partner.example", id: cause.V14}, true, true, "", "", true, true},
		{"of others", crl{name: "other", id: cause.V7}, true, true, "", "", false, true},
	} {
		trust := trusting(p.root)
		trust.crl, trust.crlServers, trust.crlClients = &test.lists, test.out, test.in
		o := shake(t, trust, partner, addr)
		if o.Cause != test.want || warns(o.Findings, cause.V14) != test.warning || (test.lists.asks > 0) != test.outAsked {
			t.Errorf("%s, outgoing: %+v", test.name, o)
		}
		s := newServer(t, []tls.Certificate{shown(p.leaf, p.mid)}, DemandClient, trust)
		o = accept(t, s, func(conn net.Conn) {
			tlsClient(insecure(func(c *tls.Config) { c.Certificates = []tls.Certificate{shown(p.leaf, p.mid)} }))(conn)
		})
		if o.Cause != test.wantIn || test.wantIn != "" && o.Findings[0].Cause != cause.V7 {
			t.Errorf("%s, incoming: %+v", test.name, o)
		}
	}
	lists := &crl{name: "mx1.partner.example"}
	trust := trusting(p.root)
	trust.crl, trust.crlServers = lists, true
	shake(t, trust, partner, addr)
	lists.id = cause.V7
	if o := shake(t, trust, partner, addr); o.Cause != cause.V7 || !o.Stopped {
		t.Errorf("revoked since the session began: %+v", o)
	}
}

// TestEveryProof looks at what each proof makes of one chain, whatever is wanted.
func TestEveryProof(t *testing.T) {
	p := newPKI(t)
	self := issue(t, nil, ecKey(t), "anything.example", dnsNames("anything.example"))
	for _, test := range []struct {
		name  string
		facts Facts
		chain []*entity
		want  string
	}{
		{"nothing proven", facts(), []*entity{p.leaf, p.mid}, "names ok, hosted names ok, MTA-STS ok, proven MX R1"},
		{"proven by DNSSEC", facts(mxSecure), []*entity{p.leaf, p.mid}, "names ok, hosted names ok, MTA-STS ok, proven MX ok"},
		{"another MX", facts(sts("testing", false)), []*entity{p.leaf, p.mid}, "names ok, hosted names ok, MTA-STS M1, proven MX R1"},
		{"the policy's MX", facts(sts("enforce", true)), []*entity{p.leaf, p.mid}, "names ok, hosted names ok, MTA-STS ok, proven MX ok"},
		{"a TLSA record stands in for names, and not for MTA-STS", facts(records(TLSAOf(self.cert, 3, 1, 1))), []*entity{self},
			"names by DANE, hosted names by DANE, MTA-STS V1, DANE ok, proven MX by DANE"},
		{"another TLSA record", facts(records(TLSAOf(self.cert, 3, 1, 1))), []*entity{p.leaf, p.mid},
			"names ok, hosted names ok, MTA-STS ok, DANE D1, proven MX R1"},
		{"unusable TLSA records", facts(dane(DANEUnusable)), []*entity{p.leaf, p.mid}, "names ok, hosted names ok, MTA-STS ok, proven MX R1"},
	} {
		trust := trusting(p.root)
		certs := certsOf(test.chain...)
		var got []string
		for _, r := range test.facts.prove(certs, trust.examine(certs, x509.ExtKeyUsageServerAuth), trust.now()) {
			switch {
			case r.OK && r.By == r.Proof:
				got = append(got, string(r.Proof)+" ok")
			case r.OK:
				got = append(got, string(r.Proof)+" by "+string(r.By))
			default:
				got = append(got, string(r.Proof)+" "+string(r.Why.Cause))
			}
		}
		if strings.Join(got, ", ") != test.want {
			t.Errorf("%s: %s", test.name, strings.Join(got, ", "))
		}
	}
}
