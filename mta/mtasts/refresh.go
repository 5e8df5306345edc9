package mtasts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

const (
	lookEvery    = time.Hour           // how often the cache is gone through
	refreshAfter = 24 * time.Hour      // RFC 8461 §3.3: once a day
	unusedAfter  = 90 * 24 * time.Hour // what nobody asked for so long is not renewed any more
	tellEvery    = 24 * time.Hour
)

// Run renews policies before they expire, so that nobody can make them lapse by keeping us from the web server for a
// while (RFC 8461 §10.2), and takes expired ones off the disk. It returns when ctx ends, with ctx's error.
func (s *Store) Run(ctx context.Context) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		s.refresh(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// refresh goes through the cache once.
func (s *Store) refresh(ctx context.Context) {
	files, err := policyFiles(s.o.Dir)
	if err != nil {
		s.o.Tell(fmt.Sprintf("MTA-STS: the cache cannot be read: %v", err))
	}
	for _, path := range files {
		if ctx.Err() != nil {
			return
		}
		e, err := load(path)
		now := s.o.Now()
		if unread := new(fs.PathError); errors.As(err, &unread) {
			continue // what is wrong is with us, and says nothing of the policy
		}
		if err != nil || !now.Before(e.cached.Expires) || s.path(e.cached.Domain) != path {
			s.discard(path)
			continue
		}
		if now.Sub(e.cached.Fetched) >= due(e.cached) && now.Sub(e.used) < unusedAfter {
			s.refreshOne(ctx, e.cached.Domain)
		}
	}
}

// due is how long after its fetch a policy is renewed: a day, or half of its life where that is shorter.
func due(p Policy) time.Duration {
	return min(refreshAfter, p.Expires.Sub(p.Fetched)/2)
}

// refreshOne fetches a domain's policy again, whether its id has changed or not. Where the record is gone, the policy
// lives on until its time is over.
func (s *Store) refreshOne(ctx context.Context, domain string) {
	id, failure := s.lookUp(ctx, domain)
	if failure == nil && id == "" {
		return
	}
	var p Policy
	if failure == nil {
		p = s.renew(ctx, domain, id, true)
	} else {
		p = s.entry(domain).policy(s.o.Now()).failed(failure)
	}
	if p.Cause == "" || ctx.Err() != nil {
		return
	}
	s.complain(p)
}

// complain tells once a day of a policy that cannot be renewed (RFC 8461 §3.3: unless its mode is none).
func (s *Store) complain(p Policy) {
	now := s.o.Now()
	if p.Mode == None || p.Mode == "" || now.Sub(s.entry(p.Domain).told) < tellEvery {
		return
	}
	s.change(p.Domain, func(e *entry) { e.told = now })
	s.o.Tell(fmt.Sprintf("MTA-STS: the policy of %s cannot be renewed and is in force until %s: %s [%s]",
		p.Domain, p.Expires.UTC().Format(time.RFC3339), p.Words, p.Cause))
}
