package tlspolicy

import (
	"strings"

	"posthouse/internal/cause"
)

// The rules' names in Rule.Source, as operators read them.
const (
	SourceControl     = "destination control" // followed by the entry
	SourceDANE        = "DANE"
	SourceMTASTS      = "MTA-STS"
	SourceRequireTLS  = "REQUIRETLS"
	SourceTLSOptional = "TLS-Required: No"
)

// demand is what one rule asks, and how it stands in Wanted.Rules.
type demand struct {
	rule     Rule
	encrypt  Need
	verify   Need
	proofs   []Proof
	extend   bool
	fallback bool     // what it only prefers may go in clear after a failed handshake too
	blocked  cause.ID // the host must not be used
	words    string
	idle     bool // it has a say in principle and none here; rule.Why says why
	quiet    bool // nothing may come of it, so it is not called in force
}

// rank orders demands by strictness.
func (d demand) rank() int {
	switch {
	case d.idle:
		return -1
	case d.blocked != "":
		return 4
	case d.encrypt == Require && d.verify == Require:
		return 3
	case d.encrypt == Require:
		return 2
	case d.encrypt == Prefer:
		return 1
	}
	return 0
}

// Weigh returns what is asked of the connection: the strictest of all rules, each listed with its reason.
//
// An explicit "No" switches DANE and MTA-STS off, an inherited one does not. A DANE lookup that failed blocks the host
// whatever MTA-STS says; usable records stand before MTA-STS (RFC 8461 §2). TLS-Required: No relaxes both, never a
// destination control. REQUIRETLS is weakened by nothing (RFC 8689 §4.1).
func Weigh(f Facts) Wanted {
	var demands []demand
	for _, d := range []demand{f.byDANE(), f.byMTASTS(), f.byRequireTLS(), f.byControl(), f.byHeader()} {
		if d.rule.Source != "" {
			demands = append(demands, d)
		}
	}
	return strictest(demands)
}

// strictest puts the demands together.
func strictest(demands []demand) Wanted {
	var w Wanted
	top := 0
	for _, d := range demands {
		if d.idle {
			continue
		}
		if !d.quiet {
			top = max(top, d.rank())
		}
		w.Encrypt, w.Verify = max(w.Encrypt, d.encrypt), max(w.Verify, d.verify)
		w.Extend = w.Extend || d.extend
		if w.Blocked == "" {
			w.Blocked, w.Words = d.blocked, d.words
		}
	}
	w.Fallback = w.Encrypt == Prefer
	for _, d := range demands {
		if d.idle {
			continue
		}
		if d.verify == w.Verify && w.Verify != Never {
			w.Proofs = append(w.Proofs, d.proofs...)
		}
		w.Fallback = w.Fallback && (d.fallback || d.encrypt == Never)
	}
	var force []string
	for _, d := range demands {
		if d.rule.InForce = !d.idle && !d.quiet && (d.rank() > 0 || top == 0); d.rule.InForce && d.rank() == top {
			force = append(force, d.rule.Asks+": "+d.rule.Source)
		} else if !d.idle && !d.rule.InForce && d.rule.Why == "" {
			d.rule.Why = "the strictest rule wins"
		}
		w.Rules = append(w.Rules, d.rule)
	}
	w.InForce = strings.Join(force, "; ")
	return w
}
