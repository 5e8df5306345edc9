package config

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// openPort is one port that somebody listens to.
type openPort struct{ address, service, object string }

// openPorts returns what a configuration listens to, by address and port; a port that the system chooses by its service.
func openPorts(c *Config) map[string]openPort {
	all := make(map[string]openPort)
	add := func(iface string, port int, service, object string) {
		i := c.Interfaces[iface]
		if i == nil {
			return
		}
		p := openPort{chosen(i.Address, port), service, object}
		if port == 0 {
			all[service+" "+p.address] = p
			return
		}
		all[p.address] = p
	}
	for name, i := range c.Interfaces {
		if i.SSH {
			add(name, i.SSHPort, "SSH on interface "+name, join("interfaces", key(name)))
		}
	}
	for name, l := range c.Listeners {
		add(l.Interface, l.Port, "listener "+name, join("listeners", key(name)))
	}
	if at, err := netip.ParseAddrPort(c.Metrics.Address); err == nil {
		all[at.String()] = openPort{chosen(at.Addr().String(), int(at.Port())), "metrics", "metrics"}
	}
	for name, cert := range c.Certificates {
		if cert.ACME == nil || c.ACME.Directory == "" {
			continue
		}
		service := "ACME, while a certificate is obtained"
		switch cert.ACME.Challenge {
		case "http-01":
			add(c.answering(), c.ACME.HTTPPort, service, join("certificates", key(name)))
		case "tls-alpn-01":
			add(c.answering(), c.ACME.TLSPort, service, join("certificates", key(name)))
		}
	}
	return all
}

// chosen is an address and port as people read it.
func chosen(address string, port int) string {
	if port == 0 {
		return "a port of " + address + " that the system chooses"
	}
	return net.JoinHostPort(address, strconv.Itoa(port))
}

// answering is the interface on which challenges are answered.
func (c *Config) answering() string {
	if c.ACME.Interface != "" {
		return c.ACME.Interface
	}
	for _, name := range slices.Sorted(maps.Keys(c.Listeners)) {
		return c.Listeners[name].Interface
	}
	return ""
}

func portsOpened(old, new *Config) []Consequence {
	return portsOnlyIn(openPorts(new), openPorts(old), PortOpened, "will be opened")
}

func portsClosed(old, new *Config) []Consequence {
	return portsOnlyIn(openPorts(old), openPorts(new), PortClosed, "will be closed")
}

func portsOnlyIn(a, b map[string]openPort, kind ConsequenceKind, what string) (list []Consequence) {
	for _, at := range slices.Sorted(maps.Keys(a)) {
		p := a[at]
		if _, both := b[at]; !both {
			list = append(list, Consequence{Kind: kind, Object: p.object, Text: fmt.Sprintf("%s %s (%s).", capital(p.address), what, p.service)})
		}
	}
	return list
}

func capital(address string) string {
	if rest, ok := strings.CutPrefix(address, "a port"); ok {
		return "A port" + rest
	}
	return "Port " + address
}
