package outbound

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"posthouse/config"
)

// TestNewConfigurationEndsAWaitingConnection is about a connection that waits for another message while a commit sends
// the destination's mail elsewhere, or trusts its host no longer.
func TestNewConfigurationEndsAWaitingConnection(t *testing.T) {
	take := func(_ int, l *line) {
		l.greet()
		l.accept()
		l.bye()
	}
	before, after := newPeer(t, take), newPeer(t, take)
	b := newBench(t, func(b *bench, c *config.Config) {
		b.linger = 20 * time.Second
		route(c, "peer.example", before)
	})
	b.send("b@peer.example")
	b.until("Message finished MID 1 done")
	conf := b.world.Load().Config.Clone()
	route(conf, "peer.example", after)
	b.configure(conf)
	b.send("b@peer.example")
	b.until("New SMTP DCID 2")
	if line := b.seen[len(b.seen)-1]; !strings.HasSuffix(line, after.hop()[len("[127.0.0.1]:"):]) {
		t.Errorf("the second message goes the old way: %s", line)
	}
	b.until("Message finished MID 2 done")
}

// TestThePeerRefusesOurCertificateInWords is about a peer that lets any client certificate pass the handshake.
func TestThePeerRefusesOurCertificateInWords(t *testing.T) {
	p := newPeer(t, func(_ int, l *line) {
		l.greet("STARTTLS")
		l.hear("STARTTLS", "220 go\r\n")
		conf := &tls.Config{Certificates: []tls.Certificate{(&authority{}).issue(t, false, "mx")}, ClientAuth: tls.RequestClientCert}
		if err := l.secure(conf); err != nil {
			t.Errorf("handshake: %v", err)
			return
		}
		l.hear("EHLO", "421 4.7.1 Client certificate not trusted\r\n")
	})
	b := newBench(t, func(_ *bench, c *config.Config) {
		route(c, "peer.example", p)
		level(c, "peer.example", config.TLSRequire)
	})
	b.send("b@peer.example")
	b.until("DCID 1 TLS failed: STARTTLS unexpected response [H9]")
	b.until("TLS was required but could not be successfully negotiated [P3]")
	b.until("pending till")
}
