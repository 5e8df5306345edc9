package acme

import (
	"crypto/x509"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// window makes an authority advise the same two times, counted from the beginning of the certificate.
func window(from, to, again time.Duration) func(*x509.Certificate) (advice, error) {
	return func(leaf *x509.Certificate) (advice, error) {
		return advice{start: leaf.NotBefore.Add(from), end: leaf.NotBefore.Add(to), askAgain: time.Now().Add(again), explanation: "https://ca.example/why"}, nil
	}
}

func TestAdviceIsFollowed(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newStage(t, fresh("mx", "mx.example.com"))
		s.authority.window = window(20*day, 22*day, 6*time.Hour)
		s.start()
		defer func() { s.end() }()
		pass(time.Minute)
		first, chosen := s.current(), s.status()
		if !chosen.Advised || chosen.Next.Before(first.Leaf().NotBefore.Add(20*day)) || chosen.Next.After(first.Leaf().NotBefore.Add(22*day)) {
			t.Fatalf("status %+v", chosen)
		}
		pass(10 * day)
		s.restart()
		pass(time.Minute)
		if now := s.status(); !now.Next.Equal(chosen.Next) {
			t.Errorf("the time moved from %v to %v", chosen.Next, now.Next)
		}
		pass(13 * day)
		if n := s.authority.count(); n != 2 {
			t.Fatalf("%d orders, want 2", n)
		}
		o, at := s.authority.last()
		if o.replaces == nil || !o.replaces.Equal(first.Leaf()) {
			t.Error("the order does not name the certificate that it replaces")
		}
		if at.Sub(chosen.Next) > time.Minute || at.Before(chosen.Next) {
			t.Errorf("renewed at %v, chosen was %v", at, chosen.Next)
		}
	})
}

// TestAdviceMoves is a mass revocation: the window is suddenly over.
func TestAdviceMoves(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newStage(t, fresh("mx", "mx.example.com"))
		s.authority.window = window(60*day, 61*day, 6*time.Hour)
		s.start()
		defer s.end()
		pass(5 * day)
		s.authority.set(func() {
			s.authority.window = func(leaf *x509.Certificate) (advice, error) {
				if time.Since(leaf.NotBefore) < day {
					return window(60*day, 61*day, 6*time.Hour)(leaf)
				}
				return window(day, 2*day, 6*time.Hour)(leaf)
			}
		})
		pass(7 * time.Hour)
		if n := s.authority.count(); n != 2 {
			t.Errorf("%d orders, want 2", n)
		}
		if s.said("the authority moves the renewal to") != 1 || s.said("https://ca.example/why") != 1 {
			t.Errorf("lines %q", s.lines)
		}
	})
}

// TestAdviceOfThePast is an authority that wants each certificate replaced as soon as it is there, or a clock that is far
// ahead: the authority's limits are not spent within minutes.
func TestAdviceOfThePast(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newStage(t, fresh("mx", "mx.example.com"))
		s.authority.window = window(-2*day, -day, time.Hour)
		s.start()
		defer s.end()
		pass(day)
		if n := s.authority.count(); n < 4 || n > 6 {
			t.Errorf("%d orders in a day", n)
		}
	})
}

func TestAdviceFails(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newStage(t, fresh("mx", "mx.example.com"))
		var asked atomic.Int32
		s.authority.window = func(*x509.Certificate) (advice, error) {
			asked.Add(1)
			return advice{}, errors.New("down")
		}
		s.start()
		defer s.end()
		pass(30 * day)
		if n := s.authority.count(); n != 1 || s.status().Advised {
			t.Errorf("%d orders, status %+v", n, s.status())
		}
		if n := asked.Load(); n < 100 || n > 160 {
			t.Errorf("asked %d times in thirty days", n)
		}
		pass(32 * day)
		if n := s.authority.count(); n != 2 {
			t.Errorf("%d orders, want 2", n)
		}
	})
}

func TestScheduleBounds(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	leaf := &x509.Certificate{Raw: []byte("a"), NotBefore: now, NotAfter: now.Add(90 * day)}
	for _, tt := range []struct {
		name                string
		a                   advice
		early, late         time.Duration // of the renewal
		askEarly, askLatest time.Duration
	}{
		{"usual", advice{start: now.Add(60 * day), end: now.Add(62 * day)}, 60 * day, 62 * day, askAgainUsual, askAgainUsual},
		{"window behind the end", advice{start: now.Add(100 * day), end: now.Add(101 * day)}, 81 * day, 81 * day, askAgainUsual, askAgainUsual},
		{"asked too often", advice{start: now, end: now.Add(day), askAgain: now.Add(time.Second)}, 0, day, askAgainLeast, askAgainLeast},
		{"asked too seldom", advice{start: now, end: now.Add(day), askAgain: now.Add(100 * day)}, 0, day, askAgainMost, askAgainMost},
	} {
		var s schedule
		s.settle(leaf)
		s.follow(leaf, "https://ca.example", tt.a, now)
		if got := s.Renew.Sub(now); got < tt.early || got > tt.late {
			t.Errorf("%s: renewal after %s", tt.name, got)
		}
		if got := s.Ask.Sub(now); got < tt.askEarly || got > tt.askLatest {
			t.Errorf("%s: asked again after %s", tt.name, got)
		}
	}
}

func TestSpreadAndBackoff(t *testing.T) {
	if spread(0) != 0 || spread(-1) != 0 {
		t.Error("spread of nothing")
	}
	for failures := 1; failures < 100; failures++ {
		if got := backoff(failures); got <= 0 || got > lastBackoff {
			t.Errorf("%d failures: %s", failures, got)
		}
	}
	seen := map[time.Time]bool{}
	leaf := &x509.Certificate{NotBefore: time.Unix(0, 0), NotAfter: time.Unix(0, 0).Add(90 * day)}
	for range 10 {
		seen[ownChoice(leaf)] = true
	}
	if len(seen) < 5 {
		t.Error("everybody renews at the same time")
	}
}

// TestPredecessorRefused is an authority that does not take the certificate for one of the account's.
func TestPredecessorRefused(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newStage(t, fresh("mx", "mx.example.com"))
		s.authority.window = window(20*day, 22*day, 6*time.Hour)
		s.authority.predecessor = errors.New("unauthorized: requester account did not request the certificate being replaced")
		s.start()
		defer s.end()
		pass(22*day + time.Hour)
		if st := s.status(); s.authority.count() != 3 || st.State != StateValid {
			t.Errorf("%d orders, status %+v", s.authority.count(), st)
		}
	})
}
