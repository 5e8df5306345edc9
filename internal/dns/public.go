package dns

import (
	"net/netip"
	"slices"
)

// Public reports whether an address is one of the Internet at large, so that whoever publishes it cannot send us to the doors
// of our own network. What leads into such networks by another name counts as their own.
func Public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	own := [...]netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"), // shared by carriers (RFC 6598)
		netip.MustParsePrefix("192.0.0.0/24"),  // RFC 6890
		netip.MustParsePrefix("198.18.0.0/15"), // for measurements (RFC 2544)
		netip.MustParsePrefix("240.0.0.0/4"),
		netip.MustParsePrefix("64:ff9b::/96"),   // IPv4 within IPv6 (RFC 6052)
		netip.MustParsePrefix("64:ff9b:1::/48"), // the same of a network's own (RFC 8215)
		netip.MustParsePrefix("2002::/16"),      // and once more (RFC 3056)
	}
	return !slices.ContainsFunc(own[:], func(p netip.Prefix) bool { return p.Contains(a) })
}
