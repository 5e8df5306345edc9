package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	mdns "github.com/miekg/dns"
)

// udpSize is the answer that we say we can take over UDP (RFC 9715: what passes everywhere unfragmented).
const udpSize = 1232

// maxChain is how many CNAMEs are followed when a server leaves that to us.
const maxChain = 8

// ask answers one question from the cache or from the servers, following CNAMEs.
func (r *resolver) ask(ctx context.Context, name string, qtype uint16) (*answer, error) {
	name = Canonical(name)
	if _, ok := mdns.IsDomainName(name); !ok || name == "" {
		return nil, &Error{Name: name, Type: mdns.TypeToString[qtype], Kind: NotFound, Err: errors.New("not a domain name")}
	}
	ans, flight := r.find(question{name, qtype})
	if flight != nil {
		var err error
		if ans, err = r.wait(ctx, question{name, qtype}, flight); err != nil {
			return nil, err
		}
	}
	return ans, ans.failure(name, qtype)
}

// resolve asks the servers and follows CNAMEs that end outside the answer.
func (r *resolver) resolve(ctx context.Context, name string, qtype uint16) (*answer, error) {
	target, ttl, secure := name, maxTTL, true
	for range maxChain {
		msg, proven, err := r.askServers(ctx, target, qtype)
		if err != nil {
			return nil, err
		}
		end, records, chainTTL := follow(msg, target, qtype)
		ttl, secure = min(ttl, chainTTL), secure && proven
		if len(records) > 0 || msg.Rcode == mdns.RcodeNameError || end == target {
			ans := newAnswer(r.cache.now(), msg, end, records, ttl)
			ans.secure = secure
			return ans, nil
		}
		target = end
	}
	return nil, &Error{Name: name, Type: mdns.TypeToString[qtype], Kind: Temporary, Err: errors.New("too many CNAMEs")}
}

// follow goes along the CNAMEs of an answer from name and returns where they end, the records of the type there, and
// the shortest time to live met. Records of other names are ignored: a server has no business adding them.
func follow(msg *mdns.Msg, name string, qtype uint16) (end string, records []mdns.RR, ttl time.Duration) {
	end, ttl = name, maxTTL
	for range maxChain {
		next := ""
		for _, rr := range msg.Answer {
			h := rr.Header()
			if Canonical(h.Name) != end {
				continue
			}
			cname, isCNAME := rr.(*mdns.CNAME)
			if h.Rrtype == qtype || qtype == mdns.TypeANY {
				records = append(records, rr)
				ttl = min(ttl, time.Duration(h.Ttl)*time.Second)
			} else if isCNAME {
				next = Canonical(cname.Target)
				ttl = min(ttl, time.Duration(h.Ttl)*time.Second)
			}
		}
		if len(records) > 0 || next == "" {
			return end, records, ttl
		}
		end = next
	}
	return end, records, ttl
}

// turns is the servers for a name in the order in which they are asked, each as often as it deserves: those that answer
// by priority, and again, then those that are slow.
func (r *resolver) turns(name string) []Server {
	good, slow := r.health.sort(r.servers().forName(name))
	var list []Server
	for range r.rounds {
		list = append(list, good...)
	}
	return append(list, slow...)
}

// askServers goes through the servers until one gives an answer that is certain. The AD bit is proof only
// where the operator vouches for the server: anybody on the way to another could have set it.
func (r *resolver) askServers(ctx context.Context, name string, qtype uint16) (msg *mdns.Msg, secure bool, err error) {
	fault := &Error{Name: name, Type: mdns.TypeToString[qtype], Kind: Temporary, Err: errors.New("no nameserver")}
	for _, srv := range r.turns(name) {
		msg, err := r.exchange(ctx, srv, name, qtype)
		if err == nil {
			return msg, srv.Validating && msg.AuthenticatedData, nil
		}
		fault.Err = fmt.Errorf("asking %s: %w", srv.Address, err)
		if errors.Is(err, errBogus) {
			fault.Kind = Bogus
			break
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, false, fault
}

// errBogus is a validating server's refusal of an answer.
var errBogus = errors.New("the answer does not validate")

// exchange asks one server, over TCP when the answer over UDP is cut.
func (r *resolver) exchange(ctx context.Context, srv Server, name string, qtype uint16) (*mdns.Msg, error) {
	q := new(mdns.Msg)
	q.SetQuestion(mdns.Fqdn(name), qtype)
	q.SetEdns0(udpSize, srv.Validating)
	q.AuthenticatedData = srv.Validating // asks for the bit in the reply (RFC 6840 §5.7)
	msg, err := r.roundTrip(ctx, "udp", srv.Address, q)
	if err == nil && msg.Rcode == mdns.RcodeFormatError {
		// A server from before EDNS (RFC 6891 §7) is asked without it.
		q.Extra = nil
		msg, err = r.roundTrip(ctx, "udp", srv.Address, q)
	}
	if err == nil && msg.Truncated {
		msg, err = r.roundTrip(ctx, "tcp", srv.Address, q)
	}
	if err != nil {
		return nil, err
	}
	switch msg.Rcode {
	case mdns.RcodeSuccess, mdns.RcodeNameError:
		return msg, nil
	case mdns.RcodeServerFailure:
		if bogus(msg) {
			return nil, errBogus
		}
	}
	return nil, fmt.Errorf("answer %s", rcode(msg))
}

// roundTrip sends one question and waits for its answer, no longer than the timeout or the context allow, and takes note
// of a server that does not answer.
func (r *resolver) roundTrip(ctx context.Context, network, address string, q *mdns.Msg) (*mdns.Msg, error) {
	limited, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	leave, err := r.health.enter(limited, address)
	if err != nil {
		return nil, err
	}
	defer leave()
	r.cache.count.Network.Add(1)
	began := time.Now()
	msg, err := r.send(limited, network, address, q)
	if err == nil || ctx.Err() == nil || time.Since(began) >= unanswered { // else somebody had no time to wait
		r.health.note(address, err == nil)
	}
	return msg, err
}

// send is one question and its answer over a connection of its own.
func (r *resolver) send(ctx context.Context, network, address string, q *mdns.Msg) (*mdns.Msg, error) {
	client := &mdns.Client{Net: network, Timeout: r.timeout, UDPSize: udpSize, Dialer: &net.Dialer{Timeout: r.timeout}}
	conn, err := client.DialContext(ctx, address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	msg, _, err := client.ExchangeWithConnContext(ctx, q, conn)
	if err != nil {
		return nil, err
	}
	if len(msg.Question) != 1 || !strings.EqualFold(msg.Question[0].Name, q.Question[0].Name) || msg.Question[0].Qtype != q.Question[0].Qtype {
		return nil, errors.New("answer to another question")
	}
	return msg, nil
}

// bogus reads the extended error that a validating server adds to its refusal (RFC 8914 §4.7 to §4.13).
func bogus(msg *mdns.Msg) bool {
	opt := msg.IsEdns0()
	if opt == nil {
		return false
	}
	for _, o := range opt.Option {
		if ede, ok := o.(*mdns.EDNS0_EDE); ok && ede.InfoCode >= mdns.ExtendedErrorCodeDNSBogus && ede.InfoCode <= mdns.ExtendedErrorCodeNSECMissing {
			return true
		}
	}
	return false
}
