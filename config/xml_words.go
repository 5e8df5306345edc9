package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
)

// wordList pairs our values with the words of such files. What is in no pair is written as it is.
type wordList [][2]string

var (
	accessWords = wordList{{"yes", "ACCEPT"}, {"no", "REJECT"}}
	limitWords  = wordList{{"domain", "host"}, {"mx", "MXIP"}}
	applyWords  = wordList{{"vg", "VG"}}
	sortWords   = wordList{{"prefer-v6", "PREFER_V6"}, {"require-v6", "REQUIRE_v6"}, {"prefer-v4", "PREFER_V4"}, {"require-v4", "REQUIRE_v4"}}
	tlsWords    = wordList{
		{string(TLSNo), "off"}, {string(TLSPrefer), "on"}, {string(TLSRequire), "required"}, {string(TLSPreferVerify), "on_verify"},
		{string(TLSRequireVerify), "require_verify"}, {string(TLSRequireVerifyHosted), "require_verify_hosted"},
	}
	roleWords = wordList{
		{RoleAdministrator, "Administrators"}, {RoleOperator, "Operators"}, {RoleReadOnly, "Read-Only Operators"},
		{RoleGuest, "Guests"}, {RoleTechnician, "Technicians"}, {RoleHelpDesk, "Help Desk Users"},
	}
)

func (l wordList) out(ours string) string {
	for _, pair := range l {
		if pair[0] == ours {
			return pair[1]
		}
	}
	return ours
}

func (l wordList) in(theirs string) string {
	for _, pair := range l {
		if strings.EqualFold(pair[1], strings.TrimSpace(theirs)) {
			return pair[0]
		}
	}
	return theirs
}

// textForm is a setting that is one text in the XML. Both functions get the struct that the setting is in; left are the
// parts of the text that were passed over.
type textForm struct {
	write func(holder reflect.Value) string
	read  func(holder reflect.Value, text string) (left []*SyntaxError, err error)
}

// netmaskForm writes 255.255.255.0 for IPv4 and 64 for IPv6; both are read for either, and 0xffffff00.
var netmaskForm = &textForm{
	write: func(holder reflect.Value) string {
		i := holder.Addr().Interface().(*Interface)
		if a, err := netip.ParseAddr(i.Address); err == nil && a.Is4() && i.PrefixLength >= 0 && i.PrefixLength <= 32 {
			return maskOf(i.PrefixLength).String()
		}
		return strconv.Itoa(i.PrefixLength)
	},
	read: func(holder reflect.Value, text string) ([]*SyntaxError, error) {
		n, err := parseNetmask(strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		holder.Addr().Interface().(*Interface).PrefixLength = n
		return nil, nil
	},
}

func maskOf(bits int) netip.Addr {
	mask := ^uint32(0) << (32 - bits) // a shift by 32 leaves nothing
	return netip.AddrFrom4([4]byte{byte(mask >> 24), byte(mask >> 16), byte(mask >> 8), byte(mask)})
}

func parseNetmask(text string) (int, error) {
	if n, err := strconv.Atoi(strings.TrimPrefix(text, "/")); err == nil {
		return n, nil
	}
	if hex, ok := strings.CutPrefix(strings.ToLower(text), "0x"); ok {
		if n, err := strconv.ParseUint(hex, 16, 32); err == nil {
			text = netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}).String()
		}
	}
	for bits := range 33 {
		if maskOf(bits).String() == text {
			return bits, nil
		}
	}
	return 0, fmt.Errorf("%q is not a netmask: 255.255.255.0, 0xffffff00 and 24 are accepted", text)
}

// hatForm is a host access table without its default.
var hatForm = &textForm{
	write: func(holder reflect.Value) string { return holder.Addr().Interface().(*HostAccess).Text() },
	read: func(holder reflect.Value, text string) (left []*SyntaxError, err error) {
		table, err := parseHAT(text, func(e *SyntaxError) { left = append(left, e) })
		if err != nil {
			return nil, err
		}
		h := holder.Addr().Interface().(*HostAccess)
		h.Policies, h.Groups = table.Policies, table.Groups
		return left, nil
	},
}

// HiddenListener is the name of the listener that is in every XML file, and that no other may have.
const HiddenListener = "cpq_listener"

const (
	protocolSMTP = "SMTP"
	protocolCPQ  = "CPQ"
	cpqPort      = 7025
)

// admitListener passes over the hidden listener, and refuses what only looks like it and protocols that are not spoken here.
// What the hidden listener has is not read: nothing listens there, and its interface and tables are those of the appliance
// that wrote the file. Its port alone is somebody's choice, so that another one is named.
func admitListener(n *node) (ok bool, why string) {
	hidden := strings.EqualFold(strings.TrimSpace(n.textOf("listener_name")), HiddenListener)
	protocol := strings.ToUpper(strings.TrimSpace(n.textOf("protocol")))
	switch {
	case hidden && (protocol == protocolCPQ || protocol == ""):
		if port := strings.TrimSpace(n.textOf("port")); port != "" && port != strconv.Itoa(cpqPort) {
			return false, fmt.Sprintf("its port has no effect here, where it is always %d", cpqPort)
		}
		return false, ""
	case hidden:
		return false, fmt.Sprintf("no listener for %s may be called %s, as the hidden one for %s is", protocol, HiddenListener, protocolCPQ)
	case protocol == protocolCPQ:
		return false, fmt.Sprintf("a listener for %s is called %s and nothing else", protocolCPQ, HiddenListener)
	case protocol == "" || protocol == protocolSMTP:
		return true, ""
	}
	return false, fmt.Sprintf("a listener for %s cannot be had here", protocol)
}

// freshListener is what a listener begins with that is not there yet.
func freshListener(n *node) reflect.Value {
	t := ListenerType(strings.TrimSpace(n.textOf("type")))
	if t != Private {
		t = Public
	}
	return reflect.ValueOf(NewListener(t, "", portSMTP))
}

// hiddenListener is the one that every such file has and no list shows: it stands for the port at which a management
// appliance gives quarantined messages back.
func hiddenListener(c *Config) *Listener { return NewListener(Private, hiddenInterface(c), cpqPort) }

// hiddenInterface is the one that operators come in by, else the first.
func hiddenInterface(c *Config) string {
	names := sortedKeys(reflect.ValueOf(c.Interfaces))
	for _, name := range names {
		if i := c.Interfaces[name.String()]; i != nil && i.SSH {
			return name.String()
		}
	}
	if len(names) == 0 {
		return ""
	}
	return names[0].String()
}
