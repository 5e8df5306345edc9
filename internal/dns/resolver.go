package dns

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	mdns "github.com/miekg/dns"
)

// resolver asks nameservers over UDP, and over TCP where an answer is cut, and keeps answers as long as they live.
type resolver struct {
	servers func() serverSet
	hosts   *hostsFile // nil: only nameservers are asked
	cache   *cache
	health  *health
	timeout time.Duration // for one question to one server
	rounds  int           // how often the list of servers is gone through
}

// localhost and the addresses of loopback are no business of the system's nameservers (RFC 6761 §6.3). An operator's own
// nameserver is asked: whoever sets one up for loopback means it.
const localhost = "localhost"

// New returns a resolver that asks the given servers. With none it does as the host system does: the addresses of
// /etc/hosts first, then the servers of /etc/resolv.conf. It counts in counters, which may be nil.
func New(servers []Server, counters *Counters) Caching {
	if counters == nil {
		counters = new(Counters)
	}
	r := &resolver{cache: newCache(time.Now, counters), health: newHealth(time.Now), timeout: 3 * time.Second, rounds: 2}
	if len(servers) == 0 {
		system := newSystemServers("/etc/resolv.conf")
		r.servers, r.hosts = system.set, newHostsFile("/etc/hosts")
		return r
	}
	set := newServerSet(servers)
	r.servers = func() serverSet { return set }
	return r
}

// Flush implements Caching.
func (r *resolver) Flush() int { return r.cache.flush() }

// Answering implements Resolver.
func (r *resolver) Answering(addr netip.Addr) bool {
	arpa, err := reverseName(addr)
	if err != nil {
		return true
	}
	good, slow := r.health.sort(r.servers().forName(arpa))
	return len(good) > 0 || len(slow) == 0
}

// reverseName is the name under which an address's names are.
func reverseName(addr netip.Addr) (string, error) {
	return mdns.ReverseAddr(addr.Unmap().WithZone("").String())
}

// MX implements Resolver.
func (r *resolver) MX(ctx context.Context, domain string) ([]MX, error) {
	ans, err := r.ask(ctx, domain, mdns.TypeMX)
	if err != nil {
		return nil, err
	}
	var list []MX
	for _, rr := range ans.records {
		if mx, ok := rr.(*mdns.MX); ok {
			list = append(list, MX{Preference: int(mx.Preference), Host: Canonical(mx.Mx), TTL: ans.left(r.cache.now()), Secure: ans.secure})
		}
	}
	if len(list) == 0 {
		return nil, &Error{Name: Canonical(domain), Type: "MX", Kind: NoData, Secure: ans.secure}
	}
	slices.SortStableFunc(list, func(a, b MX) int { return cmp.Compare(a.Preference, b.Preference) })
	return list, nil
}

// Addresses implements Resolver. One family's certain absence does not hide a temporary failure of the other, but
// what one family gives is used even if the other fails.
func (r *resolver) Addresses(ctx context.Context, host string) ([]Addr, error) {
	if r.hosts != nil {
		if list := r.hosts.lookup(Canonical(host)); len(list) > 0 {
			return list, nil
		}
		if Canonical(host) == localhost {
			return []Addr{{Addr: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Name: localhost}, {Addr: netip.IPv6Loopback(), Name: localhost}}, nil
		}
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return []Addr{{Addr: addr.Unmap(), Name: host}}, nil
	}
	type family struct {
		list []Addr
		err  error
	}
	v6 := make(chan family, 1)
	go func() {
		list, err := r.family(ctx, host, mdns.TypeAAAA)
		v6 <- family{list, err}
	}()
	list, err := r.family(ctx, host, mdns.TypeA)
	six := <-v6
	list = append(list, six.list...)
	if len(list) > 0 {
		return list, nil
	}
	secure := ProvenAbsent(err) && ProvenAbsent(six.err)
	if Absent(err) {
		err = six.err
	}
	if err == nil {
		err = &Error{Kind: NoData}
	}
	return nil, &Error{Name: Canonical(host), Type: "A", Kind: KindOf(err), Err: beneath(err), Secure: secure}
}

// beneath is what caused a resolver's error, without the question that the caller names anyway.
func beneath(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// family returns a host's addresses of one family.
func (r *resolver) family(ctx context.Context, host string, qtype uint16) ([]Addr, error) {
	ans, err := r.ask(ctx, host, qtype)
	if err != nil {
		return nil, err
	}
	var list []Addr
	for _, rr := range ans.records {
		var addr netip.Addr
		switch rr := rr.(type) {
		case *mdns.A:
			addr, _ = netip.AddrFromSlice(rr.A)
		case *mdns.AAAA:
			addr, _ = netip.AddrFromSlice(rr.AAAA)
		}
		if addr.IsValid() {
			list = append(list, Addr{Addr: addr.Unmap(), TTL: ans.left(r.cache.now()), Name: ans.name, Secure: ans.secure})
		}
	}
	return list, nil
}

// Reverse implements Resolver.
func (r *resolver) Reverse(ctx context.Context, addr netip.Addr) ([]string, error) {
	if r.hosts != nil {
		if names := r.hosts.reverse(addr.Unmap()); len(names) > 0 {
			return names, nil
		}
		if addr.Unmap().IsLoopback() {
			return []string{localhost}, nil
		}
	}
	arpa, err := reverseName(addr)
	if err != nil {
		return nil, &Error{Name: addr.String(), Type: "PTR", Kind: NotFound, Err: err}
	}
	ans, err := r.ask(ctx, arpa, mdns.TypePTR)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, rr := range ans.records {
		if ptr, ok := rr.(*mdns.PTR); ok {
			names = append(names, Canonical(ptr.Ptr))
		}
	}
	if len(names) == 0 {
		return nil, &Error{Name: arpa, Type: "PTR", Kind: NoData}
	}
	return names, nil
}

// Query implements Resolver.
func (r *resolver) Query(ctx context.Context, name, qtype string) ([]Record, error) {
	t, ok := queryType(qtype)
	if !ok {
		return nil, &Error{Name: name, Type: qtype, Kind: NoData, Err: errors.New("unknown record type")}
	}
	if t == mdns.TypePTR {
		if addr, err := netip.ParseAddr(name); err == nil {
			name, _ = reverseName(addr)
		}
	}
	ans, err := r.ask(ctx, name, t)
	if err != nil {
		return nil, err
	}
	left := ans.left(r.cache.now())
	var list []Record
	for _, rr := range ans.records {
		record := textRecord(rr, left)
		record.Secure = ans.secure
		list = append(list, record)
	}
	return list, nil
}

// Text implements Resolver.
func (r *resolver) Text(ctx context.Context, name string) ([]string, error) {
	ans, err := r.ask(ctx, name, mdns.TypeTXT)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, rr := range ans.records {
		if txt, ok := rr.(*mdns.TXT); ok {
			list = append(list, joinText(txt))
		}
	}
	return list, nil
}

// TLSA implements Resolver.
func (r *resolver) TLSA(ctx context.Context, name string) (Answer, error) {
	ans, err := r.ask(ctx, name, mdns.TypeTLSA)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Name: ans.name, TTL: ans.left(r.cache.now()), Secure: ans.secure}
	for _, rr := range ans.records {
		if tlsa, ok := rr.(*mdns.TLSA); ok {
			record, err := tlsaOf(tlsa)
			if err != nil {
				return Answer{}, &Error{Name: Canonical(name), Type: "TLSA", Kind: Temporary, Err: err}
			}
			a.TLSA = append(a.TLSA, record)
		}
	}
	return a, nil
}
