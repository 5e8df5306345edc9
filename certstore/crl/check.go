package crl

import (
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"posthouse/certstore"
	"posthouse/internal/cause"
)

// index is what Revoked reads: a snapshot that is never changed.
type index struct {
	byIssuer map[string][]served // by the issuer's name in DER
	never    map[string]string   // the names of sources without a list, by their URL
	now      func() time.Time
}

// served is a source's lists of one issuer.
type served struct {
	name     string
	interval time.Duration
	lists    []*list // the newest first
}

// publish makes a new index. The caller has mu.
func (l *Lists) publish() {
	x := &index{byIssuer: make(map[string][]served), never: make(map[string]string), now: l.opt.Now}
	for _, s := range l.sources {
		if len(s.lists) == 0 {
			x.never[s.URL] = s.Name
		}
		issuers := make(map[string][]*list)
		for _, c := range s.lists {
			issuers[c.rawIssuer] = append(issuers[c.rawIssuer], c)
		}
		for _, issuer := range slices.Sorted(maps.Keys(issuers)) {
			x.byIssuer[issuer] = append(x.byIssuer[issuer], served{s.Name, s.Interval, issuers[issuer]})
		}
	}
	l.index.Store(x)
}

// Revoked looks a verified chain up, the leaf first and the authority in force last. V7 says that an element is revoked, V14
// that the list that would say so is stale, not signed by the issuer or was never had, the empty id that nothing stands
// against the chain. Elements whose issuer has no source are not looked at. It takes no lock and never waits.
func (l *Lists) Revoked(chain []*x509.Certificate) (id cause.ID, words string) {
	x := l.index.Load()
	for i := range len(chain) - 1 {
		switch found, said := x.look(chain[i], chain[i+1]); {
		case found == cause.V7:
			return found, said
		case id == "":
			id, words = found, said
		}
	}
	return id, words
}

// look answers for one certificate and its issuer.
func (x *index) look(c, issuer *x509.Certificate) (id cause.ID, words string) {
	sources := x.byIssuer[string(c.RawIssuer)]
	for _, s := range sources {
		found, said := x.lookIn(s, c, issuer)
		if found == cause.V7 {
			return found, said
		}
		if id == "" {
			id, words = found, said
		}
	}
	if len(x.never) == 0 || id != "" {
		return id, words
	}
	for _, url := range c.CRLDistributionPoints {
		if name, ok := x.never[url]; ok {
			return cause.V14, fmt.Sprintf("the CRL %q for %s was never fetched", name, certstore.DN(c.Subject))
		}
	}
	return "", ""
}

func (x *index) lookIn(s served, c, issuer *x509.Certificate) (cause.ID, string) {
	i := slices.IndexFunc(s.lists, func(l *list) bool { return l.signedBy(issuer) })
	if i < 0 {
		return cause.V14, fmt.Sprintf("the CRL %q is not signed by %s", s.name, certstore.DN(issuer.Subject))
	}
	l := s.lists[i]
	if e, ok := l.revoked[string(c.SerialNumber.Bytes())]; ok {
		return cause.V7, fmt.Sprintf("%s, serial %s, was revoked on %s%s, says the CRL %q of %s", certstore.DN(c.Subject),
			strings.ReplaceAll(fmt.Sprintf("% X", c.SerialNumber.Bytes()), " ", ":"), stamp(time.Unix(e.at, 0)), reason(e.reason), s.name, certstore.DN(l.issuer))
	}
	if l.speaksFor(c) && l.staleAt(x.now(), s.interval) {
		return cause.V14, fmt.Sprintf("the CRL %q of %s is stale since %s", s.name, certstore.DN(l.issuer), stamp(l.ends(s.interval)))
	}
	return "", ""
}

func (l *list) ends(interval time.Duration) time.Time {
	if l.NextUpdate.IsZero() {
		return l.fetched.Add(2*interval + time.Hour)
	}
	return l.NextUpdate
}

// speaksFor says whether the list would name the certificate if it were revoked.
func (l *list) speaksFor(c *x509.Certificate) bool {
	switch {
	case l.scope.users && c.IsCA, l.scope.authorities && !c.IsCA:
		return false
	case len(l.scope.points) == 0:
		return true
	}
	return slices.ContainsFunc(l.scope.points, func(p string) bool { return slices.Contains(c.CRLDistributionPoints, p) })
}

// reason names why (RFC 5280 §5.3.1); 0 is unspecified.
func reason(code int) string {
	names := [...]string{1: "key compromise", 2: "CA compromise", 3: "affiliation changed", 4: "superseded",
		5: "cessation of operation", 6: "on hold", 9: "privilege withdrawn", 10: "AA compromise"}
	if code <= 0 || code >= len(names) || names[code] == "" {
		return ""
	}
	return " (" + names[code] + ")"
}
