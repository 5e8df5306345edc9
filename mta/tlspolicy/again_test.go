package tlspolicy

import (
	"crypto/tls"
	"net"
	"testing"

	"pgregory.net/rapid"

	"posthouse/config"
)

// stateOf shakes hands for a query that insists on nothing, and returns what the peer showed.
func stateOf(t *rapid.T, trust *Trust, addr string) tls.ConnectionState {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conf, _ := trust.ClientConfig(under(config.TLSPrefer, "first.example", "mx1.partner.example"), nil)
	client := tls.Client(conn, conf)
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	return client.ConnectionState()
}

// TestAgainIsAHandshakeOfItsOwn has mail of any facts meet a connection that was made for other mail: what is decided there is
// what would be decided after a handshake of its own.
func TestAgainIsAHandshakeOfItsOwn(t *testing.T) {
	p := newPKI(t)
	self := issue(t, nil, ecKey(t), "mx1.partner.example", dnsNames("mx1.partner.example"))
	nameless := issue(t, p.mid, ecKey(t), "stranger.example", dnsNames("stranger.example"))
	trust := trusting(p.root)
	var addrs []string
	for _, chain := range [][]*entity{{p.leaf, p.mid}, {p.leaf}, {self}, {nameless, p.mid}} {
		addrs = append(addrs, serve(t, tlsPeer(&tls.Config{Certificates: []tls.Certificate{shown(chain[0], chain[1:]...)}})))
	}
	rapid.Check(t, func(rt *rapid.T) {
		f := anyFacts(rt)
		if rapid.Bool().Draw(rt, "matching TLSA") && f.DANE.State == DANEUsable {
			f.DANE.Records = []TLSA{TLSAOf(p.leaf.cert, 3, 1, 1)}
		}
		q := asked(f)
		addr := rapid.SampledFrom(addrs).Draw(rt, "peer")
		own, again := shake(t, trust, q, addr), trust.Again(q, stateOf(rt, trust, addr))
		if want, got := Decide(q.Wanted, own), Decide(q.Wanted, again); want.Do != got.Do || want.Do != NextHost && want != got {
			rt.Fatalf("%+v after a handshake of its own, %+v after another's", want, got)
		}
		if own.Verified != again.Verified || own.Verified && (own.By != again.By || own.PeerName != again.PeerName) {
			rt.Fatalf("verified %v by %s, after another's handshake %v by %s", own.Verified, own.By, again.Verified, again.By)
		}
	})
}

// TestAgainWithoutCertificates proves nothing.
func TestAgainWithoutCertificates(t *testing.T) {
	if o := trusting().Again(partner, tls.ConnectionState{}); o.Encrypted || o.Verified || Decide(partner.Wanted, o).Do != NextHost {
		t.Errorf("%+v", o)
	}
}
