package config

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// carryingOut runs the store's planned commits until stop is called and notes what it tells.
func carryingOut(t *testing.T, s *Store) (told func() []Outcome, stop func()) {
	t.Helper()
	return noted(t, s.RunPlanned)
}

// planFor plans as alice what edit does.
func planFor(t *testing.T, s *Store, in time.Duration, edit func(c *Config)) Planned {
	t.Helper()
	c := s.Candidate()
	edit(c.Config)
	_, p, err := s.Plan(t.Context(), c, alice, "at night", false, s.now().Add(in))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlannedCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestStore(t)
		told, _ := carryingOut(t, s)
		second := planFor(t, s, 2*time.Hour, func(c *Config) { c.Destinations["b.example"] = &Destination{TLS: TLSRequire} })
		first := planFor(t, s, time.Hour, hops(77))
		if list := s.Planned(); len(list) != 2 || list[0].Number != first.Number || list[1].Number != second.Number || len(list[0].Changes) != 1 {
			t.Errorf("planned %+v", list)
		}
		// Somebody else goes on meanwhile; what they do stays.
		mustCommit(t, s, func(c *Config) { c.Destinations["a.example"] = &Destination{TLS: TLSRequire} })
		pass(time.Hour - time.Second)
		if len(told()) > 0 || s.Running().Config.Injection.MaxHops == 77 {
			t.Fatalf("too early: %+v", told())
		}
		pass(time.Second)
		r := s.Running()
		if list := told(); len(list) != 1 || list[0].Err != nil || r.Config.Injection.MaxHops != 77 || r.Config.Destinations["a.example"] == nil {
			t.Fatalf("got %+v", list)
		}
		if r.Revision.Author != alice || r.Revision.Comment != "at night" || r.Revision.Rollback || r.Revision.Planned != first.Number {
			t.Errorf("got %+v", r.Revision)
		}
		pass(time.Hour)
		if s.Running().Config.Destinations["b.example"] == nil || len(s.Planned()) > 0 {
			t.Error("the second is not carried out")
		}
		again := mustOpen(t, s.dir)
		if len(again.Planned()) > 0 || again.Running().Revision.Planned != second.Number {
			t.Errorf("after a start %+v, %+v", again.Planned(), again.Running().Revision)
		}
		if p := planFor(t, again, time.Hour, hops(88)); p.Number <= second.Number {
			t.Errorf("number %d is given a second time", p.Number)
		}
	})
}

// What cannot be committed at its time changes nothing, says why, and is planned no more.
func TestPlannedCommitFails(t *testing.T) {
	bobs := func(edit func(c *Config)) func(t *testing.T, s *Store) {
		return func(t *testing.T, s *Store) { mustCommit(t, s, edit) }
	}
	for name, tt := range map[string]struct {
		edit  func(c *Config)
		then  func(t *testing.T, s *Store)
		wants string
	}{
		"conflict": {hops(77), bobs(hops(66)), "injection was changed by bob"},
		"invalid": {
			func(c *Config) { c.Listeners["InboundMail"].BounceProfile = "Short" },
			bobs(func(c *Config) { delete(c.Bounces, "Short") }), "bounce_profile",
		},
		"in force already": {hops(77), bobs(hops(77)), "all of it is in force already"},
		"account gone":     {hops(77), bobs(func(c *Config) { delete(c.Users, "alice") }), "account alice does not exist"},
		"role changed":     {hops(77), bobs(func(c *Config) { c.Users["alice"].Role = RoleGuest }), "from operator to guest"},
		"account locked":   {hops(77), bobs(func(c *Config) { c.Users["alice"].Locked = true }), "the account alice is locked"},
		"not ready": {hops(77), func(t *testing.T, s *Store) {
			s.SetAppliers(unready{})
		}, "port 25 is in use"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newTestStore(t)
				mustCommit(t, s, func(c *Config) {
					c.Bounces["Short"] = NewBounceProfile()
					c.Users["alice"] = &User{FullName: "Alice", Role: RoleOperator}
					c.Refs[PassphraseRef("alice")] = put(t, s, "hash")
				})
				planFor(t, s, time.Hour, tt.edit)
				tt.then(t, s)
				before, revision := settingsOf(t, s), s.Running().Revision
				told, _ := carryingOut(t, s)
				pass(time.Hour)
				if list := told(); len(list) != 1 || list[0].Err == nil || !strings.Contains(list[0].String(), tt.wants) {
					t.Fatalf("told %v", list)
				}
				if settingsOf(t, s) != before || s.Running().Revision != revision || len(s.Planned()) > 0 || len(mustOpen(t, s.dir).Planned()) > 0 {
					t.Error("something has changed, or it is still planned")
				}
			})
		})
	}
}

// A stop or a kill in between delays nothing that is not due yet; what became due is done up to an hour late.
func TestPlannedCommitAfterStart(t *testing.T) {
	for late, inForce := range map[time.Duration]bool{-time.Minute: true, MostLate - time.Minute: true, MostLate + time.Minute: false} {
		t.Run(fmt.Sprint(late), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newTestStore(t)
				id := put(t, s, "partner")
				planFor(t, s, time.Hour, func(c *Config) {
					c.Certificates["partner"] = &Certificate{}
					c.Refs[CertificateRef("partner")] = id
				})
				pass(time.Hour + late)
				again := mustOpen(t, s.dir)
				if len(again.Planned()) != 1 {
					t.Fatal("it is not planned any more")
				}
				told, _ := carryingOut(t, again)
				pass(2 * time.Minute)
				list := told()
				if len(list) != 1 || (list[0].Err == nil) != inForce || (again.Running().Config.Certificates["partner"] != nil) != inForce {
					t.Fatalf("told %v", list)
				}
				if !inForce && !strings.Contains(list[0].String(), "did not run at that time") {
					t.Errorf("told %v", list)
				}
			})
		})
	}
}

// The secrets of a planned commit are kept as long as those of a revision.
func TestPlannedCommitKeepsSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestStore(t)
		id := put(t, s, "partner")
		p := planFor(t, s, 100*time.Hour, func(c *Config) {
			c.Certificates["partner"] = &Certificate{}
			c.Refs[CertificateRef("partner")] = id
		})
		ago := time.Now().Add(-2 * unusedSecrets)
		if err := os.Chtimes(filepath.Join(s.dir, vaultName, id), ago, ago); err != nil {
			t.Fatal(err)
		}
		mustCommit(t, s, hops(55))
		if _, err := s.Vault().Get(id); err != nil {
			t.Error(err)
		}
		again := mustOpen(t, s.dir)
		if _, err := again.CancelPlanned(t.Context(), p.Number); err != nil {
			t.Fatal(err)
		}
		mustCommit(t, again, hops(56))
		if _, err := again.Vault().Get(id); err == nil {
			t.Error("it is kept although nothing names it")
		}
		if _, err := again.CancelPlanned(t.Context(), p.Number); !errors.Is(err, ErrNoPlan) {
			t.Errorf("got %v", err)
		}
	})
}

func TestPlanRefusals(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	plan := func(a Author, at time.Time, edit func(c *Config)) error {
		c := s.Candidate()
		edit(c.Config)
		_, _, err := s.Plan(t.Context(), c, a, "", true, at)
		return err
	}
	now := time.Now()
	for name, err := range map[string]error{
		"now": plan(alice, now, hops(77)), "over": plan(alice, now.Add(-time.Hour), hops(77)), "far": plan(alice, now.Add(MaxAhead+time.Hour), hops(77)),
	} {
		if !errors.Is(err, ErrTime) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := plan(alice, now.Add(time.Hour), func(*Config) {}); !errors.Is(err, ErrNothing) {
		t.Errorf("nothing: %v", err)
	}
	if err := plan(alice, now.Add(time.Hour), hops(-1)); len(FieldErrors(err)) != 1 {
		t.Errorf("invalid: %v", err)
	}
	for i := range MaxPlannedOf {
		if err := plan(alice, now.Add(time.Hour), hops(60+i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := plan(alice, now.Add(time.Hour), hops(77)); !errors.Is(err, ErrManyPlans) {
		t.Errorf("more of one user: %v", err)
	}
	if err := plan(bob, now.Add(time.Hour), hops(77)); err != nil {
		t.Errorf("another user: %v", err)
	}
}

// A planned commit is no confirmation: nobody sits there who could see whether the way in still works.
func TestPlannedCommitConfirmsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestStore(t)
		watch(t, s)
		carryingOut(t, s)
		planFor(t, s, time.Minute, func(c *Config) { c.Delivery.Concurrency = 9 })
		commitFor(t, s, 10*time.Minute, hops(77))
		pass(2 * time.Minute)
		if _, ok := s.Waiting(); !ok || s.Running().Config.Delivery.Concurrency != 9 {
			t.Error("it confirms what is on trial, or is not carried out")
		}
		pass(10 * time.Minute)
		if c := s.Running().Config; c.Injection.MaxHops == 77 || c.Delivery.Concurrency != 9 {
			t.Errorf("%d hops, %d connections", c.Injection.MaxHops, c.Delivery.Concurrency)
		}
	})
}

// Whatever step fails, before or after the time: a planned commit is planned, or in force, or neither and told of; never
// both, and never done twice.
func TestPlannedCommitWithFaultAtEveryStep(t *testing.T) {
	t.Parallel()
	everyFault(t, func(t *testing.T, fault faultFS) bool {
		s, fsys := newFaultyStore(t)
		c := s.Candidate()
		c.Config.Injection.MaxHops = 77
		*fsys = fault
		_, _, err := s.Plan(t.Context(), c, alice, "", true, time.Now().Add(time.Hour))
		hit := fsys.failed > 0
		*fsys = faultFS{failAt: -1}
		again := mustOpen(t, s.dir)
		// A disk that never works again until the start may keep what could not be taken back.
		if len(s.Planned()) != len(again.Planned()) && !fault.dead || (err == nil) != (len(s.Planned()) == 1) {
			t.Errorf("%+v: %v, here %d, saved %d", fault, err, len(s.Planned()), len(again.Planned()))
		}
		return hit
	})
	everyFault(t, func(t *testing.T, fault faultFS) bool {
		s, fsys := newFaultyStore(t)
		p := planFor(t, s, time.Hour, hops(77))
		s.now = func() time.Time { return p.At.Add(time.Second) }
		next, _, _ := s.nextPlan()
		*fsys = fault
		o, done := s.carryOut(t.Context(), next)
		hit := fsys.failed > 0
		*fsys = faultFS{failAt: -1}
		again := mustOpen(t, s.dir)
		inForce := again.Running().Config.Injection.MaxHops == 77
		if !done || inForce && len(again.Planned()) > 0 || (o.Err == nil) != inForce && !fault.dead {
			t.Errorf("%+v: %v, in force %v, planned %d", fault, o, inForce, len(again.Planned()))
		}
		return hit
	})
}

// The first planned commit makes its folder, whose name is on the disk before the plan is promised.
func TestPlannedCommitMakesItsFolderLast(t *testing.T) {
	t.Parallel()
	s, fsys := newFaultyStore(t)
	*fsys = faultFS{failAt: -1}
	planFor(t, s, time.Hour, hops(77))
	if len(fsys.log) == 0 || fsys.log[0] != "syncdir" || fsys.log[len(fsys.log)-1] != "syncdir" {
		t.Errorf("the steps are %v", fsys.log)
	}
}

// What could not be removed is removed by the next commit.
func TestPlannedCommitLeftBehind(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	p := planFor(t, s, time.Hour, hops(77))
	data, err := os.ReadFile(s.plannedPath(p.Number))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CancelPlanned(t.Context(), p.Number); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.plannedPath(p.Number), data, 0o600); err != nil {
		t.Fatal(err)
	}
	kept := planFor(t, s, time.Hour, hops(78))
	mustCommit(t, s, func(c *Config) { c.Delivery.Concurrency = 9 })
	if list := mustOpen(t, s.dir).Planned(); len(list) != 1 || list[0].Number != kept.Number {
		t.Errorf("planned %+v", list)
	}
}

// A file that cannot be read is named and left alone, with everything that it may name.
func TestPlannedCommitDamaged(t *testing.T) {
	t.Parallel()
	s := newTestStore(t)
	p := planFor(t, s, time.Hour, hops(77))
	path := s.plannedPath(p.Number)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(data, "# more\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := Open(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	if faults := again.Faults(); len(faults) != 1 || !strings.Contains(faults[0].Error(), plannedFile(p.Number)) || len(again.Planned()) > 0 {
		t.Errorf("faults %v", faults)
	}
	if err := Check(s.dir); err == nil || !strings.Contains(err.Error(), "digest") {
		t.Errorf("check says %v", err)
	}
	if p := planFor(t, again, time.Hour, hops(78)); p.Number != 2 {
		t.Errorf("the number of the damaged one is given away: %d", p.Number)
	}
}

func FuzzDecodePlan(f *testing.F) {
	base, own := Default("mail.example.com"), Default("mx.example.com")
	f.Add(encodePlan(plan{base: base, own: own, Planned: Planned{Number: 3, At: time.Unix(1e9, 0), Author: alice}}))
	f.Add([]byte("format = 1\n" + settingsMark + "\n" + beginMark))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decodePlan(data)
		if err != nil {
			return
		}
		again, err := decodePlan(encodePlan(p))
		if err != nil || again.Number != p.Number || len(Diff(again.own, p.own)) > 0 || len(Diff(again.base, p.base)) > 0 {
			t.Errorf("reads back differently: %v", err)
		}
	})
}

// unready is a part of the appliance that is never ready.
type unready struct{}

func (unready) Prepare(context.Context, *Config, *Config) (Prepared, error) {
	return nil, errors.New("port 25 is in use")
}
