package acme

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"time"

	"posthouse/certstore"
)

const (
	firstBackoff = 5 * time.Minute // after the first failure, doubled by each further one
	lastBackoff  = 24 * time.Hour  // which no wait exceeds
	sameOrder    = 24 * time.Hour  // between two orders for the same names that nobody asked for, where the first brought others

	askAgainLeast = 10 * time.Minute // between two questions for the authority's advice, whatever it says
	askAgainMost  = 24 * time.Hour   // RFC 9773 §4.3.2 lets clients limit what Retry-After asks
	askAgainUsual = 6 * time.Hour    // where it says nothing
)

// schedule is when one certificate is renewed.
type schedule struct {
	For       string    `json:"for,omitempty"` // the certificate's fingerprint; another one needs another schedule
	Renew     time.Time `json:"renew,omitzero"`
	Directory string    `json:"directory,omitempty"` // of the authority that gave the window; empty: Renew is our own choice
	Start     time.Time `json:"window_start,omitzero"`
	End       time.Time `json:"window_end,omitzero"`
	Explained string    `json:"explanation,omitempty"` // a URL of the authority's about the window
	Ask       time.Time `json:"ask,omitzero"`          // when the authority is asked again
}

// advice is what an authority says of when to renew (RFC 9773 §4.2).
type advice struct {
	start, end  time.Time
	explanation string
	askAgain    time.Time // zero: it does not say
}

// fingerprint names a certificate in the state.
func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:16])
}

// life is how long a certificate is valid in all.
func life(c *x509.Certificate) time.Duration { return c.NotAfter.Sub(c.NotBefore) }

// leastService is how long a certificate is to serve that came in haste.
func leastService(c *x509.Certificate) time.Duration { return min(6*time.Hour, life(c)/4) }

// ownChoice is when to renew without the authority's advice: when a third of the life is left, and up to a twentieth of
// the life before that, so that those who got their certificates together do not renew them together.
func ownChoice(c *x509.Certificate) time.Time {
	return c.NotAfter.Add(-life(c)/3 - spread(life(c)/20))
}

// spread is a random time from 0 to below most.
func spread(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return rand.N(most)
}

// latest is when a renewal is tried whatever the authority's window says: a tenth of the life is left.
func latest(c *x509.Certificate) time.Time { return c.NotAfter.Add(-life(c) / 10) }

// follow takes the authority's advice. A time is chosen once for each window (RFC 9773 §4.2), so that a restart or
// another question does not move it.
func (s *schedule) follow(c *x509.Certificate, directory string, a advice, now time.Time) {
	s.Ask = now.Add(askAgainUsual)
	if !a.askAgain.IsZero() {
		s.Ask = now.Add(min(max(a.askAgain.Sub(now), askAgainLeast), askAgainMost))
	}
	s.Explained = a.explanation
	if s.Directory == directory && s.Start.Equal(a.start) && s.End.Equal(a.end) {
		return
	}
	s.Directory, s.Start, s.End = directory, a.start, a.end
	s.Renew = a.start.Add(spread(a.end.Sub(a.start)))
	if last := latest(c); s.Renew.After(last) {
		s.Renew = last
	}
}

// settle makes the schedule one for the certificate, where it was for another.
func (s *schedule) settle(c *x509.Certificate) {
	if name := fingerprint(c); s.For != name {
		*s = schedule{For: name, Renew: ownChoice(c)}
	}
}

// backoff is how long to wait after so many failures in a row: at most a day, with a quarter of it by chance so that a
// crowd whose authority was down does not come back together.
func backoff(failures int) time.Duration {
	wait := firstBackoff
	for i := 1; i < failures && wait < lastBackoff; i++ {
		wait *= 2
	}
	wait = min(wait, lastBackoff)
	return wait - spread(wait/4)
}

// incomplete reports whether what is in service is not yet what the settings ask for, so that there is no date to wait
// for: nothing, a placeholder, or other names. Another kind of key comes with the next renewal.
func (p *Managed) incomplete() bool {
	if p.Pending || p.Current == nil {
		return true
	}
	leaf := p.Current.Leaf()
	return certstore.SelfSigned(leaf) || !sameNames(leaf.DNSNames, p.Names)
}

func sameNames(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

// urgent reports whether a renewal may not wait any longer for anything but the authority itself.
func (s *schedule) urgent(c *x509.Certificate, now time.Time) bool {
	return !now.Before(latest(c)) || !s.End.IsZero() && now.After(s.End)
}
