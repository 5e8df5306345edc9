package outbound

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"posthouse/config"
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

// tcp is the source as a dialer takes it.
func (s source) tcp() net.Addr {
	if !s.addr.IsValid() {
		return nil
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(s.addr, 0))
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
func (j *journey) dial(ctx context.Context, r *tlspolicy.Record, h host) (net.Conn, bool) {
	from := deliverySource(j.world.Config)
	limit, _ := j.d.timeouts(j.world.Config.Delivery)
	if !j.byHand && j.d.outages.lately(r.Remote, time.Now()) {
		limit = min(limit, j.d.probe) // by which time a peer that is there again has long answered
	}
	dialer := net.Dialer{Timeout: limit, LocalAddr: from.tcp()}
	j.begin(r, tlspolicy.StepConnect)
	conn, err := dialer.DialContext(ctx, "tcp", r.Remote.String())
	if err == nil {
		r.Local = addrOf(conn.LocalAddr())
		j.tell(func(l *maillog.Log) { l.ConnectionOut(r.DCID, r.Local, r.Remote.Addr(), h.port) })
		j.audience.Connected(r.DCID)
		j.step(r, tlspolicy.StepConnect, "", "")
		return conn, true
	}
	if ctx.Err() != nil {
		return nil, false
	}
	if r.Local = from.addr; !r.Local.IsValid() {
		r.Local = wouldUse(r.Remote)
	}
	j.silent(r)
	id, text := tlspolicy.ClassifyConnect(err, tlspolicy.PhaseConnect)
	j.lost(r, tlspolicy.StepConnect, h, id, text, err)
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
