package acme

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"posthouse/certstore"
)

// pinned is a stage whose certificate is in service and pinned by a record.
func pinned(t *testing.T) *stage {
	s := newStage(t, fresh("mx", "mx.example.com", "*.example.com"))
	s.start()
	pass(time.Minute)
	s.publish("mx.example.com", time.Hour, digestOf(t, s.current()))
	return s
}

// nextDigest is what the announced record holds.
func nextDigest(t *testing.T, s *stage) string {
	t.Helper()
	st := s.status()
	if len(st.TLSA) != 1 || !strings.HasPrefix(st.TLSA[0], "_25._tcp.mx.example.com. IN TLSA 3 1 1 ") {
		t.Fatalf("records %q", st.TLSA)
	}
	return st.TLSA[0][strings.LastIndex(st.TLSA[0], " ")+1:]
}

func TestNextKeyIsToldAndAwaited(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := pinned(t)
		defer func() { s.end() }()
		pass(day)
		next := nextDigest(t, s)
		if s.said("publish the next key's TLSA record, beside the present one: _25._tcp.mx.example.com. IN TLSA 3 1 1 "+next) != 1 {
			t.Errorf("lines %q", s.lines)
		}
		if s.alerts(Information, next) != 1 {
			t.Errorf("notices %v", s.notices)
		}
		s.restart()
		pass(61 * day) // the renewal is due
		if got := nextDigest(t, s); got != next {
			t.Fatal("a restart makes another key")
		}
		if st := s.status(); s.authority.count() != 1 || st.State != StateWaiting || st.Failures != 0 {
			t.Fatalf("%d orders, status %+v", s.authority.count(), st)
		}
		if s.alerts(Warning, "waits for a TLSA record") == 0 || s.alerts(Warning, next) == 0 {
			t.Errorf("notices %v", s.notices)
		}
		if err := s.m.RenewNow(t.Context(), "mx"); !errors.Is(err, ErrWaiting) || !strings.Contains(err.Error(), next) {
			t.Errorf("got %v", err)
		}
		now := digestOf(t, s.current())
		s.publish("mx.example.com", time.Hour, now, next)
		pass(time.Hour + time.Minute)
		if s.authority.count() != 1 || s.status().Usable.IsZero() {
			t.Errorf("%d orders at the first sight of the record; status %+v", s.authority.count(), s.status())
		}
		if st := s.status(); st.Usable.Sub(st.Seen) != 2*time.Hour {
			t.Errorf("usable %s after it was seen, want twice the time to live", st.Usable.Sub(st.Seen))
		}
		pass(2*time.Hour + time.Minute)
		if s.authority.count() != 2 || digestOf(t, s.current()) != next {
			t.Fatalf("%d orders; lines %q", s.authority.count(), s.lines)
		}
		// The operator takes the old record away, and the round begins anew with another key.
		s.publish("mx.example.com", time.Hour, next)
		pass(day)
		if again := nextDigest(t, s); again == next || again == now {
			t.Error("the next key is an old one")
		}
	})
}

// TestRecordPublishedInTime is the usual case: nobody waits for anything when the renewal is due.
func TestRecordPublishedInTime(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := pinned(t)
		defer s.end()
		pass(day)
		next := nextDigest(t, s)
		s.publish("mx.example.com", time.Hour, digestOf(t, s.current()), next)
		pass(62 * day)
		if s.authority.count() != 2 || digestOf(t, s.current()) != next || s.alerts(Warning, "") != 0 {
			t.Errorf("%d orders; notices %v", s.authority.count(), s.notices)
		}
	})
}

// TestRecordNeverPublished says that neither DANE nor the certificate's end breaks the service: the present key goes on.
func TestRecordNeverPublished(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := pinned(t)
		defer s.end()
		first := s.current()
		pass(80 * day)
		if s.authority.count() != 1 {
			t.Fatalf("%d orders", s.authority.count())
		}
		if s.alerts(Critical, "waits for a TLSA record") == 0 {
			t.Error("nobody is told with urgency that the end is near")
		}
		pass(2 * day)
		if s.authority.count() != 2 || digestOf(t, s.current()) != digestOf(t, first) || s.current().Leaf().Equal(first.Leaf()) {
			t.Fatalf("%d orders; lines %q", s.authority.count(), s.lines)
		}
		if s.said("the present key is used once more") != 1 {
			t.Errorf("lines %q", s.lines)
		}
		if st := s.status(); st.State != StateValid || len(st.TLSA) != 1 {
			t.Errorf("status %+v", st)
		}
	})
}

func TestRecordVanishes(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := pinned(t)
		defer s.end()
		pass(day)
		next, now := nextDigest(t, s), digestOf(t, s.current())
		s.publish("mx.example.com", time.Hour, now, next)
		pass(30 * day)
		if s.status().Usable.IsZero() {
			t.Fatalf("status %+v", s.status())
		}
		s.publish("mx.example.com", time.Hour, now)
		pass(32 * day)
		if s.authority.count() != 1 || s.status().State != StateWaiting {
			t.Errorf("%d orders, status %+v", s.authority.count(), s.status())
		}
	})
}

// TestDNSIsDown waits for an answer while there is time, and then goes the way that breaks nothing.
func TestDNSIsDown(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := pinned(t)
		defer s.end()
		first := digestOf(t, s.current())
		pass(2 * day)
		s.mu.Lock()
		s.dnsFault = errors.New("no nameserver answers")
		s.mu.Unlock()
		pass(70 * day)
		if s.authority.count() != 1 {
			t.Fatalf("%d orders", s.authority.count())
		}
		pass(11 * day)
		if s.authority.count() != 2 || digestOf(t, s.current()) != first {
			t.Errorf("%d orders", s.authority.count())
		}
	})
}

func TestNextKeyIsLost(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := pinned(t)
		defer s.end()
		pass(day)
		next, now := nextDigest(t, s), digestOf(t, s.current())
		s.publish("mx.example.com", time.Hour, now, next)
		pass(day)
		if err := os.RemoveAll(s.keyPath()); err != nil {
			t.Fatal(err)
		}
		pass(62 * day)
		if s.said("the next key is lost") == 0 || nextDigest(t, s) == next {
			t.Errorf("lines %q", s.lines)
		}
		if got := digestOf(t, s.current()); got != now {
			t.Error("a key without a record is in service")
		}
	})
}

// TestUnpinned says that nobody waits where records hold neither key, or another usage.
func TestUnpinned(t *testing.T) {
	timed(t, func(t *testing.T) {
		s := newStage(t, fresh("mx", "mx.example.com"))
		s.publish("mx.example.com", time.Hour, strings.Repeat("ab", 32))
		s.start()
		defer s.end()
		pass(65 * day)
		if s.authority.count() != 2 || len(s.status().TLSA) != 0 {
			t.Errorf("%d orders, status %+v", s.authority.count(), s.status())
		}
	})
}

// TestFirstCertificateOfPinnedKey says that a placeholder that DANE relies on, or may rely on, gets its certificate at
// once and with the key that it has.
func TestFirstCertificateOfPinnedKey(t *testing.T) {
	for _, down := range []bool{false, true} {
		timed(t, func(t *testing.T) {
			own, err := certstore.Create(certstore.Request{CommonName: "mx.example.com", Days: 90})
			if err != nil {
				t.Fatal(err)
			}
			p := fresh("mx", "mx.example.com")
			p.Current = own
			s := newStage(t, p)
			s.publish("mx.example.com", time.Hour, digestOf(t, own))
			if down {
				s.dnsFault = errors.New("no nameserver answers")
			}
			s.start()
			defer s.end()
			pass(time.Minute)
			if got := s.current(); got == nil || digestOf(t, got) != digestOf(t, own) {
				t.Errorf("installed %v; lines %q", got, s.lines)
			}
		})
	}
}
