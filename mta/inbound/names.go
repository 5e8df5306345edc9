package inbound

import (
	"context"
	"net/netip"
	"time"
)

const (
	// A host access table that names hosts is worth waiting for; a name for the log alone is not.
	lookupNeeded = 10 * time.Second
	lookupForLog = 2 * time.Second
	maxReverse   = 5 // names of one address that are followed
)

// reverseName looks up what the address is called. verified means that the name leads back to the address; without
// that the first name is returned, for the log only.
func reverseName(ctx context.Context, names Names, addr netip.Addr, needed bool) (name string, verified bool) {
	limit := lookupForLog
	if needed {
		limit = lookupNeeded
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	list, err := names.Reverse(ctx, addr)
	if err != nil || len(list) == 0 {
		return "", false
	}
	for _, candidate := range list[:min(len(list), maxReverse)] {
		if leadsTo(ctx, names, candidate, addr) {
			return candidate, true
		}
	}
	return list[0], false
}

func leadsTo(ctx context.Context, names Names, host string, addr netip.Addr) bool {
	list, err := names.Addresses(ctx, host)
	if err != nil {
		return false
	}
	for _, a := range list {
		if a.Addr.Unmap() == addr {
			return true
		}
	}
	return false
}
