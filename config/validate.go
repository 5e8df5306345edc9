package config

import (
	"context"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // validation must not depend on the host
)

// Validate says everything that is wrong with the configuration, as joined *FieldErrors, or nil. It looks at the
// settings alone: whether a port is free or a certificate can be loaded is known only when they are put in force.
func (c *Config) Validate() error { return c.ValidateUntil(context.Background()) }

// ValidateUntil is Validate for somebody who may give it up: the end of ctx is its error then.
func (c *Config) ValidateUntil(ctx context.Context) error {
	f := faults{ctx: ctx}
	c.check(&f)
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.err()
}

func (c *Config) check(f *faults) {
	if all := reflect.ValueOf(c).Elem(); !plainTexts(all) {
		f.texts("", all)
	}
	f.host("hostname", c.Hostname)
	f.zone("time_zone", c.TimeZone)
	f.interfaces(c)
	f.listeners(c)
	f.sockets(c)
	f.destinations(c)
	f.routes(c)
	f.bounces(c)
	f.certificates(c)
	f.users(c)
	f.passphrases(c.Passphrases)
	f.singletons(c)
	f.ssl(c)
	f.revocation(c)
	f.acme(c)
	f.alerts(c)
	f.reports(c)
}

// FieldErrors returns the faults that an error of Validate joins.
func FieldErrors(err error) []*FieldError {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	var list []*FieldError
	for _, e := range joined.Unwrap() {
		if fe, ok := e.(*FieldError); ok {
			list = append(list, fe)
		}
	}
	return list
}

// each calls check for every object of a map in the order of the names, and refuses names that differ only in case,
// since operators may type them in any.
func each[V any](f *faults, path string, m map[string]*V, check func(path, name string, v *V)) {
	seen := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if f.over() {
			return
		}
		at := join(path, key(name))
		if other, ok := seen[strings.ToLower(name)]; ok {
			f.add(at, "differs from %q in case only", other)
		}
		seen[strings.ToLower(name)] = name
		if !missing(f, at, m[name]) {
			check(at, name, m[name])
		}
	}
}

// zone refuses what the zone database does not have. It is in the program, for hosts without one.
func (f *faults) zone(at, name string) {
	if _, err := time.LoadLocation(name); err != nil || strings.EqualFold(name, "Local") {
		f.add(at, "%q is not a time zone: a name of the zone database such as Europe/Berlin is wanted", name)
	}
}

func (f *faults) interfaces(c *Config) {
	if len(c.Interfaces) == 0 {
		f.add("interfaces", "at least one is needed")
	}
	each(f, "interfaces", c.Interfaces, func(at, name string, i *Interface) {
		f.name(at, name)
		a, err := netip.ParseAddr(i.Address)
		if err != nil || a.Zone() != "" || a.Is4In6() {
			f.add(join(at, "address"), "%q is not an IPv4 or IPv6 address", i.Address)
		} else {
			f.number(join(at, "prefix_length"), i.PrefixLength, 0, a.BitLen())
		}
		f.host(join(at, "hostname"), i.Hostname)
		f.number(join(at, "ssh_port"), i.SSHPort, 0, 65535)
	})
}

// sockets refuses two services on the same address and port.
func (f *faults) sockets(c *Config) {
	var taken []socket
	add := func(path, iface string, port int, what string) {
		i := c.Interfaces[iface]
		if i == nil || port == 0 {
			return
		}
		a, err := netip.ParseAddr(i.Address)
		if err != nil {
			return
		}
		for _, s := range taken {
			if s.overlaps(a, port) {
				f.add(path, "port %d of %s is taken by %s", port, i.Address, s.what)
				return
			}
		}
		taken = append(taken, socket{a, port, what})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Interfaces)) {
		if i := c.Interfaces[name]; i != nil && i.SSH {
			add(join("interfaces", key(name), "ssh_port"), name, i.SSHPort, "SSH on interface "+name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Listeners)) {
		if l := c.Listeners[name]; l != nil {
			add(join("listeners", key(name), "port"), l.Interface, l.Port, "listener "+name)
		}
	}
}

type socket struct {
	addr netip.Addr
	port int
	what string
}

func (s socket) overlaps(a netip.Addr, port int) bool {
	if s.port != port || s.addr.BitLen() != a.BitLen() {
		return false
	}
	return s.addr == a || s.addr.IsUnspecified() || a.IsUnspecified()
}

func (f *faults) bounces(c *Config) {
	if c.Bounces[DefaultBounceProfile] == nil {
		f.add(join("bounce_profiles", DefaultBounceProfile), "cannot be deleted")
	}
	each(f, "bounce_profiles", c.Bounces, func(at, name string, b *BounceProfile) {
		f.name(at, name)
		f.number(join(at, "max_retries"), b.MaxRetries, 0, 10000)
		f.number(join(at, "max_queue_time"), b.MaxQueueTime, 0, 3000000)
		f.number(join(at, "initial_retry"), b.InitialRetry, 1, 86400)
		f.number(join(at, "max_retry"), b.MaxRetry, max(1, min(b.InitialRetry, 86400)), 86400)
		f.number(join(at, "delay_warning_after"), b.DelayWarningAfter, 0, 3000000)
		f.number(join(at, "delay_warnings"), b.DelayWarnings, 0, 1000)
		if b.NoticeTo != "" {
			f.address(join(at, "notice_to"), b.NoticeTo)
		}
	})
}

func (f *faults) certificates(c *Config) {
	if c.Certificates[DemoCertificate] == nil {
		f.add(join("certificates", DemoCertificate), "cannot be deleted")
	}
	each(f, "certificates", c.Certificates, func(at, name string, _ *Certificate) { f.name(at, name) })
}

func (f *faults) certificate(path, name string, c *Config) {
	if c.Certificates[name] == nil {
		f.add(path, "there is no certificate profile %q", name)
	}
}

func (f *faults) bounceProfile(path, name string, c *Config) {
	if name != "" && c.Bounces[name] == nil {
		f.add(path, "there is no bounce profile %q", name)
	}
}

func (f *faults) singletons(c *Config) {
	f.number("injection.max_hops", c.Injection.MaxHops, 1, 1000)
	f.number("injection.command_timeout", c.Injection.CommandTimeout, 1, 86400)
	f.number("injection.session_timeout", c.Injection.SessionTimeout, 1, 86400)
	f.number("injection.max_bad_commands", c.Injection.MaxBadCommands, 1, 10000)
	f.number("injection.max_handshakes", c.Injection.MaxHandshakes, 1, 100000)
	f.number("injection.max_handshakes_per_peer", c.Injection.MaxHandshakesPerPeer, 1, 100000)

	if c.Delivery.Interface != "" && c.Interfaces[c.Delivery.Interface] == nil {
		f.add("delivery.interface", "there is no interface %q", c.Delivery.Interface)
	}
	f.number("delivery.concurrency", c.Delivery.Concurrency, 1, 10000)
	f.number("delivery.connect_timeout", c.Delivery.ConnectTimeout, 0, 3600)
	f.number("delivery.reply_timeout", c.Delivery.ReplyTimeout, 0, 3600)
	f.number("delivery.handshake_timeout", c.Delivery.HandshakeTimeout, 0, 3600)
	f.certificate("delivery.certificate", c.Delivery.Certificate, c)
	f.servers(c.DNS.Servers)
	if c.URLFilter.Certificate != "" {
		f.certificate("url_filtering.certificate", c.URLFilter.Certificate, c)
	}
	f.shell(&c.Shell)
	f.logs(&c.Logs)
}

func (f *faults) servers(servers []DNSServer) {
	seen := make(map[string]bool)
	labels := serverLabels(servers)
	for i, s := range servers {
		at := join("dns", "servers", key(labels[i]))
		if _, err := s.AddrPort(); err != nil {
			f.add(join(at, "address"), "%v", err)
		}
		f.number(join(at, "priority"), s.Priority, 0, 1000)
		if s.Domain != "" {
			f.host(join(at, "domain"), s.Domain)
		}
		if id := s.Address + " " + s.Domain; seen[id] {
			f.add(at, "is there twice")
		} else {
			seen[id] = true
		}
	}
}
