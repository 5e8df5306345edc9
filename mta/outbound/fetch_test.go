package outbound

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/internal/dns"
	"posthouse/mta/tlspolicy"
)

// TestOnlyPublicAddressesAreFetchedFrom has names and numbers that lead into our own network, and a server there that
// must not hear of it.
func TestOnlyPublicAddressesAreFetchedFrom(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the server was asked") }))
	defer server.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
	r := &dns.Fake{Hosts: map[string][]netip.Addr{"ca.example": {netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.0.0.1")}}}
	for _, host := range []string{"127.0.0.1", "ca.example", "[::1]", "[::ffff:127.0.0.1]", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "gone.example"} {
		if data, err := fetchFor(r)(t.Context(), "http://"+host+":"+port+"/ca.der"); err == nil {
			t.Errorf("%s gave %q", host, data)
		}
	}
}

// TestVerifyFetchesWhatThePeerForgot tells a forgotten intermediate for certain, in a verification and never in a delivery.
func TestVerifyFetchesWhatThePeerForgot(t *testing.T) {
	root := newAuthority(t)
	pair := root.issue(t, true, "Issuing CA")
	mid := &authority{cert: pair.Leaf, key: pair.PrivateKey.(*ecdsa.PrivateKey)}
	leaf := mid.issueWith(t, func(c *x509.Certificate) { c.IssuingCertificateURL = []string{"http://ca.example/mid.der"} }, "mx.peer.example")
	m := newMailbox(t, &leaf)
	b := newBench(t, func(b *bench, c *config.Config) {
		b.trust(c, root)
		toMX(b, m.peer, "mx.peer.example", false)
		level(c, "peer.example", config.TLSPreferVerify)
	})
	asked := 0
	b.deliverer.fetch = func(dns.Resolver) tlspolicy.Fetch {
		return func(_ context.Context, url string) ([]byte, error) {
			if asked++; url == "http://ca.example/mid.der" {
				return mid.cert.Raw, nil
			}
			return nil, errors.New("not there")
		}
	}
	b.send("b@peer.example")
	b.outcome()
	if asked != 0 {
		t.Error("a delivery fetches what strangers name")
	}
	records, err := b.deliverer.Verify(t.Context(), VerifyRequest{Domain: "peer.example"}, nil)
	if err != nil || len(records) != 1 || asked != 1 || records[0].Action.First != cause.V2 {
		t.Fatalf("%d fetched, %+v, %v", asked, records, err)
	}
	for _, f := range records[0].Outcome.Findings {
		if f.Cause == cause.V2 && f.Presumed {
			t.Errorf("still presumed: %+v", f)
		}
	}
}
