// Package mtasts asks recipients' domains for their MTA-STS policy (RFC 8461): the record in the DNS, the policy over
// HTTPS, and a cache on disk from which a policy stays in force for its time whatever happens to the domain's web server
// or to the answers of the DNS. It decides nothing about a delivery: what a policy asks is weighed by tlspolicy.
// mta and mta/outbound import it; it imports leaves only.
package mtasts

import (
	"slices"
	"strings"
	"time"

	"posthouse/internal/cause"
)

// Mode is what a policy asks of those who send to its domain.
type Mode string

// The modes of RFC 8461 §5.
const (
	Enforce Mode = "enforce" // a host that is not named, or cannot be verified, is not used
	Testing Mode = "testing" // failures are only reported
	None    Mode = "none"    // the domain has taken its policy back
)

// The result types of RFC 8460 §4.3.2.2 that belong to M2.
const (
	reportFetch   = "sts-policy-fetch-error"
	reportInvalid = "sts-policy-invalid"
	reportWebPKI  = "sts-webpki-invalid"
)

// MaxAge is the longest time for which a policy may stay in the cache (RFC 8461 §3.2); a longer max_age means this.
const MaxAge = 31557600 * time.Second

// Policy is what is known of a domain's policy at one moment. The zero Mode says that there is none. Its slices are
// shared and not to be modified.
type Policy struct {
	Domain  string    // the recipients' domain, in lower case
	Mode    Mode      // empty: no policy
	MX      []string  // patterns in lower case: a host name, or "*." and a domain for one label
	ID      string    // of the record in the DNS with which the policy was fetched
	Fetched time.Time // when it was, or when it was last found unchanged
	Expires time.Time
	Text    []string // the policy's lines, for TLS reports

	// Cause is M2 where the domain's policy could not be fetched, read or renewed. What stands above is then the policy
	// of the cache, if there is one, which is in force.
	Cause  cause.ID
	Report string // the result type of RFC 8460 §4.3.2.2 that goes with it
	Words  string // why; escaped, fit for a log
}

// Active reports whether the policy asks something: its mode is enforce or testing.
func (p Policy) Active() bool { return p.Mode == Enforce || p.Mode == Testing }

// Match reports whether one of the policy's patterns names the host (RFC 8461 §4.1). A wildcard stands for exactly one
// label.
func (p Policy) Match(host string) bool {
	host = canonical(host)
	return slices.ContainsFunc(p.MX, func(pattern string) bool {
		parent, wild := strings.CutPrefix(pattern, "*.")
		if !wild {
			return host == pattern
		}
		label, rest, ok := strings.Cut(host, ".")
		return ok && label != "" && rest == parent
	})
}

// failed is p with the reason why it could not be renewed.
func (p Policy) failed(f *fault) Policy {
	if f != nil {
		p.Cause, p.Report, p.Words = cause.M2, f.report, f.Error()
	}
	return p
}

// canonical is a name in lower case without the final dot.
func canonical(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") }
