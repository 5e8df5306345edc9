package config

import (
	"fmt"
	"net/netip"
)

const portDNS = 53

// AddrPort returns the server's address with its port, 53 where none is given.
func (s *DNSServer) AddrPort() (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(s.Address); err == nil && a.Zone() == "" {
		return netip.AddrPortFrom(a.Unmap(), portDNS), nil
	}
	if a, ok := addressLiteral(s.Address); ok {
		return netip.AddrPortFrom(a.Unmap(), portDNS), nil
	}
	ap, err := netip.ParseAddrPort(s.Address)
	if err != nil || ap.Port() == 0 || ap.Addr().Zone() != "" {
		return netip.AddrPort{}, fmt.Errorf("%q is not an address: ADDRESS, ADDRESS:PORT and [ADDRESS]:PORT are accepted", s.Address)
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
}
