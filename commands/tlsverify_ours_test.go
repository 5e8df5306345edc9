package commands

import (
	"net/netip"
	"strings"
	"testing"

	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/mta"
)

// TestTLSVerifySelfSpeaksOfUs has listeners of ours that fail in the two ways of a first start: without TLS, and with the
// Demo certificate.
func TestTLSVerifySelfSpeaksOfUs(t *testing.T) {
	b := newVerifyBench(t)
	at := func(port string) {
		b.engine.listeners = []mta.ListenerStatus{{Name: "InboundMail", Addresses: []string{"127.0.0.1:" + port}}}
	}
	at(tlsPeer(t, nil))
	out := b.exec(1, "tlsverify self", "")
	contains(t, out, "mail.example.com  interface Management  not seen\n", "\nCause S2, STARTTLS is not offered.\n",
		"Whose fault: ours: TLS is off in the policy that applies to our own address, 127.0.0.1. What helps: switch it on with listenerconfig -> EDIT -> HOSTACCESS; ")

	at(tlsPeer(t, (*tlsIssuer)(nil).issue(t, "mail.example.com", false, "mail.example.com").with()))
	out += b.exec(1, "tlsverify self", "")
	contains(t, out, "mail.example.com  interface Management  yes\n", "\nCause V1, ", "Whose fault: ours: the Demo certificate encrypts and cannot be verified. What helps: ")

	at(tlsPeer(t, b.mid.issue(t, "other.example", false, "other.example").with(b.mid)))
	out += b.exec(1, "tlsverify self", "")
	contains(t, out, "mail.example.com  interface Management  NO\n", "\nCause V5, ", "Whose fault: ours: the certificate is good, but for other names than the interface's host name. ")
	if strings.Contains(out, "heirs") {
		t.Errorf("it speaks of others:\n%s", out)
	}
}

// TestOurRemedies has a remedy of our own for every cause, and the policy of the group that we are in.
func TestOurRemedies(t *testing.T) {
	c := config.Default("mail.example.com")
	here := netip.MustParseAddr("127.0.0.1")
	for _, entry := range cause.All() {
		r := ourRemedy(c.Listeners["InboundMail"], here, entry.ID)
		for _, text := range []string{r.fault, r.helps} {
			if text == "" || strings.HasSuffix(text, ".") || strings.Contains(text, "heirs") {
				t.Errorf("%s: %q", entry.ID, text)
			}
		}
	}
	relay := c.Listeners["OutboundMail"]
	if r := ourRemedy(relay, here, cause.S2); !strings.Contains(r.fault, "our own address, 127.0.0.1 (sender group RELAYLIST)") {
		t.Errorf("S2: %q", r.fault)
	}
	if r := ourRemedy(relay, netip.MustParseAddr("192.0.2.1"), cause.N6); !strings.Contains(r.fault, "says REJECT to our own address, 192.0.2.1") {
		t.Errorf("N6: %q", r.fault)
	}
	own := c.Listeners["InboundMail"]
	own.Certificates = []string{"mx"}
	if r := ourRemedy(own, here, cause.V1); !strings.Contains(r.fault, `profile "mx"`) {
		t.Errorf("V1: %q", r.fault)
	}
}
