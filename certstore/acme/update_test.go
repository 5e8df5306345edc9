package acme

import (
	"context"
	"strings"
	"testing"
	"time"

	protocol "github.com/mholt/acmez/v3/acme"
	mdns "github.com/miekg/dns"
)

func updateSettings(n *nameserver) *Settings {
	return &Settings{DNSServer: n.address, TSIGName: "Update-Key", TSIGSecret: testSecret}
}

func challengeFor(name, token string) protocol.Challenge {
	return protocol.Challenge{Type: DNS01, Token: token, KeyAuthorization: token + ".thumb", Identifier: protocol.Identifier{Type: "dns", Value: name}}
}

func TestUpdateAddsAndRemoves(t *testing.T) {
	for _, algorithm := range []string{"", "hmac-sha256", "hmac-sha384", "hmac-sha512"} {
		n := startNameserver(t, "127.0.0.2")
		s := updateSettings(n)
		s.TSIGAlgorithm = algorithm
		u, err := newUpdater(s)
		if err != nil {
			t.Fatal(err)
		}
		// A wildcard and its domain are asked for under one name.
		one, two := challengeFor("mx.acme.example", "one"), challengeFor("mx.acme.example", "two")
		for _, c := range []protocol.Challenge{one, two} {
			if err := u.Present(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []protocol.Challenge{one, two} {
			if err := u.Wait(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		if n.left() != 2 {
			t.Errorf("%d records", n.left())
		}
		if err := u.CleanUp(t.Context(), one); err != nil || n.left() != 1 || n.txt[0].Txt[0] != two.DNS01KeyAuthorization() {
			t.Errorf("%v, left %v", err, n.txt)
		}
		// Also when the order was given up.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := u.CleanUp(ctx, two); err != nil || n.left() != 0 {
			t.Errorf("%v, left %v", err, n.txt)
		}
		if err := u.CleanUp(t.Context(), two); err != nil {
			t.Errorf("a second time: %v", err)
		}
	}
}

func TestUpdateFollowsAlias(t *testing.T) {
	n := startNameserver(t, "127.0.0.2")
	n.aliases["_acme-challenge.mx.elsewhere.example."] = "mx.challenges.acme.example."
	s := updateSettings(n)
	s.DNSZone = "acme.example"
	u, err := newUpdater(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Present(t.Context(), challengeFor("mx.elsewhere.example", "one")); err != nil {
		t.Fatal(err)
	}
	if n.txt[0].Hdr.Name != "mx.challenges.acme.example." {
		t.Errorf("record at %s", n.txt[0].Hdr.Name)
	}
	n.set(func() {
		n.aliases["_acme-challenge.loop.example."] = "_acme-challenge.loop.example."
	})
	if err := u.Present(t.Context(), challengeFor("loop.example", "two")); err == nil || !strings.Contains(err.Error(), "too many aliases") {
		t.Errorf("got %v", err)
	}
}

func TestUpdateWaitsUntilShown(t *testing.T) {
	n := startNameserver(t, "127.0.0.2")
	u, err := newUpdater(updateSettings(n))
	if err != nil {
		t.Fatal(err)
	}
	c := challengeFor("mx.acme.example", "one")
	if err := u.Present(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	n.set(func() { n.hidden = 1 })
	began := time.Now()
	if err := u.Wait(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if n.asked != 2 || time.Since(began) < visiblePoll {
		t.Errorf("asked %d times within %s", n.asked, time.Since(began))
	}
	n.set(func() { n.hidden = 1 << 30 })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := u.Wait(ctx, c); err == nil || !strings.Contains(err.Error(), "does not show the TXT record of _acme-challenge.mx.acme.example.") {
		t.Errorf("got %v", err)
	}
}

func TestUpdateFaults(t *testing.T) {
	n := startNameserver(t, "127.0.0.2")
	for _, tt := range []struct {
		name   string
		change func(s *Settings)
		refuse int
		want   string
	}{
		{"refused", func(*Settings) {}, mdns.RcodeRefused, "REFUSED"},
		{"another secret", func(s *Settings) { s.TSIGSecret = "YW5vdGhlcg==" }, 0, "NOTAUTH (BADSIG: the TSIG secret is another)"},
		{"another key", func(s *Settings) { s.TSIGName = "other" }, 0, "NOTAUTH (BADKEY: "},
		{"unsigned", func(s *Settings) { s.TSIGName = "" }, 0, "NOTAUTH"},
		{"another zone", func(s *Settings) { s.DNSZone = "example" }, 0, "NOTZONE"},
		{"nobody there", func(s *Settings) { s.DNSServer = "127.0.0.1:1" }, 0, "127.0.0.1:1"},
	} {
		s := updateSettings(n)
		tt.change(s)
		n.set(func() { n.refuse = tt.refuse })
		u, err := newUpdater(s)
		if err != nil {
			t.Fatal(err)
		}
		err = u.Present(t.Context(), challengeFor("mx.acme.example", "one"))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), s.TSIGSecret) {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
	u, err := newUpdater(updateSettings(n))
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Present(t.Context(), challengeFor("mx.stranger.test", "one")); err == nil || !strings.Contains(err.Error(), "knows no zone") {
		t.Errorf("got %v", err)
	}
	for _, s := range []Settings{{}, {DNSServer: n.address, TSIGName: "key"}, {DNSServer: n.address, TSIGName: "key", TSIGSecret: "not base64!"}} {
		if _, err := newUpdater(&s); err == nil || strings.Contains(err.Error(), "base64!") {
			t.Errorf("%+v: got %v", s, err)
		}
	}
}

// TestUpdateWaitsForCopies says that a nameserver that answers without the record is waited for, and one that does not
// answer is not.
func TestUpdateWaitsForCopies(t *testing.T) {
	n := startNameserver(t, "127.0.0.4")
	n.others = []string{"ns2.acme.example."}
	u, err := newUpdater(updateSettings(n))
	if err != nil {
		t.Fatal(err)
	}
	_, u.port, _ = strings.Cut(n.address, ":")
	c := challengeFor("mx.acme.example", "one")
	if err := u.Present(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if err := u.Wait(t.Context(), c); err != nil {
		t.Errorf("nobody listens at the other: %v", err)
	}
	other := startNameserverAt(t, "127.0.0.4:"+u.port, "127.0.0.4")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := u.Wait(ctx, c); err == nil || !strings.Contains(err.Error(), other.address+" does not show") {
		t.Errorf("got %v", err)
	}
	other.set(func() { other.txt = n.txt })
	if err := u.Wait(t.Context(), c); err != nil || other.asked < 2 {
		t.Errorf("%v after %d questions", err, other.asked)
	}
}
