package outbound

import (
	"context"
	"net"
	"net/netip"
	"slices"

	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/mta/maillog"
	"posthouse/mta/tlspolicy"
)

// source is what we send from: an interface's address, or whatever the system chooses.
type source struct {
	addr netip.Addr // invalid: the system chooses
}

// deliverySource is the configured delivery interface's address. An interface with every address binds nothing.
func deliverySource(conf *config.Config) source {
	i := conf.Interfaces[conf.Delivery.Interface]
	if i == nil {
		return source{}
	}
	addr, err := netip.ParseAddr(i.Address)
	if err != nil || addr.IsUnspecified() {
		return source{}
	}
	return source{addr}
}

// reaches leaves the addresses of the source's family, or all if there is none: then the failure says what is wrong.
func (s source) reaches(list []netip.Addr) []netip.Addr {
	if !s.addr.IsValid() {
		return list
	}
	same := func(a netip.Addr) bool { return a.Is4() == s.addr.Unmap().Is4() }
	if !slices.ContainsFunc(list, same) {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(a netip.Addr) bool { return !same(a) })
}

// helloName is the host name of the interface that a connection goes out from; where none has that address, that of
// the delivery interface, else of the first.
func helloName(conf *config.Config, local netip.Addr) string {
	if i := conf.Interfaces[conf.Delivery.Interface]; i != nil && i.Hostname != "" {
		return i.Hostname
	}
	names := make([]string, 0, len(conf.Interfaces))
	for name := range conf.Interfaces {
		names = append(names, name)
	}
	slices.Sort(names)
	first := conf.Hostname
	for n := len(names) - 1; n >= 0; n-- {
		i := conf.Interfaces[names[n]]
		if i.Hostname == "" {
			continue
		}
		if addr, err := netip.ParseAddr(i.Address); err == nil && addr == local {
			return i.Hostname
		}
		first = i.Hostname
	}
	return first
}

// dial connects to an address and logs the connection, or why there is none. The failure is remembered.
func (t *trip) dial(ctx context.Context, dcid uint64, h host, addr netip.Addr) (net.Conn, bool) {
	from := deliverySource(t.world.Config)
	dialer := net.Dialer{Timeout: t.d.opt.ConnectTimeout}
	if from.addr.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from.addr, 0))
	}
	remote := netip.AddrPortFrom(addr, uint16(h.port))
	conn, err := dialer.DialContext(ctx, "tcp", remote.String())
	if err == nil {
		t.d.opt.Log.ConnectionOut(dcid, addrOf(conn.LocalAddr()), addr, h.port)
		t.Connected(dcid)
		return conn, true
	}
	if ctx.Err() != nil {
		return nil, false
	}
	if !from.addr.IsValid() {
		from.addr = wouldUse(remote)
	}
	id, text := tlspolicy.ClassifyConnect(err, tlspolicy.PhaseConnect)
	t.connectionError(dcid, remote, from.addr, text, networkReason(id, err))
	t.cause(dcid, id)
	t.remember(networkFailure(id, h, text))
	return nil, false
}

// wouldUse is the local address that the system chooses for a remote one. A UDP socket learns it without sending
// anything; invalid where there is no way.
func wouldUse(remote netip.AddrPort) netip.Addr {
	conn, err := net.Dial("udp", remote.String())
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	if udp, ok := conn.LocalAddr().(*net.UDPAddr); ok {
		return udp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// addrOf is the IP address of one end of a connection.
func addrOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// networkReason is the reason that Connection Error gives for an error of the network.
func networkReason(id cause.ID, err error) maillog.ConnectionReason {
	if isTimeout(err) || id == cause.N4 || id == cause.N7 {
		return maillog.Timeout
	}
	return maillog.NetworkError
}

// connectionError logs a connection that was of no use.
func (t *trip) connectionError(dcid uint64, remote netip.AddrPort, local netip.Addr, text string, why maillog.ConnectionReason) {
	t.d.opt.Log.ConnectionError(dcid, maillog.ConnectionFailure{
		Domain: t.Destination(), IP: remote.Addr(), Port: int(remote.Port()), Details: text, Interface: local, Reason: why,
	})
}

// cause logs the cause of what its own line has no room for.
func (t *trip) cause(dcid uint64, id cause.ID) {
	if id != "" {
		t.d.opt.Log.Cause(dcid, id, t.Destination())
	}
}
