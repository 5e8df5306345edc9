package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Redirected is the destination of mail that an operator sends to another machine whatever its recipients' domains are:
// "[HOST]:PORT". No address has such a domain, so what waits for that machine is never taken for mail to a domain of its
// name, and no SMTP route turns it aside.
func Redirected(h Hop) string {
	host := h.Host
	if h.Addr.IsValid() {
		host = h.Addr.String()
	}
	return "[" + host + "]:" + strconv.Itoa(h.Port)
}

// ParseRedirected tells a destination that Redirected made from all others.
func ParseRedirected(destination string) (Hop, bool) {
	inner, port, found := strings.Cut(destination, "]:")
	host, opened := strings.CutPrefix(inner, "[")
	if !found || !opened {
		return Hop{}, false
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65535 {
		return Hop{}, false
	}
	h, err := Hop{Port: n}.withHost(host)
	return h, err == nil && Redirected(h) == destination
}

// ParseMachine reads the machine that mail is redirected to: HOST, HOST:PORT, ADDRESS or [ADDRESS]:PORT.
func ParseMachine(text string) (Hop, error) {
	h, err := ParseHop(text)
	if err == nil && (h.UseDNS || h.Discard || strings.Contains(text, "/")) {
		err = fmt.Errorf("%q is not a machine", text)
	}
	return h, err
}

// Machine is the name under which a machine has its destination control, and that its certificate is verified against: its
// host name, or its address literal.
func (h Hop) Machine() string {
	if h.Addr.IsValid() {
		return "[" + h.Addr.String() + "]"
	}
	return h.Host
}
