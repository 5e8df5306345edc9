package tlspolicy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"posthouse/config"
	"posthouse/internal/cause"

	"pgregory.net/rapid"
)

// facts start with nothing asked for: an inherited "No", and DANE and MTA-STS wanted.
func facts(change ...func(*Facts)) Facts {
	f := Facts{Domain: "partner.example", Host: "mx1.partner.example", Control: Control{
		Entry: "DEFAULT", Level: config.TLSNo, DANE: "opportunistic", MTASTS: true,
	}}
	for _, edit := range change {
		edit(&f)
	}
	return f
}

func level(l config.TLSLevel) func(*Facts) {
	return func(f *Facts) { f.Control.Level, f.Control.Entry, f.Control.Explicit = l, "partner.example", true }
}

func dane(s DANEState) func(*Facts) {
	return func(f *Facts) { f.DANE = DANE{State: s, Name: "_25._tcp.mx1.partner.example", Words: "why"} }
}

func sts(mode string, match bool) func(*Facts) {
	return func(f *Facts) { f.STS.Mode, f.STS.Match = mode, match }
}

func mandatory(f *Facts)  { f.Control.DANE = "mandatory" }
func optional(f *Facts)   { f.Optional = true }
func requireTLS(f *Facts) { f.RequireTLS = true }
func mxSecure(f *Facts)   { f.MXSecure = true }
func routed(f *Facts)     { f.Routed = true }

// short writes what is wanted in one line: needs, proofs, what blocks, what else.
func short(w Wanted) string {
	text := fmt.Sprintf("%s/%s", [...]string{"-", "may", "must"}[w.Encrypt], [...]string{"-", "may", "must"}[w.Verify])
	for _, p := range w.Proofs {
		text += " " + string(p)
	}
	if w.Blocked != "" {
		text += " blocked " + string(w.Blocked)
	}
	if w.Extend {
		text += " extend"
	}
	if w.Fallback {
		text += " fallback"
	}
	return text
}

// TestWeigh is the table of precedence.
func TestWeigh(t *testing.T) {
	for _, test := range []struct {
		name    string
		facts   Facts
		want    string
		inForce string
	}{
		{"nothing", facts(), "-/-", "No: destination control DEFAULT"},
		{"No", facts(level(config.TLSNo)), "-/-", "No: destination control partner.example"},
		{"Preferred", facts(level(config.TLSPrefer)), "may/-", "Preferred: destination control partner.example"},
		{"Required", facts(level(config.TLSRequire)), "must/-", "Required: destination control partner.example"},
		{"Preferred (Verify)", facts(level(config.TLSPreferVerify)), "may/may names", "Preferred (Verify): destination control partner.example"},
		{"Required (Verify)", facts(level(config.TLSRequireVerify)), "must/must names", "Required (Verify): destination control partner.example"},
		{"Hosted Domains", facts(level(config.TLSRequireVerifyHosted)), "must/must hosted names", "Required (Verify Hosted Domains): destination control partner.example"},
		{"a mistake", facts(level("mistyped")), "must/must names", "Required (Verify): destination control partner.example"},

		{"DANE over an inherited No", facts(dane(DANEUsable)), "must/must DANE", "authenticated by TLSA: DANE"},
		{"an explicit No over DANE", facts(level(config.TLSNo), dane(DANEUsable)), "-/-", "No: destination control partner.example"},
		{"an explicit No over a failed lookup", facts(level(config.TLSNo), dane(DANEFailed)), "-/-", "No: destination control partner.example"},
		{"an explicit No over mandatory DANE", facts(level(config.TLSNo), mandatory, dane(DANEAbsent)), "-/-", "No: destination control partner.example"},
		{"DANE over Preferred (Verify)", facts(level(config.TLSPreferVerify), dane(DANEUsable)), "must/must DANE", "authenticated by TLSA: DANE"},
		{"DANE beside Required (Verify)", facts(level(config.TLSRequireVerify), dane(DANEUsable)), "must/must DANE names", "authenticated by TLSA: DANE; Required (Verify): destination control partner.example"},
		{"DANE not wanted", facts(dane(DANEUsable), func(f *Facts) { f.Control.DANE = "none" }), "-/-", "No: destination control DEFAULT"},
		{"DANE unusable", facts(dane(DANEUnusable)), "must/-", "encrypted, not authenticated: DANE"},
		{"DANE unusable, Preferred (Verify)", facts(level(config.TLSPreferVerify), dane(DANEUnusable)), "must/may names", "encrypted, not authenticated: DANE"},
		{"DANE unusable, Required (Verify)", facts(level(config.TLSRequireVerify), dane(DANEUnusable)), "must/must names", "Required (Verify): destination control partner.example"},
		{"DANE insecure", facts(dane(DANEInsecure)), "-/-", "No: destination control DEFAULT"},
		{"DANE absent", facts(dane(DANEAbsent)), "-/-", "No: destination control DEFAULT"},
		{"DANE failed", facts(dane(DANEFailed)), "must/- blocked D3", "no delivery: DANE"},
		{"DANE failed, MTA-STS", facts(dane(DANEFailed), sts("enforce", true)), "must/must MTA-STS blocked D3", "no delivery: DANE"},
		{"mandatory, insecure", facts(mandatory, dane(DANEInsecure)), "must/- blocked D2", "no delivery: DANE"},
		{"mandatory, absent", facts(mandatory, dane(DANEAbsent)), "must/- blocked D4", "no delivery: DANE"},
		{"mandatory, failed", facts(mandatory, dane(DANEFailed)), "must/- blocked D3", "no delivery: DANE"},
		{"mandatory, unusable", facts(mandatory, dane(DANEUnusable)), "must/- blocked D5", "no delivery: DANE"},
		{"mandatory, an address", facts(mandatory), "must/- blocked D4", "no delivery: DANE"},
		{"mandatory, usable, the MX not proven", facts(mandatory, dane(DANEUsable)), "must/must DANE blocked D2", "no delivery: DANE"},
		{"mandatory, usable", facts(mandatory, mxSecure, dane(DANEUsable)), "must/must DANE", "authenticated by TLSA: DANE"},

		{"MTA-STS", facts(sts("enforce", true)), "must/must MTA-STS", "verified for the MX host's name: MTA-STS"},
		{"MTA-STS, another MX", facts(sts("enforce", false)), "must/- blocked M1", "no delivery: MTA-STS"},
		{"MTA-STS testing", facts(sts("testing", false)), "may/- fallback", "No: destination control DEFAULT"},
		{"MTA-STS testing, Preferred", facts(level(config.TLSPrefer), sts("testing", true)), "may/-", "Preferred: destination control partner.example"},
		{"MTA-STS testing, Required", facts(level(config.TLSRequire), sts("testing", false)), "must/-", "Required: destination control partner.example"},
		{"MTA-STS none", facts(sts("none", false)), "-/-", "No: destination control DEFAULT"},
		{"MTA-STS off here", facts(sts("enforce", true), func(f *Facts) { f.Control.MTASTS = false }), "-/-", "No: destination control DEFAULT"},
		{"MTA-STS and a route", facts(routed, sts("enforce", false)), "-/-", "No: destination control DEFAULT"},
		{"MTA-STS, no policy to be had", facts(func(f *Facts) { f.STS.Cause = cause.M2 }), "-/-", "No: destination control DEFAULT"},
		{"MTA-STS, the old policy still", facts(sts("enforce", true), func(f *Facts) { f.STS.Cause = cause.M2 }), "must/must MTA-STS", "verified for the MX host's name: MTA-STS"},
		{"an explicit No over MTA-STS", facts(level(config.TLSNo), sts("enforce", false)), "-/-", "No: destination control partner.example"},
		{"an explicit No over testing", facts(level(config.TLSNo), sts("testing", false)), "-/-", "No: destination control partner.example"},
		{"DANE before MTA-STS", facts(dane(DANEUsable), sts("enforce", false)), "must/must DANE", "authenticated by TLSA: DANE"},
		{"MTA-STS beside unusable DANE", facts(dane(DANEUnusable), sts("enforce", true)), "must/must MTA-STS", "verified for the MX host's name: MTA-STS"},
		{"MTA-STS where DANE is not wanted", facts(dane(DANEUsable), sts("enforce", true), func(f *Facts) { f.Control.DANE = "none" }), "must/must MTA-STS", "verified for the MX host's name: MTA-STS"},
		{"MTA-STS beside Hosted Domains", facts(level(config.TLSRequireVerifyHosted), sts("enforce", true)), "must/must MTA-STS hosted names", "verified for the MX host's name: MTA-STS; Required (Verify Hosted Domains): destination control partner.example"},

		{"TLS-Required: No alone", facts(optional), "-/-", "No: destination control DEFAULT"},
		{"TLS-Required: No over DANE", facts(optional, dane(DANEUsable)), "may/- fallback", "TLS is tried: TLS-Required: No"},
		{"TLS-Required: No over a failed lookup", facts(optional, dane(DANEFailed)), "may/- fallback", "TLS is tried: TLS-Required: No"},
		{"TLS-Required: No over MTA-STS", facts(optional, sts("enforce", false)), "may/- fallback", "TLS is tried: TLS-Required: No"},
		{"TLS-Required: No and Required", facts(optional, dane(DANEUsable), level(config.TLSRequire)), "must/-", "Required: destination control partner.example"},
		{"TLS-Required: No and Preferred", facts(optional, dane(DANEUsable), level(config.TLSPrefer)), "may/-", "Preferred: destination control partner.example; TLS is tried: TLS-Required: No"},
		{"TLS-Required: No and an explicit No", facts(optional, dane(DANEUsable), level(config.TLSNo)), "-/-", "No: destination control partner.example"},
		{"TLS-Required: No under REQUIRETLS", facts(optional, requireTLS, mxSecure, dane(DANEUsable)), "must/must DANE proven MX extend", "authenticated by TLSA: DANE; verified, and REQUIRETLS offered: REQUIRETLS"},

		{"REQUIRETLS", facts(requireTLS, mxSecure), "must/must proven MX extend", "verified, and REQUIRETLS offered: REQUIRETLS"},
		{"REQUIRETLS and a route", facts(requireTLS, routed), "must/must proven MX extend", "verified, and REQUIRETLS offered: REQUIRETLS"},
		{"REQUIRETLS, not proven", facts(requireTLS), "must/must proven MX blocked R1 extend", "verified, and REQUIRETLS offered: REQUIRETLS"},
		{"REQUIRETLS, testing proves nothing", facts(requireTLS, sts("testing", true)), "must/must proven MX blocked R1 extend", "verified, and REQUIRETLS offered: REQUIRETLS"},
		{"REQUIRETLS over an explicit No", facts(requireTLS, mxSecure, level(config.TLSNo)), "must/must proven MX extend", "verified, and REQUIRETLS offered: REQUIRETLS"},
		{"REQUIRETLS, TLSA records prove no MX", facts(requireTLS, dane(DANEUsable)), "must/must DANE proven MX blocked R1 extend", "verified, and REQUIRETLS offered: REQUIRETLS"},
		{"REQUIRETLS keeps DANE in force", facts(requireTLS, mxSecure, level(config.TLSNo), dane(DANEUsable)), "must/must DANE proven MX extend", "authenticated by TLSA: DANE; verified, and REQUIRETLS offered: REQUIRETLS"},
		{"REQUIRETLS keeps a failed lookup", facts(requireTLS, mxSecure, level(config.TLSNo), dane(DANEFailed)), "must/must proven MX blocked D3 extend", "no delivery: DANE"},
		{"REQUIRETLS proven by MTA-STS", facts(requireTLS, sts("enforce", true)), "must/must MTA-STS proven MX extend", "verified for the MX host's name: MTA-STS; verified, and REQUIRETLS offered: REQUIRETLS"},
		{"REQUIRETLS, a failed lookup waits first", facts(requireTLS, dane(DANEFailed)), "must/must proven MX blocked D3 extend", "no delivery: DANE; verified, and REQUIRETLS offered: REQUIRETLS"},
	} {
		w := Weigh(test.facts)
		if got := short(w); got != test.want || w.InForce != test.inForce {
			t.Errorf("%s: %s, %q\n\twant %s, %q", test.name, got, w.InForce, test.want, test.inForce)
		}
		for _, r := range w.Rules {
			if r.Source == "" || r.Asks == "" || !r.InForce && r.Why == "" {
				t.Errorf("%s: an unexplained rule: %+v", test.name, r)
			}
		}
	}
}

// anyFacts draws facts of every kind.
func anyFacts(t *rapid.T) Facts {
	levels := []config.TLSLevel{config.TLSNo, config.TLSPrefer, config.TLSRequire, config.TLSPreferVerify, config.TLSRequireVerify, config.TLSRequireVerifyHosted}
	states := []DANEState{DANENotAsked, DANEInsecure, DANEAbsent, DANEFailed, DANEUnusable, DANEUsable}
	f := facts()
	f.Control.Level = rapid.SampledFrom(levels).Draw(t, "level")
	f.Control.Explicit = rapid.Bool().Draw(t, "explicit")
	f.Control.DANE = rapid.SampledFrom([]string{"none", "opportunistic", "mandatory"}).Draw(t, "dane")
	f.Control.MTASTS = rapid.Bool().Draw(t, "mta_sts")
	f.DANE.State = rapid.SampledFrom(states).Draw(t, "state")
	f.STS.Mode = rapid.SampledFrom([]string{"", "none", "testing", "enforce"}).Draw(t, "mode")
	f.STS.Match = rapid.Bool().Draw(t, "match")
	f.MXSecure = rapid.Bool().Draw(t, "secure")
	f.Routed = rapid.Bool().Draw(t, "routed")
	f.RequireTLS = rapid.Bool().Draw(t, "require")
	f.Optional = rapid.Bool().Draw(t, "optional")
	return f
}

// anyOutcome draws what a peer may do.
func anyOutcome(t *rapid.T) Outcome {
	o := Outcome{Begun: rapid.Bool().Draw(t, "begun"), Closed: rapid.Bool().Draw(t, "closed")}
	if o.Encrypted = o.Begun && rapid.Bool().Draw(t, "encrypted"); o.Encrypted {
		o.Proven = provenBy(rapid.SliceOf(rapid.SampledFrom(proofs[:])).Draw(t, "proven")...)
		o.Extends = rapid.Bool().Draw(t, "extends")
		return o
	}
	o.Cause = rapid.SampledFrom([]cause.ID{cause.S1, cause.S2, cause.S3, cause.S4, cause.S5, cause.S7, cause.S8, cause.H1, cause.H5}).Draw(t, "cause")
	return o
}

// weaker says in words in which respect b asks for less than a; empty where in none.
func weaker(a, b Wanted) string {
	switch {
	case b.Encrypt < a.Encrypt:
		return "encryption"
	case b.Verify < a.Verify:
		return "verification"
	case a.Extend && !b.Extend:
		return "the extension"
	case a.Blocked != "" && b.Blocked == "":
		return "the block"
	case !a.Fallback && b.Fallback && a.Encrypt >= Prefer:
		return "the fallback"
	}
	for _, p := range a.Proofs {
		if a.Verify == Require && !slices.Contains(b.Proofs, p) {
			return "the proof " + string(p)
		}
	}
	return ""
}

// sends reports whether mail leaves under the action, and how safely: 0 not at all, 1 verified, 2 encrypted, 3 in clear.
func sends(a Action, o Outcome, w Wanted) int {
	switch {
	case a.Do == NextHost:
		return 0
	case a.Do != Proceed:
		return 3
	case w.Verify == Require && o.unproven(w.Proofs) == nil:
		return 1
	}
	return 2
}

// TestStrictestWins is the law of precedence: a rule that comes to others takes nothing from what they ask.
func TestStrictestWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := anyFacts(t)
		before.Optional = false
		outcome := anyOutcome(t)
		after := before
		switch rule := rapid.SampledFrom([]string{"control", "DANE", "MTA-STS", "REQUIRETLS"}).Draw(t, "rule"); rule {
		case "control":
			before.Control.Level, before.Control.Explicit = config.TLSNo, false
		case "DANE":
			before.DANE, before.Control.DANE = DANE{}, "none"
		case "MTA-STS":
			before.STS = STS{}
		case "REQUIRETLS":
			before.RequireTLS = false
		}
		if after.Control.switchedOff() {
			before.Control.Explicit = true // the one rule that takes something away, and that is its purpose
			if before.Control.Level != config.TLSNo {
				t.Fatal("the control changed")
			}
		}
		a, b := Weigh(before), Weigh(after)
		less := weaker(a, b)
		if replaced := "the proof " + string(ProofSTS); less == replaced && slices.Contains(b.Proofs, ProofDANE) {
			less = "" // DANE stands before MTA-STS (RFC 8461 §2)
		}
		if less == "the block" && a.Blocked == cause.M1 && slices.Contains(b.Proofs, ProofDANE) {
			less = ""
		}
		if a.Blocked == cause.R1 && b.mxProvenBy(after) {
			less = ""
		}
		if less != "" {
			t.Fatalf("%s is weakened:\n%+v\n%+v", less, a, b)
		}
		if a.Blocked == "" && sends(Decide(b, outcome), outcome, b) > max(sends(Decide(a, outcome), outcome, a), 2) {
			t.Fatalf("more goes in clear:\n%+v\n%+v\n%+v", a, b, outcome)
		}
	})
}

// mxProvenBy says that the added rule is what proves the MX, without which REQUIRETLS blocks.
func (w Wanted) mxProvenBy(f Facts) bool { return w.Extend && f.mxProven() }

// TestNeverWeakened holds what stands in no relation to other rules.
func TestNeverWeakened(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, o := anyFacts(t), anyOutcome(t)
		w := Weigh(f)
		act := Decide(w, o)
		if f.RequireTLS {
			if act.Do != NextHost && (act.Do != Proceed || !o.Extends || !o.result(ProofMX).OK || !f.mxProven()) {
				t.Fatalf("REQUIRETLS is weakened: %+v %+v", w, act)
			}
		}
		inForce := f.RequireTLS || !f.Control.switchedOff() && !f.Optional
		asked := f.Control.DANE != "none" && inForce
		switch {
		case asked && f.DANE.State == DANEFailed && act.Do != NextHost:
			t.Fatalf("D3 is downgraded: %+v %+v", w, act)
		case asked && f.DANE.State == DANEUsable && act.Do != NextHost && !(act.Do == Proceed && o.result(ProofDANE).OK):
			t.Fatalf("DANE is not kept: %+v %+v", w, act)
		case asked && f.DANE.State == DANEUnusable && act.Do != NextHost && act.Do != Proceed:
			t.Fatalf("D5 goes in clear: %+v %+v", w, act)
		}
		if f.Control.switchedOff() && !f.RequireTLS && (w.Encrypt != Never || w.Blocked != "") {
			t.Fatalf("an explicit No is not kept: %+v", w)
		}
		alone := f
		alone.DANE, alone.STS, alone.RequireTLS, alone.Optional, alone.Control.DANE = DANE{}, STS{}, false, false, "none"
		if less := weaker(Weigh(alone), w); less != "" {
			t.Fatalf("%s of the destination control is weakened: %+v", less, w)
		}
		if act.Do != NextHost && act.Do != Proceed && requiresTLS(f.Control.Level) {
			t.Fatalf("in clear under %s", f.Control.Level)
		}
		if act.Do == NextHost && w.Fallback && o.Cause != "" {
			t.Fatalf("a failure is an obstacle where nobody minds: %+v %+v", w, o)
		}
		if strings.Count(w.InForce, ": ") == 0 {
			t.Fatalf("nothing is in force: %+v", w)
		}
	})
}

func requiresTLS(level config.TLSLevel) bool {
	return level == config.TLSRequire || level == config.TLSRequireVerify || level == config.TLSRequireVerifyHosted
}

func TestControlFor(t *testing.T) {
	c := &config.Config{Destinations: map[string]*config.Destination{
		config.DefaultDestination: {TLS: config.TLSPrefer, DANE: "opportunistic", MTASTS: "on"},
		"plain.example":           {TLS: config.TLSNo, Alert: "on"},
		"quiet.example":           {DANE: "mandatory"},
		".below.example":          {TLS: config.TLSRequire, MTASTS: "off"},
	}}
	for domain, want := range map[string]Control{
		"other.example":   {Entry: "DEFAULT", Level: config.TLSPrefer, DANE: "opportunistic", MTASTS: true},
		"plain.example":   {Entry: "plain.example", Level: config.TLSNo, Explicit: true, DANE: "opportunistic", MTASTS: true, Alert: true},
		"quiet.example":   {Entry: "quiet.example", Level: config.TLSPrefer, DANE: "mandatory", MTASTS: true},
		"a.below.example": {Entry: ".below.example", Level: config.TLSRequire, Explicit: true, DANE: "opportunistic"},
	} {
		if got := ControlFor(c, domain); got != want {
			t.Errorf("%s: %+v, want %+v", domain, got, want)
		}
	}
}
