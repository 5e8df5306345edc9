package tlspolicy

import (
	"testing"

	"posthouse/config"
	"posthouse/internal/cause"
)

// TestDecide is the table of what a delivery does: every level against everything that can come of TLS.
func TestDecide(t *testing.T) {
	verified := Outcome{Begun: true, Encrypted: true, Verified: true}
	unverified := Outcome{Begun: true, Encrypted: true, Cause: cause.V4}
	plainEncrypted := Outcome{Begun: true, Encrypted: true}
	outcomes := map[string]Outcome{
		"verified":         verified,
		"unverified":       unverified,
		"encrypted":        plainEncrypted,
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
	preferred := map[string]Action{
		"verified": {}, "unverified": {}, "encrypted": {},
		"S1": clear(cause.S1), "S2": clear(cause.S2), "S3": clear(cause.S3), "S5": clear(cause.S5),
		"S3, closed": again(cause.S3), "S7": again(cause.S7), "S8": again(cause.S8),
		"S4": next(cause.S4), "S4, not marked": next(cause.S4), "S7 after the 220": next(cause.S7),
		"H1": next(cause.H1), "H4": next(cause.H4), "nothing tried": next(""),
	}
	for name, o := range outcomes {
		failed := Action{NextHost, cause.P3, o.Cause}
		for level, want := range map[config.TLSLevel]Action{
			config.TLSNo:                  {Do: ProceedClear},
			config.TLSPrefer:              preferred[name],
			config.TLSPreferVerify:        preferred[name],
			config.TLSRequire:             failed,
			config.TLSRequireVerify:       failed,
			config.TLSRequireVerifyHosted: failed,
			"":                            failed,
			"mistyped":                    failed,
		} {
			switch {
			case level == config.TLSPreferVerify && o.Encrypted && !o.Verified:
				want = Action{Proceed, cause.P2, o.Cause}
			case level == config.TLSRequire && o.Encrypted, verifiedOutcome(o) && level != config.TLSNo && level != config.TLSPrefer:
				want = Action{Do: Proceed}
			}
			if got := Decide(level, o); got != want {
				t.Errorf("%s, %s: %+v, want %+v", level, name, got, want)
			}
		}
	}
}

func verifiedOutcome(o Outcome) bool { return o.Encrypted && o.Verified }
