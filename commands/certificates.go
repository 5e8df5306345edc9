package commands

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/shell"
)

// profileNames lists the certificate profiles in order of name, Demo last: the order of every numbered choice.
func profileNames(c *config.Config) []string {
	names := slices.SortedFunc(maps.Keys(c.Certificates), func(a, b string) int {
		return cmp.Or(strings.Compare(strings.ToLower(a), strings.ToLower(b)), strings.Compare(a, b))
	})
	if i := slices.Index(names, config.DemoCertificate); i >= 0 {
		names = append(slices.Delete(names, i, i+1), config.DemoCertificate)
	}
	return names
}

// profileNamed finds a profile by its name in any case.
func profileNamed(c *config.Config, name string) (string, error) {
	names := profileNames(c)
	i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
	if i < 0 {
		return "", shell.Fail("Unknown certificate profile %q: %s.", name, acceptedAre(names))
	}
	return names[i], nil
}

// profileOf loads what a profile holds.
func profileOf(a *Appliance, c *config.Config, name string) (*certstore.Profile, error) {
	p, err := a.Certs.Get(c.Refs[config.CertificateRef(name)])
	if err != nil {
		return nil, shell.Fail("Unable to load certificate profile %q: %v.", name, err)
	}
	return p, nil
}

// chooseCertificate lists the profiles and asks for one by number or name; current is the default.
func chooseCertificate(s *shell.Session, c *config.Config, current, text string) (string, error) {
	names := profileNames(c)
	n, err := s.Pick(shell.Choice{Options: names, Question: text, Default: slices.Index(names, current) + 1})
	if err != nil {
		return "", err
	}
	return names[n-1], nil
}

// warnOfCertificate says in one line why peers may not accept the profile. It refuses nothing: a profile may be
// assigned before the authority has answered.
func warnOfCertificate(a *Appliance, s *shell.Session, c *config.Config, name string) {
	if name == config.DemoCertificate {
		s.Say("You may use \"Demo\", but this will not be secure.")
		return
	}
	p, err := profileOf(a, c, name)
	if err != nil {
		s.Say("%v", err)
		return
	}
	switch status := p.Status(time.Now(), c.Certificates[name].Pending); status {
	case certstore.StatusExpired, certstore.StatusNotYetValid:
		s.Say("Warning: the certificate of profile \"%s\" is %s.", name, strings.ToLower(status))
	case certstore.StatusPending:
		s.Say("Warning: profile \"%s\" is self-signed until the answer to its signing request is stored.", name)
	}
}

// use is a service with all of its certificates.
type use struct {
	Service      string   `json:"service" doc:"what uses it"`
	Certificates []string `json:"certificates" doc:"names of profiles; none: it has none"`
}

// certificateUses is every use, the certificates of one service together.
func certificateUses(c *config.Config) []use {
	var uses []use
	for _, u := range c.CertificateUses() {
		if len(uses) == 0 || uses[len(uses)-1].Service != u.Service {
			uses = append(uses, use{u.Service, []string{}})
		}
		if last := &uses[len(uses)-1]; u.Profile != "" {
			last.Certificates = append(last.Certificates, u.Profile)
		}
	}
	return uses
}

// usersOf names the services that a profile is assigned to.
func usersOf(c *config.Config, profile string) []string {
	var services []string
	for _, u := range c.CertificateUses() {
		if u.Profile == profile {
			services = append(services, u.Service)
		}
	}
	return services
}

// differentKeys refuses two profiles for one listener that hold keys of the same kind: only one could ever be shown.
func differentKeys(a *Appliance, c *config.Config, names []string) error {
	owner := map[string]string{}
	for _, name := range names {
		p, err := profileOf(a, c, name)
		if err != nil {
			return err
		}
		for _, kind := range keyKinds(p) {
			if first := owner[kind]; first != "" && first != name {
				return shell.Fail("Invalid choice: certificate profiles %q and %q both have an %s key; one RSA and one ECDSA key are accepted.", first, name, kind)
			}
			owner[kind] = name
		}
	}
	return nil
}

// keyKinds names the kinds of the profile's keys: RSA, ECDSA, Ed25519.
func keyKinds(p *certstore.Profile) []string {
	var kinds []string
	for _, pair := range p.Pairs {
		kinds = append(kinds, pair.Chain[0].PublicKeyAlgorithm.String())
	}
	return kinds
}
