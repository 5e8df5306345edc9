package outbound

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"posthouse/internal/dns"
	"posthouse/mta/tlspolicy"
)

const (
	fetchTime = 10 * time.Second // for one certificate of an issuer
	fetchSize = 256 << 10        // bytes of it
)

// fetchFor returns what gets a certificate from a URL that a stranger's certificate names: over HTTP, with a deadline, to
// a size, and from public addresses only, so that nobody makes us knock at the doors of our own network.
func fetchFor(r dns.Resolver) tlspolicy.Fetch {
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
			return dialPublic(ctx, r, network, to)
		},
		DisableKeepAlives: true,
	}}
	return func(ctx context.Context, url string) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, fetchTime)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil, fmt.Errorf("fetch %q: %w", url, err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return nil, fmt.Errorf("fetch: %w", err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("fetch %q: %s", url, resp.Status)
		}
		data, err := io.ReadAll(io.LimitReader(resp.Body, fetchSize+1))
		switch {
		case err != nil:
			return nil, fmt.Errorf("fetch %q: %w", url, err)
		case len(data) > fetchSize:
			return nil, fmt.Errorf("fetch %q: more than %d bytes", url, fetchSize)
		}
		return data, nil
	}
}

// dialPublic connects to the first public address of a host.
func dialPublic(ctx context.Context, r dns.Resolver, network, to string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(to)
	if err != nil {
		return nil, err
	}
	var list []netip.Addr
	if addr, err := netip.ParseAddr(host); err == nil {
		list = append(list, addr)
	} else {
		found, err := r.Addresses(ctx, host)
		if err != nil {
			return nil, err
		}
		for _, a := range found {
			list = append(list, a.Addr)
		}
	}
	for _, addr := range list {
		if public(addr.Unmap()) {
			return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(addr.Unmap().String(), port))
		}
	}
	return nil, fmt.Errorf("%s has no public address", host)
}

// public leaves out what belongs to a network of somebody's own, also the space that carriers share (RFC 6598).
func public(a netip.Addr) bool {
	shared := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10)
	return a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a)
}
