package inbound

import (
	"crypto/tls"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"posthouse/certstore"
	"posthouse/config"
)

// wantMatch wants one line of mail_logs that matches whole.
func (r *rig) wantMatch(icid int, want string) {
	r.t.Helper()
	lines := r.awaitLog(icid)
	for _, line := range lines {
		if regexp.MustCompile("^" + want + "$").MatchString(line) {
			return
		}
	}
	r.t.Errorf("no line like %q in:\n%s", want, strings.Join(lines, "\n"))
}

func TestTLSRequired(t *testing.T) {
	r := newRig(t, offerTLS(config.TLSRequired, false))
	c := r.dial()
	c.hear("220")
	if offer := c.say("EHLO client.example", "250 SIZE"); !strings.Contains(offer, "250-STARTTLS\r\n") {
		t.Error(offer)
	}
	c.say("MAIL FROM:<a@b.example>", "530 5.7.0 Must issue a STARTTLS command first")
	c.say("MAIL FROM:<a@b.example>", "530 5.7.0")
	c.startTLS(&tls.Config{})
	c.say("EHLO client.example", "250 SIZE")
	c.send("a@b.example", "a@example.com", "x\r\n", "250")
	c.quit()
	r.wantMatch(1, `ICID 1 TLS success protocol TLSv1\.3 cipher TLS_\w+`)
	lines := strings.Join(r.awaitLog(1), "\n")
	if strings.Count(lines, "ICID 1 TLS was required but remote host did not initiate it [S6]") != 1 {
		t.Error(lines)
	}
	if body := r.spool.messages[1]; !regexp.MustCompile(`with ESMTPS \(TLSv1\.3\)\r\n\tid 1 for <a@example\.com>\r\n\ttls TLS_\w+; `).MatchString(body) {
		t.Error(body)
	}
}

func TestTLSOff(t *testing.T) {
	r := newRig(t, offerTLS(config.TLSOff, false))
	c := r.dial()
	c.hear("220")
	if offer := c.say("EHLO client.example", "250 SIZE"); strings.Contains(offer, "STARTTLS") {
		t.Error(offer)
	}
	c.say("STARTTLS", "502 5.5.1")
	c.quit()
}

func TestTLSFails(t *testing.T) {
	t.Run("early text", func(t *testing.T) {
		r := newRig(t, offerTLS(config.TLSPreferred, false))
		c := r.connect()
		fmt.Fprint(c.conn, "STARTTLS\r\nMAIL FROM:<evil@b.example>\r\n")
		c.gone()
		r.wantLog(1, append(opening(1),
			"ICID 1 TLS failed: (0, 'error:00000000:posthouse:STARTTLS:text before the handshake') [S4]", "ICID 1 close")...)
	})
	t.Run("no TLS at all", func(t *testing.T) {
		r := newRig(t, offerTLS(config.TLSPreferred, false))
		c := r.connect()
		c.say("STARTTLS", "220")
		fmt.Fprint(c.conn, "MAIL FROM:<a@b.example>\r\n")
		io.Copy(io.Discard, c.r)
		r.wantMatch(1, `ICID 1 TLS failed: \(\d+, 'error:[0-9A-F]{8}:SSL routines:.*'\) \[H3\]`)
	})
	t.Run("old version", func(t *testing.T) {
		r := newRig(t, offerTLS(config.TLSPreferred, false))
		c := r.connect()
		c.say("STARTTLS", "220")
		secured := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
		if secured.Handshake() == nil {
			t.Error("TLS 1.1 is taken")
		}
		r.wantMatch(1, `ICID 1 TLS failed: \(\d+, 'error:[0-9A-F]{8}:SSL routines:.*(protocol|version).*'\) \[H2\]`)
	})
	t.Run("our certificate is unusable", func(t *testing.T) {
		r := newRig(t, func(r *rig, c *config.Config, l *config.Listener) { l.HostAccess.Default.TLS = config.TLSPreferred })
		c := r.connect()
		c.say("STARTTLS", "454 4.7.0 TLS not available due to a temporary reason")
		c.send("a@b.example", "a@example.com", "x\r\n", "250")
		c.quit()
		r.wantMatch(1, `ICID 1 TLS failed: \(0, .*\) \[L1\]`)
	})
}

// trusting puts a client's certificate on the custom list, as an authority of itself.
func trusting(p *certstore.Profile) func(c *config.Config, l *config.Listener, r *rig) {
	return func(c *config.Config, l *config.Listener, r *rig) {
		id, err := r.certs.PutAuthorities(p.Pairs[0].Chain)
		if err != nil {
			r.t.Fatal(err)
		}
		c.Authorities = config.Authorities{Custom: true}
		c.Refs[config.AuthoritiesRef] = id
	}
}

func TestClientCertificate(t *testing.T) {
	r := newRig(t, offerTLS(config.TLSPreferred, true))
	known, _ := r.certificate("partner.example")
	stranger, _ := r.certificate("stranger.example")
	r.commit(func(c *config.Config, l *config.Listener) { trusting(known)(c, l, r) })
	for icid, shown := range []*certstore.Profile{nil, stranger} {
		icid++
		c := r.dial()
		c.hear("220")
		conf := &tls.Config{}
		if shown != nil {
			conf.Certificates = shown.TLSCertificates()
		}
		c.startTLS(conf)
		c.say("EHLO client.example", "554 5.7.1 TLS client certificate not accepted")
		c.say("MAIL FROM:<a@b.example>", "554 5.7.1 TLS client certificate not accepted")
		c.quit()
		r.wantMatch(icid, fmt.Sprintf(`ICID %d TLS failed: \(\d+, 'error:[0-9A-F]{8}:SSL routines:.*'\) \[H11\]`, icid))
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c := r.dial()
		c.hear("220")
		c.startTLS(&tls.Config{Certificates: known.TLSCertificates(), MaxVersion: version})
		c.say("EHLO client.example", "250 SIZE")
		c.send("a@b.example", "a@example.com", "x\r\n", "250")
		c.quit()
	}
	r.wantMatch(3, `ICID 3 TLS success protocol TLSv1\.2 cipher \S+`)
	r.wantMatch(4, `ICID 4 TLS success protocol TLSv1\.3 cipher \S+`)
}

// TestRenewedCertificate says that an open connection, too, gets the certificate that is in force at its handshake.
func TestRenewedCertificate(t *testing.T) {
	r := newRig(t, offerTLS(config.TLSPreferred, false))
	c := r.connect()
	renewed, id := r.certificate("mail.example.com")
	r.commit(func(conf *config.Config, _ *config.Listener) {
		conf.Refs[config.CertificateRef(config.DemoCertificate)] = id
	})
	state := c.startTLS(&tls.Config{})
	if !state.PeerCertificates[0].Equal(renewed.Leaf()) {
		t.Error("an old certificate is shown")
	}
	c.say("EHLO client.example", "250 SIZE")
	c.quit()
}
