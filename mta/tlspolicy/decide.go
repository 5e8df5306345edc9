package tlspolicy

import (
	"fmt"
	"slices"

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

// doWords is never written to.
var doWords = [...]string{"deliver", "deliver in clear", "reconnect in clear", "next host"}

func (d Do) String() string {
	if d < 0 || int(d) >= len(doWords) {
		return fmt.Sprintf("Do(%d)", int(d))
	}
	return doWords[d]
}

// MarshalText is the word that stands for it in JSON.
func (d Do) MarshalText() ([]byte, error) {
	if d < 0 || int(d) >= len(doWords) {
		return nil, fmt.Errorf("no action %d", int(d))
	}
	return []byte(doWords[d]), nil
}

// UnmarshalText reads what MarshalText writes.
func (d *Do) UnmarshalText(text []byte) error {
	i := slices.Index(doWords[:], string(text))
	if i < 0 {
		return fmt.Errorf("no action is called %q", text)
	}
	*d = Do(i)
	return nil
}

// Action is the decision.
type Action struct {
	Do    Do       `json:"do" doc:"what delivery does"`
	Cause cause.ID `json:"cause,omitempty" doc:"P1, P2, P3, M3, R1 or what Wanted.Blocked says; empty where nothing is to be said, or where TLS is only preferred and the mail waits"`
	First cause.ID `json:"first,omitempty" doc:"why"`
}

// Named is the cause by which everybody calls what happened: the first one, where Cause only says what the setting made
// of it. Empty where there is nothing to say.
func (a Action) Named() cause.ID {
	switch a.Cause {
	case "", cause.P1, cause.P2, cause.P3:
		if a.First != "" {
			return a.First
		}
	}
	return a.Cause
}

// Decide says what a delivery that wants w does after the outcome. It may be asked again for every further message on
// the same connection; a message that may not use it keeps its wishes for a connection of its own.
func Decide(w Wanted, o Outcome) Action {
	switch {
	case w.Blocked != "":
		return Action{Do: NextHost, Cause: w.Blocked, First: w.Blocked}
	case w.Encrypt == Never:
		return Action{Do: ProceedClear}
	case o.Encrypted:
		return decideEncrypted(w, o)
	case w.Encrypt == Require:
		return Action{Do: NextHost, Cause: w.broken(w.Proofs), First: o.Cause}
	}
	return decidePreferred(w, o)
}

// decideEncrypted is about who the peer is, and what it promises.
func decideEncrypted(w Wanted, o Outcome) Action {
	failed := o.unproven(w.Proofs)
	switch {
	case w.Verify == Require && (failed != nil || len(w.Proofs) == 0):
		if failed == nil {
			failed = &Result{}
		}
		return Action{Do: NextHost, Cause: w.broken([]Proof{failed.Proof}), First: failed.cause()}
	case w.Extend && !o.Extends:
		return Action{Do: NextHost, Cause: cause.R1, First: cause.R1}
	case w.Verify == Prefer && failed != nil:
		return Action{Do: Proceed, Cause: cause.P2, First: failed.cause()}
	}
	return Action{Do: Proceed}
}

// broken names the rule whose wish was not fulfilled: REQUIRETLS, an MTA-STS policy, or that TLS was required at all.
func (w Wanted) broken(proofs []Proof) cause.ID {
	switch {
	case w.Extend && slices.Contains(proofs, ProofMX):
		return cause.R1
	case slices.Contains(proofs, ProofSTS):
		return cause.M3
	}
	return cause.P3
}

// decidePreferred goes on in clear only where the peer never said yes to STARTTLS. A handshake that fails after that
// may be somebody's doing who wants to read the mail, so the message waits rather; unless nobody minds.
func decidePreferred(w Wanted, o Outcome) Action {
	switch {
	case w.Fallback && (o.Begun || !clearAllowed(o.Cause)) && o.Cause != "":
		return Action{Do: ReconnectClear, Cause: cause.P1, First: o.Cause}
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
