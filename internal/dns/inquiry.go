package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	mdns "github.com/miekg/dns"
)

// Inquiry is one question to one server, for people who want to see its answer: nothing is cached, followed or judged.
type Inquiry struct {
	Server string // IP:PORT
	Name   string
	Type   string // "MX"
	DNSSEC bool   // ask for the signatures
	TCP    bool   // do not try UDP first
}

// Reply is a server's answer as it came.
type Reply struct {
	Status string   // "NOERROR", "NXDOMAIN", or RCODE and a number that has no name
	Flags  []string // "qr", "aa", "tc", "rd", "ra", "ad", "cd"
	Name   string   // what was asked for
	Type   string

	Answer, Authority, Additional []Record

	TCP   bool // it came over TCP
	Bytes int
	Took  time.Duration
}

const inquiryTimeout = 5 * time.Second

// Types are the names of the record types that an Inquiry may have.
func Types() []string {
	list := make([]string, 0, len(mdns.StringToType))
	for name, code := range mdns.StringToType {
		if code != mdns.TypeNone && code != mdns.TypeReserved && code != mdns.TypeAXFR && code != mdns.TypeIXFR {
			list = append(list, name)
		}
	}
	return list
}

// Ask asks over UDP, and over TCP where the answer was cut.
func (q Inquiry) Ask(ctx context.Context) (*Reply, error) {
	qtype, ok := mdns.StringToType[strings.ToUpper(q.Type)]
	if !ok {
		return nil, fmt.Errorf("the type %q is not known", q.Type)
	}
	if _, ok := mdns.IsDomainName(q.Name); !ok {
		return nil, fmt.Errorf("%q is not a name", q.Name)
	}
	m := new(mdns.Msg)
	m.SetQuestion(mdns.Fqdn(q.Name), qtype)
	m.SetEdns0(udpSize, q.DNSSEC)
	m.AuthenticatedData = true // asks for the bit in the reply (RFC 6840 §5.7)
	began := time.Now()
	network := "udp"
	if q.TCP {
		network = "tcp"
	}
	msg, err := q.exchange(ctx, network, m)
	if err == nil && msg.Truncated && !q.TCP {
		network = "tcp"
		msg, err = q.exchange(ctx, network, m)
	}
	if err != nil {
		return nil, err
	}
	return reply(msg, network == "tcp", time.Since(began)), nil
}

func (q Inquiry) exchange(ctx context.Context, network string, m *mdns.Msg) (*mdns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, inquiryTimeout)
	defer cancel()
	r := &resolver{timeout: inquiryTimeout}
	msg, err := r.send(ctx, network, q.Server, m)
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err // the address is named by whoever asks
	}
	return msg, err
}

func reply(msg *mdns.Msg, tcp bool, took time.Duration) *Reply {
	msg.Compress = true // as servers send it: only then is its length the one that came
	r := &Reply{
		Status: rcode(msg), TCP: tcp, Bytes: msg.Len(), Took: took,
		Name: msg.Question[0].Name, Type: mdns.TypeToString[msg.Question[0].Qtype],
		Answer: records(msg.Answer), Authority: records(msg.Ns), Additional: records(msg.Extra),
	}
	for _, f := range []struct {
		set  bool
		name string
	}{
		{msg.Response, "qr"}, {msg.Authoritative, "aa"}, {msg.Truncated, "tc"}, {msg.RecursionDesired, "rd"},
		{msg.RecursionAvailable, "ra"}, {msg.AuthenticatedData, "ad"}, {msg.CheckingDisabled, "cd"},
	} {
		if f.set {
			r.Flags = append(r.Flags, f.name)
		}
	}
	return r
}

// rcode is what a server answers, in a word.
func rcode(msg *mdns.Msg) string {
	if name, ok := mdns.RcodeToString[msg.Rcode]; ok {
		return name
	}
	return fmt.Sprintf("RCODE%d", msg.Rcode)
}

// records are the resource records of a section, without EDNS's own.
func records(list []mdns.RR) []Record {
	out := []Record{}
	for _, rr := range list {
		if h := rr.Header(); h.Rrtype != mdns.TypeOPT {
			data := strings.TrimPrefix(rr.String(), h.String())
			out = append(out, Record{Name: h.Name, Type: mdns.Type(h.Rrtype).String(), TTL: time.Duration(h.Ttl) * time.Second, Data: data})
		}
	}
	return out
}

// ReverseName is the name under which an address is asked for (RFC 1035 §3.5, RFC 3596 §2.5).
func ReverseName(addr netip.Addr) (string, error) { return mdns.ReverseAddr(addr.Unmap().String()) }

// SystemServer is the first of the host's own nameservers, IP:PORT.
func SystemServer() string {
	set := readResolvConf("/etc/resolv.conf")
	if len(set.list) == 0 {
		return net.JoinHostPort("127.0.0.1", defaultPort)
	}
	return set.list[0].Address
}

// FirstServer is the server, IP:PORT, that a resolver with these would ask first for a name; empty where none is for it.
func FirstServer(servers []Server, name string) string {
	list := newServerSet(servers).forName(name)
	if len(list) == 0 {
		return ""
	}
	return list[0].Address
}
