package inbound

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"posthouse/config"
	"posthouse/mta/spool"
)

const (
	newLine    = "New SMTP ICID %d interface Management (127.0.0.1) address 127.0.0.1 reverse dns host client.example verified yes"
	acceptLine = "ICID %d ACCEPT SG None match ALL SBRS None"
)

func opening(icid int) []string {
	return []string{fmt.Sprintf(newLine, icid), fmt.Sprintf(acceptLine, icid)}
}

func TestJourney(t *testing.T) {
	r := newRig(t, nil)
	c := r.connect()
	c.send("joe@partner.example", "user@example.com", "Subject: hello\r\n\r\nbody\r\n..dot\r\n", "250 2.0.0 ok:  Message 1 accepted")
	c.quit()

	trace := regexp.MustCompile(`^Received: from client\.example \(client\.example \[127\.0\.0\.1\]\)\r\n` +
		`\tby mail\.example\.com with ESMTP\r\n\tid 1 for <user@example\.com>; \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}\r\n` +
		`Subject: hello\r\nDate: [^\r]+\r\nMessage-ID: (<1\.[A-Z2-7]{26}@mail\.example\.com>)\r\n\r\nbody\r\n\.dot\r\n$`)
	body := r.spool.messages[1]
	found := trace.FindStringSubmatch(body)
	if found == nil {
		t.Fatalf("spooled: %q", body)
	}
	r.wantLog(1, append(opening(1),
		"Start MID 1 ICID 1",
		"MID 1 ICID 1 From: <joe@partner.example>",
		"MID 1 ICID 1 RID 0 To: <user@example.com>",
		"MID 1 Message-ID '"+found[1]+"'",
		`MID 1 Subject "hello"`,
		fmt.Sprintf("MID 1 ready %d bytes from <joe@partner.example>", len(body)),
		"MID 1 matched all recipients for per-recipient policy DEFAULT in the inbound table",
		"MID 1 queued for delivery",
		"ICID 1 close")...)

	if len(r.accepted) != 1 {
		t.Fatal(r.accepted)
	}
	env := r.accepted[0].Envelope
	if env.MID != 1 || env.ICID != 1 || env.Sender != "joe@partner.example" || len(env.Recipients) != 1 ||
		env.Recipients[0].Address != "user@example.com" || env.Size != int64(len(body)) || env.Subject != "hello" ||
		env.MessageID != found[1] || env.Relay || env.Listener != listenerName || env.Body8Bit || env.SMTPUTF8 ||
		len(r.accepted[0].States) != 1 || env.Received.IsZero() {
		t.Errorf("%+v", env)
	}
}

func TestRecipientAccess(t *testing.T) {
	r := newRig(t, func(r *rig, c *config.Config, l *config.Listener) {
		l.DefaultDomain = "example.com"
		l.RecipientAccess["out@example.com"] = &config.RecipientRule{}
		l.RecipientAccess["later@example.com"] = &config.RecipientRule{Code: 451, Text: "come back later"}
		l.RecipientAccess["vip@example.com"] = &config.RecipientRule{Accept: true, Code: 250, Text: "with pleasure"}
	})
	c := r.connect()
	c.say("MAIL FROM:<>", "250 2.1.0 sender <> ok")
	c.say("RCPT TO:<a@other.example>", "550 5.1.0 Address rejected.")
	c.say("RCPT TO:<out@example.com>", "550 5.1.0 Address rejected.")
	c.say("RCPT TO:<later@example.com>", "451 4.1.0 come back later")
	c.say("RCPT TO:<vip@example.com>", "250 2.1.5 with pleasure")
	c.say("RCPT TO:<a@EXAMPLE.com>", "250 2.1.5 recipient <a@EXAMPLE.com> ok")
	c.say("RCPT TO:<postmaster>", "250 2.1.5 recipient <postmaster@example.com> ok")
	c.say("RCPT TO:<alone>", "250 2.1.5 recipient <alone@example.com> ok")
	c.quit()
	r.wantLog(1, append(opening(1), "Start MID 1 ICID 1", "MID 1 ICID 1 From: <>",
		"MID 1 ICID 1 To: <a@other.example> Rejected by RAT",
		"MID 1 ICID 1 To: <out@example.com> Rejected by RAT",
		"MID 1 ICID 1 To: <later@example.com> Rejected by RAT",
		"MID 1 ICID 1 RID 0 To: <vip@example.com>",
		"MID 1 ICID 1 RID 1 To: <a@EXAMPLE.com>",
		"MID 1 ICID 1 RID 2 To: <postmaster@example.com>",
		"MID 1 ICID 1 RID 3 To: <alone@example.com>",
		"Message aborted MID 1 Receiving aborted by sender",
		"Message finished MID 1 aborted",
		"ICID 1 close")...)
	if got := r.l.opts.Counters.RejectedRecipients.Load(); got != 3 {
		t.Error(got)
	}
}

func TestARecipientNamedTwiceGetsOneCopy(t *testing.T) {
	r := newRig(t, limited(config.PolicyParams{MaxRecipients: new(2)}))
	c := r.connect()
	c.say("MAIL FROM:<a@b.example>", "250")
	c.say("RCPT TO:<joe@example.com>", "250 2.1.5 recipient <joe@example.com> ok")
	c.say("RCPT TO:<Joe@example.com>", "250 2.1.5 recipient <Joe@example.com> ok")
	c.say("RCPT TO:<joe@EXAMPLE.com>", "250 2.1.5 recipient <joe@EXAMPLE.com> ok")
	c.say("RCPT TO:<ann@example.com>", "452 4.5.3 Too many recipients")
	c.say("DATA", "354")
	c.say("\r\n.", "250")
	c.quit()
	r.hasLog(1, "MID 1 ICID 1 RID 0 To: <joe@EXAMPLE.com>")
	r.mu.Lock()
	defer r.mu.Unlock()
	var got []string
	for _, to := range r.accepted[0].Recipients {
		got = append(got, to.Address)
	}
	if strings.Join(got, " ") != "joe@example.com Joe@example.com" {
		t.Errorf("recipients %q", got)
	}
}

func TestNoDomain(t *testing.T) {
	r := newRig(t, nil)
	c := r.connect()
	c.say("MAIL FROM:<joe>", "501 5.5.2 syntax error sender address needs a domain")
	c.say("MAIL FROM:<joe@x.example>", "250")
	c.say("RCPT TO:<joe>", "501 5.5.2 syntax error recipient address needs a domain")
	c.say("RCPT TO:<Postmaster>", "550 5.1.0 Address rejected.") // of mail.example.com, which nobody is accepted for
	c.quit()
}

// policy makes the host access table one entry for everybody.
func policy(p config.Policy) func(r *rig, c *config.Config, l *config.Listener) {
	return func(r *rig, c *config.Config, l *config.Listener) {
		l.HostAccess.Groups = []config.SenderGroup{{Name: "ONE", Members: []string{"127.0.0.1"}, Inline: &p}}
	}
}

func TestHostAccess(t *testing.T) {
	t.Run("reject", func(t *testing.T) {
		r := newRig(t, policy(config.Policy{Behavior: config.Reject, Params: config.PolicyParams{RejectText: "Call us."}}))
		c := r.dial()
		got := c.hear("554 5.7.1 Call us.")
		if got != "554-mail.example.com\r\n554-5.7.1 Your access to this mail system has been rejected.\r\n554 5.7.1 Call us.\r\n" {
			t.Errorf("%q", got)
		}
		c.say("EHLO x", "503 5.5.1")
		c.quit()
		r.wantLog(1, fmt.Sprintf(newLine, 1), "ICID 1 REJECT SG ONE match 127.0.0.1 SBRS None", "ICID 1 close")
	})
	t.Run("tcprefuse", func(t *testing.T) {
		r := newRig(t, policy(config.Policy{Behavior: config.TCPRefuse}))
		if conn, err := net.Dial("tcp", r.addr); err == nil { // or the reset came before the last step of Dial
			defer conn.Close()
			n, err := conn.Read(make([]byte, 1))
			if n > 0 || !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("heard %d bytes, %v", n, err)
			}
		} else if !errors.Is(err, syscall.ECONNRESET) {
			t.Error(err)
		}
		r.l.Shutdown(time.Minute)
		if got := r.lines(r.log, "mail_logs", "mail"); len(got) != 1 || got[0] != "ICID 0 TCPREFUSE SG ONE match 127.0.0.1 SBRS None" {
			t.Error(got)
		}
	})
	t.Run("relay", func(t *testing.T) {
		r := newRig(t, policy(config.Policy{Behavior: config.Relay}))
		c := r.connect()
		c.send("a@example.com", "anybody@anywhere.example", "x\r\n", "250 2.0.0 ok:  Message 1 accepted")
		c.quit()
		r.hasLog(1, "ICID 1 RELAY SG ONE match 127.0.0.1 SBRS None")
		r.hasLog(1, "MID 1 matched all recipients for per-recipient policy DEFAULT in the outbound table")
		if !r.accepted[0].Relay {
			t.Error("not marked as relayed")
		}
	})
	t.Run("by name", func(t *testing.T) {
		r := newRig(t, func(r *rig, c *config.Config, l *config.Listener) {
			l.HostAccess.Groups = []config.SenderGroup{{Name: "BAD", Members: []string{".example"}, Policy: "BLOCKED"}}
		})
		c := r.dial()
		c.hear("554")
		c.quit()
		r.hasLog(1, "ICID 1 REJECT SG BAD match .example SBRS None")
	})
	t.Run("by a name that does not lead back", func(t *testing.T) {
		r := newRig(t, func(r *rig, c *config.Config, l *config.Listener) {
			l.HostAccess.Groups = []config.SenderGroup{{Name: "GOOD", Members: []string{".example"}, Policy: "RELAYED"}}
			delete(r.dns.Hosts, "client.example")
		})
		c := r.connect()
		c.quit()
		r.wantLog(1, "New SMTP ICID 1 interface Management (127.0.0.1) address 127.0.0.1 reverse dns host client.example verified no",
			fmt.Sprintf(acceptLine, 1), "ICID 1 close")
	})
	t.Run("private listener without relay", func(t *testing.T) {
		r := newRig(t, func(r *rig, c *config.Config, l *config.Listener) {
			l.Type, l.RecipientAccess, l.HostAccess.Groups = config.Private, nil, nil
		})
		c := r.connect()
		c.say("MAIL FROM:<a@b.example>", "250")
		c.say("RCPT TO:<a@anywhere.example>", "550 5.1.0 Address rejected.")
		c.quit()
	})
	t.Run("blackhole", func(t *testing.T) {
		r := newRig(t, func(r *rig, c *config.Config, l *config.Listener) { l.Type = config.Blackhole })
		c := r.connect()
		c.send("a@b.example", "a@anywhere.example", "Message-ID: <m@x>\r\n\r\nx\r\n", "250 2.0.0 ok:  Message 1 accepted")
		c.quit()
		r.hasLog(1, "Message finished MID 1 done")
		if len(r.spool.messages)+len(r.accepted) > 0 || r.l.opts.Counters.Dropped.Load() != 1 {
			t.Error("the message is kept")
		}
	})
}

func limited(p config.PolicyParams) func(r *rig, c *config.Config, l *config.Listener) {
	return policy(config.Policy{Behavior: config.Accept, Params: p})
}

func TestLimits(t *testing.T) {
	t.Run("size", func(t *testing.T) {
		r := newRig(t, limited(config.PolicyParams{MaxMessageSize: new(int64(1000))}))
		c := r.connect()
		c.say("MAIL FROM:<a@b.example> SIZE=1001", "552 5.3.4 message size exceeds limit")
		c.send("a@b.example", "a@example.com", strings.Repeat("x", 1000)+"\r\n", "552 5.3.4 message size exceeds limit")
		c.send("a@b.example", "a@example.com", strings.Repeat("x", 998)+"\r\n", "250 2.0.0 ok:  Message 2 accepted")
		c.quit()
		failed := "ICID 1 Receiving Failed: Message size exceeds limit"
		if n := strings.Count(strings.Join(r.awaitLog(1), "\n"), failed); n != 2 {
			t.Errorf("%d times %q", n, failed)
		}
		r.hasLog(1, "Message finished MID 1 aborted")
		if r.spool.open != 0 {
			t.Error("a message is left in the air")
		}
	})
	t.Run("messages a session", func(t *testing.T) {
		r := newRig(t, limited(config.PolicyParams{MaxMessages: new(2)}))
		c := r.connect()
		c.say("MAIL FROM:<a@b.example>", "250")
		c.say("RSET", "250")
		c.send("a@b.example", "a@example.com", "", "250")
		c.send("a@b.example", "a@example.com", "", "250")
		c.say("MAIL FROM:<a@b.example>", "421 4.7.0 Too many messages for this session")
		c.gone()
		r.awaitLog(1)
	})
	t.Run("recipients a message", func(t *testing.T) {
		r := newRig(t, limited(config.PolicyParams{MaxRecipients: new(1)}))
		c := r.connect()
		c.say("MAIL FROM:<a@b.example>", "250")
		c.say("RCPT TO:<a@example.com>", "250")
		c.say("RCPT TO:<b@example.com>", "452 4.5.3 Too many recipients")
		c.quit()
	})
	t.Run("recipients an hour", func(t *testing.T) {
		r := newRig(t, limited(config.PolicyParams{MaxRecipientsPerHour: new(2)}))
		for range 2 {
			c := r.connect()
			c.send("a@b.example", "a@example.com", "", "250")
			c.quit()
		}
		c := r.connect()
		c.say("MAIL FROM:<a@b.example>", "250")
		c.say("RCPT TO:<a@example.com>", "452 4.7.1 Too many recipients received this hour")
		r.now.Store(3601)
		c.say("RCPT TO:<a@example.com>", "250")
		c.quit()
	})
	t.Run("connections of a host", func(t *testing.T) {
		r := newRig(t, limited(config.PolicyParams{MaxConcurrency: new(1)}))
		c := r.connect()
		second := r.dial()
		second.hear("421 4.7.0 Too many connections from your host")
		second.gone()
		r.hasLog(2, "ICID 2 Receiving Failed: Connection limit exceeded")
		c.quit()
		r.awaitLog(1)
		r.connect().quit()
	})
	t.Run("connections of all", func(t *testing.T) {
		r := newRig(t, func(r *rig, c *config.Config, l *config.Listener) { l.MaxConnections = 1 })
		c := r.connect()
		second := r.dial()
		second.hear("421 4.7.0 Too many connections to this listener")
		second.gone()
		r.wantLog(2, append(opening(1),
			"New SMTP ICID 2 interface Management (127.0.0.1) address 127.0.0.1 reverse dns host unknown verified no",
			"ICID 2 Receiving Failed: Connection limit exceeded", "ICID 2 close")...)
		c.quit()
	})
}

func TestSpoolFails(t *testing.T) {
	full, broken := func() error { return fmt.Errorf("write: %w", spool.ErrFull) }, func() error { return syscall.EIO }
	body := strings.Repeat("x", 600) + "\r\n"
	const low = "452 4.3.1 server resources low - try again later"
	for name, c := range map[string]struct {
		s    *memorySpool
		data string // the reply to DATA
		end  string
	}{
		"full at first":    {&memorySpool{onCreate: full}, "452 4.3.1 queue full", ""},
		"full meanwhile":   {&memorySpool{onWrite: full}, "354", "452 4.3.1 queue full"},
		"full at last":     {&memorySpool{onCommit: full}, "354", "452 4.3.1 queue full"},
		"broken at first":  {&memorySpool{onCreate: broken}, low, ""},
		"broken meanwhile": {&memorySpool{onWrite: broken}, "354", low},
		"broken at last":   {&memorySpool{onCommit: broken}, "354", low},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(r *rig, _ *config.Config, _ *config.Listener) {
				c.s.messages = map[uint64]string{}
				r.spool = c.s
			})
			cl := r.connect()
			cl.say("MAIL FROM:<a@b.example>", "250")
			cl.say("RCPT TO:<a@example.com>", "250")
			cl.say("DATA", c.data)
			if c.end != "" {
				cl.say(body+".", c.end)
			}
			cl.quit()
			r.hasLog(1, "Message finished MID 1 aborted")
			if len(c.s.messages)+len(r.accepted) > 0 || c.s.open != 0 {
				t.Error("something of the message is left")
			}
			problems := len(r.lines(r.system, "system_logs", "system"))
			if strings.HasPrefix(name, "broken") != (problems > 0) {
				t.Errorf("%d lines in system_logs", problems)
			}
		})
	}
}

func TestAborted(t *testing.T) {
	r := newRig(t, nil)
	c := r.connect()
	c.say("MAIL FROM:<a@b.example>", "250")
	c.say("RSET", "250")
	c.say("MAIL FROM:<a@b.example>", "250")
	c.say("RCPT TO:<a@example.com>", "250")
	c.say("DATA", "354")
	fmt.Fprint(c.conn, "cut sho")
	c.conn.Close()
	r.wantLog(1, append(opening(1), "Start MID 1 ICID 1", "MID 1 ICID 1 From: <a@b.example>",
		"Message aborted MID 1 Receiving aborted by sender", "Message finished MID 1 aborted",
		"Start MID 2 ICID 1", "MID 2 ICID 1 From: <a@b.example>", "MID 2 ICID 1 RID 0 To: <a@example.com>",
		"Message aborted MID 2 Receiving aborted by sender", "Message finished MID 2 aborted",
		"ICID 1 lost", "ICID 1 close")...)
	if r.spool.open != 0 || len(r.spool.messages) != 0 {
		t.Error("something is left in the spool")
	}
}

func TestLoop(t *testing.T) {
	r := newRig(t, func(r *rig, c *config.Config, l *config.Listener) { c.Injection.MaxHops = 3 })
	c := r.connect()
	c.send("a@b.example", "a@example.com", strings.Repeat("Received: x\r\n", 4)+"\r\n", "554 5.4.6 Too many hops")
	c.send("a@b.example", "a@example.com", strings.Repeat("Received: x\r\n", 3)+"\r\n", "250")
	c.quit()
	r.hasLog(1, "ICID 1 Receiving Failed: Message loop")
	r.hasLog(1, "Message finished MID 1 aborted")
}

func TestEightBitAndUTF8(t *testing.T) {
	r := newRig(t, nil)
	c := r.connect()
	c.say("MAIL FROM:<jö@b.example> SMTPUTF8 BODY=8BITMIME", "250 2.1.0 sender <jö@b.example> ok")
	c.say("RCPT TO:<a@example.com>", "250")
	c.say("DATA", "354")
	c.say("Subject: ä\r\n\r\n.", "250")
	c.send("a@b.example", "a@example.com", "X: y\r\n\r\nä\r\n", "250")
	c.quit()
	r.awaitLog(1)
	one, two := r.accepted[0], r.accepted[1]
	if !one.SMTPUTF8 || !one.Body8Bit || two.SMTPUTF8 || !two.Body8Bit {
		t.Errorf("%+v\n%+v", one.Envelope, two.Envelope)
	}
	if !strings.Contains(r.spool.messages[1], "with UTF8SMTP\r\n") {
		t.Error(r.spool.messages[1])
	}
}

func TestRealSpool(t *testing.T) {
	s, err := spool.Open(t.TempDir(), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Messages(func(spool.Message) error { return nil }); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, nil)
	r.l.opts.Spool = Store(s)
	c := r.connect()
	c.send("a@b.example", "a@example.com", "x\r\n", "250")
	c.quit()
	body, err := s.Open(r.accepted[0].MID)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
}

func TestReconfigured(t *testing.T) {
	r := newRig(t, nil)
	old := r.connect()
	r.commit(func(c *config.Config, l *config.Listener) {
		l.RecipientAccess = config.RecipientAccess{"new.example": {Accept: true}}
		l.HostAccess.Default.AcceptText = "hello"
	})
	fresh := r.dial()
	fresh.hear("220 mail.example.com ESMTP hello")
	fresh.say("EHLO x", "250")
	fresh.send("a@b.example", "a@new.example", "", "250")
	fresh.quit()
	old.send("a@b.example", "a@example.com", "", "250")
	old.quit()
	r.commit(func(c *config.Config, l *config.Listener) { delete(c.Listeners, listenerName) })
	r.dial().gone()
}

func TestShutdown(t *testing.T) {
	r := newRig(t, nil)
	idle, busy := r.connect(), r.connect()
	busy.say("MAIL FROM:<a@b.example>", "250")
	done := make(chan struct{})
	go func() {
		r.l.Shutdown(time.Minute)
		close(done)
	}()
	idle.hear("421 4.3.2")
	idle.gone()
	late := r.dial()
	late.gone()
	busy.say("RCPT TO:<a@example.com>", "250")
	busy.say("DATA", "354")
	busy.say(".", "250")
	busy.hear("421 4.3.2")
	busy.conn.Close()
	<-done
	if r.l.Open() != 0 {
		t.Error(r.l.Open())
	}
	r.serve()
	r.connect().quit()
}

func TestShutdownWithoutGrace(t *testing.T) {
	r := newRig(t, nil)
	c := r.connect()
	c.say("MAIL FROM:<a@b.example>", "250")
	r.l.Shutdown(0)
	c.gone()
	r.hasLog(1, "Message finished MID 1 aborted")
}

func TestPanic(t *testing.T) {
	r := newRig(t, nil)
	r.spool.onCommit = func() error { panic("bug") }
	c := r.connect()
	c.say("MAIL FROM:<a@b.example>", "250")
	c.say("RCPT TO:<a@example.com>", "250")
	c.say("DATA", "354")
	fmt.Fprint(c.conn, ".\r\n")
	c.gone()
	r.hasLog(1, "Message finished MID 1 aborted")
	r.spool.onCommit = nil
	r.connect().quit()
	r.awaitLog(2)
	if got := r.lines(r.system, "system_logs", "system"); len(got) != 1 || got[0] != "SMTP session ICID 1 failed: bug" {
		t.Error(got)
	}
}

// TestManySessions opens and tears down sessions in every way there is; the leak check of TestMain judges it.
func TestManySessions(t *testing.T) {
	r := newRig(t, func(r *rig, c *config.Config, l *config.Listener) {
		l.HostAccess.Default.MaxConcurrency = new(0)
		offerTLS(config.TLSPreferred, false)(r, c, l)
	})
	for i := range 200 {
		conn, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		script := []string{"", "EHLO a\r\n", "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.com>\r\nDATA\r\nabc", "STARTTLS\r\n", "STARTTLS\r\nxyz\r\n"}
		fmt.Fprint(conn, script[i%len(script)])
		conn.Close()
	}
	r.l.Shutdown(10 * time.Second)
	lines := strings.Join(r.lines(r.log, "mail_logs", "mail"), "\n")
	if started, closed := strings.Count(lines, "New SMTP"), strings.Count(lines, " close"); started != closed {
		t.Errorf("%d opened, %d closed", started, closed)
	}
	if started, over := strings.Count(lines, "Start MID"), strings.Count(lines, "Message finished"); started != over {
		t.Errorf("%d started, %d finished", started, over)
	}
}

// TestShutdownTwice says that an impatient Shutdown ends what a patient one waits for, and that the patient one does not
// wait for what came after it.
func TestShutdownTwice(t *testing.T) {
	r := newRig(t, nil)
	busy := r.connect()
	busy.say("MAIL FROM:<a@b.example>", "250")
	patient := make(chan struct{})
	go func() {
		r.l.Shutdown(time.Hour)
		close(patient)
	}()
	for r.l.present() == 0 {
		runtime.Gosched()
	}
	r.l.Shutdown(0)
	<-patient
	busy.gone()
	r.serve()
	later := r.connect()
	r.l.each(0, func(*connection) { t.Error("a session of the first era is open") })
	later.quit()
}
