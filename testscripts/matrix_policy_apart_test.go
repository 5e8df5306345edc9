package testscripts

import (
	"path/filepath"
	"testing"
)

// Messages to one domain that ask for different things of TLS wait together: each goes where it may, whatever the others
// ask, and none goes along on a connection that is not for it.
func TestPolicyApart(t *testing.T) {
	record := []string{"3 1 1 @stranger"}
	rows := []policyRow{
		{name: "bound", peer: "valid", tlsa: record, header: "TLS-Required: No"},
		{name: "plain", peer: "valid", require: true},
		{name: "good", peer: "extends", require: true},
		{name: "naked", peer: "naked", control: "tls preferred", require: true},
	}
	w := newPolicyWorld(t, rows)
	w.console("suspenddel 1 ALL")
	for i := range rows {
		special, usual := rows[i], rows[i]
		usual.header, usual.require = "", false
		for _, r := range []policyRow{usual, special, usual, special} {
			if err := w.send(&r); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.console("resumedel ALL")
	log := w.settled(4 * len(rows))
	arrived, notices := arrivals(t, filepath.Join(w.dir, "peers")), w.notices()
	for domain, want := range map[string]struct{ arrives, causes string }{
		"bound.example": {"encryptedencrypted", "D1,D1"}, // those that may do without DANE
		"plain.example": {"clearclear", "R1,R1"},         // those without REQUIRETLS, for which nobody wants TLS
		"good.example":  {"clearclearencryptedencrypted", ""},
		"naked.example": {"clearclear", "R1,R1"},
	} {
		if got := field(notices[domain], "X-Posthouse-Cause"); arrived[domain] != want.arrives || got != want.causes {
			t.Errorf("%s: arrived %q, notices %q, want %+v", domain, arrived[domain], got, want)
		}
	}
	if n := len(log.said); n > 30 {
		t.Errorf("%d connections for 16 messages: %v", n, log.said)
	}
}

// A resolver that is not marked as validating proves nothing, whatever it says.
func TestPolicyWithoutValidation(t *testing.T) {
	other := []string{"3 1 1 @stranger"}
	w := newPolicyWorld(t, []policyRow{
		{name: "opportunistic", peer: "valid", tlsa: other, control: "tls preferred", arrives: "encrypted", said: encryptedWell, held: "DANE none", verify: "verified"},
		{name: "mandatory", peer: "valid", tlsa: other, control: "dane mandatory", id: "D2", said: "cause D2 for DOMAIN"},
		{name: "require", peer: "extends", require: true, id: "R1", status: "5.7.30", said: "cause R1 for DOMAIN", verify: "verified"},
	})
	if out, status := w.console("dnsconfig edit "+w.dns+" validating off", "commit doubt"); status != 0 {
		t.Fatal(out)
	}
	for i := range w.rows {
		if err := w.send(&w.rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	seen := w.look()
	for i := range w.rows {
		t.Run(w.rows[i].name, func(t *testing.T) { w.compare(t, &w.rows[i], seen) })
	}
}
