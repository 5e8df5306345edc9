package certstore

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// InUse is a profile that serves somewhere.
type InUse struct {
	Profile string
	Content string   // the vault's id
	Uses    []string // the places
}

// Expiry is one certificate that is in use: a leaf, an intermediate, or an authority of the custom list.
type Expiry struct {
	Certificate *x509.Certificate
	Fingerprint string   // SHA-256 of the certificate, lower-case hexadecimal
	Profiles    []string // that hold it; empty for an authority
	Uses        []string // the places; for an authority "Custom list of certificate authorities"
	Role        string   // "certificate", "intermediate certificate" or "certificate authority"
	Left        time.Duration
	Days        int // whole days that are left; negative once it has expired
	// Threshold is the last threshold that was passed: 30, 14, 7, 3, 1, or 0 once it has expired; -1 while more is left.
	Threshold int
}

// thresholds are the days before the end at which operators are told; 0 is the end itself.
var thresholds = [...]int{30, 14, 7, 3, 1, 0}

// CustomList is the use of an authority of the custom list.
const CustomList = "Custom list of certificate authorities"

// Key names one telling: it is the same for the same certificate and threshold, so that each is told once.
func (e Expiry) Key() string { return fmt.Sprintf("expiry/%s/%d", e.Fingerprint, e.Threshold) }

// Subject is a line that says what is the matter, for an alert.
func (e Expiry) Subject() string {
	return fmt.Sprintf("The %s %s %s", e.Role, Title(e.Certificate.Subject), e.when())
}

// Text says it in full.
func (e Expiry) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "The %s %s %s, on %s.\n", e.Role, DN(e.Certificate.Subject), e.when(), e.Certificate.NotAfter.UTC().Format("2006-01-02 15:04 MST"))
	fmt.Fprintf(&b, "Issuer: %s\nSHA-256: %s\n", DN(e.Certificate.Issuer), e.Fingerprint)
	if len(e.Profiles) > 0 {
		fmt.Fprintf(&b, "Profile: %s\n", strings.Join(e.Profiles, ", "))
	}
	fmt.Fprintf(&b, "Used by: %s\n", strings.Join(e.Uses, ", "))
	return b.String()
}

func (e Expiry) when() string {
	switch {
	case e.Left <= 0:
		return "has expired"
	case e.Days == 0:
		return "expires within a day"
	case e.Days == 1:
		return "expires in 1 day"
	}
	return fmt.Sprintf("expires in %d days", e.Days)
}

// Expiring lists every certificate in use, that which ends first in front: the leaves and intermediates of the profiles and
// the authorities that are trusted beside the system's. Roots at a chain's end are left out, since peers trust their own
// copy. A profile that cannot be loaded is passed over; the configuration's faults name it.
func (s *Store) Expiring(profiles []InUse, custom []*x509.Certificate, now time.Time) []Expiry {
	found := make(map[[sha256.Size]byte]*Expiry)
	add := func(c *x509.Certificate, role, profile string, uses []string) {
		sum := sha256.Sum256(c.Raw)
		e := found[sum]
		if e == nil {
			left := c.NotAfter.Sub(now)
			e = &Expiry{Certificate: c, Fingerprint: hex.EncodeToString(sum[:]), Role: role, Left: left, Days: wholeDays(left), Threshold: threshold(left)}
			found[sum] = e
		}
		if profile != "" && !slices.Contains(e.Profiles, profile) {
			e.Profiles = append(e.Profiles, profile)
		}
		for _, u := range uses {
			if !slices.Contains(e.Uses, u) {
				e.Uses = append(e.Uses, u)
			}
		}
	}
	for _, u := range profiles {
		p, err := s.Get(u.Content)
		if err != nil {
			continue
		}
		for _, pair := range p.Pairs {
			for i, c := range pair.Chain {
				switch {
				case i == 0:
					add(c, "certificate", u.Profile, u.Uses)
				case !SelfSigned(c):
					add(c, "intermediate certificate", u.Profile, u.Uses)
				}
			}
		}
	}
	for _, c := range custom {
		add(c, "certificate authority", "", []string{CustomList})
	}
	return sorted(found)
}

func sorted(found map[[sha256.Size]byte]*Expiry) []Expiry {
	var all []Expiry
	for _, e := range found {
		all = append(all, *e)
	}
	slices.SortFunc(all, func(a, b Expiry) int {
		if c := a.Certificate.NotAfter.Compare(b.Certificate.NotAfter); c != 0 {
			return c
		}
		return bytes.Compare(a.Certificate.Raw, b.Certificate.Raw)
	})
	return all
}

func wholeDays(left time.Duration) int {
	days := int(left / (24 * time.Hour))
	if left < 0 && left%(24*time.Hour) != 0 {
		days--
	}
	return days
}

// threshold is the smallest of the thresholds that the time left has reached.
func threshold(left time.Duration) int {
	passed := -1
	for _, days := range thresholds {
		if left <= time.Duration(days)*24*time.Hour {
			passed = days
		}
	}
	return passed
}
