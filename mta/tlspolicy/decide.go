package tlspolicy

import (
	"posthouse/config"
	"posthouse/internal/cause"
)

// Do is what a delivery does next.
type Do int

const (
	Proceed        Do = iota // send the mail over this connection, as it is encrypted
	ProceedClear             // send it over this connection in clear
	ReconnectClear           // make one new connection to the same host and send in clear
	NextHost                 // give this connection up; the next host is tried, then the message waits
)

// Action is the decision.
type Action struct {
	Do    Do
	Cause cause.ID // P1, P2 or P3; empty where nothing is to be said, or where the level only prefers and the mail waits
	First cause.ID // why
}

// Decide says what a delivery under level does after the outcome. Whatever is no level asks for TLS with verification,
// so that a mistake ends in waiting and never in clear.
func Decide(level config.TLSLevel, o Outcome) Action {
	switch {
	case level == config.TLSNo:
		return Action{Do: ProceedClear}
	case requires(level):
		return decideRequired(level, o)
	case level == config.TLSPrefer, level == config.TLSPreferVerify:
		return decidePreferred(level, o)
	}
	return decideRequired(config.TLSRequireVerify, o)
}

func decideRequired(level config.TLSLevel, o Outcome) Action {
	if o.Encrypted && (o.Verified || !verifies(level)) {
		return Action{Do: Proceed}
	}
	return Action{Do: NextHost, Cause: cause.P3, First: o.Cause}
}

// decidePreferred goes on in clear only where the peer never said yes to STARTTLS. A handshake that fails after that
// may be somebody's doing who wants to read the mail, so the message waits rather.
func decidePreferred(level config.TLSLevel, o Outcome) Action {
	switch {
	case o.Encrypted && verifies(level) && !o.Verified:
		return Action{Do: Proceed, Cause: cause.P2, First: o.Cause}
	case o.Encrypted:
		return Action{Do: Proceed}
	case o.Begun, !clearAllowed(o.Cause):
		return Action{Do: NextHost, First: o.Cause}
	case o.Closed, o.Cause == cause.S7, o.Cause == cause.S8:
		return Action{Do: ReconnectClear, Cause: cause.P1, First: o.Cause}
	}
	return Action{Do: ProceedClear, Cause: cause.P1, First: o.Cause}
}

// clearAllowed lists what says that TLS is not to be had, and nothing worse.
func clearAllowed(id cause.ID) bool {
	switch id {
	case cause.S1, cause.S2, cause.S3, cause.S5, cause.S7, cause.S8:
		return true
	}
	return false
}
