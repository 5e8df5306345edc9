package inbound

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"sync"
	"time"

	"posthouse/internal/dns"
)

const (
	// A host access table that names hosts is worth waiting for; a name for the log alone is not.
	lookupNeeded = 10 * time.Second
	lookupForLog = 2 * time.Second
	maxReverse   = 5 // names of one address that are followed
	// While no nameserver answers anything, what is wanted for the log is hardly worth a wait, and a table gets by without
	// names rather than hold up every caller.
	deafNeeded = 2 * time.Second
	deafForLog = 250 * time.Millisecond
	// What could not be looked up is not asked for again for a while: an unreachable nameserver would hold up every
	// banner. Where the table decides by the name, that must not outlast the trouble by much.
	forgetNeeded = 10 * time.Second
	forgetForLog = time.Minute
	maxNameless  = 10000 // addresses remembered
)

// nameless remembers the addresses whose names could not be looked up in time.
type nameless struct {
	mu    sync.Mutex
	until map[netip.Addr]time.Time
}

func (n *nameless) has(addr netip.Addr, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return now.Before(n.until[addr])
}

func (n *nameless) add(addr netip.Addr, until, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.until) >= maxNameless {
		maps.DeleteFunc(n.until, func(_ netip.Addr, end time.Time) bool { return !now.Before(end) })
	}
	if n.until == nil || len(n.until) >= maxNameless {
		n.until = make(map[netip.Addr]time.Time)
	}
	n.until[addr] = until
}

// nameOf is reverseName with a memory for what fails.
func (l *Listener) nameOf(ctx context.Context, addr netip.Addr, needed bool) (name string, verified bool) {
	if l.names.has(addr, l.opts.Now()) {
		return "", false
	}
	name, verified, err := reverseName(ctx, l.opts.Names, addr, needed)
	if err != nil && ctx.Err() == nil {
		pause := forgetForLog
		if needed {
			pause = forgetNeeded
		}
		now := l.opts.Now()
		l.names.add(addr, now.Add(pause), now)
	}
	return name, verified
}

// reverseName looks up what the address is called. verified means that the name leads back to the address; without
// that the first name is returned, for the log only. The error is one of lookups that may succeed later.
func reverseName(ctx context.Context, names Names, addr netip.Addr, needed bool) (name string, verified bool, err error) {
	limit := patience(names.Answering(addr), needed)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	list, err := names.Reverse(ctx, addr)
	if err != nil || len(list) == 0 {
		return "", false, passing(err)
	}
	for _, candidate := range list[:min(len(list), maxReverse)] {
		leads, fault := leadsTo(ctx, names, candidate, addr)
		if leads {
			return candidate, true, nil
		}
		err = errors.Join(err, passing(fault))
	}
	return list[0], false, err
}

// patience is how long a connection waits for its peer's name.
func patience(answering, needed bool) time.Duration {
	switch {
	case answering && needed:
		return lookupNeeded
	case answering:
		return lookupForLog
	case needed:
		return deafNeeded
	}
	return deafForLog
}

// passing is err unless it says for certain that there is nothing to be found.
func passing(err error) error {
	if dns.Absent(err) {
		return nil
	}
	return err
}

func leadsTo(ctx context.Context, names Names, host string, addr netip.Addr) (bool, error) {
	list, err := names.Addresses(ctx, host)
	for _, a := range list {
		if a.Addr.Unmap() == addr {
			return true, nil
		}
	}
	return false, err
}
