package tlspolicy

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"posthouse/certstore"
)

// MatchTLSA looks for a record that proves the chain, the leaf first, and says in why what matched or what is wrong. A
// record of usage 3 is content with the leaf's certificate or key: names and dates are for the zone's owner to say (RFC
// 7672 §3.1.1). Under usage 2 the chain has to lead to the named authority, be valid now, and prove one of names
// (§3.1.2), which are the host after CNAMEs, the host and the recipients' domain (§3.2.3).
func MatchTLSA(records []TLSA, chain []*x509.Certificate, now time.Time, names []string) (matched *TLSA, why string) {
	if len(chain) == 0 {
		return nil, "no certificate was sent"
	}
	chain = chain[:min(len(chain), maxChain)]
	list := usable(records)
	if len(list) == 0 {
		return nil, fmt.Sprintf("none of %d TLSA records can be used", len(records))
	}
	for _, t := range list {
		if t.Usage == usageEE && t.matches(chain[0]) {
			return &t, fmt.Sprintf("%s matches %s", t.name(), certstore.DN(chain[0].Subject))
		}
	}
	near := ""
	for _, t := range list {
		if t.Usage != usageTA {
			continue
		}
		anchor, fault := t.leads(chain, now, names)
		if fault == "" {
			return &t, fmt.Sprintf("%s matches %s", t.name(), anchor)
		}
		if anchor != "" && near == "" {
			near = fmt.Sprintf("; %s matches %s, but %s", t.name(), anchor, fault)
		}
	}
	return nil, fmt.Sprintf("no TLSA record matches the chain, of %d that can be used%s", len(list), near)
}

// leads tries every authority that the record can mean. It returns the name of the one that it does mean, and what
// keeps the chain from being proven by it.
func (t TLSA) leads(chain []*x509.Certificate, now time.Time, names []string) (anchor, fault string) {
	for _, at := range t.anchors(chain) {
		if fault = proven(chain, at.cert, now, names); fault == "" {
			return at.name, ""
		}
		anchor = at.name
	}
	if anchor == "" {
		fault = "no authority of the chain"
	}
	return anchor, fault
}

// anchor is where a chain may end.
type anchor struct {
	cert *x509.Certificate
	name string
}

// anchors are the certificates at which the chain may end: authorities that were sent and match, the one that the
// record holds itself, and whatever the bare key in it has signed (RFC 7671 §5.2: such an authority need not be sent).
func (t TLSA) anchors(chain []*x509.Certificate) (list []anchor) {
	for _, c := range chain[1:] {
		if t.matches(c) {
			list = append(list, anchor{c, certstore.DN(c.Subject)})
		}
	}
	if t.Matching != matchFull {
		return list
	}
	if t.Selector == selectCert {
		if c, err := x509.ParseCertificate(t.Data); err == nil && !c.Equal(chain[0]) {
			list = append(list, anchor{c, certstore.DN(c.Subject)})
		}
		return list
	}
	key, err := x509.ParsePKIXPublicKey(t.Data)
	if err != nil {
		return list
	}
	bare := &x509.Certificate{PublicKey: key}
	for _, c := range chain {
		if bare.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil {
			list = append(list, anchor{c, "the key of " + certstore.DN(c.Issuer)})
		}
	}
	return list
}

// proven says what keeps the chain from leading to the anchor with a leaf for one of the names; nothing is empty.
func proven(chain []*x509.Certificate, anchor *x509.Certificate, now time.Time, names []string) string {
	opts := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	opts.Roots.AddCert(anchor)
	for _, c := range chain[1:] {
		opts.Intermediates.AddCert(c)
	}
	if _, err := chain[0].Verify(opts); err != nil {
		return plain(err.Error())
	}
	found, _ := certstore.Names(chain[0])
	for _, want := range names {
		for _, have := range found {
			if certstore.MatchName(have, want) {
				return ""
			}
		}
	}
	return fmt.Sprintf("the names do not match: wanted %s, found %s", strings.Join(names, " or "), listNames(found))
}
