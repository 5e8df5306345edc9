package config

import (
	"context"
	"errors"
	"slices"
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
			p := s.Pending(mine)
			if len(p.Conflicts) != 1 || p.Conflicts[0].Object != object || p.Conflicts[0].By != theirs.Revision || len(p.Changes) == 0 {
				t.Fatalf("what is pending: %+v", p)
			}
			for _, change := range p.Changes {
				if !within(change.Path, object) || !p.Conflicting(change) {
					t.Errorf("%+v is none of the candidate's changes that conflict", change)
				}
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
	if p := s.Pending(mine); len(p.Changes) != 0 || len(p.Conflicts) != 0 {
		t.Errorf("what is pending: %+v", p)
	}
}

// What is pending is what a commit then does, and what others did is none of it; where one setting conflicts the others are told
// as well.
func TestPending(t *testing.T) {
	s := newTestStore(t)
	mine := s.Candidate()
	mine.Config.Hostname = "mine.example.com"
	mustCommit(t, s, func(c *Config) { c.Shell.IdleTimeout = 7 })
	result, err := s.Check(context.Background(), mine)
	if err != nil {
		t.Fatal(err)
	}
	if p := s.Pending(mine); !slices.Equal(p.Changes, result.Changes) || len(p.Conflicts) != 0 {
		t.Errorf("%+v is pending, and a commit would do %+v", p, result.Changes)
	}
	mine.Config.Delivery.Concurrency = 1
	mustCommit(t, s, func(c *Config) { c.Delivery.Concurrency = 2 })
	want := []Change{{"delivery.concurrency", "2", "1"}, {"hostname", "mail.example.com", "mine.example.com"}}
	if p := s.Pending(mine); !slices.Equal(p.Changes, want) || !p.Conflicting(want[0]) || p.Conflicting(want[1]) {
		t.Errorf("%+v is pending", p)
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
