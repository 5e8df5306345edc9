package outbound

import (
	"strings"
	"testing"

	"posthouse/config"
	"posthouse/mta/spool"
)

// wishing puts a message into the queue whose recipients have wishes.
func (b *bench) wishing(to map[string]string, order ...string) spool.Message {
	b.t.Helper()
	env := spool.Envelope{Sender: "a@x.example", Ret: "HDRS", EnvID: "id 1"}
	for rid, address := range order {
		env.Recipients = append(env.Recipients, spool.Recipient{RID: rid, Address: address, Notify: to[address], ORcpt: "rfc822;was+" + address})
	}
	m := b.put(env, letter)
	m.States = make([]spool.State, len(order))
	b.queue.Add(m)
	return m
}

// home is a peer that takes notices for x.example and hands out what it gets.
func home(t *testing.T) (*peer, chan string) {
	got := make(chan string, 10)
	return newPeer(t, func(_ int, l *line) {
		l.greet("8BITMIME", "DSN")
		l.hear("MAIL FROM:<>", "250 ok\r\n")
		l.hear("RCPT TO:<a@x.example> NOTIFY=NEVER\r\n", "250 ok\r\n")
		l.hear("DATA", "354 go\r\n")
		got <- l.take("250 ok\r\n")
		l.bye()
	}), got
}

// TestWishesArePassedOn: a hop with DSN is given them, and tells of success itself.
func TestWishesArePassedOn(t *testing.T) {
	p := newPeer(t, func(_ int, l *line) {
		l.greet("DSN")
		l.hear("MAIL FROM:<a@x.example> RET=HDRS ENVID=id+201\r\n", "250 ok\r\n")
		l.hear("RCPT TO:<b@peer.example> NOTIFY=SUCCESS ORCPT=rfc822;was+2Bb@peer.example\r\n", "250 ok\r\n")
		l.hear("RCPT TO:<c@peer.example> NOTIFY=NEVER ORCPT=rfc822;was+2Bc@peer.example\r\n", "550 5.1.1 no\r\n")
		l.hear("RCPT TO:<d@peer.example> ORCPT=rfc822;was+2Bd@peer.example\r\n", "250 ok\r\n")
		l.hear("DATA", "354 go\r\n")
		l.take("250 ok\r\n")
		l.bye()
	})
	b := newBench(t, func(_ *bench, c *config.Config) { route(c, "peer.example", p) })
	b.wishing(map[string]string{"b@peer.example": "SUCCESS", "c@peer.example": "NEVER"}, "b@peer.example", "c@peer.example", "d@peer.example")
	b.expect("New SMTP *", "Delivery start *", "Message done DCID 1 MID 1 to RID [0, 2]", "*", "Bounced: DCID 1 MID 1 to RID 1 *", "Message finished MID 1 done", "DCID 1 close")
}

// TestSuccessIsToldOf for a hop without DSN: relayed for who asked, in one notice; and where the way ends here: delivered.
func TestSuccessIsToldOf(t *testing.T) {
	p := newPeer(t, func(_ int, l *line) {
		l.greet("PIPELINING")
		l.hear("MAIL FROM:<a@x.example>\r\n", "250 ok\r\n")
		for _, r := range []string{"b", "c", "d"} {
			l.hear("RCPT TO:<"+r+"@peer.example>\r\n", "")
		}
		l.hear("DATA", "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n")
		l.take("250 2.6.0 taken\r\n")
		l.bye()
	})
	h, got := home(t)
	b := newBench(t, func(_ *bench, c *config.Config) {
		route(c, "peer.example", p)
		route(c, "x.example", h)
		c.Routes["null.example"] = &config.Route{Hops: []string{"/dev/null"}}
	})
	b.wishing(map[string]string{"b@peer.example": "SUCCESS,FAILURE", "c@peer.example": "NEVER"}, "b@peer.example", "c@peer.example", "d@peer.example")
	b.until("MID 2 was generated for bounce of MID 1")
	notice := <-got
	for _, want := range []string{
		"\r\nOriginal-Envelope-Id: id 1\r\n", "\r\nOriginal-Recipient: rfc822; was+b@peer.example\r\nFinal-Recipient: rfc822; b@peer.example\r\n" +
			"Action: relayed\r\nStatus: 2.6.0\r\nRemote-MTA: dns; [127.0.0.1]\r\nDiagnostic-Code: smtp; 250 2.6.0 taken\r\n",
	} {
		if !strings.Contains(notice, want) {
			t.Errorf("no %q in\n%s", want, notice)
		}
	}
	if strings.Contains(notice, "c@peer.example") || strings.Contains(notice, "d@peer.example") {
		t.Errorf("the notice tells of others:\n%s", notice)
	}
	b.wishing(map[string]string{"b@null.example": "SUCCESS"}, "b@null.example")
	b.until("MID 4 was generated for bounce of MID 3")
	if notice := <-got; !strings.Contains(notice, "Action: delivered\r\nStatus: 2.0.0\r\n") {
		t.Errorf("notice:\n%s", notice)
	}
	b.until("Message finished MID 4 done")
}

// TestANoticeIn8BitsPassesEveryHop: what it returns is as it came, and a notice that is not sent helps nobody.
func TestANoticeIn8BitsPassesEveryHop(t *testing.T) {
	got := make(chan string, 1)
	p := newPeer(t, func(_ int, l *line) {
		l.greet("PIPELINING")
		l.hear("MAIL FROM:<>\r\n", "250 ok\r\n")
		l.hear("RCPT", "250 ok\r\n")
		l.hear("DATA", "354 go\r\n")
		got <- l.take("250 ok\r\n")
		l.bye()
	})
	b := newBench(t, func(_ *bench, c *config.Config) { route(c, "peer.example", p) })
	b.queue.Add(b.put(spool.Envelope{Bounce: true, Body8Bit: true}, "Subject: x\r\n\r\nGrüße\r\n", "a@peer.example"))
	b.until("Message finished MID 1 done")
	if content := <-got; !strings.Contains(content, "Grüße") {
		t.Errorf("content %q", content)
	}
}
