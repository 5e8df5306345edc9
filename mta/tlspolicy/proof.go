package tlspolicy

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"posthouse/certstore"
	"posthouse/internal/cause"
)

const wordsNoTLSA = "no TLSA record matches"

// proofs are all ways to show who the peer is, in the order in which results are listed.
var proofs = [...]Proof{ProofNames, ProofHosted, ProofSTS, ProofDANE, ProofMX}

// prove tries every proof, whatever is wanted, so that every message can be judged by what was found. A TLSA record that
// matches stands in for the names: who publishes it speaks for the domain, and DNSSEC says so (RFC 7672 §3.1).
func (f Facts) prove(certs []*x509.Certificate, v verdict, now time.Time) []Result {
	var byTLSA *Result
	if f.DANE.State == DANEUsable {
		r := f.proveDANE(certs, now)
		byTLSA = &r
	}
	var results []Result
	for _, p := range proofs {
		switch {
		case p == ProofDANE && byTLSA == nil:
		case p == ProofDANE:
			results = append(results, *byTLSA)
		case p != ProofSTS && byTLSA != nil && byTLSA.OK:
			results = append(results, Result{Proof: p, OK: true, By: ProofDANE, Name: byTLSA.Name, Tried: f.Names(p)})
		default:
			results = append(results, f.proveName(p, certs[0], v))
		}
	}
	return results
}

// proveName wants a chain without a fault and one of the proof's names.
func (f Facts) proveName(p Proof, leaf *x509.Certificate, v verdict) Result {
	r := Result{Proof: p, By: p, Tried: f.Names(p)}
	var mismatch *Finding
	r.Name, mismatch = matchNames(leaf, r.Tried, p == ProofNames || p == ProofHosted)
	switch fault := v.fault(); {
	case p == ProofSTS && f.STS.Mode != "" && !f.STS.Match:
		r.Why = &Finding{Cause: cause.M1, Fatal: true, Reason: "the MX is not in the policy", Detail: f.Host + " is not among " + strings.Join(f.STS.MX, ", ")}
	case p == ProofMX && !f.mxProven():
		r.Why = &Finding{Cause: cause.R1, Fatal: true, Reason: "the MX is not proven", Detail: f.Host + " is proven by neither DNSSEC nor MTA-STS"}
	case fault != nil:
		r.Why = fault
	case mismatch != nil:
		r.Why, r.OK = mismatch, !mismatch.Fatal
	default:
		r.OK = true
	}
	return r
}

func (f Facts) proveDANE(certs []*x509.Certificate, now time.Time) Result {
	r := Result{Proof: ProofDANE, By: ProofDANE, Tried: f.Names(ProofDANE)}
	record, why := MatchTLSA(f.DANE.Records, certs, now, r.Tried)
	if record == nil {
		r.Why = &Finding{Cause: cause.D1, Fatal: true, Reason: wordsNoTLSA, Detail: why}
		return r
	}
	r.OK, r.Name = true, fmt.Sprintf("TLSA %d %d %d", record.Usage, record.Selector, record.Matching)
	return r
}

// matchNames looks for a wanted name in the certificate. The common name counts only where it may and there is no
// dNSName, and with a warning: RFC 9525 §1.3 forbids it, but some partners' certificates still come without.
func matchNames(leaf *x509.Certificate, wanted []string, common bool) (string, *Finding) {
	if len(wanted) == 0 {
		return "", &Finding{Cause: cause.V13, Fatal: true, Reason: wordsHostname, Detail: "there is only an address, and no name that the certificate could prove"}
	}
	found, byCommon := certstore.Names(leaf)
	if byCommon && !common {
		found = nil
	}
	for _, want := range wanted {
		for _, have := range found {
			switch {
			case !certstore.MatchName(have, want):
			case byCommon:
				return want, &Finding{Cause: cause.V5, Reason: wordsHostname, Detail: want + " is named by the common name alone, which has no dNSName beside it"}
			default:
				return want, nil
			}
		}
	}
	return "", &Finding{Cause: cause.V5, Fatal: true, Reason: wordsHostname, Detail: fmt.Sprintf("wanted %s, found %s", strings.Join(wanted, " or "), listNames(found))}
}

const maxNamesFound = 100

// namesFound are the certificate's names, as many as anybody reads.
func namesFound(leaf *x509.Certificate) []string {
	found, _ := certstore.Names(leaf)
	var names []string
	for _, name := range found[:min(len(found), maxNamesFound)] {
		names = append(names, strings.Trim(fmt.Sprintf("%q", name), `"`))
	}
	return names
}

// listNames writes a stranger's names for a log.
func listNames(names []string) string {
	if len(names) == 0 {
		return "no name"
	}
	shown := names[:min(len(names), 20)]
	text := fmt.Sprintf("%q", shown)
	text = strings.NewReplacer(`" "`, ", ", `["`, "", `"]`, "").Replace(text)
	if len(shown) < len(names) {
		text += fmt.Sprintf(" and %d more", len(names)-len(shown))
	}
	return text
}
