package config

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestMergeKeepsBoth(t *testing.T) {
	s := newTestStore(t)
	mine := s.Candidate()
	mine.Config.Destinations["a.example"] = &Destination{TLS: TLSRequire}
	mine.Config.Listeners["InboundMail"].MaxConnections = 10
	theirs := mustCommit(t, s, func(c *Config) {
		c.Destinations["b.example"] = &Destination{TLS: TLSPrefer}
		c.Delivery.Concurrency = 9
		delete(c.Listeners, "OutboundMail")
	})
	for _, f := range []func() (*CommitResult, error){
		func() (*CommitResult, error) { return s.Check(context.Background(), mine) },
		func() (*CommitResult, error) { return s.Commit(context.Background(), mine, alice, "", true) },
	} {
		r, err := f()
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Kept) != 1 || r.Kept[0] != theirs.Revision || len(r.Changes) != 2 {
			t.Errorf("got %+v", r)
		}
	}
	c := s.Running().Config
	if c.Destinations["a.example"] == nil || c.Destinations["b.example"] == nil || c.Delivery.Concurrency != 9 ||
		c.Listeners["OutboundMail"] != nil || c.Listeners["InboundMail"].MaxConnections != 10 {
		t.Error("something is lost")
	}
	if mine.Config.Delivery.Concurrency == 9 {
		t.Error("the candidate was modified")
	}
}

func TestMergeConflicts(t *testing.T) {
	t.Parallel()
	for object, c := range map[string]struct{ theirs, mine func(s *Store, c *Config) }{
		`destination_controls."a.example"`: {
			func(_ *Store, c *Config) { c.Destinations["a.example"].TLS = TLSRequire },
			func(_ *Store, c *Config) { c.Destinations["a.example"].Concurrency = new(3) },
		},
		`listeners.InboundMail`: {
			func(_ *Store, c *Config) { c.Listeners["InboundMail"].Port = 0 },
			func(_ *Store, c *Config) { delete(c.Listeners, "InboundMail") },
		},
		`listeners.OutboundMail`: {
			func(_ *Store, c *Config) { delete(c.Listeners, "OutboundMail") },
			func(_ *Store, c *Config) { c.Listeners["OutboundMail"].Port = 0 },
		},
		`listeners.New`: {
			func(_ *Store, c *Config) { c.Listeners["New"] = NewListener(Public, "Management", 0) },
			func(_ *Store, c *Config) { c.Listeners["New"] = NewListener(Private, "Management", 0) },
		},
		`delivery`: {
			func(_ *Store, c *Config) { c.Delivery.Concurrency = 1 },
			func(_ *Store, c *Config) { c.Delivery.Concurrency = 2 },
		},
		`certificates.Demo`: {
			func(s *Store, c *Config) {
				c.Refs[CertificateRef("Demo")], _ = s.Vault().Put("certificate", []byte("1"))
			},
			func(s *Store, c *Config) {
				c.Refs[CertificateRef("Demo")], _ = s.Vault().Put("certificate", []byte("2"))
			},
		},
		`certificate_authorities`: {
			func(s *Store, c *Config) { c.Refs[AuthoritiesRef], _ = s.Vault().Put("authorities", []byte("1")) },
			func(s *Store, c *Config) { c.Authorities.System = false },
		},
	} {
		t.Run(object, func(t *testing.T) {
			s := newTestStore(t)
			mustCommit(t, s, func(c *Config) { c.Destinations["a.example"] = &Destination{} })
			mine := s.Candidate()
			theirs := mustCommit(t, s, func(conf *Config) { c.theirs(s, conf) })
			mustCommit(t, s, func(c *Config) { c.Shell.IdleTimeout = 7 }) // somebody else again, elsewhere
			c.mine(s, mine.Config)
			_, err := s.Commit(context.Background(), mine, alice, "", true)
			var conflict *ConflictError
			if !errors.As(err, &conflict) || conflict.Object != object || conflict.By != theirs.Revision {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), "bob") {
				t.Errorf("got %q", err)
			}
		})
	}
}

func TestMergeSameChange(t *testing.T) {
	s := newTestStore(t)
	mine := s.Candidate()
	edit := func(c *Config) { c.Destinations["a.example"] = &Destination{TLS: TLSRequire} }
	edit(mine.Config)
	mustCommit(t, s, edit)
	if _, err := s.Commit(context.Background(), mine, alice, "", true); !errors.Is(err, ErrNothing) {
		t.Errorf("got %v", err)
	}
}

func TestMergeIsValidated(t *testing.T) {
	s := newTestStore(t)
	mustCommit(t, s, func(c *Config) { c.Bounces["Short"] = NewBounceProfile() })
	mine := s.Candidate()
	mine.Config.Listeners["InboundMail"].BounceProfile = "Short"
	mustCommit(t, s, func(c *Config) { delete(c.Bounces, "Short") })
	if _, err := s.Commit(context.Background(), mine, alice, "", true); len(FieldErrors(err)) != 1 {
		t.Errorf("got %v", err)
	}
}
