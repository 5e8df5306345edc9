// Package dnstest is a nameserver on loopback for tests. Only tests import it.
package dnstest

import (
	"slices"
	"strings"
	"sync"
	"testing"

	mdns "github.com/miekg/dns"
)

// Server answers over UDP and TCP from a list of records. A name without any does not exist.
type Server struct {
	Address string // "127.0.0.1:41003"

	mu      sync.Mutex
	records []mdns.RR
	signed  []string // zones whose answers have the AD bit
	odd     map[string]func(q *mdns.Msg, tcp bool) *mdns.Msg
	asked   map[string]int
}

// Start serves the records, each in the form of a zone file ("partner.example. 60 IN MX 10 mx1.partner.example."),
// until the test ends.
func Start(t testing.TB, records ...string) *Server {
	t.Helper()
	s := &Server{odd: make(map[string]func(*mdns.Msg, bool) *mdns.Msg), asked: make(map[string]int)}
	s.Set(t, records...)
	address, stop, err := serve(mdns.HandlerFunc(func(w mdns.ResponseWriter, q *mdns.Msg) {
		if reply := s.answer(q, w.LocalAddr().Network() == "tcp"); reply != nil {
			w.WriteMsg(reply)
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	s.Address = address
	t.Cleanup(stop)
	return s
}

// serve answers over UDP and TCP on a port of loopback until stop is called.
func serve(handler mdns.Handler) (address string, stop func(), err error) {
	pc, l, err := listenBoth()
	if err != nil {
		return "", nil, err
	}
	var ended sync.WaitGroup
	servers := []*mdns.Server{{PacketConn: pc, Handler: handler}, {Listener: l, Handler: handler}}
	for _, srv := range servers {
		started := make(chan struct{})
		srv.NotifyStartedFunc = func() { close(started) }
		ended.Go(func() { srv.ActivateAndServe() })
		<-started
	}
	return pc.LocalAddr().String(), func() {
		for _, srv := range servers {
			srv.Shutdown()
		}
		ended.Wait()
	}, nil
}

// Set replaces the records.
func (s *Server) Set(t testing.TB, records ...string) {
	t.Helper()
	var list []mdns.RR
	for _, text := range records {
		rr, err := mdns.NewRR(text)
		if err != nil {
			t.Fatalf("record %q: %v", text, err)
		}
		list = append(list, rr)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = list
}

// Secure makes the server answer for the names of the zones as a validating server does whose proof succeeds: with the
// AD bit, where the question asks for it and every name on the way lies in one of them.
func (s *Server) Secure(zones ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signed = nil
	for _, z := range zones {
		s.signed = append(s.signed, mdns.CanonicalName(z))
	}
}

// Bogus makes the server refuse answers for a name as a validating server does whose proof fails.
func (s *Server) Bogus(name string) {
	s.Odd(name, func(q *mdns.Msg, _ bool) *mdns.Msg {
		reply := new(mdns.Msg).SetRcode(q, mdns.RcodeServerFailure)
		reply.SetEdns0(1232, false)
		opt := reply.IsEdns0()
		opt.Option = append(opt.Option, &mdns.EDNS0_EDE{InfoCode: mdns.ExtendedErrorCodeDNSBogus})
		return reply
	})
}

// Fail makes the server answer questions for a name with SERVFAIL.
func (s *Server) Fail(name string) {
	s.Odd(name, func(q *mdns.Msg, _ bool) *mdns.Msg { return new(mdns.Msg).SetRcode(q, mdns.RcodeServerFailure) })
}

// Odd makes the server answer questions for a name in a way of its own; nil is no answer at all.
func (s *Server) Odd(name string, answer func(q *mdns.Msg, tcp bool) *mdns.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.odd[mdns.CanonicalName(name)] = answer
}

// Asked is how many questions came for a name.
func (s *Server) Asked(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[mdns.CanonicalName(name)]
}

func (s *Server) answer(q *mdns.Msg, tcp bool) *mdns.Msg {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := mdns.CanonicalName(q.Question[0].Name)
	s.asked[name]++
	if odd, ok := s.odd[name]; ok {
		return odd(q, tcp)
	}
	reply := new(mdns.Msg).SetReply(q)
	known := s.collect(reply, name, q.Question[0].Qtype)
	if !known {
		reply.Rcode = mdns.RcodeNameError
	}
	opt := q.IsEdns0()
	if q.AuthenticatedData || opt != nil && opt.Do() {
		reply.AuthenticatedData = s.proven(reply, name)
	}
	return reply
}

// proven says whether the name asked and all names of the answer lie in signed zones.
func (s *Server) proven(reply *mdns.Msg, name string) bool {
	names := []string{name}
	for _, rr := range reply.Answer {
		names = append(names, mdns.CanonicalName(rr.Header().Name))
		if cname, ok := rr.(*mdns.CNAME); ok {
			names = append(names, mdns.CanonicalName(cname.Target))
		}
	}
	for _, n := range names {
		if !slices.ContainsFunc(s.signed, func(zone string) bool { return mdns.IsSubDomain(zone, n) }) {
			return false
		}
	}
	return true
}

// collect adds the records of a name, and of what its CNAMEs lead to. It returns whether the name exists.
func (s *Server) collect(reply *mdns.Msg, name string, qtype uint16) bool {
	known := false
	for _, rr := range s.records {
		owner := mdns.CanonicalName(rr.Header().Name)
		known = known || owner == name || strings.HasSuffix(owner, "."+name)
		if owner != name {
			continue
		}
		if cname, ok := rr.(*mdns.CNAME); ok && qtype != mdns.TypeCNAME {
			reply.Answer = append(reply.Answer, rr)
			s.collect(reply, mdns.CanonicalName(cname.Target), qtype)
		} else if rr.Header().Rrtype == qtype {
			reply.Answer = append(reply.Answer, rr)
		}
	}
	return known
}
