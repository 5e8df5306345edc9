// Package outbound carries queued mail to its destinations: it finds the way (SMTP routes, MX, addresses), connects,
// negotiates TLS as the destination control says, sends messages over one connection, and says what came of every
// recipient. It also writes the notices to senders (RFC 3464). When and how often something is tried is the queue's
// business; whether a TLS outcome is good enough is tlspolicy's.
//
// A delivery reads in this order: deliver.go, route.go, connect.go, session.go, tls.go, transfer.go, failure.go. Only
// mta imports it.
package outbound

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"posthouse/config"
	"posthouse/internal/dns"
	"posthouse/mta/maillog"
	"posthouse/mta/smtp"
	"posthouse/mta/tlspolicy"
)

// connectTimeout is how long one address may take to answer.
const connectTimeout = 30 * time.Second

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

// Options of New. All but the last four must be given.
type Options struct {
	World    func() World
	Spool    Spool
	Log      *maillog.Log
	NextDCID func() uint64

	Timeouts       *smtp.Timeouts                   // nil: those of RFC 5321
	ConnectTimeout time.Duration                    // 0: 30 s
	Fault          func(what string, err error)     // told of what fails on our own side; nil: nobody
	Shuffle        func(n int, swap func(i, j int)) // nil: math/rand
}

// Deliverer carries mail; it is a queue.Deliverer. It keeps nothing between trips but the count of connections to each
// address.
type Deliverer struct {
	opt  Options
	port int // of mail exchangers; tests have another

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
	if opt.Fault == nil {
		opt.Fault = func(string, error) {}
	}
	if opt.Shuffle == nil {
		opt.Shuffle = shuffle
	}
	return &Deliverer{opt: opt, port: smtpPort, slots: make(map[slot]int)}
}

// slot is what a limit for each mail exchanger's address counts.
type slot struct {
	domain, addr string
}

// enter takes one of the address's slots; false if all are taken. A limit of 0 is none.
func (d *Deliverer) enter(domain string, addr net.Addr, limit int) bool {
	if limit == 0 {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	key := slot{domain, addr.String()}
	if d.slots[key] >= limit {
		return false
	}
	d.slots[key]++
	return true
}

// leave gives the slot back.
func (d *Deliverer) leave(domain string, addr net.Addr, limit int) {
	if limit == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	key := slot{domain, addr.String()}
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
