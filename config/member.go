package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// MemberAll is the member that matches every peer.
const MemberAll = "ALL"

type memberKind int

const (
	memberAll         memberKind = iota + 1
	memberRange                  // one address and every block of them
	memberHost                   // one host name
	memberDomain                 // every host below a domain
	memberNever                  // a reputation score or a DNS list, which have no source here
	memberCertificate            // a client certificate, by subject and authority
)

// Peer is what is known of a host that connects.
type Peer struct {
	Addr netip.Addr
	Name string // its forward-confirmed reverse name, or empty

	// Subjects are the names of its client certificate: each DNS name, the CN and the DN. They are only set once that
	// certificate has verified.
	Subjects []string
	// Authorities are the CN and the DN of each authority of the custom list that the certificate's chain leads through.
	Authorities []string
}

// Member is one parsed member of a sender group: ALL, an address (192.0.2.1), a CIDR block (192.0.2.0/24), a range
// (192.0.2.10-20, 192.0.2.10-192.0.2.20), a leading part (192.0.2. or 2001:db8:), a host name, a .domain, sbrs[a:b],
// dnslist[zone] or cert[SUBJECT,CA]. The zero value matches nothing.
type Member struct {
	kind   memberKind
	lo, hi netip.Addr // memberRange: both ends belong to it
	name   string     // memberHost; memberDomain with its leading dot; memberCertificate: the subject
	issuer string     // memberCertificate: the authority
	text   string
}

// String returns the member in its canonical form; ParseMember of it is the same member.
func (m Member) String() string { return m.text }

// NeedsName says whether the member is matched against the peer's name, so that the name must be looked up.
func (m Member) NeedsName() bool { return m.kind == memberHost || m.kind == memberDomain }

// NeedsCertificate says whether the member is matched against the peer's certificate, so that one must be asked for.
func (m Member) NeedsCertificate() bool { return m.kind == memberCertificate }

// Match says whether the peer is this member.
func (m Member) Match(p Peer) bool {
	switch m.kind {
	case memberAll:
		return true
	case memberRange:
		// Compare sorts every IPv4 address before every IPv6 address, so the families cannot mix.
		addr := p.Addr.Unmap().WithZone("")
		return addr.IsValid() && m.lo.Compare(addr) <= 0 && addr.Compare(m.hi) <= 0
	case memberHost:
		return p.Name != "" && domainKey(p.Name) == m.name
	case memberDomain:
		return p.Name != "" && strings.HasSuffix(domainKey(p.Name), m.name)
	case memberCertificate:
		return holdsName(p.Subjects, m.name) && holdsName(p.Authorities, m.issuer)
	}
	return false
}

// ParseMember reads one member.
func ParseMember(s string) (Member, error) {
	s = strings.TrimSpace(s)
	m, ok := parseMember(s)
	if !ok {
		return Member{}, fmt.Errorf("%q is not a member: an address, a CIDR block, a range such as 192.0.2.10-20, "+
			"a leading part such as 192.0.2., a host name, .domain, cert[SUBJECT,CA] or ALL is accepted", s)
	}
	return m, nil
}

func parseMember(s string) (Member, bool) {
	lower := strings.ToLower(s)
	switch {
	case strings.EqualFold(s, MemberAll):
		return Member{kind: memberAll, text: MemberAll}, true
	case bracketed(lower, "sbrs["), bracketed(lower, "dnslist["):
		return Member{kind: memberNever, text: lower}, true
	case strings.HasPrefix(lower, certificatePrefix):
		return parseCertificate(s[len(certificatePrefix):])
	case behaviorOf(s) != "":
		return Member{}, false // the text form could not tell it from an action
	}
	if m, ok := parseAddresses(lower); ok {
		return m, true
	}
	return parseNameMember(lower)
}

// bracketed says whether s is the prefix, which ends in "[", plain text without blanks or brackets, and "]".
func bracketed(s, prefix string) bool {
	rest, ok := strings.CutPrefix(s, prefix)
	body, closed := strings.CutSuffix(rest, "]")
	return ok && closed && body != "" && strings.IndexFunc(body, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`[](){},;"#$`, r)
	}) < 0
}

func parseNameMember(s string) (Member, bool) {
	if base, ok := strings.CutPrefix(s, "."); ok {
		base = domainKey(base)
		return Member{kind: memberDomain, name: "." + base, text: "." + base}, validHost(base)
	}
	s = domainKey(s)
	return Member{kind: memberHost, name: s, text: s}, validHost(s)
}

// parseAddresses reads every form that stands for a block of addresses.
func parseAddresses(s string) (Member, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap()
		return Member{kind: memberRange, lo: a, hi: a, text: a.String()}, a.Zone() == ""
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		return prefixMember(p)
	}
	if from, to, ok := strings.Cut(s, "-"); ok {
		return rangeMember(from, to)
	}
	return leadingMember(s)
}

func prefixMember(p netip.Prefix) (Member, bool) {
	if p.Addr().Is4In6() {
		return Member{}, false
	}
	p = p.Masked()
	return Member{kind: memberRange, lo: p.Addr(), hi: lastOf(p), text: p.String()}, true
}

// lastOf returns the highest address of a masked prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := range b {
		if free := (i+1)*8 - p.Bits(); free >= 8 {
			b[i] = 0xff
		} else if free > 0 {
			b[i] |= 1<<free - 1
		}
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// rangeMember reads the two ends of a range. The second end may be short: only its last part.
func rangeMember(from, to string) (Member, bool) {
	lo, err := netip.ParseAddr(from)
	if err != nil || lo.Zone() != "" || lo.Is4In6() {
		return Member{}, false
	}
	sep := "."
	if lo.Is6() {
		sep = ":"
	}
	if !strings.ContainsAny(to, ".:") {
		to = head(from, sep) + to
	}
	hi, err := netip.ParseAddr(to)
	if err != nil || hi.Zone() != "" || hi.Is4In6() || hi.BitLen() != lo.BitLen() || hi.Less(lo) {
		return Member{}, false
	}
	short := hi.String()
	if head(lo.String(), sep) == head(short, sep) {
		short = strings.TrimPrefix(short, head(short, sep))
	}
	return Member{kind: memberRange, lo: lo, hi: hi, text: lo.String() + "-" + short}, true
}

// head returns an address up to and with its last separator.
func head(s, sep string) string { return s[:strings.LastIndex(s, sep)+1] }

// leadingMember reads 192.0.2. or 2001:db8: as the block of every address that begins so. A single IPv6 group is not
// accepted: the text form could not tell "fe80:" from the label of a sender group.
func leadingMember(s string) (Member, bool) {
	if parts, ok := cutParts(s, "."); ok && len(parts) <= 3 {
		p, err := netip.ParsePrefix(strings.Join(padded(parts, 4), ".") + "/" + strconv.Itoa(8*len(parts)))
		return leading(p, strings.Join(parts, ".")+".", err)
	}
	if parts, ok := cutParts(s, ":"); ok && len(parts) >= 2 && len(parts) <= 7 {
		p, err := netip.ParsePrefix(strings.Join(padded(parts, 8), ":") + "/" + strconv.Itoa(16*len(parts)))
		return leading(p, strings.Join(parts, ":")+":", err)
	}
	return Member{}, false
}

func leading(p netip.Prefix, text string, err error) (Member, bool) {
	if err != nil {
		return Member{}, false
	}
	m, ok := prefixMember(p)
	m.text = text
	return m, ok
}

// cutParts splits s, which must end in sep, and refuses empty parts.
func cutParts(s, sep string) ([]string, bool) {
	s, ok := strings.CutSuffix(s, sep)
	if !ok {
		return nil, false
	}
	parts := strings.Split(s, sep)
	for _, p := range parts {
		if p == "" || strings.Contains(p, "/") {
			return nil, false
		}
	}
	return parts, true
}

func padded(parts []string, n int) []string {
	out := append([]string(nil), parts...)
	for len(out) < n {
		out = append(out, "0")
	}
	return out
}
