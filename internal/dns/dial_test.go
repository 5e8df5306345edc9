package dns

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestDial(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	// Nothing listens on the first address; the second one is tried.
	r := &Fake{Hosts: map[string][]netip.Addr{"web.example": {netip.MustParseAddr("127.9.9.9"), netip.MustParseAddr("127.0.0.1")}}}
	for _, host := range []string{"web.example", "127.0.0.1"} {
		conn, err := Dial(t.Context(), r, "tcp", net.JoinHostPort(host, port), time.Minute)
		if err != nil {
			t.Fatalf("%s: %v", host, err)
		}
		conn.Close()
	}
	for address, want := range map[string]string{"gone.example:1": "NXDomain", "web.example": "missing port", "web.example:x": "invalid syntax"} {
		if _, err := Dial(context.Background(), r, "tcp", address, time.Minute); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", address, err)
		}
	}
}
