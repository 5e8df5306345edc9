package config

import (
	"net"
	"net/netip"
	"strconv"
)

// SSHPort is where an interface lets operators in.
type SSHPort struct {
	Interface string
	Address   string // with the port behind it
}

// String names it as people read it.
func (p SSHPort) String() string { return "SSH on interface " + p.Interface + " (" + p.Address + ")" }

// SSHPorts returns the ways in by what tells them apart: the address, or for a port that the system chooses the interface's
// name too.
func (c *Config) SSHPorts() map[string]SSHPort {
	all := map[string]SSHPort{}
	for name, i := range c.Interfaces {
		if !i.SSH {
			continue
		}
		at := net.JoinHostPort(i.Address, strconv.Itoa(i.SSHPort))
		place := at
		if i.SSHPort == 0 {
			place = name + " " + at
		}
		all[place] = SSHPort{name, at}
	}
	return all
}

// Answers says whether a connection that arrived at local may have come in by this port.
func (p SSHPort) Answers(local netip.AddrPort) bool {
	at, err := netip.ParseAddrPort(p.Address)
	if err != nil || at.Port() != 0 && at.Port() != local.Port() {
		return false
	}
	every := at.Addr().IsUnspecified() && (at.Addr().Is6() || local.Addr().Is4())
	return every || at.Addr() == local.Addr()
}
