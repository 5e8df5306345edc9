package tlspolicy

import (
	"encoding/json"
	"testing"

	"posthouse/config"
	"posthouse/internal/cause"
)

// proven is a result for each of the proofs.
func provenBy(ok ...Proof) (results []Result) {
	for _, p := range proofs {
		r := Result{Proof: p, By: p, Why: &Finding{Cause: cause.V4, Fatal: true, Reason: wordsExpired}}
		for _, have := range ok {
			if have == p {
				r = Result{Proof: p, By: p, OK: true, Name: "mx1.partner.example"}
			}
		}
		results = append(results, r)
	}
	return results
}

// TestDecideByLevel is the table of what a delivery does: every level against everything that can come of TLS.
func TestDecideByLevel(t *testing.T) {
	outcomes := map[string]Outcome{
		"verified":         {Begun: true, Encrypted: true, Proven: provenBy(ProofNames, ProofHosted)},
		"only hosted":      {Begun: true, Encrypted: true, Proven: provenBy(ProofHosted)},
		"unverified":       {Begun: true, Encrypted: true, Proven: provenBy()},
		"nothing known":    {Begun: true, Encrypted: true, Verified: true},
		"stopped":          {Begun: true, Closed: true, Stopped: true, Cause: cause.V4, Proven: provenBy()},
		"S1":               {Cause: cause.S1},
		"S2":               {Cause: cause.S2},
		"S3":               {Cause: cause.S3},
		"S3, closed":       {Cause: cause.S3, Closed: true},
		"S4":               {Cause: cause.S4, Begun: true},
		"S4, not marked":   {Cause: cause.S4},
		"S5":               {Cause: cause.S5},
		"S7":               {Cause: cause.S7},
		"S7 after the 220": {Cause: cause.S7, Begun: true},
		"S8":               {Cause: cause.S8},
		"H1":               {Cause: cause.H1, Begun: true},
		"H4":               {Cause: cause.H4, Begun: true, Closed: true},
		"nothing tried":    {},
	}
	clear := func(id cause.ID) Action { return Action{ProceedClear, cause.P1, id} }
	again := func(id cause.ID) Action { return Action{ReconnectClear, cause.P1, id} }
	next := func(id cause.ID) Action { return Action{NextHost, "", id} }
	failed := func(id cause.ID) Action { return Action{NextHost, cause.P3, id} }
	preferred := map[string]Action{
		"S1": clear(cause.S1), "S2": clear(cause.S2), "S3": clear(cause.S3), "S5": clear(cause.S5),
		"S3, closed": again(cause.S3), "S7": again(cause.S7), "S8": again(cause.S8),
		"S4": next(cause.S4), "S4, not marked": next(cause.S4), "S7 after the 220": next(cause.S7),
		"H1": next(cause.H1), "H4": next(cause.H4), "nothing tried": next(""), "stopped": next(cause.V4),
	}
	unverified := map[string]cause.ID{"unverified": cause.V4, "nothing known": cause.V11, "only hosted": cause.V4}
	for name, o := range outcomes {
		for level, want := range map[config.TLSLevel]Action{
			config.TLSNo:                  {Do: ProceedClear},
			config.TLSPrefer:              preferred[name],
			config.TLSPreferVerify:        preferred[name],
			config.TLSRequire:             failed(o.Cause),
			config.TLSRequireVerify:       failed(o.Cause),
			config.TLSRequireVerifyHosted: failed(o.Cause),
			"mistyped":                    failed(o.Cause),
		} {
			id, bad := unverified[name]
			if level == config.TLSRequireVerifyHosted && name == "only hosted" {
				bad = false
			}
			switch {
			case !o.Encrypted || level == config.TLSNo:
			case level == config.TLSPrefer || level == config.TLSRequire || !bad:
				want = Action{Do: Proceed}
			case level == config.TLSPreferVerify:
				want = Action{Proceed, cause.P2, id}
			default:
				want = failed(id)
			}
			if got := Decide(wants(level), o); got != want {
				t.Errorf("%s, %s: %+v, want %+v", level, name, got, want)
			}
		}
	}
}

// TestDecideByRule is about the rules beyond the destination controls.
func TestDecideByRule(t *testing.T) {
	requires := func(f *Facts) { f.RequireTLS, f.MXSecure = true, true }
	encrypted := func(ok ...Proof) Outcome { return Outcome{Begun: true, Encrypted: true, Proven: provenBy(ok...)} }
	extends := encrypted(ProofMX)
	extends.Extends = true
	for _, test := range []struct {
		name    string
		facts   Facts
		outcome Outcome
		want    Action
	}{
		{"MTA-STS kept", facts(sts("enforce", true)), encrypted(ProofSTS), Action{Do: Proceed}},
		{"MTA-STS, other names are no help", facts(sts("enforce", true)), encrypted(ProofNames, ProofHosted), Action{NextHost, cause.M3, cause.V4}},
		{"MTA-STS, no STARTTLS", facts(sts("enforce", true)), Outcome{Cause: cause.S2}, Action{NextHost, cause.M3, cause.S2}},
		{"MTA-STS, another MX", facts(sts("enforce", false)), Outcome{}, Action{NextHost, cause.M1, cause.M1}},
		{"MTA-STS testing, not verified", facts(sts("testing", true)), encrypted(), Action{Do: Proceed}},
		{"MTA-STS testing, another MX", facts(sts("testing", false)), encrypted(), Action{Do: Proceed}},
		{"MTA-STS testing, no STARTTLS", facts(sts("testing", true)), Outcome{Cause: cause.S2}, Action{ProceedClear, cause.P1, cause.S2}},
		{"MTA-STS testing, failed handshake", facts(sts("testing", true)), Outcome{Begun: true, Cause: cause.H1}, Action{ReconnectClear, cause.P1, cause.H1}},
		{"DANE kept", facts(dane(DANEUsable)), encrypted(ProofDANE), Action{Do: Proceed}},
		{"DANE, a valid chain is no help", facts(dane(DANEUsable)), encrypted(ProofNames, ProofHosted, ProofSTS), Action{NextHost, cause.P3, cause.V4}},
		{"DANE, no STARTTLS", facts(dane(DANEUsable)), Outcome{Cause: cause.S2}, Action{NextHost, cause.P3, cause.S2}},
		{"DANE unusable, encrypted", facts(dane(DANEUnusable)), encrypted(), Action{Do: Proceed}},
		{"DANE unusable, no STARTTLS", facts(dane(DANEUnusable)), Outcome{Cause: cause.S2}, Action{NextHost, cause.P3, cause.S2}},
		{"DANE failed", facts(dane(DANEFailed)), encrypted(ProofDANE), Action{NextHost, cause.D3, cause.D3}},
		{"DANE not secure", facts(dane(DANEInsecure)), Outcome{}, Action{Do: ProceedClear}},
		{"REQUIRETLS kept", facts(requires), extends, Action{Do: Proceed}},
		{"REQUIRETLS not offered", facts(requires), encrypted(ProofMX), Action{NextHost, cause.R1, cause.R1}},
		{"REQUIRETLS, not verified", facts(requires), encrypted(ProofNames), Action{NextHost, cause.R1, cause.V4}},
		{"REQUIRETLS, no STARTTLS", facts(requires), Outcome{Cause: cause.S2}, Action{NextHost, cause.R1, cause.S2}},
		{"REQUIRETLS, MX not proven", facts(func(f *Facts) { f.RequireTLS = true }), extends, Action{NextHost, cause.R1, cause.R1}},
	} {
		if got := Decide(Weigh(test.facts), test.outcome); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

// TestUnder judges one handshake by the wishes of several messages.
func TestUnder(t *testing.T) {
	stopped := Outcome{
		Begun: true, Closed: true, Stopped: true, Cause: cause.V4, Reason: "verify error: certificate has expired",
		Findings: []Finding{{Cause: cause.V4, Fatal: true, Reason: wordsExpired}}, Proven: provenBy(),
	}
	o := stopped.Under(wants(config.TLSRequire))
	if !o.Encrypted || o.Closed || o.Verified || o.Cause != "" || len(o.Findings) != 1 || Decide(wants(config.TLSRequire), o).Do != Proceed {
		t.Errorf("required: %+v", o)
	}
	if o = stopped.Under(wants(config.TLSRequireVerify)); o.Encrypted || o.Cause != cause.V4 || !o.Closed {
		t.Errorf("required and verified: %+v", o)
	}
	if o = stopped.Under(wants(config.TLSPreferVerify)); !o.Encrypted || o.Cause != cause.V4 || o.Reason != "verify error: certificate has expired" {
		t.Errorf("preferred and verified: %+v", o)
	}
	good := Outcome{Begun: true, Encrypted: true, Proven: provenBy(ProofHosted)}
	if o = good.Under(wants(config.TLSRequireVerifyHosted)); !o.Verified || o.PeerName != "mx1.partner.example" || o.By != ProofHosted {
		t.Errorf("hosted: %+v", o)
	}
	if o = good.Under(wants(config.TLSPrefer)); o.Verified || o.PeerName != "" {
		t.Errorf("preferred: %+v", o)
	}
	if plain := (Outcome{Cause: cause.S2}).Under(wants(config.TLSPrefer)); plain.Cause != cause.S2 {
		t.Errorf("no TLS: %+v", plain)
	}
}

func TestDoWords(t *testing.T) {
	for _, do := range []Do{Proceed, ProceedClear, ReconnectClear, NextHost} {
		text, err := json.Marshal(Action{Do: do})
		var back Action
		if err != nil || json.Unmarshal(text, &back) != nil || back.Do != do {
			t.Errorf("%v: %s, %v", do, text, err)
		}
	}
	for _, need := range []Need{Never, Prefer, Require} {
		text, err := json.Marshal(Wanted{Encrypt: need})
		var back Wanted
		if err != nil || json.Unmarshal(text, &back) != nil || back.Encrypt != need {
			t.Errorf("%v: %s, %v", need, text, err)
		}
	}
	if err := json.Unmarshal([]byte(`{"encrypt":"perhaps"}`), new(Wanted)); err == nil || Need(7).String() != "Need(7)" {
		t.Error("an unknown word is a need")
	}
	if _, err := json.Marshal(Action{Do: 7}); err == nil || Do(7).String() != "Do(7)" {
		t.Error("an unknown action has a word")
	}
	if err := json.Unmarshal([]byte(`{"do":"fly"}`), new(Action)); err == nil {
		t.Error("an unknown word is an action")
	}
}
