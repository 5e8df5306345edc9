package inbound

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"posthouse/certstore"
	"posthouse/config"
)

// byCertificate offers TLS, and puts a group in front whose members are known by their certificates.
func byCertificate(behavior config.Behavior, members ...string) func(r *rig, c *config.Config, l *config.Listener) {
	return func(r *rig, c *config.Config, l *config.Listener) {
		offerTLS(config.TLSPreferred, false)(r, c, l)
		l.HostAccess.Groups = slices.Insert(l.HostAccess.Groups, 0, config.SenderGroup{
			Name: "PARTNERS", Members: members, Inline: &config.Policy{Behavior: behavior},
		})
	}
}

// secured connects and does STARTTLS with a client's settings.
func (r *rig) secured(conf *tls.Config) *client {
	r.t.Helper()
	c := r.connect()
	c.startTLS(conf)
	return c
}

func showing(certs ...tls.Certificate) *tls.Config { return &tls.Config{Certificates: certs} }

const (
	memberOfPartner = "cert[mx.partner.example,Partner CA]"
	refusedTo       = "550"
	relayedTo       = "250"
)

// relay wants this answer to a recipient elsewhere.
func (c *client) relay(want string) {
	c.t.Helper()
	c.say("EHLO client.example", "250 SIZE")
	c.say("MAIL FROM:<a@b.example>", "250")
	c.say("RCPT TO:<x@elsewhere.example>", want)
}

// TestRelayByCertificate lets a client relay that shows a certificate of the group, by each of its names.
func TestRelayByCertificate(t *testing.T) {
	for _, member := range []string{
		memberOfPartner, `cert[Partner Relay,O=Partner\,CN=Partner CA]`, `cert[O=Partner\\\, Inc.\,CN=Partner Relay,Partner CA]`,
	} {
		r := newRig(t, byCertificate(config.Relay, "cert[other.example,Partner CA]", member))
		ca := newAuthority(t, "Partner CA")
		r.commit(func(c *config.Config, _ *config.Listener) { r.trust(c, ca) })
		c := r.connect()
		c.relay(refusedTo)
		c.startTLS(showing(ca.client("Partner Relay", "mx.partner.example")))
		c.relay(relayedTo)
		c.say("DATA", "354")
		c.say(".", "250")
		c.quit()
		r.hasLog(1, "ICID 1 RELAY SG PARTNERS match "+member+" SBRS None")
		if !r.accepted[0].Relay {
			t.Error("the envelope says nothing of relaying")
		}
	}
}

// TestNoRelayByCertificate holds that a certificate counts only under an authority of the custom list that is in force.
func TestNoRelayByCertificate(t *testing.T) {
	ca, namesake, other := newAuthority(t, "Partner CA"), newAuthority(t, "Partner CA"), newAuthority(t, "Other CA")
	again := "ICID 1 ACCEPT SG None match ALL SBRS None"
	for _, c := range []struct {
		name  string
		conf  *tls.Config
		trust []*authority
		last  string // the line behind TLS success
	}{
		{"no certificate", &tls.Config{}, []*authority{ca}, ""},
		{"another subject", showing(ca.client("mx2.partner.example")), []*authority{ca}, again},
		{"another authority", showing(other.client("mx.partner.example")), []*authority{ca, other}, again},
		{"a namesake of the authority", showing(namesake.client("mx.partner.example")), []*authority{ca},
			"ICID 1 cause H11 for 127.0.0.1: client certificate O=Partner\\, Inc.,CN=mx.partner.example: "},
		{"no list in force", showing(ca.client("mx.partner.example")), nil, "ICID 1 cause H11 for 127.0.0.1: client certificate "},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, byCertificate(config.Relay, memberOfPartner))
			r.commit(func(conf *config.Config, _ *config.Listener) {
				r.trust(conf, ca, other)
				if c.trust != nil {
					r.trust(conf, c.trust...)
				} else {
					conf.Authorities = config.Authorities{}
				}
			})
			peer := r.secured(c.conf)
			peer.relay(refusedTo)
			peer.say("RCPT TO:<a@example.com>", "250")
			peer.quit()
			lines := r.awaitLog(1)
			i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "ICID 1 TLS success") })
			next := lines[i+1]
			if c.last == "" && !strings.HasPrefix(next, "Start MID") || !strings.HasPrefix(next, c.last) {
				t.Errorf("%q follows TLS success, want %q", next, c.last)
			}
		})
	}
}

// TestCertificateDecides holds that what the table says after the handshake is in force, whatever it says.
func TestCertificateDecides(t *testing.T) {
	ca := newAuthority(t, "Partner CA")
	mine := ca.client("mx.partner.example")
	begin := func(t *testing.T, behavior config.Behavior, change func(l *config.Listener)) *rig {
		r := newRig(t, byCertificate(behavior, memberOfPartner))
		r.commit(func(c *config.Config, l *config.Listener) {
			r.trust(c, ca)
			change(l)
		})
		return r
	}
	t.Run("reject", func(t *testing.T) {
		r := begin(t, config.Reject, func(*config.Listener) {})
		c := r.secured(showing(mine))
		c.say("EHLO client.example", "554 5.7.1 Your access to this mail system has been rejected.")
		c.quit()
		r.hasLog(1, "ICID 1 REJECT SG PARTNERS match "+memberOfPartner+" SBRS None")
	})
	t.Run("refuse", func(t *testing.T) {
		r := begin(t, config.TCPRefuse, func(*config.Listener) {})
		r.secured(showing(mine)).gone()
		r.hasLog(1, "ICID 1 TCPREFUSE SG PARTNERS match "+memberOfPartner+" SBRS None")
	})
	t.Run("limits", func(t *testing.T) {
		r := begin(t, config.Accept, func(l *config.Listener) {
			p := &l.HostAccess.Groups[0].Inline.Params
			p.MaxMessageSize, p.MaxConcurrency, p.BannerHost = new(int64(4321)), new(1), "partners.example.com"
		})
		one := r.secured(showing(mine))
		one.say("EHLO client.example", "250 SIZE 4321")
		two := r.secured(showing(mine))
		two.say("EHLO client.example", "421 4.7.0 Too many connections from your host")
		two.gone()
		r.hasLog(2, "ICID 2 Receiving Failed: Connection limit exceeded")
		one.say("QUIT", "221 2.0.0 partners.example.com")
	})
	t.Run("welcome after all", func(t *testing.T) {
		r := begin(t, config.Relay, func(l *config.Listener) {
			l.ImplicitTLS = true
			l.HostAccess.Groups[len(l.HostAccess.Groups)-1] = config.SenderGroup{Members: []string{"ALL"}, Inline: &config.Policy{Behavior: config.Reject}}
		})
		stranger := r.dial()
		stranger.handshake(&tls.Config{})
		stranger.hear("554")
		stranger.say("QUIT", "221")
		c := r.dial()
		c.handshake(showing(mine))
		c.hear("220 mail.example.com ESMTP")
		c.relay(relayedTo)
		c.say("QUIT", "221")
	})
}

// TestResumedCertificate lets a client come back with a session ticket: its certificate is checked as in a full
// handshake, and after a commit that changes the trust the ticket is worth nothing.
func TestResumedCertificate(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		r := newRig(t, byCertificate(config.Relay, memberOfPartner))
		ca, other := newAuthority(t, "Partner CA"), newAuthority(t, "Other CA")
		r.commit(func(c *config.Config, _ *config.Listener) { r.trust(c, ca) })
		conf := showing(ca.client("mx.partner.example"))
		conf.ClientSessionCache, conf.MaxVersion, conf.ServerName = tls.NewLRUClientSessionCache(1), version, "mail.example.com"
		visit := func(resumed bool, want string) {
			t.Helper()
			c := r.connect()
			if state := c.startTLS(conf); state.DidResume != resumed {
				t.Errorf("%s: resumed %v", tls.VersionName(version), state.DidResume)
			}
			c.relay(want)
			c.quit()
		}
		visit(false, relayedTo)
		visit(true, relayedTo)
		r.commit(func(c *config.Config, _ *config.Listener) { r.trust(c, other) })
		visit(false, refusedTo)
	}
}

// TestServerNames gives a client the certificate of the name that it asks for.
func TestServerNames(t *testing.T) {
	r := newRig(t, offerTLS(config.TLSPreferred, false))
	rsa, err := certstore.Create(certstore.Request{CommonName: "rsa.example.com", Days: 10, Key: certstore.RSA2048})
	if err != nil {
		t.Fatal(err)
	}
	id, err := r.certs.Put(rsa)
	if err != nil {
		t.Fatal(err)
	}
	r.commit(func(c *config.Config, l *config.Listener) {
		c.Certificates["named"], c.Certificates["rsa"] = &config.Certificate{}, &config.Certificate{}
		_, c.Refs[config.CertificateRef("named")] = r.certificate("named.example.com")
		c.Refs[config.CertificateRef("rsa")] = id
		l.ServerNames = map[string][]string{"mx.example.com": {"named", "rsa"}, "*.wild.example": {"named"}}
	})
	rsaOnly := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	for _, c := range []struct {
		ask, want string
		conf      *tls.Config
	}{
		{"", "mail.example.com", &tls.Config{}},
		{"unknown.example", "mail.example.com", &tls.Config{}},
		{"MX.example.com", "named.example.com", &tls.Config{}},
		{"mx.example.com", "rsa.example.com", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: rsaOnly}},
		{"a.wild.example", "named.example.com", &tls.Config{}},
		{"a.b.wild.example", "mail.example.com", &tls.Config{}},
	} {
		c.conf.ServerName = c.ask
		peer := r.connect()
		state := peer.startTLS(c.conf)
		if got := state.PeerCertificates[0].Subject.CommonName; got != c.want {
			t.Errorf("%q gets %s, want %s", c.ask, got, c.want)
		}
		peer.quit()
	}
}

// TestSettingsOfTLS applies the configured versions and ciphers.
func TestSettingsOfTLS(t *testing.T) {
	r := newRig(t, offerTLS(config.TLSPreferred, false))
	r.commit(func(c *config.Config, _ *config.Listener) {
		c.SSL.Inbound = config.SSLService{Methods: []string{"tlsv1_2"}, Ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384"}
	})
	c := r.secured(&tls.Config{})
	c.quit()
	r.hasLog(1, "ICID 1 TLS success protocol TLSv1.2 cipher ECDHE-ECDSA-AES256-GCM-SHA384")
	c = r.connect()
	c.say("STARTTLS", "220")
	if tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}).Handshake() == nil {
		t.Error("TLS 1.3 is taken")
	}
	c.conn.Close()
	r.wantMatch(2, `ICID 2 TLS failed: \(\d+, 'error:[0-9A-F]{8}:SSL routines:.*'\) \[H2\]`)
}
