package acme

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// The values of Status.State.
const (
	StatePending  = "Pending"  // no certificate yet
	StateValid    = "Valid"    // in service, the next renewal is planned
	StateOrdering = "Ordering" // an order is under way
	StateWaiting  = "Waiting"  // the renewal is due and waits for a TLSA record
	StateFailing  = "Failing"  // the last try has failed
)

// Status is how a managed profile stands. Times that there are none of are zero.
type Status struct {
	Profile   string    `json:"profile" doc:"the certificate profile"`
	Names     []string  `json:"names" doc:"domain names"`
	Challenge string    `json:"challenge" doc:"http-01, dns-01 or tls-alpn-01"`
	State     string    `json:"state" doc:"in a word"`
	Issued    time.Time `json:"issued,omitzero" doc:"when the certificate begins"`
	Expires   time.Time `json:"expires,omitzero" doc:"when it ends"`
	Next      time.Time `json:"next,omitzero" doc:"the next order"`
	Tried     time.Time `json:"tried,omitzero" doc:"the last one"`
	Failures  int       `json:"failures" doc:"in a row"`
	Error     string    `json:"error,omitempty" doc:"of the last order"`

	// Advised says that the authority chose the time of the renewal (RFC 9773).
	Advised bool `json:"advised" doc:"the authority chose when"`
	// TLSA are records to publish before the next renewal, as they stand in a zone file; Seen is since when they are
	// there, and Usable from when the key that they announce may be used.
	TLSA   []string  `json:"tlsa,omitempty" doc:"records to publish before the next order"`
	Seen   time.Time `json:"tlsa_seen,omitzero" doc:"since when they are in the DNS"`
	Usable time.Time `json:"tlsa_usable,omitzero" doc:"from when they count"`
}

// Status returns how every managed profile stands, in order of name.
func (m *Manager) Status() []Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]Status, 0, len(m.settings.Profiles))
	for i := range m.settings.Profiles {
		p := &m.settings.Profiles[i]
		w := m.state.Profiles[p.Name]
		if w == nil {
			w = &progress{}
		}
		s := statusOf(p, w, time.Now())
		if m.ordering == p.Name {
			s.State = StateOrdering
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Status) int { return cmp.Compare(strings.ToLower(a.Profile), strings.ToLower(b.Profile)) })
	return list
}

func statusOf(p *Managed, w *progress, now time.Time) Status {
	s := Status{
		Profile: p.Name, Names: p.Names, Challenge: p.Challenge, State: StateValid, Tried: w.Tried, Failures: w.Failures, Error: w.Error,
		Next: w.Schedule.Renew, Advised: w.Schedule.Directory != "",
	}
	if p.incomplete() {
		s.State, s.Next, s.Advised = StatePending, w.firstOrder(p), false
	}
	if p.Current != nil && !p.Pending {
		s.Issued, s.Expires = p.Current.Leaf().NotBefore, p.Current.Leaf().NotAfter
	}
	s.Next = w.notBefore(s.Next)
	switch {
	case w.Failures > 0:
		s.State = StateFailing
	case w.Waiting && !p.incomplete() && !now.Before(w.Schedule.Renew):
		s.State = StateWaiting
	}
	if k := w.Next; k != nil {
		s.TLSA, s.Seen = k.records(), k.Seen
		if !k.Seen.IsZero() {
			s.Usable = k.usable()
		}
	}
	return s
}

// digest names everything that decides whether an order succeeds: where it changes, failures of before mean nothing.
func (s *Settings) digest(p *Managed) string {
	account := *s
	account.AccountKey, account.Profiles = nil, nil
	all, err := json.Marshal([]any{account, p.Names, p.Challenge, p.Key})
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(all)
	return hex.EncodeToString(sum[:8])
}
