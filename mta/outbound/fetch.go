package outbound

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
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
			return dns.DialWhere(ctx, r, network, to, fetchTime, dns.Public)
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
