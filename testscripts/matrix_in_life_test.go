package testscripts

import (
	"crypto/tls"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRelayIn lets clients relay by their certificate, checked anew for every connection, resumed or not.
func TestRelayIn(t *testing.T) {
	t.Parallel()
	in := newInward(t,
		"listenerconfig edit InboundMail hostaccess new policy PARTNERS relay",
		"listenerconfig edit InboundMail hostaccess new sendergroup PARTNERS cert[friend.example,root] policy PARTNERS",
		"listenerconfig edit InboundMail hostaccess move PARTNERS 1")
	friend := mint(t, in.root, "friend.example", forClients)
	in.revoke(t)
	relays := func(t *testing.T, conf *tls.Config, resumed bool, want string, lines ...string) {
		t.Helper()
		c := in.newcomer(t, offered).call("InboundMail").ready()
		if state := c.secure(conf); state.DidResume != resumed {
			t.Errorf("resumed: %v", state.DidResume)
		}
		c.say("EHLO client.example", "250 SIZE")
		c.say("MAIL FROM:<a@client.example>", "250 ")
		c.say("RCPT TO:<x@elsewhere.example>", want)
		c.say("QUIT", "221 ")
		if said := c.visits(1); !strings.HasPrefix(strings.Join(said[1:], "\n"), strings.Join(lines, "\n")) {
			t.Errorf("mail_logs:\n%s\nwant:\n%s", strings.Join(said, "\n"), strings.Join(lines, "\n"))
		}
	}
	t.Run("none", func(t *testing.T) { relays(t, showing(nil), false, "550 ") })
	t.Run("another name", func(t *testing.T) {
		relays(t, showing(pair(mint(t, in.root, "stranger.example", forClients))), false, "550 ")
	})
	t.Run("another authority", func(t *testing.T) {
		relays(t, showing(pair(mint(t, mint(t, nil, "root", issuing), "friend.example", forClients))), false, "550 ",
			"cause H11 for ADDR: client certificate CN=friend.example: ")
	})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run("friend "+tls.VersionName(version), func(t *testing.T) {
			conf := showing(pair(friend))
			conf.MaxVersion, conf.ClientSessionCache, conf.ServerName = version, tls.NewLRUClientSessionCache(1), "mail.example.com"
			relays(t, conf, false, "250 ")
			relays(t, conf, true, "250 ")
			// Nothing is committed: the ticket is good, the certificate is not.
			in.revokeNow(t, friend)
			relays(t, conf, true, "550 ", "cause H11 for ADDR: client certificate CN=friend.example: certificate revoked")
			in.revokeNow(t)
			relays(t, conf, true, "250 ")
			in.commit(t, "certconfig authority custom disable")
			relays(t, conf, false, "550 ", "cause H11 for ADDR: client certificate CN=friend.example: ")
			in.commit(t, "certconfig authority custom enable")
		})
	}
	const relayed = " RELAY SG PARTNERS match cert[friend.example,root] SBRS None\n"
	if said := in.console(t, "grep PARTNERS mail_logs")[0]; strings.Count(said, relayed) != 6 { // three for each version
		t.Errorf("grep: %s", said)
	}
}

// TestRenewedIn puts a renewed certificate in service while 50 connections are open: new ones get it within a second, and
// the others go on.
func TestRenewedIn(t *testing.T) {
	t.Parallel()
	in := newInward(t)
	open := make([]*caller, 50)
	for i := range open {
		open[i] = in.newcomer(t, offered).call("InboundMail").ready()
		open[i].secure(&tls.Config{})
		open[i].say("EHLO client.example", "250 SIZE")
		open[i].say("MAIL FROM:<a@client.example>", "250 ")
	}
	waiting := in.newcomer(t, offered).greet("InboundMail")
	renewed := mint(t, in.root, "mail.example.com")
	in.commit(t, in.imported(t, "ours", renewed))
	committed := time.Now()
	next := in.newcomer(t, offered).call("InboundMail").ready()
	state := next.secure(&tls.Config{})
	if took := time.Since(committed); took > time.Second {
		t.Errorf("the handshake is over %v after the commit", took)
	}
	if !state.PeerCertificates[0].Equal(renewed.Certificate) {
		t.Error("a new connection gets the old certificate")
	}
	waiting.say("STARTTLS", "220 ")
	if state := waiting.secure(&tls.Config{}); !state.PeerCertificates[0].Equal(renewed.Certificate) {
		t.Error("a connection that was open in clear gets the old certificate")
	}
	for _, c := range append(open, next, waiting) {
		c.say("RSET", "250 ")
		c.send("undisturbed")
		if said := c.visits(1); slices.Contains(said, "lost") {
			t.Errorf("mail_logs: %q", said)
		}
	}
}

// TestImplicitIn sends over a listener of implicit TLS, by clients of several kinds.
func TestImplicitIn(t *testing.T) {
	t.Parallel()
	in := newInward(t)
	c := in.newcomer(t, offered).call("Submissions")
	c.secure(&tls.Config{})
	c.say("-", "220 mail.example.com ESMTP")
	if offer := c.say("EHLO client.example", "250 SIZE"); strings.Contains(offer, "STARTTLS") {
		t.Errorf("STARTTLS is offered within TLS: %s", offer)
	}
	c.say("QUIT", "221 ")
	c.want(ok13)
	mailer := in.newcomer(t, needed)
	host, port, _ := net.SplitHostPort(in.listener(t, "Submissions"))
	said := mailer.program("", "swaks", "--server", host, "--port", port, "--tlsc", "--local-interface", mailer.from,
		"--from", "a@client.example", "--to", "postmaster@mail.example.com")
	if !strings.Contains(said, "=== TLS started with cipher TLSv1.3") {
		t.Errorf("swaks: %s", said)
	}
	mailer.visits(1)
}
