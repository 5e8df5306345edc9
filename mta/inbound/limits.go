package inbound

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Counters count what listeners did since the start.
type Counters struct {
	Messages           atomic.Uint64 // accepted
	Recipients         atomic.Uint64 // of accepted messages
	RejectedRecipients atomic.Uint64
	Dropped            atomic.Uint64 // messages that blackhole listeners took and discarded
	Connections        atomic.Int64  // open now

	handshakes handshakes
}

// handshakes count the TLS handshakes that go on, of all listeners together: each costs the processor more than the
// rest of a session.
type handshakes struct {
	mu     sync.Mutex
	all    int
	byAddr map[netip.Addr]int // by source
}

// source is what stands for one peer: an IPv4 address, and of IPv6 the 64 bits within which anybody has addresses at will.
func source(addr netip.Addr) netip.Addr {
	if !addr.Is6() {
		return addr
	}
	network, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return addr
	}
	return network.Addr()
}

// enter counts a handshake in, unless there are as many as there may be: at most most in all, and perPeer of one source.
// exit counts it out.
func (h *handshakes) enter(addr netip.Addr, most, perPeer int) bool {
	addr = source(addr)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all >= most || h.byAddr[addr] >= perPeer {
		return false
	}
	if h.byAddr == nil {
		h.byAddr = make(map[netip.Addr]int)
	}
	h.all++
	h.byAddr[addr]++
	return true
}

func (h *handshakes) exit(addr netip.Addr) {
	addr = source(addr)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all--
	if h.byAddr[addr]--; h.byAddr[addr] <= 0 {
		delete(h.byAddr, addr)
	}
}

// maxRefusing is how many connections beyond a listener's limit are told so at once; any more are just closed.
const maxRefusing = 64

// limits count a listener's connections and recipients by peer.
type limits struct {
	mu     sync.Mutex
	all    int
	byAddr map[netip.Addr]int
	hours  map[netip.Addr]*hour
	swept  time.Time // when hours was last rid of what is over
}

// hour counts the recipients that were accepted from one address in the hour since start.
type hour struct {
	start time.Time
	count int
}

func newLimits() *limits {
	return &limits{byAddr: make(map[netip.Addr]int), hours: make(map[netip.Addr]*hour)}
}

// admission is whether a connection may be served.
type admission int

const (
	admitted admission = iota
	tooMany            // to be told so
	flooded            // to be closed at once
)

// enter counts a connection in; whatever it returns, exit counts it out.
func (l *limits) enter(limit int) admission {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all++
	switch {
	case limit > 0 && l.all > limit+maxRefusing:
		return flooded
	case limit > 0 && l.all > limit:
		return tooMany
	}
	return admitted
}

func (l *limits) exit() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
}

// enterFrom counts a connection of one address in, unless it has as many as it may. exitFrom counts it out.
func (l *limits) enterFrom(addr netip.Addr, limit int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if limit > 0 && l.byAddr[addr] >= limit {
		return false
	}
	l.byAddr[addr]++
	return true
}

// within says whether no more connections of one address are counted in than it may have.
func (l *limits) within(addr netip.Addr, limit int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return limit <= 0 || l.byAddr[addr] <= limit
}

func (l *limits) exitFrom(addr netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byAddr[addr]--; l.byAddr[addr] <= 0 {
		delete(l.byAddr, addr)
	}
}

// recipient counts one recipient of one address, unless the hour's limit is reached. A limit below 0 is none.
func (l *limits) recipient(addr netip.Addr, limit int, now time.Time) bool {
	if limit < 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	h := l.hours[addr]
	if h == nil || now.Sub(h.start) >= time.Hour {
		h = &hour{start: now}
		l.hours[addr] = h
	}
	if h.count >= limit {
		return false
	}
	h.count++
	return true
}

// sweep forgets hours that are over, once an hour.
func (l *limits) sweep(now time.Time) {
	if now.Sub(l.swept) < time.Hour {
		return
	}
	l.swept = now
	for addr, h := range l.hours {
		if now.Sub(h.start) >= time.Hour {
			delete(l.hours, addr)
		}
	}
}
