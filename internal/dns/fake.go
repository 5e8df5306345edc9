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
	Texts   map[string][]string
	TLSAs   map[string][]TLSA
	Aliases map[string]string // CNAMEs
	Secure  map[string]bool   // names of which DNSSEC proves what is there and what is not
	Fail    map[string]Kind
}

// Update changes the records while the fake may be in use.
func (f *Fake) Update(change func(f *Fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// fault is the error that a name without an answer gives.
func (f *Fake) fault(name, qtype string, secure bool) error {
	if kind, ok := f.Fail[name]; ok {
		return &Error{Name: name, Type: qtype, Kind: kind}
	}
	kind := NotFound
	_, mx := f.MXs[name]
	_, host := f.Hosts[name]
	_, record := f.Records[name]
	_, text := f.Texts[name]
	_, tlsa := f.TLSAs[name]
	if mx || host || record || text || tlsa {
		kind = NoData
	}
	return &Error{Name: name, Type: qtype, Kind: kind, Secure: secure}
}

// end goes along the aliases from a name and returns where they end, and whether every step is proven. A name that is
// to fail ends them.
func (f *Fake) end(name string) (end string, secure bool) {
	end, secure = Canonical(name), true
	for range maxChain {
		secure = secure && f.Secure[end]
		next, ok := f.Aliases[end]
		if !ok || f.failing(end) {
			break
		}
		end = Canonical(next)
	}
	return end, secure
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
	end, secure := f.end(domain)
	if list := f.MXs[end]; len(list) > 0 && !f.failing(end) {
		list = append([]MX(nil), list...)
		for i := range list {
			list[i].Secure = list[i].Secure || secure
		}
		return list, nil
	}
	return nil, f.fault(end, "MX", secure)
}

// Addresses implements Resolver.
func (f *Fake) Addresses(_ context.Context, host string) ([]Addr, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	end, secure := f.end(host)
	if list := f.Hosts[end]; len(list) > 0 && !f.failing(end) {
		var addrs []Addr
		for _, a := range list {
			addrs = append(addrs, Addr{Addr: a, Name: end, Secure: secure})
		}
		return addrs, nil
	}
	return nil, f.fault(end, "A", secure)
}

// Reverse implements Resolver.
func (f *Fake) Reverse(_ context.Context, addr netip.Addr) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := addr.String()
	if names := f.Names[addr]; len(names) > 0 && !f.failing(name) {
		return append([]string(nil), names...), nil
	}
	return nil, f.fault(name, "PTR", false)
}

// Query implements Resolver. Of the maps it reads Records, and Aliases for CNAME.
func (f *Fake) Query(_ context.Context, name, qtype string) ([]Record, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name = Canonical(name)
	var list []Record
	if to, ok := f.Aliases[name]; ok && strings.EqualFold(qtype, "CNAME") {
		list = append(list, Record{Name: name, Type: "CNAME", Data: Canonical(to), Secure: f.Secure[name]})
	}
	for _, r := range f.Records[name] {
		if strings.EqualFold(r.Type, qtype) {
			r.Secure = r.Secure || f.Secure[name]
			list = append(list, r)
		}
	}
	if len(list) > 0 && !f.failing(name) {
		return list, nil
	}
	return nil, f.fault(name, strings.ToUpper(qtype), f.Secure[name])
}

// Text implements Resolver.
func (f *Fake) Text(_ context.Context, name string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	end, secure := f.end(name)
	if list := f.Texts[end]; len(list) > 0 && !f.failing(end) {
		return append([]string(nil), list...), nil
	}
	return nil, f.fault(end, "TXT", secure)
}

// TLSA implements Resolver.
func (f *Fake) TLSA(_ context.Context, name string) (Answer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	end, secure := f.end(name)
	if list := f.TLSAs[end]; len(list) > 0 && !f.failing(end) {
		return Answer{Name: end, TLSA: append([]TLSA(nil), list...), Secure: secure}, nil
	}
	return Answer{}, f.fault(end, "TLSA", secure)
}

// Answering implements Resolver.
func (f *Fake) Answering(netip.Addr) bool { return true }
