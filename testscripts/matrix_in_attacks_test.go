package testscripts

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// greet goes as far as the answer to EHLO.
func (c *caller) greet(listener string) *caller {
	c.t.Helper()
	c.call(listener)
	c.say("-", "220 ")
	c.say("EHLO client.example", "250 SIZE")
	return c
}

// send sends a message, and says goodbye.
func (c *caller) send(subject string) {
	c.t.Helper()
	c.say("EHLO client.example", "250 SIZE")
	c.say("MAIL FROM:<a@client.example>", "250 ")
	c.say("RCPT TO:<b@example.com>", "250 ")
	c.say("DATA", "354 ")
	c.say("Subject: "+subject+"\r\n\r\ntext\r\n.", "250 2.0.0 ok:")
	c.say("QUIT", "221 ")
}

// TestAttacksIn plays the published classes of attacks on STARTTLS against the running appliance, and the handshakes
// that break other servers. Whatever a client may have said in clear, nothing of it is obeyed.
func TestAttacksIn(t *testing.T) {
	in := newInward(t)
	for _, attack := range []struct {
		name    string
		network string
		play    func(c *caller)
	}{
		{"command injection in one write", offered, commandInjection},
		{"command injection in many packets", offered, commandsInPackets},
		{"tampering", offered, tampering},
		{"negotiation", needed, negotiation},
		{"STARTTLS within TLS", needed, secondSTARTTLS},
		{"plain text within TLS", needed, plainWithinTLS},
		{"a ClientHello of 64 kilobytes", offered, largeHello},
		{"records byte by byte", needed, byteByByte},
		{"renegotiation", offered, renegotiation},
		{"early data by hand", offered, earlyByHand},
		{"early data of openssl", offered, earlyOfOpenSSL},
	} {
		t.Run(attack.name, func(t *testing.T) {
			t.Parallel()
			attack.play(in.newcomer(t, attack.network))
		})
	}
}

// unharmed wants a line of this kind, and that no message was begun.
func (c *caller) unharmed(line string) {
	c.t.Helper()
	said := strings.Join(c.visits(1), "\n")
	if !strings.Contains(said, line) || strings.Contains(said, "MID") || strings.Contains(said, "evil") {
		c.t.Errorf("no %q in, or more than it:\n%s", line, said)
	}
}

func commandInjection(c *caller) {
	c.greet("InboundMail")
	fmt.Fprint(c.conn, "STARTTLS\r\n"+injected)
	if said := c.rest(); said != "" {
		c.t.Errorf("said %q", said)
	}
	c.unharmed("[S4]")
}

// commandsInPackets does not wait for the 220. What arrives before it is sent is S4, what arrives later no handshake.
func commandsInPackets(c *caller) {
	c.greet("InboundMail")
	dripping{c.conn}.Write([]byte("STARTTLS\r\n" + injected))
	if said := c.rest(); strings.Contains(said, "250") || strings.Contains(said, "354") {
		c.t.Errorf("said %q", said)
	}
	said := strings.Join(c.visits(1), "\n")
	if !strings.HasSuffix(said, "[S4]") && !strings.HasSuffix(said, "[H3]") || strings.Contains(said, "MID") {
		c.t.Errorf("mail_logs:\n%s", said)
	}
}

// tampering begins a transaction in clear, which must not go on under TLS (RFC 3207 §4.2).
func tampering(c *caller) {
	c.greet("InboundMail")
	c.say("MAIL FROM:<evil@b.example>", "250 ")
	c.say("RCPT TO:<b@example.com>", "250 ")
	c.say("STARTTLS", "220 ")
	c.secure(&tls.Config{})
	c.say("DATA", "503 5.5.1 MAIL first")
	c.say("MAIL FROM:<a@client.example>", "503 5.5.1 EHLO first")
	c.send("honest")
	said := strings.Join(c.visits(1), "\n")
	if strings.Count(said, "To: <b@example.com>") != 2 || strings.Count(said, "From: <evil@b.example>") != 1 {
		c.t.Errorf("mail_logs:\n%s", said)
	}
}

// negotiation goes on in clear where TLS is required, and with it only then.
func negotiation(c *caller) {
	c.greet("InboundMail")
	for _, command := range []string{"MAIL FROM:<evil@b.example>", "RCPT TO:<b@example.com>", "DATA", "BDAT 3 LAST\r\nx"} {
		c.say(command, "530 5.7.0 Must issue a STARTTLS command first")
	}
	c.say("STARTTLS now", "501 ")
	c.say("STARTTLS", "220 ")
	c.secure(&tls.Config{})
	c.send("after all")
	if said := strings.Join(c.visits(1), "\n"); strings.Contains(said, "evil") || !strings.Contains(said, "[S6]") {
		c.t.Errorf("mail_logs:\n%s", said)
	}
}

func secondSTARTTLS(c *caller) {
	c.call("InboundMail").ready()
	c.secure(&tls.Config{})
	if offer := c.say("EHLO client.example", "250 SIZE"); strings.Contains(offer, "STARTTLS") {
		c.t.Errorf("offered within TLS: %s", offer)
	}
	c.say("STARTTLS", "503 5.5.1 TLS is already in use")
	c.send("one handshake")
}

func plainWithinTLS(c *caller) {
	c.call("InboundMail").ready()
	raw := c.conn
	c.secure(&tls.Config{})
	fmt.Fprint(raw, injected)
	io.Copy(io.Discard, raw)
	raw.Close()
	c.unharmed("lost")
}

// largeHello takes a ClientHello as large as one of them may be; one that claims to be larger is refused unread.
func largeHello(c *caller) {
	large := good12()
	large.padding = 65000
	c.call("InboundMail").ready()
	c.conn.Write(large.records())
	c.answered()
	c.conn.Write(fatal(80))
	c.rest()
	c.unharmed("[H13]")

	endless := c.in.newcomer(c.t, offered).call("InboundMail").ready()
	endless.conn.Write(record(handshakeRecord, append([]byte{1, 0xff, 0xff, 0xff}, make([]byte, 70000)...)))
	endless.rest()
	endless.unharmed("[H13]")
}

func byteByByte(c *caller) {
	c.call("InboundMail")
	c.use(dripping{c.conn})
	c.ready()
	c.secure(&tls.Config{})
	c.send("drop by drop")
}

// renegotiation is asked for by openssl where a session of TLS 1.2 stands, and refused (RFC 5746 §1).
func renegotiation(c *caller) {
	cmd := exec.CommandContext(c.t.Context(), "openssl", "s_client", "-connect", c.in.listener(c.t, "Submissions"),
		"-bind", c.from+":0", "-tls1_2", "-crlf")
	in, err := cmd.StdinPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "220 ") {
			fmt.Fprint(in, "R\n") // by itself on a line it is s_client's, and not the server's
		}
	}
	if !strings.Contains(said.String(), "RENEGOTIATING") {
		c.t.Skipf("this openssl does not renegotiate:\n%s", said.String())
	}
	c.want("TLS success protocol TLSv1.2 cipher *", "lost")
}

// earlyByHand announces early data and sends some.
func earlyByHand(c *caller) {
	h := good12()
	h.versions, h.suites, h.early = []uint16{0x0304}, []uint16{0x1301}, true
	c.call("InboundMail").ready()
	c.conn.Write(append(h.records(), record(dataRecord, []byte(injected))...))
	c.rest()
	c.unharmed("TLS failed: ")
}

// earlyOfOpenSSL resumes a session with early data, which our tickets do not allow.
func earlyOfOpenSSL(c *caller) {
	session, data := filepath.Join(c.t.TempDir(), "session"), filepath.Join(c.t.TempDir(), "data")
	if err := os.WriteFile(data, []byte(injected), 0o600); err != nil {
		c.t.Fatal(err)
	}
	first := c.in.newcomer(c.t, offered)
	if said := first.openssl("Submissions", "-tls1_3", "-sess_out", session); !strings.Contains(said, "Max Early Data: 0") {
		c.t.Errorf("openssl: %s", said)
	}
	if said := c.openssl("Submissions", "-tls1_3", "-sess_in", session, "-early_data", data); !strings.Contains(said, "Early data was not sent") {
		c.t.Errorf("openssl: %s", said)
	}
	c.want(ok13)
}
