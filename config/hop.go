package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

const (
	hopUseDNS  = "USEDNS"
	hopDiscard = "/dev/null"
	portSMTP   = 25
)

// Hop is one destination host of an SMTP route. Exactly one of Host, Addr, UseDNS and Discard is set.
type Hop struct {
	Priority int        // 0 to 65535; the lowest is tried first
	Host     string     // a host name, whose addresses are looked up and whose MX records are not
	Addr     netip.Addr // an address
	Port     int        // 1 to 65535
	UseDNS   bool       // as if there were no route
	Discard  bool       // take the mail and throw it away
}

// String returns the hop in its canonical form; ParseHop of it is the same hop.
func (h Hop) String() string {
	var s string
	switch {
	case h.UseDNS:
		s = hopUseDNS
	case h.Discard:
		s = hopDiscard
	case h.Addr.IsValid():
		s = "[" + h.Addr.String() + "]"
	default:
		s = h.Host
	}
	if h.Port != portSMTP && !h.UseDNS && !h.Discard {
		s += ":" + strconv.Itoa(h.Port)
	}
	if h.Priority != 0 {
		s = strconv.Itoa(h.Priority) + "/" + s
	}
	return s
}

// ParseHop reads one hop: HOST, HOST:PORT, [ADDRESS], [ADDRESS]:PORT, a bare address, USEDNS or /dev/null, each of
// them also as PRIORITY/HOP.
func ParseHop(s string) (Hop, error) {
	h, err := parseHop(strings.TrimSpace(s))
	if err != nil {
		return Hop{}, fmt.Errorf("%q is not a destination host: %w; HOST, HOST:PORT, [ADDRESS]:PORT, USEDNS, "+
			"/dev/null and PRIORITY/HOST are accepted", s, err)
	}
	return h, nil
}

func parseHop(s string) (Hop, error) {
	h := Hop{Port: portSMTP}
	if number, rest, ok := strings.Cut(s, "/"); ok && number != "" {
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return Hop{}, errors.New("its priority is not a number from 0 to 65535")
		}
		h.Priority, s = int(n), rest
	}
	switch {
	case strings.EqualFold(s, hopUseDNS):
		h.UseDNS = true
		return h, nil
	case strings.EqualFold(s, hopDiscard):
		h.Discard = true
		return h, nil
	}
	host, port, err := splitPort(s)
	if err != nil {
		return Hop{}, err
	}
	if port != 0 {
		h.Port = port
	}
	return h.withHost(host)
}

func (h Hop) withHost(host string) (Hop, error) {
	if a, ok := addressLiteral(host); ok {
		h.Addr = a.Unmap()
		return h, nil
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Zone() == "" {
		h.Addr = a.Unmap()
		return h, nil
	}
	h.Host = domainKey(host)
	if !validHost(h.Host) {
		return Hop{}, errors.New("neither a host name nor an address")
	}
	return h, nil
}

// splitPort cuts a port off HOST:PORT or [ADDRESS]:PORT; a bare IPv6 address has none. Port 0 means that none is given.
func splitPort(s string) (host string, port int, err error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.HasSuffix(s, "]") || strings.IndexByte(s, ':') != i && !strings.HasPrefix(s, "[") {
		return s, 0, nil
	}
	port, err = strconv.Atoi(s[i+1:])
	if err != nil || port < 1 || port > 65535 {
		return "", 0, errors.New("its port is not a number from 1 to 65535")
	}
	return s[:i], port, nil
}
