package acme

import (
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	mdns "github.com/miekg/dns"
)

const (
	testKey    = "update-key."
	testSecret = "c29tZSBzZWNyZXQgb2YgdGhlIHRlc3Q="
)

// nameserver is authoritative for acme.example, takes signed updates, and answers the authority's questions. Every name
// below the zone has one address.
type nameserver struct {
	address string // "127.0.0.1:41003"
	host    net.IP // what every name resolves to

	mu      sync.Mutex // guards what follows
	txt     []*mdns.TXT
	hidden  int               // so many questions for TXT records are answered without them yet
	aliases map[string]string // by owner
	others  []string          // the zone's nameservers
	refuse  int               // the code with which updates are refused
	updates int
	asked   int // questions for TXT records
}

func startNameserver(t *testing.T, host string) *nameserver {
	t.Helper()
	return startNameserverAt(t, "127.0.0.1:0", host)
}

func startNameserverAt(t *testing.T, address, host string) *nameserver {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	n := &nameserver{address: l.Addr().String(), host: net.ParseIP(host), aliases: map[string]string{}}
	server := &mdns.Server{
		Listener: l, Handler: n, TsigSecret: map[string]string{testKey: testSecret},
		MsgAcceptFunc: func(mdns.Header) mdns.MsgAcceptAction { return mdns.MsgAccept },
	}
	started, ended := make(chan struct{}), make(chan struct{})
	server.NotifyStartedFunc = func() { close(started) }
	go func() {
		defer close(ended)
		server.ActivateAndServe()
	}()
	<-started
	t.Cleanup(func() {
		server.Shutdown()
		<-ended
	})
	return n
}

func (n *nameserver) ServeDNS(w mdns.ResponseWriter, q *mdns.Msg) {
	n.mu.Lock()
	defer n.mu.Unlock()
	reply := new(mdns.Msg).SetReply(q)
	reply.Authoritative = true
	if q.Opcode == mdns.OpcodeUpdate {
		reply.Rcode = n.update(w, q)
		if t := q.IsTsig(); t != nil {
			reply.SetTsig(t.Hdr.Name, t.Algorithm, tsigFudge, int64(t.TimeSigned))
			reply.IsTsig().Error = signatureFault(t.Hdr.Name, w.TsigStatus())
		}
	} else {
		n.answer(reply, q.Question[0])
	}
	w.WriteMsg(reply)
}

// signatureFault is what a nameserver says of a signature (RFC 8945 §5.2).
func signatureFault(key string, status error) uint16 {
	switch {
	case status == nil:
		return mdns.RcodeSuccess
	case mdns.CanonicalName(key) != testKey:
		return mdns.RcodeBadKey
	case errors.Is(status, mdns.ErrTime):
		return mdns.RcodeBadTime
	}
	return mdns.RcodeBadSig
}

func (n *nameserver) update(w mdns.ResponseWriter, q *mdns.Msg) int {
	n.updates++
	switch {
	case n.refuse != 0:
		return n.refuse
	case q.IsTsig() == nil || w.TsigStatus() != nil:
		return mdns.RcodeNotAuth
	case q.Question[0].Name != "acme.example.":
		return mdns.RcodeNotZone
	}
	for _, rr := range q.Ns {
		txt, ok := rr.(*mdns.TXT)
		if !ok {
			return mdns.RcodeFormatError
		}
		if txt.Hdr.Class == mdns.ClassNONE {
			n.txt = slices.DeleteFunc(n.txt, func(have *mdns.TXT) bool {
				return have.Hdr.Name == txt.Hdr.Name && slices.Equal(have.Txt, txt.Txt)
			})
		} else {
			n.txt = append(n.txt, txt)
		}
	}
	return mdns.RcodeSuccess
}

func (n *nameserver) answer(reply *mdns.Msg, q mdns.Question) {
	name := mdns.CanonicalName(q.Name)
	soa, _ := mdns.NewRR("acme.example. 60 IN SOA ns.acme.example. root.acme.example. 1 60 60 60 60")
	if target := n.aliases[name]; target != "" {
		alias := &mdns.CNAME{Hdr: mdns.RR_Header{Name: name, Rrtype: mdns.TypeCNAME, Class: mdns.ClassINET, Ttl: 60}, Target: target}
		reply.Answer = append(reply.Answer, alias)
		if q.Qtype == mdns.TypeCNAME {
			return
		}
		name = target
	}
	switch q.Qtype {
	case mdns.TypeA:
		reply.Answer = append(reply.Answer, &mdns.A{Hdr: mdns.RR_Header{Name: name, Rrtype: mdns.TypeA, Class: mdns.ClassINET, Ttl: 60}, A: n.host})
	case mdns.TypeNS:
		for _, host := range n.others {
			reply.Answer = append(reply.Answer, &mdns.NS{Hdr: mdns.RR_Header{Name: name, Rrtype: mdns.TypeNS, Class: mdns.ClassINET, Ttl: 60}, Ns: host})
		}
	case mdns.TypeTXT:
		n.asked++
		if n.hidden > 0 {
			n.hidden--
			return
		}
		for _, txt := range n.txt {
			if txt.Hdr.Name == name {
				reply.Answer = append(reply.Answer, txt)
			}
		}
	}
	if len(reply.Answer) == 0 && strings.HasSuffix(name, ".acme.example.") {
		reply.Ns = append(reply.Ns, soa)
	}
}

// left is how many records have not been removed.
func (n *nameserver) left() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.txt)
}

func (n *nameserver) set(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
}
