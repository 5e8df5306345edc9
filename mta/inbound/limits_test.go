package inbound

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"posthouse/internal/dns"
)

func TestHourIsForgotten(t *testing.T) {
	l := newLimits()
	start := time.Unix(1e9, 0)
	for i := range 100 {
		addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		if !l.recipient(addr, 1, start) || l.recipient(addr, 1, start.Add(59*time.Minute)) {
			t.Fatal("one recipient an hour is not what is let through")
		}
	}
	if l.recipient(netip.MustParseAddr("192.0.2.200"), -1, start); len(l.hours) != 100 {
		t.Error("what has no limit is counted")
	}
	if l.recipient(netip.MustParseAddr("192.0.2.1"), 1, start.Add(time.Hour)); len(l.hours) != 1 {
		t.Errorf("%d hours are kept, want 1", len(l.hours))
	}
}

func TestRefusingIsBounded(t *testing.T) {
	l := newLimits()
	want := map[admission]int{admitted: 5, tooMany: maxRefusing, flooded: 100 - 5 - maxRefusing}
	got := map[admission]int{}
	for range 100 {
		got[l.enter(5)]++
	}
	for how, n := range want {
		if got[how] != n {
			t.Errorf("%d of kind %d, want %d", got[how], how, n)
		}
	}
	for range 100 {
		l.exit()
	}
	if l.enter(5) != admitted {
		t.Error("what has left still counts")
	}
}

// deaf is a nameserver that never answers, which may be known already.
type deaf struct{ known bool }

func (d deaf) Answering(netip.Addr) bool { return !d.known }

func (deaf) Reverse(ctx context.Context, _ netip.Addr) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (deaf) Addresses(ctx context.Context, _ string) ([]dns.Addr, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestLookupIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			known, needed bool
			want          time.Duration
		}{{false, false, lookupForLog}, {false, true, lookupNeeded}, {true, false, deafForLog}, {true, true, deafNeeded}} {
			start := time.Now()
			name, verified, _ := reverseName(context.Background(), deaf{test.known}, netip.MustParseAddr("192.0.2.1"), test.needed)
			if took := time.Since(start); took != test.want || name != "" || verified {
				t.Errorf("%+v: %v, %q %v", test, took, name, verified)
			}
		}
	})
}

// TestAnUnreachableNameserverIsAskedOnceAMinute: else each banner would wait for it.
func TestAnUnreachableNameserverIsAskedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		addr := netip.MustParseAddr("192.0.2.1")
		for needed, pause := range map[bool]time.Duration{false: forgetForLog, true: forgetNeeded} {
			l := New(Options{Names: deaf{}})
			waits := func() bool {
				start := time.Now()
				l.nameOf(t.Context(), addr, needed)
				return time.Since(start) > 0
			}
			if !waits() || waits() {
				t.Error("the failure is not remembered")
			}
			time.Sleep(pause)
			if !waits() {
				t.Error("the failure is remembered for ever")
			}
			for i := range 2*maxNameless + 1 {
				l.names.add(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), time.Now().Add(time.Minute), time.Now())
			}
			if n := len(l.names.until); n > maxNameless {
				t.Errorf("%d addresses are remembered", n)
			}
		}
	})
}

// TestReverseName lists which name a peer gets, whatever its zone says of it.
func TestReverseName(t *testing.T) {
	peer, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	names := &dns.Fake{
		Names: map[netip.Addr][]string{peer: {"lie.example", "gone.example", "true.example"}, other: {"lie.example"}},
		Hosts: map[string][]netip.Addr{"lie.example": {netip.MustParseAddr("198.51.100.1")}, "true.example": {other, peer}},
	}
	for addr, want := range map[netip.Addr]struct {
		name     string
		verified bool
	}{
		peer:                             {"true.example", true},
		other:                            {"lie.example", false},
		netip.MustParseAddr("192.0.2.3"): {"", false},
	} {
		if name, verified, err := reverseName(context.Background(), names, addr, true); name != want.name || verified != want.verified || err != nil {
			t.Errorf("%v: %q %v, %v", addr, name, verified, err)
		}
	}
}

// A peer is no other for each address that it takes within its own network.
func TestHandshakesOfASource(t *testing.T) {
	for _, c := range []struct {
		first, second string
		want          bool
	}{
		{"2001:db8:1:2::1", "2001:db8:1:2:3::4", false},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", true},
		{"192.0.2.1", "192.0.2.1", false},
		{"192.0.2.1", "192.0.2.2", true},
	} {
		var h handshakes
		first, second := netip.MustParseAddr(c.first), netip.MustParseAddr(c.second)
		if !h.enter(first, 10, 1) {
			t.Fatal("the first is refused")
		}
		if got := h.enter(second, 10, 1); got != c.want {
			t.Errorf("%s beside %s: %v", c.second, c.first, got)
		}
		h.exit(first)
		if !c.want && !h.enter(second, 10, 1) {
			t.Errorf("%s is refused when %s is gone", c.second, c.first)
		}
	}
}
