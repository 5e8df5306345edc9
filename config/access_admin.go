package config

import (
	"net/netip"
	"slices"
	"strings"
)

const (
	MaxBanner      = 4096 // bytes of the banner, and of the welcome text
	maxBannerLines = 60
	maxAccess      = 1000 // networks
)

// ParseNetwork reads an address or a network in CIDR notation, from which operators may come. It comes back masked.
func ParseNetwork(text string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, false
	}
	return p.Masked(), true
}

// Admits says whether operators may come from the address; where no network is named, from everywhere.
func (s *Shell) Admits(a netip.Addr) bool {
	if len(s.Access) == 0 {
		return true
	}
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(s.Access, func(text string) bool {
		p, ok := ParseNetwork(text)
		return ok && p.Contains(a)
	})
}

// networkText writes a network as it is stored: a single address without its length.
func networkText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// Networks is the one form of a list of networks: sorted, each once. What is no network stays as it is, for Validate to refuse.
func Networks(texts []string) []string {
	var list []string
	for _, text := range texts {
		if p, ok := ParseNetwork(text); ok {
			text = networkText(p)
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (s *Shell) normalize() {
	s.Access = Networks(s.Access)
	s.Banner, s.Welcome = trimLines(s.Banner), trimLines(s.Welcome)
	s.SSHD.normalize()
}

// TextLines are the lines of a text as they are stored: blanks for tabs, none at the ends of lines, and no empty lines at the
// text's end.
func TextLines(text string) []string {
	text = strings.NewReplacer("\r\n", "\n", "\t", "    ").Replace(text)
	return trimLines(strings.Split(text, "\n"))
}

func trimLines(lines []string) []string {
	end := 0
	for i, line := range lines {
		if lines[i] = strings.TrimRight(line, " \t"); lines[i] != "" {
			end = i + 1
		}
	}
	return lines[:end]
}

func (f *faults) shell(s *Shell) {
	f.number("shell.idle_timeout", s.IdleTimeout, 1, 1440)
	f.number("shell.lockout_attempts", s.LockoutAttempts, 1, 1000)
	f.number("shell.lockout_minutes", s.LockoutMinutes, 1, 1440)
	f.banner("shell.banner", s.Banner)
	f.banner("shell.welcome", s.Welcome)
	if len(s.Access) > maxAccess {
		f.add("shell.access", "%d networks are more than %d", len(s.Access), maxAccess)
	}
	for _, text := range s.Access {
		if _, ok := ParseNetwork(text); !ok {
			f.add("shell.access", "%q is not an address or a network such as 192.0.2.0/24", text)
		}
	}
	f.sshd(&s.SSHD)
}

// banner refuses what nobody would read; that each line is plain text is checked for every text of the configuration.
func (f *faults) banner(path string, lines []string) {
	size := 0
	for _, line := range lines {
		size += len(line) + 1
	}
	if size > MaxBanner {
		f.add(path, "%d bytes are more than %d", size, MaxBanner)
	}
	if len(lines) > maxBannerLines {
		f.add(path, "%d lines are more than %d", len(lines), maxBannerLines)
	}
}
