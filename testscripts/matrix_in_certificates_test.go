package testscripts

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func forClients(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }

func expired(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }

func notYet(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }

// certificateRows are clients that show a certificate where one is demanded, and are not believed.
func certificateRows(t *testing.T, in *inward) []inRow {
	middle := mint(t, in.root, "middle", issuing)
	revoked, stranger := mint(t, in.root, "revoked.example", forClients), mint(t, nil, "nobody", issuing)
	in.revoke(t, revoked)
	var rows []inRow
	for _, c := range []struct {
		name, why string
		shown     *tls.Certificate
	}{
		{"none", "", nil},
		{"self-signed", "self-signed certificate", pair(mint(t, nil, "self.example", forClients))},
		{"unknown authority", "unable to get local issuer certificate", pair(mint(t, stranger, "stranger.example", forClients))},
		{"an intermediate is missing", "unable to get local issuer certificate", pair(mint(t, middle, "deep.example", forClients))},
		{"expired", "certificate has expired", pair(mint(t, in.root, "old.example", forClients, expired))},
		{"not yet valid", "certificate is not yet valid", pair(mint(t, in.root, "new.example", forClients, notYet))},
		{"for servers only", "unsupported certificate purpose", pair(mint(t, in.root, "server.example"))},
		{"revoked", "certificate revoked", pair(revoked)},
	} {
		lines := []string{"TLS failed: certificate verify failed [H11]", "cause H11 for ADDR: client certificate *: " + c.why}
		if c.shown == nil {
			lines = []string{"TLS failed: peer did not return a certificate [H11]"}
		}
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			conf := showing(c.shown)
			conf.MaxVersion = version
			rows = append(rows, inRow{c.name + " " + tls.VersionName(version), known, []string{"H11"}, refused(conf), lines})
		}
	}
	lying := pair(mint(t, in.root, "friend.example", forClients))
	lying.PrivateKey = impostor{mint(t, nil, "another").key, lying.PrivateKey.(crypto.Signer).Public()}
	rows = append(rows,
		inRow{"the key of another certificate", known, []string{"H10"}, fails(showing(lying)), failed("bad signature", "H10")},
		inRow{"the same of TLS 1.2", known, []string{"H10"}, fails(upTo(tls.VersionTLS12, showing(lying))), failed("bad signature", "H10")})
	files := mint(t, in.root, "old.example", forClients, expired).files(t)
	return append(rows, inRow{"expired, of openssl", known, []string{"H11"}, func(c *caller) { c.openssl("InboundMail", files...) },
		[]string{"TLS failed: certificate verify failed [H11]", "cause H11 for ADDR: client certificate CN=old.example: certificate has expired"}})
}

// revoke publishes a list of our authority's, and has the appliance fetch it.
func (in *inward) revoke(t *testing.T, list ...*entity) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(*in.revoked.Load()) }))
	t.Cleanup(server.Close)
	der := in.root.revokes(t, 24*time.Hour)
	in.revoked.Store(&der)
	in.commit(t, "certconfig crl new lists "+server.URL+"/crl", "certconfig crl setup inbound on")
	in.revokeNow(t, list...)
}

// revokeNow publishes another list in its place. Nothing is committed.
func (in *inward) revokeNow(t *testing.T, list ...*entity) {
	t.Helper()
	der := in.root.revokes(t, 24*time.Hour, list...)
	in.revoked.Store(&der)
	if said := in.console(t, "certconfig crl update")[0]; complaint.MatchString(said) {
		t.Fatal(said)
	}
}

func pair(e *entity, chain ...*entity) *tls.Certificate { return &e.shows(chain...).Certificates[0] }

// showing is a client that shows a certificate, whatever authorities the server names; nil for none.
func showing(c *tls.Certificate) *tls.Config {
	conf := &tls.Config{InsecureSkipVerify: true}
	if c != nil {
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c, nil }
	}
	return conf
}

// refused does the handshake and is then told that the certificate is not accepted, whatever it says.
func refused(conf *tls.Config) func(c *caller) {
	return func(c *caller) {
		c.call("InboundMail").ready()
		c.secure(conf)
		for _, command := range append([]string{"EHLO client.example"}, strings.Split(strings.TrimSuffix(injected, "\r\n.\r\n"), "\r\n")...) {
			c.say(command, "554 5.7.1 TLS client certificate not accepted")
		}
		c.say("QUIT", "221 ")
	}
}

// secure does a handshake that succeeds.
func (c *caller) secure(conf *tls.Config) tls.ConnectionState {
	c.t.Helper()
	if conf.RootCAs == nil {
		conf.InsecureSkipVerify = true
	}
	secured := tls.Client(c.conn, conf)
	if err := secured.Handshake(); err != nil {
		c.t.Fatal(err)
	}
	c.use(secured)
	return secured.ConnectionState()
}
