package outbound

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"posthouse/config"
	"posthouse/internal/dns"
)

func TestOutagesGrowAndEnd(t *testing.T) {
	var l outages
	addr := netip.MustParseAddrPort("192.0.2.1:25")
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	if l.lately(addr, now) {
		t.Error("an address that was never tried")
	}
	for _, want := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute, 5 * time.Minute} {
		l.failed(addr, now)
		l.failed(addr, now.Add(time.Second)) // another trip was under way
		if !l.lately(addr, now.Add(want-time.Second)) || l.lately(addr, now.Add(want)) {
			t.Errorf("it is not tried last for %v", want)
		}
		now = now.Add(want)
	}
	now = now.Add(outageMemory)
	if l.failed(addr, now); l.lately(addr, now.Add(firstOutage)) {
		t.Error("what was long ago still counts")
	}
	if l.reached(addr); l.lately(addr, now) {
		t.Error("an address that answers")
	}
}

func TestOutagesAreBounded(t *testing.T) {
	var l outages
	now := time.Now()
	for i := range 3 * mostOutages {
		l.failed(netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, byte(i >> 16), byte(i >> 8), byte(i)}), 25), now)
	}
	if len(l.list) > mostOutages {
		t.Errorf("%d addresses", len(l.list))
	}
	if l.forget(); len(l.list) != 0 {
		t.Error("something is left")
	}
}

// blackhole is an address where nobody accepts, and nobody refuses: the queue of connections is full.
func blackhole(t *testing.T) *peer {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	name := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if err := errors.Join(unix.Bind(fd, name), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.AddrPortFrom(netip.AddrFrom4(name.Addr), uint16(bound.(*unix.SockaddrInet4).Port))
	for range 10 {
		conn, err := net.DialTimeout("tcp", addr.String(), 200*time.Millisecond)
		if err != nil {
			return &peer{addr: addr}
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Skip("this system's queue of connections is never full")
	return nil
}

// TestASilentHostIsNotWaitedForAgain has a host fall silent: whoever tries it after the first does not wait as long.
func TestASilentHostIsNotWaitedForAgain(t *testing.T) {
	p := blackhole(t)
	b := newBench(t, func(b *bench, c *config.Config) {
		route(c, config.RouteAll, p)
		c.Delivery.ConnectTimeout = 3600
	})
	b.deliverer.probe = time.Millisecond
	b.deliverer.outages.failed(p.addr, time.Now()) // as the first has found out
	b.send("b@peer.example")
	b.until("Operation timed out")
}

// TestADeadHostIsTriedLast has two domains with the same exchangers, of which the better one is dead.
func TestADeadHostIsTriedLast(t *testing.T) {
	m := newMailbox(t, nil)
	b := newBench(t, func(b *bench, _ *config.Config) {
		b.port = int(m.peer.addr.Port())
		b.dns.Hosts = map[string][]netip.Addr{"dead.example": {netip.MustParseAddr("127.0.0.2")}, "mx.example": {m.peer.addr.Addr()}}
		both := []dns.MX{{Preference: 10, Host: "dead.example"}, {Preference: 20, Host: "mx.example"}}
		b.dns.MXs = map[string][]dns.MX{"one.example": both, "two.example": both, "three.example": both, "alone.example": both[:1]}
	})
	for _, test := range []struct {
		to      string
		refused bool
		before  func()
	}{
		{"b@one.example", true, func() {}},
		{"b@two.example", false, func() {}},
		{"b@three.example", true, b.deliverer.Retry},
		{"b@two.example", false, func() {}},
		{"b@alone.example", true, func() {}}, // nothing else is left
		{"b@one.example", true, b.deliverer.Committed},
	} {
		test.before()
		b.seen = nil
		b.send(test.to)
		switch {
		case strings.Contains(test.to, "alone"):
			b.until("pending till")
		case test.refused:
			b.until(" close")
			b.until(" close")
		default:
			b.until(" close")
		}
		if lines := strings.Join(b.seen, "\n"); strings.Contains(lines, "refused") != test.refused {
			t.Errorf("%s:\n%s", test.to, lines)
		}
	}
}
