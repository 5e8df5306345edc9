package tlspolicy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"

	"posthouse/internal/cause"
)

// TestComplete tells a forgotten intermediate from a stranger by what the peer's certificates say of their issuers.
func TestComplete(t *testing.T) {
	at := func(urls ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.IssuingCertificateURL = urls }
	}
	p, other := newPKI(t), newPKI(t)
	name := dnsNames("mx1.partner.example")
	forgot := issue(t, p.mid, ecKey(t), "mx1.partner.example", name, at("ldap://x.example/", "http://gone.example/", "http://ca.example/mid"))
	strangeMid := issue(t, other.root, ecKey(t), "Other Issuing CA", isCA, at("http://ca.example/other-root"))
	stranger := issue(t, strangeMid, ecKey(t), "mx1.partner.example", name, at("http://ca.example/other-mid"))
	silent := issue(t, p.mid, ecKey(t), "mx1.partner.example", name)
	wrong := issue(t, p.mid, ecKey(t), "mx1.partner.example", name, at("http://ca.example/other-root", "http://ca.example/garbage"))
	store := map[string][]byte{
		"http://ca.example/mid": p.mid.cert.Raw, "http://ca.example/other-mid": certPEM(strangeMid),
		"http://ca.example/other-root": other.root.cert.Raw, "http://ca.example/garbage": []byte("garbage"),
	}
	fetch := func(_ context.Context, url string) ([]byte, error) {
		if !strings.HasPrefix(url, "http://") {
			t.Errorf("asked for %q", url)
		}
		if data, ok := store[url]; ok {
			return data, nil
		}
		return nil, errors.New("not there")
	}
	for _, test := range []struct {
		name          string
		leaf          *entity
		before, after cause.ID
		presumed      bool
		detail        string
	}{
		{"forgotten", forgot, cause.V2, cause.V2, false, "the certificate of CN=Test Issuing CA, the issuer of CN=mx1.partner.example, was not sent"},
		{"a stranger", stranger, cause.V2, cause.V8, false, "the chain leads to CN=Test Root, whose list is not in force"},
		{"nothing named", silent, cause.V2, cause.V2, true, "presumed: "},
		{"nothing useful", wrong, cause.V2, cause.V2, true, "presumed: "},
	} {
		addr := serve(t, tlsPeer(&tls.Config{Certificates: []tls.Certificate{shown(test.leaf)}}))
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		trust := trusting(p.root)
		c, h := trust.ClientConfig(partner, nil)
		o := h.Outcome(tls.Client(h.Watch(conn), c).Handshake())
		if o.Cause != test.before || !o.Findings[0].Presumed {
			t.Errorf("%s at first: %+v", test.name, o)
		}
		o = h.Complete(t.Context(), o, fetch)
		if o.Cause != test.after || o.Encrypted || o.Verified || o.Findings[0].Presumed != test.presumed || !strings.HasPrefix(o.Findings[0].Detail, test.detail) {
			t.Errorf("%s: %+v", test.name, o)
		}
		if r := o.result(ProofNames); r.OK || r.Why.Cause != test.after {
			t.Errorf("%s: %+v", test.name, r)
		}
	}
	// Learnt issuers explain only: the same peer still does not verify.
	trust := trusting(p.root)
	trust.learn(certsOf(p.mid))
	if o := shake(t, trust, partner, serve(t, tlsPeer(&tls.Config{Certificates: []tls.Certificate{shown(forgot)}}))); o.Encrypted || o.Cause != cause.V2 {
		t.Errorf("%+v", o)
	}
}
