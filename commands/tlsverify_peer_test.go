package commands

import (
	"net/netip"
	"testing"

	"posthouse/internal/dns"
)

func TestTLSVerifyPeer(t *testing.T) {
	b := newBench(t)
	addr := netip.MustParseAddr("192.0.2.7")
	b.engine.resolver = &dns.Fake{
		Hosts: map[string][]netip.Addr{"mx.partner.example": {addr}},
		Names: map[netip.Addr][]string{addr: {"mx.partner.example"}, netip.MustParseAddr("192.0.2.8"): {"mx.partner.example"}},
	}
	b.exec(0, `listenerconfig edit InboundMail hostaccess new policy STRICT accept tls required tls_verify on;`+
		`listenerconfig edit InboundMail hostaccess new sendergroup PARTNERS .partner.example policy STRICT; commit "partners"`, "")
	for _, word := range []string{"192.0.2.7", "mx.partner.example"} {
		contains(t, b.exec(0, "tlsverify peer "+word, ""),
			"InboundMail   192.0.2.7  mx.partner.example  PARTNERS      .partner.example  ACCEPT  required  must verify",
			"OutboundMail  192.0.2.7  mx.partner.example  None          ALL               REJECT  off       not asked for")
	}
	// A name that does not lead back proves nothing.
	contains(t, b.exec(0, "tlsverify peer 192.0.2.8", ""), "InboundMail   192.0.2.8  -     None          ALL      ACCEPT  off  not asked for")
	contains(t, b.exec(0, "tlsverify peer 192.0.2.8 --json", ""), `"sender_group": "None"`)
	b.fails("tlsverify peer x..y", "", `Invalid`)
	b.fails("tlsverify peer", "", "Invalid number of words")
}
