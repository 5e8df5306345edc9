package dns

import (
	"testing"
	"time"

	mdns "github.com/miekg/dns"
)

func TestReply(t *testing.T) {
	sent := new(mdns.Msg)
	sent.SetQuestion("mx.far.example.", mdns.TypeMX)
	sent.Response, sent.Compress, sent.Rcode = true, true, 12
	sent.Answer = []mdns.RR{
		&mdns.MX{Hdr: mdns.RR_Header{Name: "mx.far.example.", Rrtype: mdns.TypeMX, Class: mdns.ClassINET, Ttl: 60}, Preference: 5, Mx: "a.mx.far.example."},
	}
	wire, err := sent.Pack()
	if err != nil {
		t.Fatal(err)
	}
	came := new(mdns.Msg)
	if err := came.Unpack(wire); err != nil {
		t.Fatal(err)
	}
	r := reply(came, false, time.Second)
	if r.Bytes != len(wire) || r.Status != "RCODE12" || len(r.Answer) != 1 || r.Answer[0].Data != "5 a.mx.far.example." {
		t.Errorf("of %d bytes: %+v", len(wire), r)
	}
}
