package config

import (
	"maps"
	"slices"
)

// CertificateUse is one certificate profile in one place.
type CertificateUse struct {
	Service string // as operators read it: "Listener InboundMail", "Listener InboundMail (mx.example.com)", "Destination partner.example"
	Profile string // empty: none
	Host    string // the name that the certificate should have; empty where none is compared
	SNI     bool   // the profile is shown only to clients that ask for Host
	Within  string // the service that answered for it before it had a profile of its own; empty for none
}

// CertificateUses lists every place with its profiles, in the order in which certconfig prints them; a place with two
// profiles is there twice. HTTPS management and LDAP have no certificate of their own.
func (c *Config) CertificateUses() []CertificateUse {
	var all []CertificateUse
	for _, name := range slices.Sorted(maps.Keys(c.Listeners)) {
		all = append(all, c.listenerUses(name, c.Listeners[name])...)
	}
	all = append(all, CertificateUse{Service: "Delivery (destination controls)", Profile: c.Delivery.Certificate})
	for _, domain := range slices.Sorted(maps.Keys(c.Destinations)) {
		if profile := c.Destinations[domain].Certificate; profile != "" {
			all = append(all, CertificateUse{Service: "Destination " + domain, Profile: profile, Within: "Delivery (destination controls)"})
		}
	}
	return append(all, CertificateUse{Service: "HTTPS Management"}, CertificateUse{Service: "LDAPS"},
		CertificateUse{Service: "URL filtering", Profile: c.URLFilter.Certificate})
}

func (c *Config) listenerUses(name string, l *Listener) []CertificateUse {
	service, host := "Listener "+name, ""
	if i := c.Interfaces[l.Interface]; i != nil {
		host = i.Hostname
	}
	var uses []CertificateUse
	for _, profile := range l.Certificates {
		uses = append(uses, CertificateUse{Service: service, Profile: profile, Host: host})
	}
	if len(uses) == 0 {
		uses = append(uses, CertificateUse{Service: service, Host: host})
	}
	for _, sni := range slices.Sorted(maps.Keys(l.ServerNames)) {
		for _, profile := range l.ServerNames[sni] {
			uses = append(uses, CertificateUse{Service: service + " (" + sni + ")", Profile: profile, Host: sni, SNI: true, Within: service})
		}
	}
	return uses
}

// CertificateInUse is a profile that serves somewhere, with its content.
type CertificateInUse struct {
	Profile string
	Content string   // the vault's id
	Uses    []string // the places, in order
}

// CertificatesInUse lists the profiles that serve somewhere, in order of name.
func (c *Config) CertificatesInUse() []CertificateInUse {
	places := make(map[string][]string)
	for _, u := range c.CertificateUses() {
		if u.Profile != "" && c.Certificates[u.Profile] != nil {
			places[u.Profile] = append(places[u.Profile], u.Service)
		}
	}
	var used []CertificateInUse
	for _, name := range slices.Sorted(maps.Keys(places)) {
		used = append(used, CertificateInUse{name, c.Refs[CertificateRef(name)], places[name]})
	}
	return used
}
