package mtasts

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/net/idna"

	"posthouse/internal/dns"
)

// Resolver is what the policies need of the DNS; dns.Resolver is one.
type Resolver interface {
	Text(ctx context.Context, name string) ([]string, error)
	Addresses(ctx context.Context, host string) ([]dns.Addr, error)
}

// Options are what a Store works with.
type Options struct {
	Dir      string                // the folder of the cache; made where there is none
	Resolver func() Resolver       // the one of the running configuration
	Roots    func() *x509.CertPool // the lists that are trusted now; nil: nobody is
	Tell     func(text string)     // told of policies that cannot be renewed, for system_logs; nil: nobody is
	Port     uint16                // of the web servers; 0 means 443, anything else is for tests
	Now      func() time.Time      // nil means time.Now
}

// The limits of RFC 8461 §3.3, and our own.
const (
	lookupLimit   = 15 * time.Second // for the question for the record
	fetchLimit    = 30 * time.Second // for the whole of one fetch; the RFC suggests a minute, but mail waits for it
	failureRest   = 5 * time.Minute  // before a failed fetch of the same id is tried again
	lookupRest    = time.Minute      // before a failed question for the record is asked again
	fetchesAtOnce = 16
	keptInMemory  = 1000   // domains
	keptOnDisk    = 20_000 // domains
)

// Store knows the policies of all domains. It is safe for use by many goroutines at once.
type Store struct {
	o     Options
	slots chan struct{} // one for every fetch under way

	mu      sync.Mutex
	known   *recent                  // what is in memory
	flights map[string]chan struct{} // the end of every fetch under way, by domain
	files   int                      // in the folder
}

// New returns a Store whose cache is in o.Dir.
func New(o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tell == nil {
		o.Tell = func(string) {}
	}
	if o.Port == 0 {
		o.Port = 443
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open MTA-STS cache: %w", err)
	}
	files, err := policyFiles(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("open MTA-STS cache: %w", err)
	}
	return &Store{o: o, slots: make(chan struct{}, fetchesAtOnce), known: newRecent(keptInMemory),
		flights: map[string]chan struct{}{}, files: len(files)}, nil
}

// Policy says what is known of a domain's policy now, fetching it where the record in the DNS asks for that. It waits
// no longer than one question to the DNS and one fetch may take, and it never fails: where nothing can be had, the
// cached policy is in force, or there is none (RFC 8461 §3.3). An address literal has none.
func (s *Store) Policy(ctx context.Context, domain string) Policy {
	domain = canonical(domain)
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil { // a domain in its own script has its policy under its A-labels
		domain = ascii
	}
	if _, err := netip.ParseAddr(domain); err == nil || !validHost(domain) {
		return Policy{Domain: domain}
	}
	e := s.entry(domain)
	if e.lookup != nil && s.o.Now().Sub(e.lookedAt) < lookupRest {
		return e.policy(s.o.Now()).failed(e.lookup)
	}
	id, failure := s.lookUp(ctx, domain)
	if ctx.Err() == nil {
		e = s.change(domain, func(e *entry) { e.lookup, e.lookedAt = failure, s.o.Now() })
	}
	cached := e.policy(s.o.Now())
	switch {
	case failure != nil:
		return cached.failed(failure)
	case id == "" && cached.Mode != "":
		// RFC 8461 §3.1: the record's absence alone does not take a policy back.
		return cached.failed(&fault{reportFetch, fmt.Sprintf("_mta-sts.%s has no record any more", domain)})
	case id == "":
		return cached
	case cached.Mode != "" && cached.ID == id:
		s.touch(domain, e)
		return cached
	}
	return s.renew(ctx, domain, id, false)
}

// lookUp asks for the id of a domain's policy; it is empty where the domain has none.
func (s *Store) lookUp(ctx context.Context, domain string) (id string, failure *fault) {
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	name := "_mta-sts." + domain
	records, err := s.o.Resolver().Text(ctx, name)
	if dns.Absent(err) {
		return "", nil
	}
	if err != nil {
		return "", &fault{reportFetch, err.Error()}
	}
	id, err = ParseRecords(records)
	if err == errNoRecord {
		return "", nil
	}
	if err != nil {
		return "", &fault{reportInvalid, fmt.Sprintf("%s: %v", name, err)}
	}
	return id, nil
}

// renew fetches the policy of id, or waits for somebody who does so already. Unless again is set, what failed lately is
// not tried, and what another fetch has just brought is taken.
func (s *Store) renew(ctx context.Context, domain, id string, again bool) Policy {
	for {
		e, other := s.takeOff(domain, id, again)
		if other == nil && e != nil {
			return e.policy(s.o.Now()).failed(e.failure)
		}
		if other == nil {
			return s.fly(ctx, domain, id)
		}
		select {
		case <-other:
			again = false
		case <-ctx.Done():
			return s.entry(domain).policy(s.o.Now()).failed(&fault{reportFetch, "no time was left to fetch the policy"})
		}
	}
}

// takeOff says how the policy of id is come by: from the entry returned, by waiting for another's fetch, or, where both
// are nil, by a fetch that is the caller's and that land ends.
func (s *Store) takeOff(domain, id string, again bool) (e *entry, other chan struct{}) {
	found := s.entry(domain)
	s.mu.Lock()
	defer s.mu.Unlock()
	if now, ok := s.known.get(domain); ok {
		found = now
	}
	if !again && found.settles(id, s.o.Now()) {
		return &found, nil
	}
	if other := s.flights[domain]; other != nil {
		return nil, other
	}
	s.flights[domain] = make(chan struct{})
	return nil, nil
}

// fly fetches a policy and keeps what came of it.
func (s *Store) fly(ctx context.Context, domain, id string) Policy {
	defer s.land(domain)
	limited, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	fresh, failure := s.fetchOne(limited, domain)
	if ctx.Err() != nil { // the delivery has ended: that says nothing of the domain
		return s.entry(domain).policy(s.o.Now()).failed(failure)
	}
	now := s.o.Now()
	if failure != nil {
		e := s.change(domain, func(e *entry) { e.failure, e.failedID, e.failedAt = failure, id, now })
		return e.policy(now).failed(failure)
	}
	e := s.change(domain, func(e *entry) {
		e.take(Policy{Domain: domain, Mode: fresh.mode, MX: fresh.mx, ID: id, Fetched: now, Expires: now.Add(fresh.maxAge), Text: fresh.lines}, now)
	})
	s.keep(e)
	return e.policy(now)
}

// land lets those go on who wait for a fetch.
func (s *Store) land(domain string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.flights[domain])
	delete(s.flights, domain)
}

// fetchOne fetches and reads a policy when its turn comes.
func (s *Store) fetchOne(ctx context.Context, domain string) (parsed, *fault) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return parsed{}, &fault{reportFetch, "too many policies are being fetched at this time"}
	}
	text, failure := s.fetch(ctx, domain)
	if failure != nil {
		return parsed{}, failure
	}
	p, err := parsePolicy(text)
	if err != nil {
		return parsed{}, &fault{reportInvalid, policyURL(domain, s.o.Port) + ": " + err.Error()}
	}
	return p, nil
}
