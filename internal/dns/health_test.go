package dns

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"posthouse/internal/dns/dnstest"
)

// TestSilentServersAreAskedLast: a server that does not answer costs a few questions their patience, and no more until it
// has had its rest.
func TestSilentServersAreAskedLast(t *testing.T) {
	t.Parallel()
	good, silent := dnstest.Start(t), dnstest.Start(t)
	names := []string{"a.example", "b.example", "c.example", "d.example", "e.example", "f.example"}
	for _, name := range names {
		silent.Odd(name, func(*mdns.Msg, bool) *mdns.Msg { return nil })
	}
	r := asking(silent.Address, good.Address)
	now := time.Now()
	r.health.now = func() time.Time { return now }
	ask := func(name string) int {
		before := silent.Asked(name)
		if _, err := r.MX(t.Context(), name); KindOf(err) != NotFound {
			t.Fatalf("%s: %v", name, err)
		}
		return silent.Asked(name) - before
	}
	for i, name := range names {
		want := 0
		if i < slowAfter {
			want = 1
		}
		if n := ask(name); n != want {
			t.Errorf("question %d: the silent server was asked %d times, want %d", i, n, want)
		}
	}
	addr := netip.MustParseAddr("192.0.2.1")
	if !r.Answering(addr) {
		t.Error("one server answers, and it is not told")
	}
	now = now.Add(slowRest)
	if n := ask("a.example"); n != 1 {
		t.Errorf("after its rest the silent server was asked %d times, want 1", n)
	}
	if n := ask("b.example"); n != 0 {
		t.Errorf("it stays silent and was asked %d times", n)
	}
	now = now.Add(slowRest)
	silent.Odd("c.example", func(q *mdns.Msg, _ bool) *mdns.Msg { return new(mdns.Msg).SetRcode(q, mdns.RcodeNameError) })
	for range 2 {
		if n := ask("c.example"); n != 1 {
			t.Errorf("it answers again and was asked %d times, want 1", n)
		}
	}
}

// TestWithoutAnyServerThatAnswers holds what is known then, and that each question tries each server once.
func TestWithoutAnyServerThatAnswers(t *testing.T) {
	t.Parallel()
	silent := dnstest.Start(t)
	silent.Odd("a.example", func(*mdns.Msg, bool) *mdns.Msg { return nil })
	r := asking(silent.Address)
	r.timeout = 50 * time.Millisecond
	addr := netip.MustParseAddr("192.0.2.1")
	for range 2 { // each asks twice
		if !r.Answering(addr) {
			t.Error("given up too soon")
		}
		if _, err := r.MX(t.Context(), "a.example"); KindOf(err) != Temporary {
			t.Errorf("MX: %v", err)
		}
	}
	if r.Answering(addr) {
		t.Error("nothing answers, and it is not noticed")
	}
	before := silent.Asked("a.example")
	r.MX(t.Context(), "a.example")
	if n := silent.Asked("a.example") - before; n != 1 {
		t.Errorf("asked %d times, want 1", n)
	}
	r.timeout = aMoment
	if _, err := r.MX(t.Context(), "b.example"); KindOf(err) != NotFound || !r.Answering(addr) {
		t.Errorf("an answer does not end the outage: %v", err)
	}
}

// TestUnderWayIsBounded: a server has no more than so many questions at once, and who waits for it waits no longer than
// for an answer.
func TestUnderWayIsBounded(t *testing.T) {
	h := newHealth(time.Now)
	var leaves []func()
	for range maxUnderWay {
		leave, err := h.enter(t.Context(), "192.0.2.1:53")
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leave)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.enter(ended, "192.0.2.1:53"); !errors.Is(err, errBusy) {
		t.Errorf("one too many: %v", err)
	}
	if _, err := h.enter(t.Context(), "192.0.2.2:53"); err != nil {
		t.Errorf("another server: %v", err)
	}
	leaves[0]()
	if _, err := h.enter(t.Context(), "192.0.2.1:53"); err != nil {
		t.Errorf("a slot that was given back: %v", err)
	}
}

// Whoever cannot wait says nothing about the server, unless he has waited long enough.
func TestImpatienceIsNoFaultOfTheServer(t *testing.T) {
	silent := dnstest.Start(t)
	silent.Odd("a.example", func(*mdns.Msg, bool) *mdns.Msg { return nil })
	r := asking(silent.Address)
	for range 2 * slowAfter {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		r.MX(ctx, "a.example")
		cancel()
	}
	if !r.Answering(netip.MustParseAddr("192.0.2.1")) {
		t.Error("a server counts as silent that had no time to answer")
	}
}
