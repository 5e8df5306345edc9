package outbound

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/internal/dns"
	"posthouse/mta/queue"
	"posthouse/mta/tlspolicy"
)

const (
	smtpPort     = 25
	maxHosts     = 10 // mail exchangers that one trip tries
	maxAddresses = 20 // addresses that one trip tries
)

// host is one place where a domain's mail may go.
type host struct {
	preference int
	name       string     // empty where only an address is known
	addr       netip.Addr // valid where no lookup is needed
	port       int
	routed     bool // named by an SMTP route
	secure     bool // DNSSEC proves that it receives for the domain, or it is the domain itself
	implicit   bool // TLS begins with the connection; only of our own listeners
	ttl        time.Duration
}

// label is the host as a person names it.
func (h host) label() string {
	if h.name != "" {
		return h.name
	}
	return h.addr.String()
}

// way is where a domain's mail goes.
type way struct {
	hosts   []host // in the order in which they are tried
	mx      []queue.MXRecord
	discard bool // taken and thrown away
}

func shuffle(n int, swap func(i, j int)) { rand.Shuffle(n, swap) }

// findWay says where a domain's mail goes: to the machine that an operator sent it to, by an SMTP route, to the address that
// the domain is, or by the DNS.
func (j *journey) findWay(ctx context.Context) (*way, *queue.Failure) {
	if hop := j.machine; hop != nil {
		j.lookups = []tlspolicy.Step{{Name: tlspolicy.StepMX, OK: true, Words: "redirected by an operator to " + hop.String()}}
		return &way{hosts: []host{{name: dns.Canonical(hop.Host), addr: hop.Addr, port: hop.Port, routed: true}}}, nil
	}
	if r, key, ok := j.world.Config.Route(j.domain); ok {
		if found, ok := j.d.byRoute(r); ok {
			j.lookups = []tlspolicy.Step{{Name: tlspolicy.StepMX, OK: true, Words: "SMTP route " + key + ": " + strings.Join(r.Hops, ", ")}}
			return found, nil
		}
	}
	if addr, ok := literal(j.domain); ok {
		return &way{hosts: []host{{addr: addr, port: j.d.port}}}, nil
	}
	if strings.HasPrefix(j.domain, "[") || j.domain == "" {
		return nil, badDestination(cause.N1, j.domain, "not a domain that mail can be sent to")
	}
	found, failure := j.d.byDNS(ctx, j.world, j.domain)
	if failure == nil {
		j.lookups = []tlspolicy.Step{{Name: tlspolicy.StepMX, OK: true, Words: found.words()}}
	}
	return found, failure
}

// words is what the DNS said, on one line.
func (w *way) words() string {
	var list []string
	for _, mx := range w.mx {
		list = append(list, fmt.Sprintf("%d %s", mx.Preference, mx.Host))
	}
	if len(list) == 0 {
		return "no MX, the domain itself"
	}
	return strings.Join(list, ", ")
}

// literal is the address of an address literal such as [192.0.2.1] or [ipv6:2001:db8::1] (RFC 5321 §4.1.3).
func literal(domain string) (netip.Addr, bool) {
	inner, found := strings.CutPrefix(domain, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if !found || !closed {
		return netip.Addr{}, false
	}
	inner = strings.TrimPrefix(strings.ToLower(inner), "ipv6:")
	addr, err := netip.ParseAddr(inner)
	return addr, err == nil && addr.Zone() == ""
}

// byRoute follows an SMTP route. It returns false when the route says to use the DNS.
func (d *Deliverer) byRoute(r *config.Route) (*way, bool) {
	found := &way{}
	for _, text := range r.Hops {
		hop, err := config.ParseHop(text)
		if err != nil {
			continue // the configuration was validated
		}
		switch {
		case hop.UseDNS:
			return nil, false
		case hop.Discard:
			return &way{discard: true}, true
		}
		found.hosts = append(found.hosts, host{
			preference: hop.Priority, name: dns.Canonical(hop.Host), addr: hop.Addr, port: hop.Port, routed: true,
		})
	}
	d.order(found.hosts)
	return found, len(found.hosts) > 0
}

// order sorts by preference, equal ones in random order (RFC 5321 §5.1).
func (d *Deliverer) order(hosts []host) {
	d.opt.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
	slices.SortStableFunc(hosts, func(a, b host) int { return cmp.Compare(a.preference, b.preference) })
}

// byDNS asks for the domain's mail exchangers; a domain without any is its own (RFC 5321 §5.1).
func (d *Deliverer) byDNS(ctx context.Context, w World, domain string) (*way, *queue.Failure) {
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		ascii = domain // an underscore and the like: let the DNS say that it does not exist
	}
	records, err := w.Resolver.MX(ctx, ascii)
	if err != nil {
		switch dns.KindOf(err) {
		case dns.NoData:
			return &way{hosts: []host{{name: ascii, port: d.port, secure: true}}}, nil
		case dns.NotFound:
			return nil, badDestination(cause.N1, domain, fmt.Sprintf("DNS Hard Error looking up %s (MX): NXDomain", domain))
		default:
			return nil, lookupFailure(domain, "MX", err)
		}
	}
	if len(records) == 1 && records[0].Host == dns.NullMX {
		f := badDestination(cause.N1, domain, fmt.Sprintf("%s accepts no mail (null MX)", domain))
		f.Status = "5.1.10" // RFC 7505 §4.1
		return nil, f
	}
	found := &way{}
	for _, mx := range records {
		found.mx = append(found.mx, queue.MXRecord{Preference: mx.Preference, TTL: mx.TTL, Host: mx.Host})
		if mx.Host != dns.NullMX {
			found.hosts = append(found.hosts, host{
				preference: mx.Preference, name: mx.Host, port: d.port, ttl: mx.TTL, secure: mx.Secure || mx.Host == ascii,
			})
		}
	}
	return d.beforeOurselves(w.Config, found, domain)
}

// beforeOurselves drops us, and whatever is no better than we are, from a domain's mail exchangers: to send there would
// make mail go in circles (RFC 5321 §5.1).
func (d *Deliverer) beforeOurselves(conf *config.Config, found *way, domain string) (*way, *queue.Failure) {
	d.order(found.hosts)
	for _, h := range found.hosts {
		if ourName(conf, h.name) {
			worse := func(o host) bool { return o.preference >= h.preference }
			found.hosts = slices.DeleteFunc(found.hosts, worse)
			break
		}
	}
	found.hosts = found.hosts[:min(len(found.hosts), maxHosts)]
	if len(found.hosts) == 0 {
		f := badDestination(cause.N9, domain, fmt.Sprintf("mail for %s loops back to this host", domain))
		f.Class, f.Title, f.Status = "5.4.6", "Routing loop detected", "5.4.6"
		return nil, f
	}
	return found, nil
}

// ourName says whether a mail exchanger is called like one of our interfaces.
func ourName(conf *config.Config, name string) bool {
	for _, i := range conf.Interfaces {
		if dns.Canonical(i.Hostname) == name {
			return true
		}
	}
	return false
}

// ourListener says whether one of our own listeners answers at an address.
func ourListener(conf *config.Config, addr netip.Addr, port int) bool {
	for _, l := range conf.Listeners {
		i := conf.Interfaces[l.Interface]
		if i == nil || l.Port != port {
			continue
		}
		own, err := netip.ParseAddr(i.Address)
		if err == nil && (own == addr || own.IsUnspecified() && ourAddress(addr)) {
			return true
		}
	}
	return false
}

// ourAddress says whether the machine has the address.
func ourAddress(addr netip.Addr) bool {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if own, ok := netip.AddrFromSlice(n.IP); ok && own.Unmap() == addr {
				return true
			}
		}
	}
	return false
}

// addresses returns a host's addresses in the order that the destination prefers, and how long they hold.
func (d *Deliverer) addresses(ctx context.Context, w World, h host, sort string) ([]netip.Addr, time.Duration, error) {
	if h.addr.IsValid() {
		return []netip.Addr{h.addr}, 0, nil
	}
	found, err := w.Resolver.Addresses(ctx, h.name)
	if err != nil {
		return nil, 0, err
	}
	ttl := h.ttl
	var list []netip.Addr
	for _, a := range found {
		list = append(list, a.Addr.Unmap())
		if ttl == 0 || a.TTL < ttl {
			ttl = a.TTL
		}
	}
	d.opt.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return sortAddresses(list, sort), ttl, nil
}

// sortAddresses puts one family first, or leaves the other out.
func sortAddresses(list []netip.Addr, preference string) []netip.Addr {
	first := netip.Addr.Is6
	if preference == "prefer-v4" || preference == "require-v4" {
		first = netip.Addr.Is4
	}
	var wanted, others []netip.Addr
	for _, a := range list {
		if first(a) {
			wanted = append(wanted, a)
		} else {
			others = append(others, a)
		}
	}
	if strings.HasPrefix(preference, "require-") {
		return wanted
	}
	return append(wanted, others...)
}
