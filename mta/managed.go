package mta

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"posthouse/certstore"
	"posthouse/certstore/acme"
	"posthouse/config"
)

// managed is what a configuration says of certificates that are obtained by themselves; nil where there are none.
func (e *Engine) managed(conf *config.Config) (*acme.Settings, error) {
	a := &conf.ACME
	if a.Directory == "" {
		return nil, nil
	}
	s := &acme.Settings{
		Directory: a.Directory, Contact: a.Contact, TermsAgreed: a.TermsAgreed, EABKey: a.EABKey,
		Address: answeringAddress(conf), HTTPPort: a.HTTPPort, TLSPort: a.TLSPort,
		DNSZone: a.DNSZone, TSIGName: a.TSIGName, TSIGAlgorithm: a.TSIGAlgorithm,
	}
	if a.DNSServer != "" {
		at, err := (&config.DNSServer{Address: a.DNSServer}).AddrPort()
		if err != nil {
			return nil, fmt.Errorf("the DNS server for ACME: %w", err)
		}
		s.DNSServer = at.String()
	}
	if err := e.accountSecrets(s, conf.Refs); err != nil {
		return nil, fmt.Errorf("the ACME account: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(conf.Certificates)) {
		p := conf.Certificates[name]
		if p.ACME == nil {
			continue
		}
		current, err := e.opt.Certs.Get(conf.Refs[config.CertificateRef(name)])
		if err != nil {
			return nil, fmt.Errorf("certificate profile %q: %w", name, err)
		}
		s.Profiles = append(s.Profiles, acme.Managed{
			Name: name, Names: p.ACME.Names, Challenge: p.ACME.Challenge, Key: certstore.KeyKind(p.ACME.Key),
			Pending: p.Pending, Current: current,
		})
	}
	return s, nil
}

// accountSecrets reads what the vault holds of the account.
func (e *Engine) accountSecrets(s *acme.Settings, refs map[string]string) error {
	key, err := e.secret(refs, config.ACMEAccountRef)
	if err != nil {
		return err
	}
	if key != nil {
		if s.AccountKey, err = acme.ParseAccountKey(key); err != nil {
			return err
		}
	}
	eab, err := e.secret(refs, config.ACMEEABRef)
	if err != nil {
		return err
	}
	tsig, err := e.secret(refs, config.ACMETSIGRef)
	s.EABSecret, s.TSIGSecret = string(eab), string(tsig)
	return err
}

// secret is what the vault holds for a reference; nil where there is none.
func (e *Engine) secret(refs map[string]string, ref string) ([]byte, error) {
	id := refs[ref]
	if id == "" {
		return nil, nil
	}
	return e.opt.Secrets.Get(id)
}

// answeringAddress is where challenges are answered: on the interface that the settings name, else on the first in order
// that has a listener.
func answeringAddress(conf *config.Config) string {
	if i := conf.Interfaces[conf.ACME.Interface]; i != nil {
		return i.Address
	}
	for _, name := range slices.Sorted(maps.Keys(conf.Listeners)) {
		if i := conf.Interfaces[conf.Listeners[name].Interface]; i != nil {
			return i.Address
		}
	}
	return netip.IPv6Unspecified().String()
}

// install puts an obtained certificate in service: a revision of its own, and every handshake from now on.
func (e *Engine) install(ctx context.Context, profile string, p *certstore.Profile) error {
	id, err := e.opt.Certs.Put(p)
	if err != nil {
		return err
	}
	if err := e.opt.Renew(ctx, profile, id); err != nil {
		return err
	}
	e.opt.System.CertificateRenewed(profile, p.NotAfter())
	return nil
}

// Managed says how every certificate profile stands that is obtained by itself.
func (e *Engine) Managed() []acme.Status { return e.acme.Status() }

// RenewCertificate obtains a profile's certificate now and is back when it is in service.
func (e *Engine) RenewCertificate(ctx context.Context, profile string) error {
	return e.acme.RenewNow(ctx, profile)
}
