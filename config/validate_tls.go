package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// TLSMethods are the protocol versions in their order.
var TLSMethods = [...]string{"tlsv1_0", "tlsv1_1", "tlsv1_2", "tlsv1_3"}

// AlertClasses are the classes of alerts besides "All".
var AlertClasses = [...]string{"System", "Hardware", "Updater", "Certificates", "Outbreak Filters", "Anti-Virus", "Anti-Spam", "Directory Harvest Attack Prevention"}

// AlertSeverities are the severities of alerts besides "All", the gravest first.
var AlertSeverities = [...]string{"Critical", "Warning", "Information"}

func (f *faults) ssl(c *Config) {
	for _, s := range []struct {
		name string
		SSLService
	}{{"gui", c.SSL.GUI}, {"inbound", c.SSL.Inbound}, {"outbound", c.SSL.Outbound}} {
		f.methods(join("ssl", s.name, "methods"), s.Methods)
		f.ciphers(join("ssl", s.name, "ciphers"), s.SSLService)
	}
}

// methods wants versions that are next to each other: a gap cannot be negotiated.
func (f *faults) methods(path string, methods []string) {
	for _, m := range methods {
		f.choice(path, m, TLSMethods[:]...)
	}
	for first := range TLSMethods {
		for last := first; last < len(TLSMethods); last++ {
			if slices.Equal(methods, TLSMethods[first:last+1]) {
				return
			}
		}
	}
	f.add(path, "%q are not versions next to each other, the oldest first", strings.Join(methods, " "))
}

func (f *faults) revocation(c *Config) {
	each(f, "revocation.sources", c.Revocation.Sources, func(at, name string, s *CRLSource) {
		f.name(at, name)
		f.url(join(at, "url"), s.URL, "http", "https")
		f.number(join(at, "interval"), s.Interval, 5, 10080)
	})
}

// url accepts an absolute URL of one of the schemes, without a password.
func (f *faults) url(path, text string, schemes ...string) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || !slices.Contains(schemes, u.Scheme) {
		f.add(path, "%q is not a URL: %s://HOST/... is accepted", text, strings.Join(schemes, ":// or "))
	}
}

func (f *faults) acme(c *Config) {
	a := &c.ACME
	if a.Directory != "" {
		f.url("acme.directory", a.Directory, "https")
	}
	for _, address := range a.Contact {
		f.address("acme.contact", address)
	}
	f.number("acme.http_port", a.HTTPPort, 0, 65535)
	f.number("acme.tls_port", a.TLSPort, 0, 65535)
	if a.Interface != "" && c.Interfaces[a.Interface] == nil {
		f.add("acme.interface", "there is no interface %q", a.Interface)
	}
	if a.DNSServer != "" {
		if _, err := (&DNSServer{Address: a.DNSServer}).AddrPort(); err != nil {
			f.add("acme.dns_server", "%v", err)
		}
	}
	f.choice("acme.tsig_algorithm", a.TSIGAlgorithm, "", "hmac-sha256", "hmac-sha384", "hmac-sha512")
	each(f, "certificates", c.Certificates, func(at, _ string, p *Certificate) {
		if p.ACME != nil {
			f.managed(join(at, "acme"), p.ACME, a)
		}
	})
}

func (f *faults) managed(at string, m *ManagedCertificate, a *ACME) {
	if len(m.Names) == 0 {
		f.add(join(at, "names"), "at least one name is needed")
	}
	for _, name := range m.Names {
		f.host(join(at, "names"), strings.TrimPrefix(name, "*."))
		if strings.HasPrefix(name, "*.") && m.Challenge != "dns-01" {
			f.add(join(at, "challenge"), "the wildcard %q needs dns-01", name)
		}
	}
	f.choice(join(at, "challenge"), m.Challenge, "http-01", "dns-01", "tls-alpn-01")
	f.choice(join(at, "key"), m.Key, "p256", "p384", "rsa2048", "rsa3072", "rsa4096")
	switch {
	case a.Directory == "":
		f.add(at, "there is no ACME account")
	case m.Challenge == "dns-01" && a.DNSServer == "":
		f.add(join(at, "challenge"), "dns-01 needs a DNS server that takes updates")
	}
}

func (f *faults) alerts(c *Config) {
	each(f, "alerts.recipients", c.Alerts.Recipients, func(at, name string, r *AlertRecipient) {
		f.address(at, name)
		if len(r.Subscriptions) == 0 {
			f.add(at, "at least one class is needed")
		}
		for i, s := range r.Subscriptions {
			f.choice(join(at, "class"), s.Class, append([]string{"All"}, AlertClasses[:]...)...)
			if slices.ContainsFunc(r.Subscriptions[:i], func(o AlertSubscription) bool { return o.Class == s.Class }) {
				f.add(at, "class %q is there twice", s.Class)
			}
			if len(s.Severities) == 0 {
				f.add(join(at, "severities"), "at least one is needed")
			}
			for _, severity := range s.Severities {
				f.choice(join(at, "severities"), severity, append([]string{"All"}, AlertSeverities[:]...)...)
			}
		}
	})
	if c.Alerts.From != "" {
		f.address("alerts.from", c.Alerts.From)
	}
	f.number("alerts.initial_wait", c.Alerts.InitialWait, 0, 86400)
	f.number("alerts.max_wait", c.Alerts.MaxWait, c.Alerts.InitialWait, 604800)
	f.number("alerts.digest", c.Alerts.Digest, 0, 1440)
}

func (f *faults) reports(c *Config) {
	r := &c.TLSReports
	for _, own := range []struct{ path, address string }{{"contact", r.Contact}, {"receive", r.Receive}} {
		if own.address != "" {
			f.address(join("tls_reports", own.path), own.address)
		}
	}
	if r.DKIMDomain != "" {
		f.host("tls_reports.dkim_domain", r.DKIMDomain)
	}
	if r.DKIMSelector != "" {
		f.host("tls_reports.dkim_selector", r.DKIMSelector)
	}
	if c.Metrics.Address != "" {
		if _, err := netip.ParseAddrPort(c.Metrics.Address); err != nil {
			f.add("metrics.address", "%q is not ADDRESS:PORT", c.Metrics.Address)
		}
	}
}

// address accepts an email address.
func (f *faults) address(path, text string) {
	local, domain, ok := cutAddress(text)
	if !ok || !validLocal(local) || !validHost(domain) {
		f.add(path, "%q is not an email address", text)
	}
}
