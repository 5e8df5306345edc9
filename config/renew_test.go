package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"posthouse/internal/safefile"
)

var renewer = Author{User: "(acme)", From: "renewal"}

func mustRenew(t *testing.T, s *Store, profile, content string) (id string) {
	t.Helper()
	id = put(t, s, content)
	r, err := s.Renew(context.Background(), profile, id, renewer, "renewed")
	if err != nil {
		t.Fatal(err)
	}
	if r.Renewed != profile || r.Rollback || r != s.Running().Revision {
		t.Errorf("revision %+v", r)
	}
	if s.Running().Config.Refs[CertificateRef(profile)] != id {
		t.Fatal("the renewed content does not run")
	}
	return id
}

// withProfile makes a store with the profile mx.
func withProfile(t *testing.T, pending bool) *Store {
	t.Helper()
	s := newTestStore(t)
	id := put(t, s, "first")
	mustCommit(t, s, func(c *Config) { managed(c, pending, id) })
	return s
}

// managed gives the configuration the profile mx, which is renewed by itself.
func managed(c *Config, pending bool, id string) {
	c.ACME.Directory = "https://ca.example/"
	c.Certificates["mx"] = &Certificate{Pending: pending, ACME: &ManagedCertificate{Names: []string{"mx.example.com"}, Challenge: "http-01", Key: "p256"}}
	c.Refs[CertificateRef("mx")] = id
}

func contentOf(t *testing.T, s *Store) string {
	t.Helper()
	data, err := s.Vault().Get(s.Running().Config.Refs[CertificateRef("mx")])
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRenew(t *testing.T) {
	s := withProfile(t, true)
	var log []string
	s.SetAppliers(&part{name: "engine", log: &log})
	number := s.Running().Revision.Number
	id := mustRenew(t, s, "mx", "second")
	if got := s.Running(); got.Revision.Number != number+1 || got.Config.Certificates["mx"].Pending {
		t.Errorf("runs %+v", got.Revision)
	}
	if !slices.Equal(log, []string{"prepare engine", "commit engine"}) {
		t.Errorf("the appliers did %q", log)
	}
	changes, err := s.ChangesOf(number + 1)
	if err != nil || len(changes) != 2 {
		t.Errorf("%v, %v", changes, err)
	}
	again, err := Open(s.dir)
	if err != nil || again.Running().Revision != s.Running().Revision || again.Running().Config.Refs[CertificateRef("mx")] != id {
		t.Errorf("after a restart: %+v, %v", again.Running().Revision, err)
	}
	if _, err := s.Renew(context.Background(), "mx", id, renewer, ""); !errors.Is(err, ErrNothing) {
		t.Errorf("the same content again: %v", err)
	}
	if _, err := s.Renew(context.Background(), "gone", id, renewer, ""); !errors.Is(err, ErrNoProfile) {
		t.Errorf("a profile that there is not: %v", err)
	}
	if _, err := s.Renew(context.Background(), "mx", "certificate-00000000000000000000000000000000", renewer, ""); err == nil {
		t.Error("content that is not in the vault is accepted")
	}
	mustCommit(t, s, func(c *Config) { c.Certificates["mx"].ACME = nil })
	if _, err := s.Renew(context.Background(), "mx", put(t, s, "late"), renewer, ""); !errors.Is(err, ErrNoProfile) || contentOf(t, s) != "second" {
		t.Errorf("a profile that the operator took over: %v", err)
	}
	mustCommit(t, s, func(c *Config) { managed(c, false, id) })
	s.SetAppliers(refusing{})
	other := put(t, s, "third")
	var prepare *PrepareError
	if _, err := s.Renew(context.Background(), "mx", other, renewer, ""); !errors.As(err, &prepare) || contentOf(t, s) != "second" {
		t.Errorf("an engine that refuses: %v, %s runs", err, contentOf(t, s))
	}
}

// Whatever a candidate holds, a renewal meanwhile is no conflict, and nothing that the operator did not ask for is undone.
func TestRenewalsAndCandidates(t *testing.T) {
	for _, tt := range []struct {
		name    string
		edit    func(t *testing.T, s *Store, c *Config)
		between func(t *testing.T, s *Store)
		want    string // the content that runs; empty: no profile
		fails   bool
	}{
		{name: "something else", edit: func(_ *testing.T, _ *Store, c *Config) { c.Injection.MaxHops = 77 }, want: "renewed"},
		{name: "settings of the profile", edit: func(_ *testing.T, _ *Store, c *Config) {
			c.Certificates["mx"].ACME.Names = []string{"other.example.com"}
		}, want: "renewed"},
		{name: "content of its own", edit: func(t *testing.T, s *Store, c *Config) {
			c.Refs[CertificateRef("mx")] = put(t, s, "own")
		}, want: "own"},
		{name: "content of its own against another operator's", edit: func(t *testing.T, s *Store, c *Config) {
			c.Refs[CertificateRef("mx")] = put(t, s, "own")
		}, between: func(t *testing.T, s *Store) {
			theirs := put(t, s, "theirs")
			mustCommit(t, s, func(c *Config) { c.Refs[CertificateRef("mx")] = theirs })
		}, want: "theirs", fails: true},
		{name: "deleted", edit: func(_ *testing.T, _ *Store, c *Config) { delete(c.Certificates, "mx") }},
		{name: "deleted meanwhile", edit: func(_ *testing.T, _ *Store, c *Config) { c.Injection.MaxHops = 77 },
			between: func(t *testing.T, s *Store) { mustCommit(t, s, func(c *Config) { delete(c.Certificates, "mx") }) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := withProfile(t, false)
			c := s.Candidate()
			tt.edit(t, s, c.Config)
			mustRenew(t, s, "mx", "between")
			mustRenew(t, s, "mx", "renewed")
			if tt.between != nil {
				tt.between(t, s)
			}
			_, err := s.Commit(context.Background(), c, alice, "", true)
			if (err != nil) != tt.fails {
				t.Fatalf("commit: %v", err)
			}
			if tt.want == "" {
				if s.Running().Config.Certificates["mx"] != nil {
					t.Error("the profile is back")
				}
			} else if got := contentOf(t, s); got != tt.want {
				t.Errorf("%s runs, want %s", got, tt.want)
			}
			if tt.name == "something else" && s.Running().Config.Injection.MaxHops != 77 {
				t.Error("the candidate's change is lost")
			}
			if tt.name == "settings of the profile" && s.Running().Config.Certificates["mx"].ACME.Names[0] != "other.example.com" {
				t.Error("the candidate's settings are lost")
			}
		})
	}
}

// Neither a revert, nor an earlier revision, nor an older posthouse.toml brings an older certificate back.
func TestNoOlderCertificateComesBack(t *testing.T) {
	t.Run("revert", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := withProfile(t, true)
			watch(t, s)
			commitFor(t, s, time.Minute, func(c *Config) {
				c.Injection.MaxHops = 77
				c.Listeners["InboundMail"].Certificates = []string{"mx"}
			})
			mustRenew(t, s, "mx", "renewed")
			if !waits(t, s).Has(3) {
				t.Error("the renewal has confirmed what waits")
			}
			pass(2 * time.Minute)
			c := s.Running().Config
			if c.Injection.MaxHops == 77 || contentOf(t, s) != "renewed" || c.Certificates["mx"].Pending {
				t.Errorf("after the revert: %d hops, %s, pending %v", c.Injection.MaxHops, contentOf(t, s), c.Certificates["mx"].Pending)
			}
		})
	})
	t.Run("earlier revision", func(t *testing.T) {
		s := withProfile(t, true)
		number := s.Running().Revision.Number
		mustCommit(t, s, func(c *Config) { c.Injection.MaxHops = 77 })
		mustRenew(t, s, "mx", "renewed")
		c, err := s.Earlier(number)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Commit(context.Background(), c, alice, "rollback", true); err != nil {
			t.Fatal(err)
		}
		if s.Running().Config.Injection.MaxHops == 77 || contentOf(t, s) != "renewed" || s.Running().Config.Certificates["mx"].Pending {
			t.Errorf("after the rollback: %s", contentOf(t, s))
		}
		mustCommit(t, s, func(c *Config) { delete(c.Certificates, "mx") })
		if c, err = s.Earlier(number); err != nil || c.Config.Refs[CertificateRef("mx")] == "" || !c.Config.Certificates["mx"].Pending {
			t.Errorf("a profile that has gone does not come back with what it had: %v", err)
		}
	})
	t.Run("older file", func(t *testing.T) {
		s := withProfile(t, true)
		older := settingsOf(t, s)
		mustCommit(t, s, func(c *Config) { c.Injection.MaxHops = 77 })
		mustRenew(t, s, "mx", "renewed")
		if err := os.WriteFile(s.settingsPath(), []byte(older), 0o600); err != nil {
			t.Fatal(err)
		}
		again := mustOpen(t, s.dir)
		c := again.Running().Config
		if c.Injection.MaxHops == 77 || contentOf(t, again) != "renewed" || c.Certificates["mx"].Pending {
			t.Errorf("the older file brings %s, pending %v", contentOf(t, again), c.Certificates["mx"].Pending)
		}
	})
}

// Renewals come by themselves: they do not push out what operators may want to go back to.
func TestRenewalsLeaveTheRevisions(t *testing.T) {
	t.Parallel()
	s := withProfile(t, false)
	for i := range keptRevisions + 10 {
		mustRenew(t, s, "mx", string(rune('A'+i)))
	}
	if _, err := s.Load(2); err != nil {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(filepath.Join(s.dir, revisionsName)); len(entries) != len(s.Revisions()) {
		t.Errorf("%d files, %d revisions", len(entries), len(s.Revisions()))
	}
}

// A power cut in the middle of a renewal leaves the old content or the new, with its mark.
func TestRenewWithFaultAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, pending := range []bool{false, true} {
		everyFault(t, func(t *testing.T, fault faultFS) bool {
			s, fsys := newFaultyStore(t)
			first, second := put(t, s, "first"), put(t, s, "second")
			mustCommit(t, s, func(c *Config) { managed(c, pending, first) })
			*fsys = fault
			_, err := s.Renew(context.Background(), "mx", second, renewer, "")
			hit := fsys.failed > 0
			*fsys = faultFS{failAt: -1}
			again := mustOpen(t, s.dir).Running()
			renewed := again.Config.Refs[CertificateRef("mx")] == second
			if renewed != (again.Revision.Renewed == "mx") || pending && renewed == again.Config.Certificates["mx"].Pending || err == nil && !renewed {
				t.Errorf("%+v: %v, on disk %+v %v", fault, err, again.Revision, again.Config.Refs)
			}
			return hit
		})
	}
}

// With a master key no secret is on the disk in clear, and without it nothing starts.
func TestMasterKey(t *testing.T) {
	key, err := safefile.ParseMasterKey([]byte("a pass phrase for tests"))
	if err != nil {
		t.Fatal(err)
	}
	s := withProfile(t, false)
	encrypted, err := Open(s.dir, WithMasterKey(key))
	if err != nil || contentOf(t, encrypted) != "first" {
		t.Fatal(err)
	}
	if _, err := Open(s.dir); !errors.Is(err, safefile.ErrLocked) {
		t.Errorf("without the key: %v", err)
	}
	if err := Check(s.dir); !errors.Is(err, safefile.ErrLocked) || strings.Count(err.Error(), "encrypted") != 1 {
		t.Errorf("check without the key: %v", err)
	}
	if err := Check(s.dir, WithMasterKey(key)); err != nil {
		t.Errorf("check with the key: %v", err)
	}
	mustRenew(t, encrypted, "mx", "second")
	if again, err := Open(s.dir, WithMasterKey(key, nil)); err != nil || contentOf(t, again) != "second" {
		t.Errorf("again: %v", err)
	}
}

func TestCertificateUses(t *testing.T) {
	c := Default("mail.example.com")
	c.Listeners["InboundMail"] = NewListener(Public, "Management", 25)
	c.Listeners["InboundMail"].Certificates = []string{"ec", "rsa"}
	c.Listeners["InboundMail"].ServerNames = map[string][]string{"mx.example.com": {"sni"}, "a.example": {"sni"}}
	c.Certificates["sni"], c.Certificates["ec"] = &Certificate{}, &Certificate{}
	c.Destinations["partner.example"] = &Destination{Certificate: "ec"}
	c.Refs = map[string]string{CertificateRef("sni"): "certificate-1", CertificateRef("ec"): "certificate-2"}
	var lines []string
	for _, u := range c.CertificateUses() {
		if u.Profile == "ec" || u.Profile == "rsa" || u.Profile == "sni" {
			lines = append(lines, u.Service+" "+u.Profile+" "+u.Host)
		}
	}
	if want := []string{"Listener InboundMail ec mail.example.com", "Listener InboundMail rsa mail.example.com",
		"Listener InboundMail (a.example) sni a.example", "Listener InboundMail (mx.example.com) sni mx.example.com",
		"Destination partner.example ec "}; !slices.Equal(lines, want) {
		t.Errorf("got %q", lines)
	}
	used := c.CertificatesInUse()
	i := slices.IndexFunc(used, func(u CertificateInUse) bool { return u.Profile == "ec" })
	if i < 0 || used[i].Content != "certificate-2" || !slices.Equal(used[i].Uses, []string{"Listener InboundMail", "Destination partner.example"}) {
		t.Errorf("got %+v", used)
	}
}
