package outbound

import (
	"net/netip"
	"sync"
	"time"
)

const (
	firstOutage  = time.Minute     // how long an address is tried last after it could not be reached
	longOutage   = 5 * time.Minute // the longest that this grows to while it still cannot be
	mostOutages  = 10000
	outageMemory = 10 * time.Minute // how long the count of failures is remembered
)

// outages are the addresses that could not be reached lately. They are tried last by every destination that they serve, so
// that not each of them waits for the same dead host first. They are tried all the same where nothing else is left: when a
// destination rests is the queue's to say.
type outages struct {
	mu   sync.Mutex // guards what follows
	list map[netip.AddrPort]outage
}

// outage is one address.
type outage struct {
	n     int // failures in a row
	since time.Time
}

// lasts is how long it is tried last.
func (o outage) lasts() time.Duration { return min(firstOutage<<min(o.n-1, 8), longOutage) }

// failed takes note of an address that refused, or that did not answer.
func (l *outages) failed(addr netip.AddrPort, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o, known := l.list[addr]
	if !known && len(l.list) >= mostOutages {
		l.forgetOld(now)
	}
	if now.Sub(o.since) > outageMemory {
		o.n = 0
	}
	if o.n == 0 || now.Sub(o.since) >= o.lasts() { // what several find out at the same time is one failure
		o.n++
		o.since = now
	}
	if l.list == nil {
		l.list = map[netip.AddrPort]outage{}
	}
	l.list[addr] = o
}

// forgetOld makes room: of what is over, and if that is not enough of everything. l.mu is held.
func (l *outages) forgetOld(now time.Time) {
	for addr, o := range l.list {
		if now.Sub(o.since) >= o.lasts() {
			delete(l.list, addr)
		}
	}
	if len(l.list) >= mostOutages {
		clear(l.list)
	}
}

// reached takes note of an address that answers.
func (l *outages) reached(addr netip.AddrPort) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.list, addr)
}

// lately says whether an address is to be tried last.
func (l *outages) lately(addr netip.AddrPort, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	o, known := l.list[addr]
	return known && now.Sub(o.since) < o.lasts()
}

// forget forgets all of them.
func (l *outages) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.list)
}

// Retry forgets which addresses could not be reached: what the operator wants tried now is tried in the usual order.
func (d *Deliverer) Retry() { d.outages.forget() }

// Committed takes note of a new configuration: connections that were made under another are closed where nobody uses them.
func (d *Deliverer) Committed() {
	d.outages.forget()
	d.CloseKept(func(string) bool { return true })
}
