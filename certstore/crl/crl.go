// Package crl owns certificate revocation lists (RFC 5280 §5): it fetches them on schedule over HTTP, checks, caches and
// looks certificates up in them. It does not decide what a revoked certificate means (mta/tlspolicy does), and it fetches
// nothing for the sake of a handshake: whoever looks up gets what is there, at once. The engine may import it; it imports
// certstore and leaves.
package crl

import (
	"context"
	"crypto/x509"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"posthouse/certstore"
)

// Source is one list that is fetched.
type Source struct {
	Name     string // unique; letters, digits, '_', '-' and '.'
	URL      string // http or https
	Interval time.Duration
}

// Settings are what one configuration says of revocation lists. They are immutable once applied.
type Settings struct {
	Sources []Source // those that are enabled
	// Authorities are the certificates whose keys may sign a list before any peer has shown its issuer: the lists in force.
	Authorities []*x509.Certificate
}

// Options are what Lists needs of its surroundings.
type Options struct {
	Dir       string            // the cache; made where it is not there
	Transport http.RoundTripper // nil: one of our own
	Now       func() time.Time  // nil: time.Now
	Log       func(line string) // told when fetching a source begins to fail and when it is well again; nil: nobody
	// Stale is told once when a fetch has left a source out of date, and again only after it was up to date; nil: nobody.
	Stale func(Status)
}

// Status is how a source stands.
type Status = certstore.CRLStatus

// Lists are the sources of the configuration in force with what was fetched from them. Methods may be called at the same
// time.
type Lists struct {
	opt    Options
	client *http.Client
	index  atomic.Pointer[index] // what Revoked reads
	wake   chan struct{}         // tells Run that the sources are others
	turn   chan struct{}         // one token: who has it fetches

	mu      sync.Mutex // guards what follows, and publishing index
	set     Settings
	sources []*source // in the order of the settings
}

// New returns Lists without sources.
func New(opt Options) (*Lists, error) {
	if err := makeDir(opt.Dir); err != nil {
		return nil, err
	}
	if opt.Transport == nil {
		opt.Transport = transport()
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = func(string) {}
	}
	if opt.Stale == nil {
		opt.Stale = func(Status) {}
	}
	l := &Lists{opt: opt, wake: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
	l.client = &http.Client{Transport: opt.Transport, CheckRedirect: checkRedirect}
	l.index.Store(&index{})
	return l, nil
}

// Change is a set of sources that is ready to be put in force. Its methods are those of config.Prepared.
type Change struct {
	l       *Lists
	set     Settings
	sources []*source
}

// Prepare reads what the cache has of new sources. It changes nothing that is seen from outside, and cannot fail: a list
// that cannot be read is fetched again.
func (l *Lists) Prepare(set Settings) *Change {
	l.mu.Lock()
	known := slices.Clone(l.sources)
	l.mu.Unlock()
	c := &Change{l: l, set: set}
	defer c.verify()
	for _, s := range set.Sources {
		i := slices.IndexFunc(known, func(k *source) bool { return k.Name == s.Name && k.URL == s.URL })
		if i >= 0 {
			c.sources = append(c.sources, known[i])
		} else {
			c.sources = append(c.sources, l.cached(s))
		}
	}
	return c
}

// verify looks which of the authorities signed the lists that are there.
func (c *Change) verify() {
	c.l.mu.Lock()
	var lists []*list
	for _, s := range c.sources {
		lists = append(lists, s.lists...)
	}
	c.l.mu.Unlock()
	for _, l := range lists {
		for _, a := range c.set.Authorities {
			l.signedBy(a)
		}
	}
}

// Abort leaves everything as it is.
func (c *Change) Abort() {}

// Commit puts the sources in force. Those that are new are fetched by Run at once.
func (c *Change) Commit() {
	l := c.l
	l.mu.Lock()
	l.set, l.sources = c.set, c.sources
	for i, s := range c.sources {
		s.Interval = c.set.Sources[i].Interval
	}
	l.publish()
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default: // Run looks soon anyway
	}
}

// Apply is Prepare and Commit.
func (l *Lists) Apply(set Settings) { l.Prepare(set).Commit() }

// Run fetches what is due until ctx ends.
func (l *Lists) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		next := l.pass(ctx)
		var ring <-chan time.Time
		stop := func() bool { return true }
		if !next.IsZero() {
			t := time.NewTimer(max(next.Sub(l.opt.Now()), time.Millisecond))
			ring, stop = t.C, t.Stop
		}
		select {
		case <-ctx.Done():
		case <-l.wake:
		case <-ring:
		}
		stop()
	}
	return nil
}

// pass fetches what is due and returns when the next is; zero for never.
func (l *Lists) pass(ctx context.Context) (next time.Time) {
	if !l.take(ctx) {
		return time.Time{}
	}
	defer l.release()
	l.mu.Lock()
	sources, now := slices.Clone(l.sources), l.opt.Now()
	l.mu.Unlock()
	for _, s := range sources {
		if l.dueAt(s).After(now) || ctx.Err() != nil {
			continue
		}
		l.fetch(ctx, s)
	}
	l.keep()
	for _, s := range sources {
		if due := l.dueAt(s); next.IsZero() || due.Before(next) {
			next = due
		}
	}
	return next
}

// Update fetches every source now, after a fetch that is under way. It returns how each stands then, in their order; Fault
// says which could not be fetched and why.
func (l *Lists) Update(ctx context.Context) []Status {
	taken := l.take(ctx)
	l.mu.Lock()
	sources := slices.Clone(l.sources)
	l.mu.Unlock()
	var all []Status
	for _, s := range sources {
		err := context.Cause(ctx)
		if taken && err == nil {
			err = l.fetch(ctx, s)
		}
		st := l.statusOf(s)
		if err != nil {
			st.Fault = err.Error()
		}
		all = append(all, st)
	}
	if taken {
		l.keep()
		l.release()
	}
	return all
}

func (l *Lists) take(ctx context.Context) bool {
	select {
	case l.turn <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (l *Lists) release() { <-l.turn }

// Status returns how each source stands, in their order.
func (l *Lists) Status() []Status {
	l.mu.Lock()
	sources := slices.Clone(l.sources)
	l.mu.Unlock()
	var all []Status
	for _, s := range sources {
		all = append(all, l.statusOf(s))
	}
	return all
}
