package deliverylog

import (
	"posthouse/internal/cause"
	"posthouse/mta/tlspolicy"
)

// tlsPart is what was wanted of TLS on the connection, and what came of it.
type tlsPart struct {
	InForce    string    `json:"in_force"`
	Rules      []rule    `json:"rules"`
	Cause      cause.ID  `json:"cause"`
	Reason     string    `json:"reason"`
	Protocol   string    `json:"protocol"`
	Cipher     string    `json:"cipher"`
	Resumed    bool      `json:"resumed"`
	By         string    `json:"verified_by"`
	Name       string    `json:"verified_name"`
	Findings   []finding `json:"findings"`
	Chain      []element `json:"chain"`
	DANE       string    `json:"dane"`
	MTASTS     string    `json:"mta_sts"`
	RequireTLS bool      `json:"require_tls"`
	Optional   bool      `json:"tls_optional"`
}

type rule struct {
	Source  string `json:"source"`
	Asks    string `json:"asks"`
	InForce bool   `json:"in_force"`
	Why     string `json:"why"`
}

type finding struct {
	Cause  cause.ID `json:"cause"`
	Fatal  bool     `json:"fatal"`
	Reason string   `json:"reason"`
	Detail string   `json:"detail"`
}

type element struct {
	Subject  string `json:"subject"`
	Issuer   string `json:"issuer"`
	NotAfter string `json:"not_after"`
	SHA256   string `json:"sha256"`
	Place    string `json:"place"`
}

// mostOf bounds the lists: a peer may send a chain of any length.
const mostOf = 20

func tlsOf(r *tlspolicy.Record) *tlsPart {
	o := &r.Outcome
	t := &tlsPart{
		InForce: r.Wanted.InForce, Cause: o.Cause, Reason: cut(o.Reason, mostWords), Protocol: o.Protocol, Cipher: o.Cipher, Resumed: o.Resumed,
		By: string(o.By), Name: cut(o.PeerName, mostWords), DANE: string(r.Facts.DANE.State), MTASTS: r.Facts.STS.Mode,
		RequireTLS: r.Facts.RequireTLS, Optional: r.Facts.Optional, Rules: []rule{}, Findings: []finding{}, Chain: []element{},
	}
	for _, x := range r.Wanted.Rules[:min(mostOf, len(r.Wanted.Rules))] {
		t.Rules = append(t.Rules, rule{x.Source, x.Asks, x.InForce, x.Why})
	}
	for _, f := range o.Findings[:min(mostOf, len(o.Findings))] {
		t.Findings = append(t.Findings, finding{f.Cause, f.Fatal, cut(f.Reason, mostWords), cut(f.Detail, mostWords)})
	}
	for _, c := range o.Chain[:min(mostOf, len(o.Chain))] {
		t.Chain = append(t.Chain, element{cut(c.Subject, mostWords), cut(c.Issuer, mostWords), notAfter(c), c.SHA256, c.Place})
	}
	return t
}

// notAfter is empty for what is missing in the chain.
func notAfter(c tlspolicy.Element) string {
	if c.NotAfter.IsZero() {
		return ""
	}
	return stamp(c.NotAfter)
}
