package acme

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"posthouse/certstore"
)

func TestFirstCertificate(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newStage(t, fresh("mx", "mx.example.com", "mail.example.com"))
		s.start()
		defer s.end()
		pass(time.Hour)
		if n := s.authority.count(); n != 1 {
			t.Fatalf("%d orders, want 1", n)
		}
		p := s.current()
		if p == nil || !sameNames(p.Leaf().DNSNames, []string{"mail.example.com", "mx.example.com"}) {
			t.Fatalf("installed %v", p)
		}
		if st := s.status(); st.State != StateValid || !st.Expires.Equal(p.NotAfter()) || st.Failures != 0 || st.Error != "" {
			t.Errorf("status %+v", st)
		}
		if s.said(`ACME: profile "mx": certificate for mx.example.com, mail.example.com issued by Test Authority`) != 1 {
			t.Errorf("lines %q", s.lines)
		}
		if s.alerts(Information, "was renewed") != 1 {
			t.Errorf("notices %v", s.notices)
		}
	})
}

func TestRenewalWithoutAdvice(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newStage(t, fresh("mx", "mx.example.com"))
		s.start()
		defer s.end()
		pass(time.Minute)
		first := s.current()
		pass(55 * day)
		if n := s.authority.count(); n != 1 {
			t.Fatalf("%d orders before two thirds of the life are over", n)
		}
		pass(6 * day)
		if n := s.authority.count(); n != 2 {
			t.Fatalf("%d orders, want 2", n)
		}
		second := s.current()
		if digestOf(t, first) == digestOf(t, second) {
			t.Error("the key was used again")
		}
		o, at := s.authority.last()
		if o.replaces != nil {
			t.Error("the order names a predecessor to an authority that has given no advice")
		}
		if left := first.NotAfter().Sub(at); left < 29*day || left > 35*day {
			t.Errorf("renewed with %s left", left)
		}
		pass(365 * day)
		if n := s.authority.count(); n < 7 || n > 9 {
			t.Errorf("%d orders in fourteen months of 90 days", n)
		}
	})
}

func TestBackoff(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newStage(t, fresh("mx", "mx.example.com"))
		s.authority.fault = errors.New("connection refused\nby \x1b[31mthem")
		s.start()
		defer s.end()
		pass(8 * day)
		times := s.authority.times
		wait := firstBackoff
		for i := 1; i < len(times); i++ {
			if got := times[i].Sub(times[i-1]); got > wait || got < wait*3/4 {
				t.Errorf("try %d came after %s, want at most %s", i+1, got, wait)
			}
			wait = min(2*wait, lastBackoff)
		}
		if len(times) < 14 || len(times) > 20 {
			t.Errorf("%d tries in eight days", len(times))
		}
		st := s.status()
		if st.State != StateFailing || st.Failures != len(times) || st.Error != "connection refused by [31mthem" || !st.Next.After(time.Now()) {
			t.Errorf("status %+v", st)
		}
		if s.alerts(Warning, "cannot be renewed") != len(times) {
			t.Errorf("%d alerts", len(s.notices))
		}
		s.authority.set(func() { s.authority.fault = nil })
		pass(day)
		if st := s.status(); st.State != StateValid || st.Failures != 0 || st.Error != "" {
			t.Errorf("status %+v", st)
		}
	})
}

func TestBackoffSurvivesRestart(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newStage(t, fresh("mx", "mx.example.com"))
		s.authority.fault = errors.New("no")
		s.start()
		pass(3 * time.Hour)
		n := s.authority.count()
		s.restart()
		synctest.Wait()
		if s.authority.count() != n {
			t.Error("a restart forgets the failures")
		}
		// Other settings are another matter: the operator has mended something.
		s.apply(func(settings *Settings) { settings.HTTPPort = 8080 })
		synctest.Wait()
		if s.authority.count() != n+1 || s.status().Failures != 1 {
			t.Errorf("%d orders after %d, %d failures", s.authority.count(), n, s.status().Failures)
		}
		// The same settings once more are not.
		s.apply(func(*Settings) {})
		synctest.Wait()
		if s.authority.count() != n+1 {
			t.Error("the same settings again make it try again")
		}
		s.end()
	})
}

func TestStateIsPrivateAndOptional(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newStage(t, fresh("mx", "mx.example.com"))
		path := filepath.Join(s.dir, stateName)
		if err := os.WriteFile(path, []byte("{broken"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.start()
		pass(time.Minute)
		s.end()
		if s.said("the state of before is not used") != 1 || s.authority.count() != 1 {
			t.Errorf("lines %q", s.lines)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
		content, err := os.ReadFile(path)
		if err != nil || strings.Contains(string(content), "PRIVATE") {
			t.Errorf("%s, %v", content, err)
		}
	})
}

func TestRenewNow(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newStage(t, fresh("mx", "mx.example.com"))
		s.start()
		pass(time.Minute)
		if err := s.m.RenewNow(t.Context(), "mx"); err != nil || s.authority.count() != 2 {
			t.Errorf("%v after %d orders", err, s.authority.count())
		}
		if err := s.m.RenewNow(t.Context(), "other"); !errors.Is(err, ErrNotManaged) {
			t.Errorf("got %v", err)
		}
		s.authority.set(func() { s.authority.fault = errors.New("rateLimited: too many") })
		for range 2 { // the second in spite of the back-off
			if err := s.m.RenewNow(t.Context(), "mx"); err == nil || !strings.Contains(err.Error(), "rateLimited") {
				t.Errorf("got %v", err)
			}
		}
		release := make(chan struct{})
		s.authority.set(func() { s.authority.during = func() { <-release } })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := s.m.RenewNow(ctx, "mx"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		cancel()
		if st := s.status(); st.State != StateOrdering {
			t.Errorf("status %+v", st)
		}
		close(release)
		s.end()
		if err := s.m.RenewNow(t.Context(), "mx"); !errors.Is(err, ErrStopped) {
			t.Errorf("got %v", err)
		}
	})
}

func TestOneOrderAtATime(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newStage(t, fresh("a", "a.example.com"), fresh("b", "b.example.com"), fresh("c", "c.example.com"))
		s.authority.during = func() { time.Sleep(time.Minute) }
		s.start()
		defer s.end()
		pass(time.Hour)
		if n := s.authority.count(); n != 3 {
			t.Errorf("%d orders, want 3: %q", n, s.lines)
		}
		for _, st := range s.m.Status() {
			if st.State != StateValid {
				t.Errorf("status %+v", st)
			}
		}
	})
}

func TestInstallThatFailsKeepsTheCertificate(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newStage(t, fresh("mx", "mx.example.com"))
		s.refuse = errors.New("no space left on device")
		s.start()
		pass(time.Hour)
		s.restart() // the certificate is not lost by that either
		pass(time.Hour)
		if n := s.authority.count(); n != 1 || s.status().Failures < 2 {
			t.Errorf("%d orders, %d failures", n, s.status().Failures)
		}
		s.mu.Lock()
		s.refuse = nil
		s.mu.Unlock()
		pass(day)
		if n := s.authority.count(); n != 1 || s.current() == nil || s.status().State != StateValid {
			t.Errorf("%d orders, status %+v", n, s.status())
		}
		s.end()
	})
}

func TestUnmanagedDuringOrder(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newStage(t, fresh("mx", "mx.example.com"))
		s.authority.during = func() { s.apply(func(settings *Settings) { settings.Profiles = nil }) }
		s.start()
		defer s.end()
		pass(time.Hour)
		if s.current() != nil || len(s.m.Status()) != 0 || s.authority.count() != 1 {
			t.Errorf("installed %v after %d orders", s.current(), s.authority.count())
		}
	})
}

func TestOtherNames(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newStage(t, fresh("mx", "mx.example.com"))
		s.start()
		defer s.end()
		pass(time.Hour)
		s.apply(func(settings *Settings) { settings.Profiles[0].Names = []string{"mx.example.com", "mx2.example.com"} })
		pass(time.Minute)
		if n := s.authority.count(); n != 2 || len(s.current().Leaf().DNSNames) != 2 {
			t.Errorf("%d orders, names %q", n, s.current().Leaf().DNSNames)
		}
		// An authority that adds a name of its own is not asked over and over.
		s.authority.set(func() { s.authority.extra = []string{"www.example.com"} })
		s.apply(func(settings *Settings) { settings.Profiles[0].Names = []string{"mx3.example.com"} })
		pass(3*day + time.Hour)
		if n := s.authority.count(); n > 6 {
			t.Errorf("%d orders", n)
		}
	})
}

func TestWrongCertificate(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newStage(t, fresh("mx", "mx.example.com"))
		s.authority.life = -time.Hour
		s.start()
		defer s.end()
		pass(time.Minute)
		if st := s.status(); s.current() != nil || !strings.Contains(st.Error, "it has expired") {
			t.Errorf("status %+v", st)
		}
	})
}

func TestFaultCostsOneAttempt(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newStage(t, fresh("mx", "mx.example.com"))
		s.authority.during = func() { panic("a fault of ours") }
		s.start()
		defer s.end()
		pass(time.Minute)
		if st := s.status(); !strings.Contains(st.Error, "internal fault: a fault of ours") {
			t.Errorf("status %+v", st)
		}
		s.authority.set(func() { s.authority.during = nil })
		pass(time.Hour)
		if s.current() == nil {
			t.Error("nothing was obtained after the fault")
		}
	})
}

// TestKeyKind says that another kind of key comes with the next renewal, and at once when it is asked for.
func TestKeyKind(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newStage(t, fresh("mx", "mx.example.com"))
		s.start()
		defer s.end()
		pass(time.Minute)
		s.apply(func(settings *Settings) { settings.Profiles[0].Key = certstore.P384 })
		pass(day)
		if n := s.authority.count(); n != 1 {
			t.Fatalf("%d orders", n)
		}
		if err := s.m.RenewNow(t.Context(), "mx"); err != nil {
			t.Fatal(err)
		}
		if key, ok := s.current().Leaf().PublicKey.(*ecdsa.PublicKey); !ok || key.Params().BitSize != 384 {
			t.Errorf("key %v", s.current().Leaf().PublicKey)
		}
	})
}

// FuzzState says that a state of whatever content costs at most what is in it.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"account":{"directory":"https://ca.example"},"profiles":{"mx":{"failures":3,"next_key":{"id":"acmekey-1"}},"b":null}}`))
	f.Add([]byte(`{"profiles":null}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, content []byte) {
		s, err := decodeState(content)
		if s.Profiles == nil {
			t.Fatalf("no profiles, %v", err)
		}
		s.forget(&Settings{Profiles: []Managed{fresh("mx", "mx.example.com")}})
		w := s.Profiles["mx"]
		if w == nil || len(s.Profiles) != 1 {
			t.Fatalf("profiles %v", s.Profiles)
		}
		p := fresh("mx", "mx.example.com")
		statusOf(&p, w.clone(), time.Now())
		if _, err := s.encode(); err != nil && !strings.Contains(err.Error(), "year outside of range") {
			t.Errorf("it cannot be written again: %v", err)
		}
	})
}
