package dns

import (
	"net/netip"
	"testing"
)

func TestPublic(t *testing.T) {
	for addr, want := range map[string]bool{
		"192.88.99.1": true, "8.8.8.8": true, "::ffff:8.8.8.8": true, "2a00:1450::1": true,
		"127.0.0.1": false, "::1": false, "0.0.0.0": false, "0.1.2.3": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false,
		"::ffff:10.1.2.3": false, "100.64.0.1": false, "100.128.0.1": true, "169.254.169.254": false, "224.0.0.1": false,
		"255.255.255.255": false, "240.0.0.1": false, "198.19.0.1": false, "192.0.0.8": false, "fe80::1": false, "fd00::1": false,
		"ff02::1": false, "64:ff9b::a01:203": false, "64:ff9b:1::a01:203": false, "2002:a01:203::1": false,
	} {
		if got := Public(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v, want %v", addr, got, want)
		}
	}
	if Public(netip.Addr{}) {
		t.Error("no address is public")
	}
}
