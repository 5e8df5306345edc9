package dnstest

import (
	"crypto"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	mdns "github.com/miekg/dns"
)

// Zones is what a signed nameserver serves: the root zone with everything in it, signed, and zones below it that are not.
type Zones struct {
	Text     string   // records in the form of a zone file; names are below the root
	Unsigned []string // names that are zones of their own, delegated without a key
	Bogus    []string // names whose records have signatures that are wrong
	Fail     []string // names for which the server fails
}

// Signed is a nameserver that is the authority for the whole world that a test needs, signed by a key made for it. It
// answers what a validating resolver that forwards to it has to ask: records with signatures, keys, delegations, and
// proofs of absence (RFC 4035 §3.1).
type Signed struct {
	Address string // "127.0.0.1:41003"
	Anchor  string // the root key's DS record, as a resolver's configuration takes it

	read   func() (Zones, error)
	key    *mdns.DNSKEY
	signer crypto.Signer
	served atomic.Pointer[zoneSet] // as read last: most questions find the same again
}

// StartSigned serves zones until stop is called. They are read anew for every question, so that a test can change them.
func StartSigned(read func() (Zones, error)) (s *Signed, stop func(), err error) {
	const bits = 256
	key := &mdns.DNSKEY{
		Hdr:   mdns.RR_Header{Name: ".", Rrtype: mdns.TypeDNSKEY, Class: mdns.ClassINET, Ttl: signedTTL},
		Flags: mdns.ZONE | mdns.SEP, Protocol: 3, Algorithm: mdns.ECDSAP256SHA256,
	}
	private, err := key.Generate(bits)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	s = &Signed{read: read, key: key, signer: private.(crypto.Signer), Anchor: key.ToDS(mdns.SHA256).String()}
	if _, err := s.zones(); err != nil {
		return nil, nil, err
	}
	s.Address, stop, err = serve(mdns.HandlerFunc(func(w mdns.ResponseWriter, q *mdns.Msg) { w.WriteMsg(s.answer(q)) }))
	return s, stop, err
}

// zones is the zones as they are now.
func (s *Signed) zones() (*zoneSet, error) {
	z, err := s.read()
	if err != nil {
		return nil, err
	}
	if set := s.served.Load(); set != nil && set.made.equal(z) {
		return set, nil
	}
	set, err := newZoneSet(z, s.key)
	if err != nil {
		return nil, err
	}
	s.served.Store(set)
	return set, nil
}

func (z Zones) equal(o Zones) bool {
	return z.Text == o.Text && slices.Equal(z.Unsigned, o.Unsigned) && slices.Equal(z.Bogus, o.Bogus) && slices.Equal(z.Fail, o.Fail)
}

// signedTTL is the time to live of what is not given with one, in seconds.
const signedTTL = 60

// zoneSet is what the server knows; it is not changed.
type zoneSet struct {
	Zones
	made    Zones                // as they were read, before their names were made canonical
	records map[string][]mdns.RR // by canonical name
	names   []string             // of the root zone, in canonical order (RFC 4034 §6.1)
}

func newZoneSet(z Zones, key *mdns.DNSKEY) (*zoneSet, error) {
	set := &zoneSet{Zones: z, made: z, records: map[string][]mdns.RR{}}
	for _, list := range []*[]string{&set.Unsigned, &set.Bogus, &set.Fail} {
		*list = slices.Clone(*list)
		for i, name := range *list {
			(*list)[i] = mdns.CanonicalName(name)
		}
	}
	set.add(key)
	set.add(authority("."))
	for _, zone := range set.Unsigned {
		set.add(authority(zone))
		set.add(&mdns.NS{Hdr: header(zone, mdns.TypeNS), Ns: "ns."})
	}
	parser := mdns.NewZoneParser(strings.NewReader(z.Text), ".", "")
	parser.SetDefaultTTL(signedTTL)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		set.add(rr)
	}
	for name := range set.records {
		if zone := set.zone(name); zone == "." || zone == name {
			set.names = append(set.names, name)
		}
	}
	slices.SortFunc(set.names, compareNames)
	return set, parser.Err()
}

func header(name string, qtype uint16) mdns.RR_Header {
	return mdns.RR_Header{Name: name, Rrtype: qtype, Class: mdns.ClassINET, Ttl: signedTTL}
}

// authority is a zone's SOA record.
func authority(zone string) mdns.RR {
	return &mdns.SOA{
		Hdr: header(zone, mdns.TypeSOA), Ns: "ns.", Mbox: "hostmaster.", Serial: 1, Refresh: 60, Retry: 60, Expire: 60, Minttl: signedTTL,
	}
}

func (z *zoneSet) add(rr mdns.RR) {
	rr = mdns.Copy(rr)
	name := mdns.CanonicalName(rr.Header().Name)
	rr.Header().Name = name
	z.records[name] = append(z.records[name], rr)
}

// zone is the zone that holds a name's records.
func (z *zoneSet) zone(name string) string {
	best := "."
	for _, zone := range z.Unsigned {
		if mdns.IsSubDomain(zone, name) && len(zone) > len(best) {
			best = zone
		}
	}
	return best
}

// set is the records of one type at a name, as the zone holds them.
func (z *zoneSet) set(zone, name string, qtype uint16) (list []mdns.RR) {
	for _, rr := range z.records[name] {
		// A zone's own records are not above its cut.
		if rr.Header().Rrtype == qtype && (zone != "." || z.zone(name) == ".") {
			list = append(list, rr)
		}
	}
	return list
}

// exists says whether there is anything at a name or below it.
func (z *zoneSet) exists(name string) bool {
	for owner := range z.records {
		if mdns.IsSubDomain(name, owner) {
			return true
		}
	}
	return false
}

func (s *Signed) answer(q *mdns.Msg) *mdns.Msg {
	name, qtype := mdns.CanonicalName(q.Question[0].Name), q.Question[0].Qtype
	reply := new(mdns.Msg).SetReply(q)
	reply.Authoritative, reply.RecursionAvailable = true, true
	if opt := q.IsEdns0(); opt != nil {
		reply.SetEdns0(opt.UDPSize(), opt.Do())
	}
	z, err := s.zones()
	if err != nil || slices.Contains(z.Fail, name) {
		return reply.SetRcode(q, mdns.RcodeServerFailure)
	}
	s.fill(z, reply, name, qtype)
	return reply
}

// fill answers one question and goes along CNAMEs, as a resolver would.
func (s *Signed) fill(z *zoneSet, reply *mdns.Msg, name string, qtype uint16) {
	const longest = 8
	for range longest {
		zone := z.zone(name)
		if qtype == mdns.TypeDS && zone == name {
			zone = "." // the delegation is the parent's
		}
		if list := z.set(zone, name, qtype); len(list) > 0 {
			reply.Answer = append(reply.Answer, s.signed(z, zone, list)...)
			return
		}
		alias := z.set(zone, name, mdns.TypeCNAME)
		if len(alias) == 0 {
			s.deny(z, reply, zone, name)
			return
		}
		reply.Answer = append(reply.Answer, s.signed(z, zone, alias)...)
		name = mdns.CanonicalName(alias[0].(*mdns.CNAME).Target)
	}
}

// signed is a set of records with its signature, where the zone has one.
func (s *Signed) signed(z *zoneSet, zone string, list []mdns.RR) []mdns.RR {
	if zone != "." {
		return list
	}
	h := list[0].Header()
	now := time.Now()
	sig := &mdns.RRSIG{
		Hdr: header(h.Name, mdns.TypeRRSIG), Algorithm: s.key.Algorithm, KeyTag: s.key.KeyTag(), SignerName: zone,
		Inception: uint32(now.Add(-time.Hour).Unix()), Expiration: uint32(now.Add(24 * time.Hour).Unix()),
	}
	if err := sig.Sign(s.signer, list); err != nil {
		return list // what cannot be signed does not validate, and the test says so
	}
	if slices.Contains(z.Bogus, h.Name) && h.Rrtype != mdns.TypeNSEC {
		sig.Signature = strings.Repeat("A", len(sig.Signature)-2) + "=="
	}
	return append(slices.Clone(list), sig)
}
