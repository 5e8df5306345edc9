package dns

import (
	"context"
	"net/netip"
	"strings"
	"sync"
)

// Fake is a Resolver for tests that answers from maps. Keys are canonical names. A name that no map has does not
// exist; a name that another map has has no data. Fail overrides everything for a name. It may be filled while in use
// only through Update.
type Fake struct {
	mu      sync.Mutex
	MXs     map[string][]MX
	Hosts   map[string][]netip.Addr
	Names   map[netip.Addr][]string
	Records map[string][]Record
	Fail    map[string]Kind
}

// Update changes the records while the fake may be in use.
func (f *Fake) Update(change func(f *Fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// fault is the error that a name without an answer gives.
func (f *Fake) fault(name, qtype string) error {
	if kind, ok := f.Fail[name]; ok {
		return &Error{Name: name, Type: qtype, Kind: kind}
	}
	_, mx := f.MXs[name]
	_, host := f.Hosts[name]
	if mx || host {
		return &Error{Name: name, Type: qtype, Kind: NoData}
	}
	return &Error{Name: name, Type: qtype, Kind: NotFound}
}

// failing says whether the name is to fail whatever the maps hold.
func (f *Fake) failing(name string) bool {
	_, ok := f.Fail[name]
	return ok
}

// MX implements Resolver.
func (f *Fake) MX(_ context.Context, domain string) ([]MX, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	domain = Canonical(domain)
	if list := f.MXs[domain]; len(list) > 0 && !f.failing(domain) {
		return append([]MX(nil), list...), nil
	}
	return nil, f.fault(domain, "MX")
}

// Addresses implements Resolver.
func (f *Fake) Addresses(_ context.Context, host string) ([]Addr, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	host = Canonical(host)
	if list := f.Hosts[host]; len(list) > 0 && !f.failing(host) {
		var addrs []Addr
		for _, a := range list {
			addrs = append(addrs, Addr{Addr: a})
		}
		return addrs, nil
	}
	return nil, f.fault(host, "A")
}

// Reverse implements Resolver.
func (f *Fake) Reverse(_ context.Context, addr netip.Addr) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := addr.String()
	if names := f.Names[addr]; len(names) > 0 && !f.failing(name) {
		return append([]string(nil), names...), nil
	}
	return nil, f.fault(name, "PTR")
}

// Query implements Resolver.
func (f *Fake) Query(_ context.Context, name, qtype string) ([]Record, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name = Canonical(name)
	var list []Record
	for _, r := range f.Records[name] {
		if strings.EqualFold(r.Type, qtype) {
			list = append(list, r)
		}
	}
	if len(list) > 0 && !f.failing(name) {
		return list, nil
	}
	return nil, f.fault(name, strings.ToUpper(qtype))
}
