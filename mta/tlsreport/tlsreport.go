// Package tlsreport owns what is told of TLS over days: reports on TLS to the domains that ask for them (RFC 8460), the
// reports of others about our domains, and the count of what went out verified, encrypted or in clear, and to whom. It is
// handed the records of connections and decides nothing about them; a report of its own goes out through Options.Send.
// mta wires it and commands print what it knows; it imports mta/tlspolicy, mta/maillog, config and leaves.
package tlsreport

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"posthouse/config"
	"posthouse/internal/dns"
)

// Resolver is what reports need of the DNS; dns.Resolver is one.
type Resolver interface {
	Text(ctx context.Context, name string) ([]string, error)
	Addresses(ctx context.Context, host string) ([]dns.Addr, error)
}

// Options are what a Collector works with. Every function is asked anew each time, so that a commit takes effect at once.
type Options struct {
	Dir      string                        // what is kept over a restart; made where there is none
	Config   func() *config.Config         // the running configuration
	Key      func() (crypto.Signer, error) // signs reports sent by mail; nil without an error: there is none
	Resolver func() Resolver
	Roots    func() *x509.CertPool // for reports sent by HTTPS; nil: nobody is trusted

	// Send puts a report into our own queue, to be delivered whatever TLS says (RFC 8460 §3). It returns when the
	// message is on stable storage.
	Send func(ctx context.Context, from, to string, message []byte) error

	Public func(netip.Addr) bool // where a report may go whose place cannot prove itself; nil means dns.Public

	Tell   func(text string)    // told of what an operator should know, for system_logs; nil: nobody is
	Now    func() time.Time     // nil means time.Now
	Jitter func() time.Duration // how long after midnight reports are sent; nil: up to four hours at random
}

// The pace of Run. What is counted is on disk at most keepEvery after it happened.
const (
	keepEvery = 20 * time.Second
	sendEvery = time.Minute
	maxJitter = 4 * time.Hour // RFC 8460 §4.1
)

// Collector counts connections and deliveries, sends reports and keeps those received. It is safe for use by many
// goroutines at once.
type Collector struct {
	o     Options
	turns chan struct{} // one for every message that is read

	sending sync.Mutex // held while reports are sent, so that none is sent twice
	writing sync.Mutex // held while files are written, so that none is overwritten by an older state

	mu       sync.Mutex
	open     *period   // what is counted now
	finished []*period // what was counted before, the oldest first
	days     []*day    // deliveries, the oldest first
	old      []string  // files whose time is over
}

// New returns a Collector that goes on with what is in o.Dir.
func New(o Options) (*Collector, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tell == nil {
		o.Tell = func(string) {}
	}
	if o.Public == nil {
		o.Public = dns.Public
	}
	if o.Jitter == nil {
		o.Jitter = func() time.Duration { return rand.N(maxJitter) }
	}
	c := &Collector{o: o, turns: make(chan struct{}, receiving)}
	for _, dir := range []string{o.Dir, c.receivedDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("open TLS reports: %w", err)
		}
	}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("open TLS reports: %w", err)
	}
	c.turn(o.Now())
	return c, nil
}

func (c *Collector) receivedDir() string { return filepath.Join(c.o.Dir, "received") }

// Run writes to disk what is counted and sends the reports of each day (UTC) after it has ended. It returns ctx's error
// when ctx ends, after everything is written.
func (c *Collector) Run(ctx context.Context) error {
	var group errgroup.Group
	group.Go(func() error {
		c.every(ctx, keepEvery, func() {
			c.turn(c.o.Now())
			c.keep()
		})
		return nil
	})
	group.Go(func() error {
		c.every(ctx, sendEvery, func() { c.sendDue(ctx) })
		return nil
	})
	group.Wait()
	c.keep()
	return ctx.Err()
}

// every does something again and again until ctx ends.
func (c *Collector) every(ctx context.Context, pause time.Duration, do func()) {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			c.guarded(do)
		case <-ctx.Done():
			return
		}
	}
}

// guarded tells of a fault of the program in do, which is tried again: what is published about reports is strangers' work.
func (c *Collector) guarded(do func()) {
	defer func() {
		if fault := recover(); fault != nil {
			c.o.Tell(fmt.Sprintf("TLS reports: internal fault: %v", fault))
		}
	}()
	do()
}

// keep writes what has changed, and says where it cannot.
func (c *Collector) keep() {
	if err := c.Flush(); err != nil {
		c.o.Tell(fmt.Sprintf("TLS reports: what was counted cannot be written: %v", err))
	}
}
