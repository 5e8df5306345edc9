package tlspolicy

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"posthouse/certstore"
)

// Query is one host to be reached for one domain.
type Query struct {
	Facts
	Wanted Wanted // by Weigh; what it insists on ends the handshake
	Small  bool   // offer no post-quantum key share: the second try after Outcome.TrySmaller
}

// plainHost is a name in the form in which names are compared; what is no host name stays as it is, in lower case.
func plainHost(name string) string {
	if host, err := certstore.HostName(name); err == nil {
		return host
	}
	return strings.ToLower(name)
}

// serverName is the name for SNI, which knows no addresses (RFC 6066 §3): the host's, or where TLSA records decide the
// name at which they were found (RFC 7672 §8.1).
func (f Facts) serverName() string {
	name := f.Host
	if f.DANE.Base != "" && (f.DANE.State == DANEUsable || f.DANE.State == DANEUnusable) {
		name = f.DANE.Base
	}
	host, err := certstore.HostName(name)
	if err != nil {
		return ""
	}
	return host
}

// Names returns the names of which a certificate has to have one under the proof. None at all, and not nil, where there
// are only addresses.
//
// ProofNames is the recipients' domain, the host that a route names, and an MX host only directly below that domain,
// because the DNS that named it is not proven. ProofHosted takes every MX host. ProofSTS and ProofMX are about the
// host alone (RFC 8461 §4.2), DANE's trust anchors about all of them (RFC 7672 §3.2.2).
func (f Facts) Names(p Proof) []string {
	names := []string{}
	add := func(name string) {
		if name = plainHost(name); isName(name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	domain, host := plainHost(f.Domain), plainHost(f.Host)
	switch p {
	case ProofNames:
		add(domain)
		if _, parent, below := strings.Cut(host, "."); f.Routed || below && parent == domain {
			add(host)
		}
	case ProofHosted:
		add(domain)
		add(host)
	case ProofDANE:
		add(f.DANE.Base)
		add(host)
		add(domain)
	default:
		add(host)
	}
	return names
}

// isName leaves out addresses and address literals (RFC 5321 §4.1.3).
func isName(s string) bool {
	_, err := netip.ParseAddr(s)
	return err != nil && s != "" && !strings.HasPrefix(s, "[")
}

// sessionKey is different for everything on which the decision rests: a session made for another domain, host, rule or
// TLSA record proves nothing here.
func (q Query) sessionKey() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %v %v %q %q %q ", q.Domain, q.Host, q.Routed, q.MXSecure, q.DANE.State, q.DANE.Base, q.STS.Mode)
	fmt.Fprintf(h, "%v %q %v %v %q %v", q.STS.Match, q.STS.ID, q.Wanted.Encrypt, q.Wanted.Verify, q.Wanted.Proofs, q.Wanted.Extend)
	for _, r := range q.DANE.Records {
		fmt.Fprintf(h, " %d %d %d %x", r.Usage, r.Selector, r.Matching, r.Data)
	}
	return string(h.Sum(nil))
}
