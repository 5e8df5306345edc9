package config

import (
	"net/netip"
	"strings"
	"testing"
)

const sampleKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUFbzPjmgRmGrJjGNq5J5bD9RSBoHa1oBvQf5bFz1Kp"

func TestParseUserKey(t *testing.T) {
	for line, want := range map[string]string{
		sampleKey:                         sampleKey,
		"  " + sampleKey + "  a   b ":     sampleKey + " a b",
		`Command="SMAquery" ` + sampleKey: `command="smaquery" ` + sampleKey,
		`from="192.0.2.9" ` + sampleKey:   `from="192.0.2.9" ` + sampleKey,
		"restrict " + sampleKey + " x":    sampleKey + " x",
		`no-pty-rc="x" ` + sampleKey:      "error",
		`from="198.51.100.7/24, 192.0.2.1,192.0.2.1",command="smaquery",restrict ` + sampleKey + " sma": `command="smaquery",from="192.0.2.1,198.51.100.0/24" ` + sampleKey + " sma",
		`from="*.example.com" ` + sampleKey:        "error",
		`from="::ffff:192.0.2.0/120" ` + sampleKey: "error",
		`from=192.0.2.1 ` + sampleKey:              "error",
		`from="192.0.2.1` + sampleKey:              "error",
		`command="rm -rf" ` + sampleKey:            "error",
		`command="smaquery"`:                       "error",
		`environment="A=b" ` + sampleKey:           "error",
		"cert-authority " + sampleKey:              "error",
		"ssh-rsa " + strings.Fields(sampleKey)[1]:  "error",
		sampleKey[:len(sampleKey)-4]:               "error",
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5":         "error",
		"":                                         "error", "ssh-ed25519": "error", "ssh-ed25519 !": "error",
		sampleKey + " \x1b[2J": "error",
	} {
		k, err := ParseUserKey(line)
		got := k.String()
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: got %q (%v), want %q", line, got, err, want)
		}
	}
}

func TestUserKeyAdmits(t *testing.T) {
	k, err := ParseUserKey(`from="192.0.2.0/24,2001:db8::1" ` + sampleKey)
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]bool{
		"192.0.2.200": true, "::ffff:192.0.2.3": true, "2001:db8::1": true, "192.0.3.1": false, "2001:db8::2": false,
	} {
		if k.Admits(netip.MustParseAddr(addr)) != want {
			t.Errorf("%s: want %v", addr, want)
		}
	}
	if !(UserKey{}).Admits(netip.Addr{}) {
		t.Error("a key without sources is refused")
	}
}

func FuzzParseUserKey(f *testing.F) {
	f.Add(sampleKey)
	f.Add(`command="smaquery",from="192.0.2.1,10.0.0.0/8" ` + sampleKey + " a comment")
	f.Add("restrict,no-port-forwarding " + sampleKey)
	f.Fuzz(func(t *testing.T, line string) {
		k, err := ParseUserKey(line)
		if err != nil {
			return
		}
		text := k.String()
		again, err := ParseUserKey(text)
		if err != nil || again.String() != text || again.Command != k.Command || again.Sources() != k.Sources() {
			t.Errorf("%q becomes %q, and that %q (%v)", line, text, again.String(), err)
		}
	})
}

// The references of a user go with the user, and a secret of two factors with the setting.
func TestUserRefs(t *testing.T) {
	c := Default("mail.example.com")
	c.Users["a.history"] = &User{Role: RoleGuest, TwoFactor: true}
	for _, ref := range []string{PassphraseRef("a.history"), PassphraseHistoryRef("a.history"), TwoFactorRef("a.history"), TwoFactorRef("admin"), PassphraseRef("gone")} {
		c.Refs[ref] = "x"
	}
	c.Normalize()
	if len(c.Refs) != 3 || c.Refs[TwoFactorRef("a.history")] == "" {
		t.Errorf("kept %v", c.Refs)
	}
	var paths []string
	for _, change := range Diff(Default("mail.example.com"), c) {
		if change.New == secretValue {
			paths = append(paths, change.Path)
		}
	}
	if got := strings.Join(paths, " "); got != `users."a.history".passphrase users."a.history".two_factor_secret` {
		t.Errorf("shown are %s", got)
	}
}
