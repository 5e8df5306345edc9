package mta

import (
	"maps"
	"net/netip"
	"time"

	"posthouse/mta/workqueue"
)

// Rates are what happens an hour.
type Rates struct {
	MessagesReceived, RecipientsReceived        Rate
	SoftBouncedEvents                           Rate
	CompletedRecipients, HardBounced, Delivered Rate
}

// DNSStatus is what the dnsstatus command shows. Each request is one of the last four.
type DNSStatus struct {
	At                                time.Time
	Requests, Network                 Counter
	Hits, Misses, Exceptions, Expired Counter
}

// Peer is an address with open connections to a listener.
type Peer struct {
	Listener string
	Addr     netip.Addr
	Name     string // its reverse name, as far as it is known; "" for none
	Count    int    // of open connections
}

// How the work between acceptance and delivery stands.
type (
	WorkQueueStatus = workqueue.Status
	WorkQueuePause  = workqueue.Pause
)

// ResetCounters lets the counters since the last reset begin at nothing and returns as of when.
func (e *Engine) ResetCounters() (time.Time, error) {
	now := time.Now()
	return now, e.counters.begin(now)
}

// DNS is what the dnsstatus command shows, as of now.
func (e *Engine) DNS() DNSStatus {
	count := e.counters.values()
	return DNSStatus{
		At: time.Now(), Requests: count("dns_requests"), Network: count("dns_network"), Hits: count("dns_hits"),
		Misses: count("dns_misses"), Exceptions: count("dns_exceptions"), Expired: count("dns_expired"),
	}
}

// FlushDNS forgets every answer of the nameservers and returns how many there were.
func (e *Engine) FlushDNS() int { return e.live.Load().resolver.Flush() }

// Peers are the addresses that have open connections to listeners, in no order.
func (e *Engine) Peers() []Peer {
	e.mu.Lock()
	listeners := maps.Clone(e.listeners)
	e.mu.Unlock()
	var list []Peer
	for name, l := range listeners {
		for _, p := range l.Peers() {
			list = append(list, Peer{name, p.Addr, p.Name, p.Count})
		}
	}
	return list
}

// WorkQueue says how the work between acceptance and delivery stands.
func (e *Engine) WorkQueue() WorkQueueStatus { return e.work.Status() }

// PauseWorkQueue keeps what is accepted from now on from delivery. The state survives a restart; the error says when it
// could not be written down.
func (e *Engine) PauseWorkQueue(by, reason string) error { return e.work.Pause(by, reason) }

// ResumeWorkQueue releases what was kept.
func (e *Engine) ResumeWorkQueue() error { return e.work.Resume() }
