package dnstest

import (
	"slices"
	"strings"

	mdns "github.com/miekg/dns"
)

// deny says that there is nothing, and in the signed zone proves it (RFC 4035 §3.1.3).
func (s *Signed) deny(z *zoneSet, reply *mdns.Msg, zone, name string) {
	known := z.exists(name)
	if !known {
		reply.Rcode = mdns.RcodeNameError
	}
	reply.Ns = append(reply.Ns, s.signed(z, zone, z.set(zone, zone, mdns.TypeSOA))...)
	if zone != "." {
		return
	}
	proofs := []string{z.before(name)}
	if !known {
		// And no wildcard could have made the name.
		if wildcard := z.before("*." + strings.TrimPrefix(z.encloser(name), ".")); wildcard != proofs[0] {
			proofs = append(proofs, wildcard)
		}
	}
	for _, owner := range proofs {
		reply.Ns = append(reply.Ns, s.signed(z, zone, []mdns.RR{z.nsec(owner)})...)
	}
}

// before is the last name of the zone that is not behind the given one in canonical order.
func (z *zoneSet) before(name string) string {
	best := z.names[0]
	for _, n := range z.names {
		if compareNames(n, name) <= 0 {
			best = n
		}
	}
	return best
}

// encloser is the closest name above that exists.
func (z *zoneSet) encloser(name string) string {
	for name != "." && !z.exists(name) {
		i, end := mdns.NextLabel(name, 0)
		if end {
			return "."
		}
		name = name[i:]
	}
	return name
}

// nsec says which types a name has and which name comes next.
func (z *zoneSet) nsec(owner string) mdns.RR {
	at := slices.Index(z.names, owner)
	types := []uint16{mdns.TypeRRSIG, mdns.TypeNSEC}
	for _, rr := range z.records[owner] {
		// At a cut the parent has the delegation only.
		if t := rr.Header().Rrtype; !slices.Contains(types, t) && (z.zone(owner) == "." || t == mdns.TypeNS) {
			types = append(types, t)
		}
	}
	slices.Sort(types)
	return &mdns.NSEC{Hdr: header(owner, mdns.TypeNSEC), NextDomain: z.names[(at+1)%len(z.names)], TypeBitMap: types}
}

// compareNames orders names as RFC 4034 §6.1 does: by their labels from the right.
func compareNames(a, b string) int {
	x, y := mdns.SplitDomainName(a), mdns.SplitDomainName(b)
	slices.Reverse(x)
	slices.Reverse(y)
	return slices.Compare(x, y)
}
