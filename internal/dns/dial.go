package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// Addresser knows the addresses of hosts; every Resolver does.
type Addresser interface {
	Addresses(ctx context.Context, host string) ([]Addr, error)
}

// Dial connects to HOST:PORT by the addresses that r gives for the host, one after the other, each for at most limit. A
// host that is an address needs no lookup.
func Dial(ctx context.Context, r Addresser, network, address string, limit time.Duration) (net.Conn, error) {
	return DialWhere(ctx, r, network, address, limit, func(netip.Addr) bool { return true })
}

// DialWhere is Dial by those addresses alone that are allowed, such as Public ones where a stranger has named the host.
func DialWhere(ctx context.Context, r Addresser, network, address string, limit time.Duration, allowed func(netip.Addr) bool) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, err
	}
	list, err := addressesOf(ctx, r, host)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(a netip.Addr) bool { return !allowed(a) })
	if len(list) == 0 {
		return nil, fmt.Errorf("%s has no address that may be connected to", host)
	}
	var faults []error
	for _, a := range list {
		dialer := net.Dialer{Timeout: limit}
		conn, err := dialer.DialContext(ctx, network, netip.AddrPortFrom(a, uint16(number)).String())
		if err == nil {
			return conn, nil
		}
		faults = append(faults, err)
	}
	return nil, errors.Join(faults...)
}

func addressesOf(ctx context.Context, r Addresser, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	found, err := r.Addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	var list []netip.Addr
	for _, a := range found {
		list = append(list, a.Addr)
	}
	return list, nil
}
