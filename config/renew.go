package config

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrNoProfile says that there is no certificate profile of the name that is renewed by itself. An operator may have taken
// it over while an order for it was under way; what he stored stays.
var ErrNoProfile = errors.New("there is no such certificate profile that is renewed by itself")

// Renew gives a certificate profile new content, the vault's id, and puts it in force without a commit: a revision of its own
// that changes nothing else, not even posthouse.toml but for the profile's pending mark. It never conflicts with what an
// operator has in a candidate: whoever did not touch the profile's content commits with the new one, and whoever stored
// another certificate in it commits his own. It is not offered for rollback, and what waits for its confirmation goes on
// waiting. The error is ErrNoProfile, ErrNothing where the content is in force already, *PrepareError or a failed write.
func (s *Store) Renew(ctx context.Context, profile, id string, by Author, comment string) (Revision, error) {
	if err := s.lock(ctx); err != nil {
		return Revision{}, err
	}
	defer s.unlock()
	if err := s.repair(); err != nil {
		return Revision{}, err
	}
	next := s.Running().Config.Clone()
	p := next.Certificates[profile]
	if p == nil || p.ACME == nil {
		return Revision{}, fmt.Errorf("renew %q: %w", profile, ErrNoProfile)
	}
	if next.Refs[CertificateRef(profile)] == id && !p.Pending {
		return Revision{}, ErrNothing
	}
	p.Pending = false
	next.Refs[CertificateRef(profile)] = id
	next.Normalize()
	if err := s.sound(next); err != nil {
		return Revision{}, err
	}
	r := s.nextRevision(by, comment, false)
	r.Renewed = profile
	if _, err := s.enforce(ctx, &Snapshot{Config: next, Revision: r}, mark{}); err != nil {
		return Revision{}, err
	}
	return r, nil
}

// content is what a renewal replaces of a profile.
type content struct {
	id      string
	pending bool
}

func (c *Config) contentOf(profile string) (content, bool) {
	p := c.Certificates[profile]
	if p == nil {
		return content{}, false
	}
	return content{c.Refs[CertificateRef(profile)], p.Pending}, true
}

// setContent changes a profile that there is; c is not shared.
func (c *Config) setContent(profile string, to content) {
	c.Certificates[profile].Pending = to.pending
	if to.id == "" { // only a profile of a damaged or edited file has none
		delete(c.Refs, CertificateRef(profile))
		return
	}
	if c.Refs == nil {
		c.Refs = make(map[string]string)
	}
	c.Refs[CertificateRef(profile)] = to.id
}

// renewedSince returns the profiles whose content was changed after a revision by renewals and by nobody else.
func (s *Store) renewedSince(number int) map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	renewed, others := make(map[string]bool), make(map[string]bool)
	records := s.history.records
	for i, r := range records {
		if r.Number <= number {
			break
		}
		if r.Renewed != "" {
			renewed[r.Renewed] = true
			continue
		}
		var before map[string]string
		if i+1 < len(records) {
			before = records[i+1].refs
		}
		for ref := range r.refs {
			if name, ok := strings.CutPrefix(ref, CertificateRef("")); ok && before[ref] != r.refs[ref] {
				others[name] = true
			}
		}
	}
	maps.DeleteFunc(renewed, func(name string, _ bool) bool { return others[name] })
	return renewed
}

// carry makes renewals invisible to a merge: what was renewed since the candidate was made counts as if it had been so from
// the beginning. A candidate that stored other content in the profile itself keeps that.
func (s *Store) carry(base *Snapshot, wanted *Config) *Config {
	renewed := s.renewedSince(base.Revision.Number)
	if len(renewed) == 0 {
		return base.Config
	}
	running, from := s.Running().Config, base.Config.Clone()
	for _, profile := range slices.Sorted(maps.Keys(renewed)) {
		was, there := base.Config.contentOf(profile)
		is, still := running.contentOf(profile)
		if !there || !still {
			continue
		}
		from.setContent(profile, is)
		if own, ok := wanted.contentOf(profile); ok && own == was {
			wanted.setContent(profile, is)
		}
	}
	return from
}

// keepContent gives the profiles that are in both the content that they have in is: settings that come back bring no older
// certificate with them. c is not shared.
func (c *Config) keepContent(is *Config) {
	for profile := range c.Certificates {
		if now, ok := is.contentOf(profile); ok {
			c.setContent(profile, now)
		}
	}
}

// Earlier returns a candidate with the settings of a revision, to be committed over what runs now. Profiles that are still
// there keep the content that runs; one that has gone since comes back with what it had. The error is that of Load.
func (s *Store) Earlier(number int) (*Candidate, error) {
	c, err := s.Load(number)
	if err != nil {
		return nil, err
	}
	base := s.Running()
	c.keepContent(base.Config)
	c.Normalize()
	return &Candidate{Base: base, Config: c}, nil
}
