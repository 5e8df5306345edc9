package tlspolicy

import (
	"slices"

	"posthouse/internal/cause"
)

// idleBecause says why a rule that the domain publishes is not in force here; empty where it is.
func (f Facts) idleBecause() string {
	switch {
	case f.RequireTLS: // which nothing weakens, so that what proves the peer stays in force too
	case f.Control.switchedOff():
		return `an explicit "No" for ` + f.Control.Entry + " switches it off"
	case f.Optional:
		return SourceTLSOptional + " relaxes it"
	}
	return ""
}

// byDANE is what the TLSA records ask (RFC 7672 §2.2).
func (f Facts) byDANE() demand {
	mandatory := f.Control.DANE == "mandatory"
	if f.Control.DANE != "mandatory" && f.Control.DANE != "opportunistic" || f.DANE.State == DANENotAsked && !mandatory {
		return demand{}
	}
	d := demand{rule: Rule{Source: SourceDANE, Asks: "nothing"}}
	if why := f.idleBecause(); why != "" {
		d.idle, d.rule.Why = true, why
		return d
	}
	block := func(id cause.ID, words string) {
		d.encrypt, d.blocked, d.words = Require, id, words
		if f.DANE.Words != "" {
			d.words += ": " + f.DANE.Words
		}
		d.rule.Asks, d.rule.Why = "no delivery", words
	}
	switch f.DANE.State {
	case DANEUsable:
		d.encrypt, d.verify, d.proofs = Require, Require, []Proof{ProofDANE}
		d.rule.Asks = "authenticated by TLSA"
		if mandatory && !f.MXSecure && !f.Routed { // RFC 7672 §2.2.1: whoever forges the MX chooses the records, too
			block(cause.D2, "DANE is mandatory, and the answer that names the MX is not secure")
		}
	case DANEFailed:
		block(cause.D3, "the TLSA lookup failed, and is never taken for the absence of records")
	case DANEUnusable:
		d.encrypt, d.rule.Asks = Require, "encrypted, not authenticated"
		d.rule.Why = "no TLSA record is usable"
		if mandatory {
			block(cause.D5, "DANE is mandatory, and no TLSA record is usable")
		}
	case DANEAbsent:
		d.idle, d.rule.Why = !mandatory, "there are no TLSA records"
		if mandatory {
			block(cause.D4, "DANE is mandatory, and there are no TLSA records")
		}
	case DANENotAsked:
		block(cause.D4, "DANE is mandatory, and there is no name that could have TLSA records")
	default:
		d.idle, d.rule.Why = !mandatory, "the answer is not secure"
		if mandatory {
			block(cause.D2, "DANE is mandatory, and the answer is not secure")
		}
	}
	return d
}

// byMTASTS is what the domain's policy asks (RFC 8461 §5).
func (f Facts) byMTASTS() demand {
	if f.STS.Mode == "" && f.STS.Cause == "" {
		return demand{}
	}
	d := demand{rule: Rule{Source: SourceMTASTS, Asks: "nothing"}}
	why := f.idleBecause()
	switch {
	case why != "":
		d.rule.Why = why
	case !f.Control.MTASTS:
		d.rule.Why = "policies are not asked for under " + SourceControl + " " + f.Control.Entry
	case f.Routed:
		d.rule.Why = "an SMTP route decides the host"
	case f.STS.Mode == "testing":
		// Something has to be tried for a report, and nothing may come of it (RFC 8461 §5).
		d.rule.Asks, d.rule.Why = "a report", "testing never blocks"
		d.encrypt, d.fallback, d.quiet = Prefer, true, true
		return d
	case f.STS.Mode == "":
		d.rule.Why = "there is no policy that could be had"
	case f.STS.Mode != "enforce":
		d.rule.Why = "the policy's mode is " + f.STS.Mode
	case f.Control.DANE != "none" && f.Control.DANE != "" && f.DANE.State == DANEUsable:
		d.rule.Why = "DANE stands before it"
	case !f.STS.Match:
		d.rule.Asks, d.rule.Why = "no delivery", "the MX is not in the policy"
		d.encrypt, d.blocked = Require, cause.M1
		d.words = f.Host + " is not in the MTA-STS policy of " + f.Domain
		return d
	default:
		d.rule.Asks = "verified for the MX host's name"
		d.encrypt, d.verify, d.proofs = Require, Require, []Proof{ProofSTS}
		return d
	}
	d.idle = true
	return d
}

// byRequireTLS is what the message's REQUIRETLS asks (RFC 8689 §4.2.1).
func (f Facts) byRequireTLS() demand {
	if !f.RequireTLS {
		return demand{}
	}
	d := demand{
		rule:    Rule{Source: SourceRequireTLS, Asks: "verified, and REQUIRETLS offered", Why: "weakened by nothing"},
		encrypt: Require, verify: Require, proofs: []Proof{ProofMX}, extend: true,
	}
	if !f.mxProven() {
		d.blocked, d.words = cause.R1, "REQUIRETLS: that "+f.Host+" receives for "+f.Domain+" is proven by neither DNSSEC nor MTA-STS"
		d.rule.Why = "the MX is not proven"
	}
	return d
}

// mxProven reports whether it is known in a way that nobody can forge that the host receives for the domain. A route is
// the operator's own word.
func (f Facts) mxProven() bool {
	return f.MXSecure || f.Routed || f.STS.Mode == "enforce" && f.STS.Match
}

// byHeader is TLS-Required: No of the message (RFC 8689 §4.1), which itself asks for nothing. What it relaxes
// is still tried, and goes in clear where it fails (RFC 8460 §3 wants that for reports).
func (f Facts) byHeader() demand {
	if !f.Optional {
		return demand{}
	}
	d := demand{rule: Rule{Source: SourceTLSOptional, Asks: "nothing"}}
	switch {
	case f.RequireTLS:
		d.idle, d.rule.Why = true, "it is ignored under REQUIRETLS"
	case f.Control.switchedOff(), !f.wouldAsk():
		d.idle, d.rule.Why = true, "there is nothing to relax; it never relaxes a destination control"
	default:
		d.encrypt, d.fallback = Prefer, true
		d.rule.Asks, d.rule.Why = "TLS is tried", "it never relaxes a destination control"
	}
	return d
}

// wouldAsk reports whether DANE or MTA-STS had something to say without the header.
func (f Facts) wouldAsk() bool {
	f.Optional = false
	return slices.ContainsFunc([]demand{f.byDANE(), f.byMTASTS()}, func(d demand) bool {
		return d.rule.Source != "" && d.rank() > 0
	})
}
