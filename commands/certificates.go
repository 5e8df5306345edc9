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
		s.Println("You may use \"Demo\", but this will not be secure.")
		return
	}
	p, err := profileOf(a, c, name)
	if err != nil {
		s.Println(err)
		return
	}
	switch status := p.Status(time.Now(), c.Certificates[name].Pending); status {
	case certstore.StatusExpired, certstore.StatusNotYetValid:
		s.Printf("Warning: the certificate of profile \"%s\" is %s.\n", name, strings.ToLower(status))
	case certstore.StatusPending:
		s.Printf("Warning: profile \"%s\" is self-signed until the answer to its signing request is stored.\n", name)
	}
}

// placing is one certificate profile of one service; a listener with two profiles has two.
type placing struct {
	service string
	profile string // empty: none
	host    string // the name that the certificate should have; empty where none is compared
}

// placings lists every service with its certificates, in the order that certconfig print shows. HTTPS management and
// LDAP have no certificate of their own in this version.
func placings(c *config.Config) []placing {
	var all []placing
	for _, name := range slices.Sorted(maps.Keys(c.Listeners)) {
		l := c.Listeners[name]
		host := ""
		if i := c.Interfaces[l.Interface]; i != nil {
			host = i.Hostname
		}
		for _, profile := range l.Certificates {
			all = append(all, placing{"Listener " + name, profile, host})
		}
		if len(l.Certificates) == 0 {
			all = append(all, placing{service: "Listener " + name})
		}
	}
	all = append(all, placing{service: "Delivery (destination controls)", profile: c.Delivery.Certificate})
	for _, domain := range slices.Sorted(maps.Keys(c.Destinations)) {
		if profile := c.Destinations[domain].Certificate; profile != "" {
			all = append(all, placing{service: "Destination " + domain, profile: profile})
		}
	}
	return append(all, placing{service: "HTTPS Management"}, placing{service: "LDAPS"},
		placing{service: "URL filtering", profile: c.URLFilter.Certificate})
}

// use is a service with all of its certificates.
type use struct {
	Service      string   `json:"service"`
	Certificates []string `json:"certificates"` // empty: none
}

// certificateUses is placings with the certificates of one service together.
func certificateUses(c *config.Config) []use {
	var uses []use
	for _, p := range placings(c) {
		if len(uses) == 0 || uses[len(uses)-1].Service != p.service {
			uses = append(uses, use{p.service, []string{}})
		}
		if last := &uses[len(uses)-1]; p.profile != "" {
			last.Certificates = append(last.Certificates, p.profile)
		}
	}
	return uses
}

// usersOf names the services that a profile is assigned to.
func usersOf(c *config.Config, profile string) []string {
	var services []string
	for _, p := range placings(c) {
		if p.profile == profile {
			services = append(services, p.service)
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
