package config

import "testing"

func TestRedirected(t *testing.T) {
	for typed, want := range map[string]struct{ key, machine string }{
		"Relay.example.":     {"[relay.example]:25", "relay.example"},
		"relay.example:2525": {"[relay.example]:2525", "relay.example"},
		"192.0.2.9":          {"[192.0.2.9]:25", "[192.0.2.9]"},
		"[2001:db8::9]:26":   {"[2001:db8::9]:26", "[2001:db8::9]"},
	} {
		h, err := ParseMachine(typed)
		if err != nil {
			t.Fatalf("%s: %v", typed, err)
		}
		if key := Redirected(h); key != want.key || h.Machine() != want.machine {
			t.Errorf("%s is %s of %s, want %s of %s", typed, key, h.Machine(), want.key, want.machine)
		}
		back, ok := ParseRedirected(want.key)
		if !ok || back != h {
			t.Errorf("%s is read as %+v, %v", want.key, back, ok)
		}
	}
	for _, bad := range []string{"", "/dev/null", "USEDNS", "5/relay.example", "a b", "relay.example:0", "relay.example:x"} {
		if h, err := ParseMachine(bad); err == nil {
			t.Errorf("%q is taken for %+v", bad, h)
		}
	}
	for _, other := range []string{"", "relay.example", "[192.0.2.9]", "[relay.example]", "[relay.example]:", "[relay.example]:0", "[Relay.example]:25", "[a b]:25", "relay.example:25", "[x]:25 "} {
		if h, ok := ParseRedirected(other); ok {
			t.Errorf("%q is taken for %+v", other, h)
		}
	}
}

func FuzzParseRedirected(f *testing.F) {
	for _, seed := range []string{"[relay.example]:25", "[192.0.2.9]:26", "[2001:db8::9]:25", "[::ffff:192.0.2.9]:25", "relay.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, ok := ParseRedirected(text)
		if ok && Redirected(h) != text {
			t.Errorf("%q is read as %q", text, Redirected(h))
		}
		if machine, err := ParseMachine(text); err == nil {
			if back, ok := ParseRedirected(Redirected(machine)); !ok || back.Machine() != machine.Machine() {
				t.Errorf("%q does not come back: %+v, %v", text, back, ok)
			}
		}
	})
}

func TestAMachineHasItsOwnControl(t *testing.T) {
	c := Default("mail.example.com")
	c.Destinations["relay.example"] = &Destination{TLS: TLSRequire}
	d, entry := c.Destination("[relay.example]:2525")
	if d.TLS != TLSRequire || entry != "relay.example" {
		t.Errorf("%s of entry %q", d.TLS, entry)
	}
}
