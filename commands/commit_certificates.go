package commands

import (
	"crypto/x509"
	"fmt"
	"time"

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/shell"
)

// worry is a way in which a certificate's use is not as it should be.
type worry int

const (
	worryExpired worry = iota
	worryChain
	worryName
)

// certificates asks once more where the commit makes a certificate's use worse than it was. It says whether to go on.
func (c *committing) certificates() (bool, error) {
	worries := c.worries()
	if len(worries) == 0 || c.force {
		return true, nil
	}
	if !c.s.Interactive() {
		return false, shell.Fail("Error: %s Nothing is committed; commit force insists.", worries[0])
	}
	for _, w := range worries {
		c.s.Println(w)
	}
	sure, err := c.s.YesNo("Do you want to commit nevertheless?", false)
	if err == nil && !sure {
		c.s.Println("Nothing is committed.")
	}
	return sure, err
}

// worries says in sentences what becomes worse. Services are compared with what they had, a new one with Demo.
func (c *committing) worries() []string {
	now := time.Now()
	old, fresh := c.a.Config.Running().Config, c.s.Candidate()
	had := map[string]map[worry]bool{}
	for _, p := range placings(old) {
		if p.profile != "" {
			had[p.service] = either(had[p.service], c.judge(old, p, now))
		}
	}
	var sentences []string
	for _, p := range placings(fresh) {
		if p.profile == config.DemoCertificate || p.profile == "" {
			continue
		}
		before, ok := had[p.service]
		if !ok {
			before = demoWorries()
		}
		found := c.judge(fresh, p, now)
		for _, w := range []worry{worryExpired, worryChain, worryName} {
			if found[w] && !before[w] {
				sentences = append(sentences, p.sentence(w))
			}
		}
	}
	return sentences
}

func (p placing) sentence(w worry) string {
	switch w {
	case worryExpired:
		return fmt.Sprintf("%s: the certificate of profile \"%s\" is not valid today.", p.service, p.profile)
	case worryChain:
		return fmt.Sprintf("%s: the chain of profile \"%s\" does not verify, the one before did.", p.service, p.profile)
	}
	return fmt.Sprintf("%s: the certificate of profile \"%s\" does not name %s, the one before did.", p.service, p.profile, p.host)
}

// demoWorries is what is wrong with Demo wherever it is: anything else is an improvement.
func demoWorries() map[worry]bool { return map[worry]bool{worryChain: true, worryName: true} }

// either is what is wrong with one of a service's certificates or with another.
func either(a, b map[worry]bool) map[worry]bool {
	for w, wrong := range a {
		b[w] = b[w] || wrong
	}
	return b
}

// judge is everything that is wrong with one use under the configuration.
func (c *committing) judge(conf *config.Config, p placing, now time.Time) map[worry]bool {
	if p.profile == config.DemoCertificate {
		return demoWorries()
	}
	profile, err := c.a.Certs.Get(conf.Refs[config.CertificateRef(p.profile)])
	if err != nil || profile.Leaf() == nil {
		return demoWorries()
	}
	leaf := profile.Leaf()
	found := map[worry]bool{
		worryExpired: now.After(leaf.NotAfter) || now.Before(leaf.NotBefore),
		worryName:    p.host != "" && !profile.Covers(p.host),
	}
	found[worryChain] = !found[worryExpired] && !c.verifies(conf, profile, now)
	return found
}

// verifies says whether the profile's chain leads to an authority of the lists in force.
func (c *committing) verifies(conf *config.Config, profile *certstore.Profile, now time.Time) bool {
	roots := x509.NewCertPool()
	if conf.Authorities.System {
		if system, _ := certstore.System(); system != nil {
			roots = system.Clone()
		}
	}
	if conf.Authorities.Custom {
		custom, _ := c.a.Certs.GetAuthorities(conf.Refs[config.AuthoritiesRef])
		for _, ca := range custom {
			roots.AddCert(ca)
		}
	}
	between := x509.NewCertPool()
	for _, intermediate := range profile.Intermediates() {
		between.AddCert(intermediate)
	}
	_, err := profile.Leaf().Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err == nil
}
