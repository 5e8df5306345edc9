package config

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
)

// Normalize gives every setting its one canonical form (names of domains in lower case, addresses as RFC 5952 writes
// them, no empty tables), so that the same settings entered in two ways become the same file. A setting that has no
// canonical form because it is wrong stays as it is, for Validate to refuse. Refs that belong to nothing are dropped.
func (c *Config) Normalize() {
	for _, i := range c.Interfaces {
		if i != nil {
			i.Address, i.Hostname = canonicalAddr(i.Address), domainKey(i.Hostname)
			if !i.SSH {
				i.SSHPort = 0
			}
		}
	}
	for _, l := range c.Listeners {
		if l != nil {
			l.normalize()
		}
	}
	c.Hostname = domainKey(c.Hostname)
	c.Destinations = rekey(c.Destinations, destinationKey)
	c.Routes = rekey(c.Routes, routeKey)
	for _, r := range c.Routes {
		if r != nil {
			r.normalize()
		}
	}
	for _, u := range c.Users {
		if u != nil {
			for i, line := range u.Keys {
				if k, err := ParseUserKey(line); err == nil {
					u.Keys[i] = k.String()
				}
			}
			slices.Sort(u.Keys)
			u.Keys = slices.Compact(u.Keys)
		}
	}
	c.DNS.normalize()
	c.Shell.normalize()
	c.normalizeTLS()
	c.Logs.normalize()
	c.normalizeRefs()
	dropEmpty(reflect.ValueOf(c).Elem())
}

func (l *Listener) normalize() {
	if l.BounceProfile == DefaultBounceProfile {
		l.BounceProfile = ""
	}
	l.DefaultDomain = domainKey(l.DefaultDomain)
	l.HostAccess.normalize()
	l.RecipientAccess = rekey(l.RecipientAccess, routeKey)
	l.ServerNames = rekey(l.ServerNames, domainKey)
}

// normalizeTLS gives settings that a file from before them does not have their defaults.
func (c *Config) normalizeTLS() {
	builtin := Default("localhost.localdomain")
	fill(&c.SSL.GUI, &builtin.SSL.GUI)
	fill(&c.SSL.Inbound, &builtin.SSL.Inbound)
	fill(&c.SSL.Outbound, &builtin.SSL.Outbound)
	if c.Injection.MaxHandshakes == 0 && c.Injection.MaxHandshakesPerPeer == 0 {
		c.Injection.MaxHandshakes, c.Injection.MaxHandshakesPerPeer = builtin.Injection.MaxHandshakes, builtin.Injection.MaxHandshakesPerPeer
	}
	for _, p := range c.Certificates {
		if p != nil && p.ACME != nil {
			for i, name := range p.ACME.Names {
				p.ACME.Names[i] = domainKey(name)
			}
		}
	}
	if def := c.Destinations[DefaultDestination]; def != nil {
		if def.MTASTS == "" {
			def.MTASTS = builtin.Destinations[DefaultDestination].MTASTS
		}
		if def.Alert == "" {
			def.Alert = builtin.Destinations[DefaultDestination].Alert
		}
	}
}

func (h *HostAccess) normalize() {
	for i := range h.Groups {
		g := &h.Groups[i]
		for j, text := range g.Members {
			if m, err := ParseMember(text); err == nil {
				g.Members[j] = m.String()
			}
		}
		g.Comment = strings.Join(strings.Fields(g.Comment), " ")
	}
	dropEmpty(reflect.ValueOf(h).Elem())
}

func (r *Route) normalize() {
	for i, text := range r.Hops {
		if h, err := ParseHop(text); err == nil {
			r.Hops[i] = h.String()
		}
	}
}

func (d *DNS) normalize() {
	for i := range d.Servers {
		s := &d.Servers[i]
		if ap, err := s.AddrPort(); err == nil {
			s.Address = ap.Addr().String()
			if ap.Port() != portDNS {
				s.Address = ap.String()
			}
		}
		s.Domain = domainKey(s.Domain)
	}
	slices.SortStableFunc(d.Servers, func(a, b DNSServer) int { return a.Priority - b.Priority })
}

func (c *Config) normalizeRefs() {
	maps.DeleteFunc(c.Refs, func(key, id string) bool { return id == "" || !c.owns(key) })
	if c.Refs == nil {
		c.Refs = make(map[string]string)
	}
}

// owns says whether the configuration has the object that a key of Refs belongs to.
func (c *Config) owns(key string) bool {
	if name, ok := strings.CutPrefix(key, "certificates."); ok {
		return c.Certificates[name] != nil
	}
	if user, what, ok := userRef(key); ok {
		u := c.Users[user]
		return u != nil && (what.end != "two_factor" || u.TwoFactor)
	}
	switch key {
	case AuthoritiesRef, ACMEAccountRef, ACMETSIGRef, ACMEEABRef, ReportKeyRef:
		return true
	}
	return false
}

func canonicalAddr(s string) string {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().String()
	}
	return s
}

func destinationKey(s string) string {
	if strings.EqualFold(s, DefaultDestination) {
		return DefaultDestination
	}
	return domainKey(s)
}

func routeKey(s string) string {
	if strings.EqualFold(s, RouteAll) {
		return RouteAll
	}
	return domainKey(s)
}

// rekey gives every key its canonical form. Of two keys with the same one, that which has it already wins, else the
// first in order; commands look for the canonical key before they add another.
func rekey[M ~map[string]V, V any](m M, canonical func(string) string) M {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		to := canonical(key)
		if to == key {
			continue
		}
		if _, taken := m[to]; !taken {
			m[to] = m[key]
		}
		delete(m, key)
	}
	return m
}

// dropEmpty makes empty lists and tables nil, which is how posthouse.toml gives them back. Refs stays: it is not there.
func dropEmpty(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			dropEmpty(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if tomlName(v.Type().Field(i)) != "" {
				dropEmpty(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.SetZero()
		}
		for i := range v.Len() {
			dropEmpty(v.Index(i))
		}
	case reflect.Map:
		if v.Len() == 0 {
			v.SetZero()
		}
		for it := v.MapRange(); it.Next(); {
			dropEmpty(it.Value()) // a pointer or a string, so that nothing needs to be put back
		}
	}
}
