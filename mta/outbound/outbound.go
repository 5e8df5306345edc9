// Package outbound carries queued mail to its destinations: it finds the way (SMTP routes, MX, addresses), gathers what
// the TLS decision rests on (destination control, DNSSEC, DANE, MTA-STS, the message's own demands), connects,
// negotiates, sends messages over one connection as long as each may travel there, and says what came of every
// recipient. It also writes the notices to senders (RFC 3464). When and how often something is tried is the queue's
// business; what TLS is wanted and whether an outcome is good enough is tlspolicy's.
//
// A delivery reads in this order: deliver.go, journey.go, route.go, facts.go, session.go, share.go, keep.go, connect.go,
// tls.go, tell.go, transfer.go, failure.go, sent.go. A verification by hand (verify.go) goes the same way as far as mail could be sent.
// Only mta imports it.
package outbound

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"posthouse/config"
	"posthouse/internal/dns"
	"posthouse/mta/maillog"
	"posthouse/mta/mtasts"
	"posthouse/mta/smtp"
	"posthouse/mta/tlspolicy"
)

// connectTimeout is how long one address may take to answer.
const connectTimeout = 30 * time.Second

// probeTimeout is how long an address may take that could not be reached lately.
const probeTimeout = 5 * time.Second

// Spool is where the content of messages lies; *spool.Spool is one.
type Spool interface {
	Open(mid uint64) (io.ReadCloser, error)
}

// World is what deliveries go by at one moment. All of it belongs together; what has changed is used by the next
// connection.
type World struct {
	Config   *config.Config
	Resolver dns.Resolver
	Trust    *tlspolicy.Trust
	// Certificates returns a certificate profile's pairs for use as a client. nil: there are none.
	Certificates func(profile string) ([]tls.Certificate, error)
}

// Options of New. World, Spool, Log and NextDCID must be given.
type Options struct {
	World    func() World
	Spool    Spool
	Log      *maillog.Log
	NextDCID func() uint64

	// Policies returns the MTA-STS policy of a recipients' domain, in lower case; nil: nobody has one.
	Policies func(ctx context.Context, domain string) mtasts.Policy

	// Observe is told of every connection that was tried, once it is known what came of its TLS, and of every host that
	// must not be connected to at all. Where Action.Do is to reconnect, or Outcome.TrySmaller is set, another record of the
	// same address follows, and this one is not the end of it. Nobody may modify the record. nil: nobody is told.
	Observe func(*tlspolicy.Record)

	// Sent is told what came of each message's recipients, one call for those that share an outcome. nil: nobody.
	Sent func(Sent)

	// Tap hears the conversation with a host about mail for a domain until it is told to stop. A nil Tap: nobody listens to this
	// one. nil: nobody ever does.
	Tap func(dcid uint64, domain, host string) (tap smtp.Tap, stop func())

	Timeouts       *smtp.Timeouts                   // nil: those of RFC 5321
	ConnectTimeout time.Duration                    // 0: 30 s
	Fault          func(what string, err error)     // told of what fails on our own side; nil: nobody
	Shuffle        func(n int, swap func(i, j int)) // nil: math/rand
}

// Deliverer carries mail; it is a queue.Deliverer. It keeps nothing between trips but connections that another may take
// over, the count of those to each address, and which addresses could not be reached lately.
type Deliverer struct {
	opt     Options
	keeper  *keeper
	outages outages
	probe   time.Duration                      // an address that could not be reached lately has no longer than this to accept; tests have another
	port    int                                // of mail exchangers; tests have another
	life    time.Duration                      // after which a connection takes no further message; tests have another
	fetch   func(dns.Resolver) tlspolicy.Fetch // what gets issuers for a verification; tests have another

	mu    sync.Mutex
	slots map[slot]int // connections under way, where a limit holds for each address
}

// New returns a deliverer.
func New(opt Options) *Deliverer {
	if opt.Timeouts == nil {
		t := smtp.DefaultTimeouts()
		opt.Timeouts = &t
	}
	if opt.ConnectTimeout == 0 {
		opt.ConnectTimeout = connectTimeout
	}
	if opt.Policies == nil {
		opt.Policies = func(context.Context, string) mtasts.Policy { return mtasts.Policy{} }
	}
	if opt.Observe == nil {
		opt.Observe = func(*tlspolicy.Record) {}
	}
	if opt.Sent == nil {
		opt.Sent = func(Sent) {}
	}
	if opt.Fault == nil {
		opt.Fault = func(string, error) {}
	}
	if opt.Shuffle == nil {
		opt.Shuffle = shuffle
	}
	return &Deliverer{opt: opt, keeper: newKeeper(opt.Log), probe: probeTimeout, port: smtpPort, life: connectionLife, fetch: fetchFor, slots: make(map[slot]int)}
}

// connectionLife is how long the answers about a host that led to a connection count for further messages on it: its TLSA
// records and policy, and whether its certificate is valid and not revoked. A busy destination would never ask again.
const connectionLife = 10 * time.Minute

// slot is what a limit for each mail exchanger's address counts.
type slot struct {
	domain string
	addr   netip.AddrPort
}

// enter takes one of the address's slots; false if all are taken. A limit of 0 is none.
func (d *Deliverer) enter(domain string, addr netip.AddrPort, limit int) bool {
	if limit == 0 {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	key := slot{domain, addr}
	if d.slots[key] >= limit {
		return false
	}
	d.slots[key]++
	return true
}

// leave gives the slot back.
func (d *Deliverer) leave(domain string, addr netip.AddrPort, limit int) {
	if limit == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	key := slot{domain, addr}
	if d.slots[key]--; d.slots[key] <= 0 {
		delete(d.slots, key)
	}
}

// clientCertificates is what a peer that asks for a certificate gets: the destination's profile. A profile that
// cannot be used is told to the operator, and the peer gets none.
func (d *Deliverer) clientCertificates(w World, profile string) func() []tls.Certificate {
	if profile == "" || w.Certificates == nil {
		return nil
	}
	return func() []tls.Certificate {
		list, err := w.Certificates(profile)
		if err != nil {
			d.opt.Fault(fmt.Sprintf("client certificate %q", profile), err)
			return nil
		}
		return list
	}
}
