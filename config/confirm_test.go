package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// commitFor commits as alice what edit does, to be confirmed within the time.
func commitFor(t *testing.T, s *Store, within time.Duration, edit func(c *Config)) *CommitResult {
	t.Helper()
	c := s.Candidate()
	edit(c.Config)
	r, err := s.CommitConfirmed(context.Background(), c, alice, "on trial", true, within)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func hops(n int) func(c *Config) { return func(c *Config) { c.Injection.MaxHops = n } }

// watch runs the store's timer until the test has ended and returns what it has told so far.
func watch(t *testing.T, s *Store) (told func() []Reversal) {
	t.Helper()
	told, _ = noted(t, s.Run)
	return told
}

// noted lets run work until stop is called or the test has ended, and notes what it tells.
func noted[T any](t *testing.T, run func(context.Context, func(T)) error) (told func() []T, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	var mu sync.Mutex
	var list []T
	go func() {
		done <- run(ctx, func(one T) {
			mu.Lock()
			defer mu.Unlock()
			list = append(list, one)
		})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return func() []T {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(list)
	}, stop
}

// anybody may confirm.
func anybody(Waiting) error { return nil }

// pass lets the time pass.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func waits(t *testing.T, s *Store) Waiting {
	t.Helper()
	w, _ := s.Waiting()
	again, err := Open(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	if saved, _ := again.Waiting(); !reflect.DeepEqual(saved, w) {
		t.Errorf("on disk waits %+v, here %+v", saved, w)
	}
	return w
}

func TestConfirmedCommitReverts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestStore(t)
		parts := &recorder{}
		s.SetAppliers(parts)
		told := watch(t, s)
		before := s.Running().Config
		r := commitFor(t, s, 5*time.Minute, hops(77))
		w := waits(t, s)
		if !w.Has(2) || !w.Until.Equal(r.Revision.Time.Add(5*time.Minute)) || !reflect.DeepEqual(r.Waiting, w) {
			t.Errorf("waits %+v, committed %+v", w, r)
		}
		pass(5*time.Minute - time.Second)
		if s.Running().Config.Injection.MaxHops != 77 || len(told()) != 0 {
			t.Error("reverted too early")
		}
		pass(2 * time.Second)
		got := s.Running()
		if !reflect.DeepEqual(got.Config, before) || got.Revision.Number != 3 || got.Revision.Author != timer {
			t.Errorf("runs %+v with %d hops", got.Revision, got.Config.Injection.MaxHops)
		}
		want := "The commit of alice at " + r.Revision.Time.Format(time.ANSIC) + " was not confirmed and is reverted"
		if len(told()) != 1 || told()[0].String() != want+"." || got.Revision.Comment != want {
			t.Errorf("told %v, comment %q", told(), got.Revision.Comment)
		}
		if got := strings.Join(parts.log, " "); got != "prepare commit prepare commit" {
			t.Errorf("the parts: %s", got)
		}
		waits(t, s)
		pass(48 * time.Hour)
		if len(s.Revisions()) != 3 {
			t.Error("reverted again")
		}
	})
}

func TestWhatConfirms(t *testing.T) {
	type step func(t *testing.T, s *Store) error
	commitAs := func(a Author) step {
		return func(t *testing.T, s *Store) error {
			c := s.Candidate()
			c.Config.Delivery.Concurrency--
			_, err := s.Commit(t.Context(), c, a, "", true)
			return err
		}
	}
	for name, tt := range map[string]struct {
		act      step
		reverted bool
	}{
		"nothing":             {func(*testing.T, *Store) error { return nil }, true},
		"their own commit":    {commitAs(alice), false},
		"from elsewhere":      {commitAs(Author{User: "alice", From: "198.51.100.1"}), false},
		"somebody else's":     {commitAs(bob), true},
		"the word of anybody": {func(t *testing.T, s *Store) error { _, err := s.Confirm(t.Context(), anybody); return err }, false},
		"a refused commit":    {func(t *testing.T, s *Store) error { s.Commit(t.Context(), s.Candidate(), alice, "", true); return nil }, true},
		"somebody else's wait": {func(t *testing.T, s *Store) error {
			c := s.Candidate()
			c.Config.Delivery.Concurrency--
			_, err := s.CommitConfirmed(t.Context(), c, bob, "", true, time.Hour)
			var we *WaitingError
			if !errors.As(err, &we) || !we.Waiting.By("alice") {
				t.Errorf("got %v", err)
			}
			return nil
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newTestStore(t)
				watch(t, s)
				commitFor(t, s, time.Minute, hops(77))
				if err := tt.act(t, s); err != nil {
					t.Fatal(err)
				}
				if waits(t, s).Has(2) != tt.reverted {
					t.Error("it waits, or it does not")
				}
				concurrency := s.Running().Config.Delivery.Concurrency
				pass(time.Minute)
				c := s.Running().Config
				if (c.Injection.MaxHops != 77) != tt.reverted || c.Delivery.Concurrency != concurrency {
					t.Errorf("%d hops, concurrency %d", c.Injection.MaxHops, c.Delivery.Concurrency)
				}
				waits(t, s)
			})
		})
	}
}

func TestConfirmNothing(t *testing.T) {
	s := newTestStore(t)
	if _, err := s.Confirm(t.Context(), anybody); !errors.Is(err, ErrNothing) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Prolong(t.Context(), alice, time.Hour); !errors.Is(err, ErrNothing) {
		t.Errorf("got %v", err)
	}
	commitFor(t, s, time.Hour, hops(77))
	var we *WaitingError
	if _, err := s.Prolong(t.Context(), bob, time.Hour); !errors.As(err, &we) {
		t.Errorf("got %v", err)
	}
	if w, err := s.Confirm(t.Context(), anybody); err != nil || !w.Has(2) {
		t.Errorf("%+v, %v", w, err)
	}
	if _, err := s.Confirm(t.Context(), anybody); !errors.Is(err, ErrNothing) {
		t.Errorf("got %v", err)
	}
}

// Two commits on trial are one: the later deadline holds for both, and the first of them is where it goes back to.
func TestTwoOnTrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestStore(t)
		told := watch(t, s)
		before := s.Running().Config
		commitFor(t, s, time.Minute, hops(77))
		pass(30 * time.Second)
		commitFor(t, s, time.Minute, func(c *Config) { c.Injection.MaxHops, c.Delivery.Concurrency = 78, 9 })
		if w := waits(t, s); !w.Has(2) || !w.Has(3) {
			t.Errorf("waits %+v", w)
		}
		pass(30 * time.Second)
		if w, err := s.Prolong(t.Context(), alice, 2*time.Minute); err != nil || !w.Until.Equal(time.Now().Add(2*time.Minute)) {
			t.Errorf("%+v, %v", w, err)
		}
		pass(2*time.Minute - time.Second)
		if len(told()) != 0 {
			t.Fatalf("told %v", told())
		}
		pass(time.Second)
		if len(told()) != 1 || !reflect.DeepEqual(s.Running().Config, before) || s.Running().Revision.Number != 4 {
			t.Errorf("told %v, %+v", told(), s.Running().Revision)
		}
	})
}

// Only what was on trial goes back; what others have done to the same object since stays, and so does what they use.
func TestRevertAmongOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestStore(t)
		told := watch(t, s)
		mustCommit(t, s, func(c *Config) {
			c.Destinations["changed.example"] = &Destination{TLS: TLSPrefer}
			c.Destinations["both.example"] = &Destination{TLS: TLSPrefer}
			c.Destinations["gone.example"] = &Destination{TLS: TLSPrefer}
		})
		commitFor(t, s, time.Minute, func(c *Config) {
			c.Destinations["changed.example"].TLS = TLSRequire
			c.Destinations["both.example"].TLS = TLSRequire
			c.Destinations["new.example"] = &Destination{TLS: TLSRequire}
			delete(c.Destinations, "gone.example")
			c.Bounces["Unused"], c.Bounces["Used"] = NewBounceProfile(), NewBounceProfile()
		})
		mustCommit(t, s, func(c *Config) {
			c.Destinations["both.example"].TLS = TLSNo
			c.Destinations["theirs.example"] = &Destination{TLS: TLSRequire}
			c.Listeners["InboundMail"].BounceProfile = "Used"
		})
		pass(time.Minute)
		c := s.Running().Config
		if d := c.Destinations; d["changed.example"].TLS != TLSPrefer || d["both.example"].TLS != TLSNo || d["new.example"] != nil ||
			d["gone.example"] == nil || d["theirs.example"] == nil || c.Bounces["Unused"] != nil || c.Bounces["Used"] == nil {
			t.Errorf("got\n%s", Encode(c))
		}
		if len(told()) != 1 || !slices.Equal(told()[0].Kept, []string{`destination_controls."both.example"`, "bounce_profiles.Used"}) {
			t.Errorf("told %+v", told())
		}
	})
}

// A certificate on trial, or one that was renewed meanwhile, never gives way to an older one.
func TestRevertKeepsCertificates(t *testing.T) {
	for _, renewedBy := range []Author{alice, bob} {
		synctest.Test(t, func(t *testing.T) {
			s := newTestStore(t)
			watch(t, s)
			ref := CertificateRef("mx")
			mustCommit(t, s, func(c *Config) {
				c.Certificates["mx"] = &Certificate{}
				c.Refs[ref] = put(t, s, "old")
			})
			renewed := put(t, s, "renewed")
			commitFor(t, s, time.Minute, func(c *Config) {
				c.Certificates["mx"].Pending = true
				c.Listeners["InboundMail"].Certificates = []string{"mx"}
				if renewedBy == alice {
					c.Refs[ref] = renewed
				}
			})
			if renewedBy == bob {
				mustCommit(t, s, func(c *Config) {
					c.Refs[ref] = renewed
					c.Certificates["mx"].Pending = false
				})
			}
			pass(time.Minute)
			c := s.Running().Config
			pending := renewedBy == alice // that it waits for an answer belongs to the content that stays
			if c.Refs[ref] != renewed || c.Certificates["mx"].Pending != pending || len(c.Listeners["InboundMail"].Certificates) > 0 && c.Listeners["InboundMail"].Certificates[0] == "mx" {
				t.Errorf("renewed by %s: got\n%s%v", renewedBy.User, Encode(c), c.Refs)
			}
		})
	}
}

func TestRevertThatIsNotPossibleYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestStore(t)
		told := watch(t, s)
		commitFor(t, s, time.Minute, hops(77))
		s.SetAppliers(refusing{})
		pass(10 * time.Minute)
		if _, waiting := s.Waiting(); len(told()) != 1 || told()[0].Err == nil || s.Running().Config.Injection.MaxHops != 77 || !waiting {
			t.Fatalf("told %v", told())
		}
		if line := told()[0].String(); !strings.HasSuffix(line, "was not confirmed and cannot be reverted yet: port 25 is in use") {
			t.Error(line)
		}
		s.SetAppliers()
		pass(retryRevert)
		if len(told()) != 2 || s.Running().Config.Injection.MaxHops == 77 {
			t.Errorf("told %v", told())
		}
	})
}

type refusing struct{}

func (refusing) Prepare(context.Context, *Config, *Config) (Prepared, error) {
	return nil, errors.New("port 25 is in use")
}

func TestNothingLeftToRevert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestStore(t)
		told := watch(t, s)
		was := s.Running().Config.Injection.MaxHops
		commitFor(t, s, time.Minute, hops(77))
		mustCommit(t, s, hops(was))
		pass(time.Minute)
		if len(told()) != 1 || !told()[0].Nothing || len(s.Revisions()) != 3 {
			t.Errorf("told %v", told())
		}
		if w := waits(t, s); len(w.Revisions) > 0 {
			t.Errorf("waits %+v", w)
		}
	})
}

func TestWaitOverRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestStore(t)
		commitFor(t, s, 10*time.Minute, hops(77))
		mustCommit(t, s, func(c *Config) { c.Delivery.Concurrency = 9 })
		pass(9 * time.Minute)
		again := mustOpen(t, s.dir)
		if again.Running().Config.Injection.MaxHops != 77 || !waits(t, again).Has(2) {
			t.Error("reverted too early")
		}
		pass(time.Hour)
		again = mustOpen(t, s.dir)
		c := again.Running()
		if c.Config.Injection.MaxHops == 77 || c.Config.Delivery.Concurrency != 9 || c.Revision.Number != 4 {
			t.Errorf("runs %+v", c)
		}
		told := watch(t, again)
		synctest.Wait()
		if len(told()) != 1 || told()[0].Revision != c.Revision {
			t.Errorf("told %v", told())
		}
	})
}

// A clock that was set back while the appliance was off does not make the wait endless.
func TestWaitIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestStore(t)
		r := commitFor(t, s, time.Hour, hops(77))
		path := s.revisionPath(2)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		far := strings.Replace(string(data), r.Waiting.Until.UTC().Format("confirm_by = 2006"), "confirm_by = 2999", 1)
		if far == string(data) {
			t.Fatalf("no deadline in %s", data)
		}
		if err := os.WriteFile(path, []byte(far), 0o600); err != nil {
			t.Fatal(err)
		}
		again := mustOpen(t, s.dir)
		watch(t, again)
		pass(MaxConfirm)
		if again.Running().Config.Injection.MaxHops == 77 {
			t.Error("it waits on")
		}
	})
}

// What a revert needs is kept, however much others commit.
func TestWaitKeepsRevisions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestStore(t)
		watch(t, s)
		mustCommit(t, s, hops(66))
		commitFor(t, s, time.Hour, hops(77))
		for i := range keptRevisions + 5 {
			mustCommit(t, s, func(c *Config) { c.Delivery.Concurrency = i + 1 })
		}
		waits(t, s)
		pass(time.Hour)
		if got := s.Running().Config.Injection.MaxHops; got != 66 {
			t.Errorf("%d hops", got)
		}
		if files, _ := filepath.Glob(filepath.Join(s.dir, revisionsName, "*")); len(files) != keptRevisions || len(s.Revisions()) != keptRevisions {
			t.Errorf("%d files, %d revisions", len(files), len(s.Revisions()))
		}
	})
}

// Whatever step fails: never is a change on trial in force without its deadline.
func TestConfirmedCommitWithFaultAtEveryStep(t *testing.T) {
	t.Parallel()
	for name, edit := range edits {
		everyFault(t, func(t *testing.T, fault faultFS) bool {
			s, fsys := newFaultyStore(t)
			c := s.Candidate()
			edit(t, s, c.Config)
			*fsys = fault
			_, err := s.CommitConfirmed(context.Background(), c, alice, "", true, time.Hour)
			hit := fsys.failed > 0
			*fsys = faultFS{failAt: -1}
			again := mustOpen(t, s.dir)
			w, waiting := again.Waiting()
			if inForce := again.Running().Revision.Number == 3; inForce != waiting || waiting != w.Has(3) {
				t.Errorf("%s, %+v: revision %d, waiting %v", name, fault, again.Running().Revision.Number, waiting)
			}
			if _, here := s.Waiting(); here != (err == nil) {
				t.Errorf("%s, %+v: %v, waiting %v", name, fault, err, here)
			}
			return hit
		})
	}
}

// A confirmation that fails leaves the deadline; one that succeeds is there after the power has gone.
func TestConfirmWithFaultAtEveryStep(t *testing.T) {
	t.Parallel()
	everyFault(t, func(t *testing.T, fault faultFS) bool {
		s, fsys := newFaultyStore(t)
		c := s.Candidate()
		c.Config.Injection.MaxHops = 77
		if _, err := s.CommitConfirmed(context.Background(), c, alice, "", true, time.Hour); err != nil {
			t.Fatal(err)
		}
		*fsys = fault
		_, err := s.Confirm(context.Background(), anybody)
		hit := fsys.failed > 0
		*fsys = faultFS{failAt: -1}
		again := mustOpen(t, s.dir)
		_, saved := again.Waiting()
		_, here := s.Waiting()
		if here != (err != nil) || err == nil && saved || err != nil && !saved && !fault.dead || again.Running().Config.Injection.MaxHops != 77 {
			t.Errorf("%+v: %v, waits %v, on disk %v", fault, err, here, saved)
		}
		return hit
	})
}

// An overdue change that cannot be reverted at a start is reverted at the next, whatever the first has left.
func TestRevertAtStartWithFaultAtEveryStep(t *testing.T) {
	t.Parallel()
	everyFault(t, func(t *testing.T, fault faultFS) (hit bool) {
		synctest.Test(t, func(t *testing.T) {
			s, _ := newFaultyStore(t)
			before := s.Running().Config
			commitFor(t, s, time.Minute, hops(77))
			pass(time.Hour)
			fsys := &fault
			first, err := open(fsys, s.dir)
			if err != nil {
				t.Fatalf("%+v: %v", fault, err)
			}
			hit = fsys.failed > 0
			*fsys = faultFS{failAt: -1}
			told := watch(t, first)
			synctest.Wait()
			if again := mustOpen(t, s.dir); len(told()) != 1 || !reflect.DeepEqual(again.Running(), first.Running()) || !reflect.DeepEqual(again.Running().Config, before) {
				t.Errorf("%+v: told %v, revision %d", fault, told(), again.Running().Revision.Number)
			}
			waits(t, first)
		})
		return hit
	})
}

// everyFault calls try with a fault at each step in every mode, until it says that the fault was not hit any more.
func everyFault(t *testing.T, try func(t *testing.T, fault faultFS) (hit bool)) {
	t.Helper()
	for _, mode := range faultModes {
		failures := 0
		for try(t, faultFS{failAt: failures, dead: mode&1 != 0, after: mode&2 != 0}) {
			failures++
		}
		if failures < 5 {
			t.Errorf("only %d steps", failures)
		}
	}
}
