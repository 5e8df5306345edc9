package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestSSHLists(t *testing.T) {
	ciphers := SSHLists[1]
	tests := []struct{ typed, stored, wrong string }{
		{"aes256-ctr, AES128-ctr", "aes128-ctr aes256-ctr", ""},
		{"aes128-ctr aes128-ctr", "aes128-ctr", ""},
		{"default", "", ""},
		{strings.Join(ciphers.Standard, ","), "", ""},
		{"default,aes128-cbc", strings.Join(ciphers.Standard, " ") + " aes128-cbc", ""},
		{"", "", "at least one is needed"},
		{" , ", "", "at least one is needed"},
		{"aes128-ctr,rot13", "", `"rot13" is not one of aes128-gcm@openssh.com`},
	}
	for _, tt := range tests {
		list, err := ciphers.Parse(tt.typed)
		if got := strings.Join(list, " "); got != tt.stored {
			t.Errorf("%q: %q, want %q", tt.typed, got, tt.stored)
		}
		if (err != nil) != (tt.wrong != "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
			t.Errorf("%q: %v, want %q", tt.typed, err, tt.wrong)
		}
	}
	c := Default("mail.example.com")
	c.Shell.SSHD.Ciphers = []string{"rot13"}
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "shell.sshd.ciphers") {
		t.Errorf("an unknown cipher is valid: %v", err)
	}
}

func TestAccess(t *testing.T) {
	c := Default("mail.example.com")
	c.Shell.Access = []string{"2001:DB8::1/64", "192.0.2.77/32", "192.0.2.77", "::ffff:198.51.100.1"}
	c.Normalize()
	if want := []string{"192.0.2.77", "198.51.100.1", "2001:db8::/64"}; !slices.Equal(c.Shell.Access, want) {
		t.Errorf("got %q, want %q", c.Shell.Access, want)
	}
	for address, want := range map[string]bool{"192.0.2.77": true, "::ffff:192.0.2.77": true, "192.0.2.78": false, "2001:db8::5": true, "2001:db9::5": false} {
		if got := c.Shell.Admits(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
	if !new(Shell).Admits(netip.MustParseAddr("203.0.113.1")) {
		t.Error("without a list somebody is refused")
	}
	for _, wrong := range []string{"everybody", "192.0.2.0/33", "fe80::1%eth0", "::ffff:192.0.2.0/120"} {
		c.Shell.Access = []string{wrong}
		if err := c.Validate(); err == nil {
			t.Errorf("%s is valid", wrong)
		}
	}
}

func TestBannerLines(t *testing.T) {
	if got := TextLines("a \r\n\tb\n\nc\n\n\n"); !slices.Equal(got, []string{"a", "    b", "", "c"}) {
		t.Errorf("got %q", got)
	}
	c := Default("mail.example.com")
	for _, wrong := range [][]string{{strings.Repeat("x", MaxBanner)}, make([]string, 100), {"\x1b[2J"}, {"a\nb"}} {
		if c.Shell.Banner = wrong; c.Validate() == nil {
			t.Errorf("%.20q is valid", wrong)
		}
	}
}
