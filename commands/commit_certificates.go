package commands

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/shell"
)

// worry is a way in which a certificate's use is not as it should be.
type worry int

const (
	worryKey     worry = iota // the key does not match, or nothing can be loaded
	worryExpired              // or not yet valid
	worryChain
	worryName
	worries // how many there are
)

// wrongs are the worries that a use gives.
type wrongs [worries]bool

// demoWrongs is what is wrong with Demo wherever it is: anything else is an improvement.
func demoWrongs() wrongs {
	var w wrongs
	w[worryChain], w[worryName] = true, true
	return w
}

// either is what is wrong with one of a service's certificates or with another.
func (w wrongs) either(v wrongs) wrongs {
	for i := range w {
		w[i] = w[i] || v[i]
	}
	return w
}

// remarks is what a commit says of certificates: what becomes worse, and what is only mentioned.
type remarks struct{ worse, notes []string }

// certificates asks once more where the commit makes a certificate's use worse than it was, or closes the way in. It says
// whether to go on.
func (c *committing) certificates(ctx context.Context) (bool, error) {
	result, err := c.a.Config.Check(ctx, c.s.Uncommitted())
	if err != nil {
		return true, nil // the commit itself says why it refuses
	}
	r := c.remarks(result.Config)
	r.worse = append(r.worse, c.shutOut(result.Config)...)
	if !c.s.JSON {
		for _, note := range slices.Concat(r.notes, graveLines(config.Consequences(c.a.Config.Running().Config, result.Config))) {
			c.s.Say("%s", note)
		}
	}
	if len(r.worse) == 0 || c.force {
		return true, nil
	}
	if !c.s.Interactive() {
		return false, shell.Fail("Error: %s Nothing is committed; commit force insists.", strings.Join(r.worse, " "))
	}
	for _, w := range r.worse {
		c.s.Say("%s", w)
	}
	sure, err := c.sure(result.Config)
	if err == nil && !sure {
		c.s.Say("Nothing is committed.")
	}
	return sure, err
}

// remarks compares every use with what was there: the service's own certificates, those that answered in its stead, or
// Demo where the service is new.
func (c *committing) remarks(fresh *config.Config) (r remarks) {
	old := c.a.Config.Running().Config
	had, demo, same := map[string]wrongs{}, map[string]bool{}, map[[2]string]bool{}
	before := c.judgeOf(old)
	for _, u := range old.CertificateUses() {
		if u.Profile != "" {
			had[u.Service] = had[u.Service].either(before.judge(u))
			demo[u.Service] = demo[u.Service] || u.Profile == config.DemoCertificate
			same[[2]string{u.Service, u.Profile}] = true
		}
	}
	after := c.judgeOf(fresh)
	for _, u := range fresh.CertificateUses() {
		switch {
		case u.Profile == "":
		case u.Profile != config.DemoCertificate:
			found := after.judge(u)
			r.worse = append(r.worse, worse(u, had, found)...)
			if demo[u.Service] && !same[[2]string{u.Service, u.Profile}] {
				r.notes = append(r.notes, noBetter(u, found)...)
			}
		case !demo[u.Service]:
			r.notes = append(r.notes, fmt.Sprintf("Note: %s uses \"Demo\", a self-signed certificate that nobody can verify.", u.Service))
		}
	}
	return r
}

// worse says in sentences what is wrong now and was not before.
func worse(u config.CertificateUse, had map[string]wrongs, found wrongs) (sentences []string) {
	was, known := had[u.Service]
	than := "the one before did"
	if !known {
		was, known = had[u.Within]
		than = "that of " + u.Within + " does"
		was[worryName] = was[worryName] && !u.SNI // a name of its own is what the profile is given for
	}
	if !known {
		was = demoWrongs()
		was[worryName] = !u.SNI
	}
	of := fmt.Sprintf("%s: the certificate of profile \"%s\"", u.Service, u.Profile)
	text := [worries]string{
		worryKey:     of + " cannot be used: it cannot be loaded, or its key does not match.",
		worryExpired: of + " is not valid today.",
		worryChain:   fmt.Sprintf("%s: the chain of profile \"%s\" does not verify, %s.", u.Service, u.Profile, than),
		worryName:    fmt.Sprintf("%s does not name %s, %s.", of, u.Host, than),
	}
	if u.SNI {
		text[worryName] = fmt.Sprintf("%s does not name %s.", of, u.Host)
	}
	for w, wrong := range found {
		if wrong && !was[w] {
			sentences = append(sentences, text[w])
		}
	}
	return sentences
}

// noBetter mentions what is wrong with a certificate that takes Demo's place: not worse than Demo, and hardly meant.
func noBetter(u config.CertificateUse, found wrongs) (notes []string) {
	if found[worryChain] {
		notes = append(notes, fmt.Sprintf("Note: %s: the chain of profile \"%s\" does not verify.", u.Service, u.Profile))
	}
	if found[worryName] {
		notes = append(notes, fmt.Sprintf("Note: %s: the certificate of profile \"%s\" does not name %s.", u.Service, u.Profile, u.Host))
	}
	return notes
}

// judge says what is wrong with uses under one configuration.
type judge struct {
	certs *certstore.Store
	conf  *config.Config
	roots *x509.CertPool
	now   time.Time
	found map[string]wrongs // by use; several destinations have the same profile
}

func (c *committing) judgeOf(conf *config.Config) *judge {
	j := &judge{certs: c.a.Certs, conf: conf, roots: x509.NewCertPool(), now: time.Now(), found: map[string]wrongs{}}
	if conf.Authorities.System {
		if system, _ := certstore.System(); system != nil {
			j.roots = system
		}
	}
	if conf.Authorities.Custom {
		custom, _ := c.a.Certs.GetAuthorities(conf.Refs[config.AuthoritiesRef])
		for _, ca := range custom {
			j.roots.AddCert(ca)
		}
	}
	return j
}

// judge is everything that is wrong with one use.
func (j *judge) judge(u config.CertificateUse) wrongs {
	if u.Profile == config.DemoCertificate {
		return demoWrongs()
	}
	key := fmt.Sprint(u.Profile, "\n", u.Host, "\n", strings.HasPrefix(u.Service, "Listener "))
	found, known := j.found[key]
	if !known {
		found = j.look(u)
		j.found[key] = found
	}
	return found
}

func (j *judge) look(u config.CertificateUse) (found wrongs) {
	profile, err := j.certs.Get(j.conf.Refs[config.CertificateRef(u.Profile)])
	if err != nil {
		found[worryKey] = true
		return found
	}
	// Clients' certificates often come without a purpose for clients, and peers take them.
	purpose := x509.ExtKeyUsageAny
	if strings.HasPrefix(u.Service, "Listener ") {
		purpose = x509.ExtKeyUsageServerAuth
	}
	for _, pair := range profile.Pairs {
		leaf := pair.Chain[0]
		found[worryExpired] = found[worryExpired] || j.now.After(leaf.NotAfter) || j.now.Before(leaf.NotBefore)
		found[worryChain] = found[worryChain] || !j.verifies(pair.Chain, purpose)
	}
	// An expired leaf verifies nowhere; that it has expired says it better.
	found[worryChain] = found[worryChain] && !found[worryExpired]
	found[worryName] = u.Host != "" && !names(profile, u.Host)
	return found
}

// names says whether the profile speaks for the host; for "*.example.com" it must hold the same wildcard.
func names(profile *certstore.Profile, host string) bool {
	if !strings.HasPrefix(host, "*.") {
		return profile.Covers(host)
	}
	return !slices.ContainsFunc(profile.Pairs, func(pair certstore.Pair) bool {
		found, _ := certstore.Names(pair.Chain[0])
		return !slices.ContainsFunc(found, func(name string) bool { return strings.EqualFold(name, host) })
	})
}

// verifies says whether the chain leads to an authority of the lists in force.
func (j *judge) verifies(chain []*x509.Certificate, purpose x509.ExtKeyUsage) bool {
	between := x509.NewCertPool()
	for _, intermediate := range chain[1:] {
		between.AddCert(intermediate)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: j.roots, Intermediates: between, CurrentTime: j.now, KeyUsages: []x509.ExtKeyUsage{purpose},
	})
	return err == nil
}
