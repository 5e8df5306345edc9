package dns

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// defaultPort is where nameservers listen.
const defaultPort = "53"

// ParseServer returns the address to connect to for the forms that Server.Address allows.
func ParseServer(address string) (string, error) {
	if addr, err := netip.ParseAddr(strings.Trim(address, "[]")); err == nil {
		return net.JoinHostPort(addr.String(), defaultPort), nil
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return "", fmt.Errorf("nameserver %q is not an IP address or IP:PORT", address)
	}
	return ap.String(), nil
}

// serverSet is the servers in the order in which they are asked. It is immutable.
type serverSet struct {
	list []Server // by priority, Address already with its port, Domain canonical
}

// newServerSet sorts the servers. One whose address cannot be read is left out: the configuration was validated.
func newServerSet(servers []Server) serverSet {
	var list []Server
	for _, s := range servers {
		addr, err := ParseServer(s.Address)
		if err != nil {
			continue
		}
		s.Address, s.Domain = addr, strings.TrimPrefix(Canonical(s.Domain), ".")
		list = append(list, s)
	}
	slices.SortStableFunc(list, func(a, b Server) int { return cmp.Compare(a.Priority, b.Priority) })
	return serverSet{list}
}

// forName returns the servers for a name: those of the longest domain that covers it, else those for everything. Where
// some of them validate, the others are not asked: their answer would take the place of one that was refused, or that an
// attacker has kept from us, and would pass for that of a zone without DNSSEC.
func (s serverSet) forName(name string) []Server {
	name = Canonical(name)
	best := ""
	for _, srv := range s.list {
		if below(name, srv.Domain) && len(srv.Domain) > len(best) {
			best = srv.Domain
		}
	}
	var list []Server
	for _, srv := range s.list {
		if srv.Domain == best {
			list = append(list, srv)
		}
	}
	if slices.ContainsFunc(list, validates) {
		list = slices.DeleteFunc(list, func(srv Server) bool { return !validates(srv) })
	}
	return list
}

func validates(srv Server) bool { return srv.Validating }

// below says whether name is domain or lies below it.
func below(name, domain string) bool {
	if domain == "" {
		return false
	}
	return name == domain || strings.HasSuffix(name, "."+domain)
}
