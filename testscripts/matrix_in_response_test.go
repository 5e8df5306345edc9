package testscripts

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestResponseInjection is the attack on us as a client: replies behind the 220, which somebody on the way wants us to take
// for what the peer says under TLS. The connection is given up, nothing more is said on it, and the message waits.
func TestResponseInjection(t *testing.T) {
	t.Parallel()
	const replies = "250-mx.victim.example\r\n250-REQUIRETLS\r\n250 SIZE 100\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go\r\n250 2.0.0 taken\r\n"
	for _, attack := range []struct {
		name, want  string
		with, after string // sent along with the 220, and in answer to the ClientHello
		hello       bool   // one is sent
	}{
		{"in one write", "TLS failed: STARTTLS unexpected response [S4]", replies, "", false},
		{"one byte", "TLS failed: STARTTLS unexpected response [S4]", "2", "", false},
		{"in place of the handshake", "TLS failed: wrong version number [H3]", "", replies, true},
	} {
		t.Run(attack.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			in := newInward(t, "smtproutes new victim.example ["+strings.Replace(l.Addr().String(), ":", "]:", 1), "destconfig new victim.example tls preferred",
				"listenerconfig edit OutboundMail hostaccess default tls preferred")
			c := in.newcomer(t, offered).call("OutboundMail")
			c.say("-", "220 ")
			c.say("EHLO client.example", "250 SIZE")
			c.say("MAIL FROM:<a@example.com>", "250 ")
			c.say("RCPT TO:<b@victim.example>", "250 ")
			c.say("DATA", "354 ")
			c.say("Subject: secret\r\n\r\nsecret\r\n.", "250 2.0.0 ok:")
			said := injecting(t, l, attack.with, attack.after)
			if strings.Contains(said, "MAIL") || strings.Contains(said, "secret") || (said != "") != attack.hello {
				t.Errorf("we said %q behind STARTTLS", said)
			}
			in.awaits(t, `DCID \d+ .*TLS failed: .*\[`+attack.want[len(attack.want)-3:])
			in.awaits(t, `MID 1 to RID \[0\] pending till`)
			if log := openSSL.ReplaceAllString(in.log(t), "$1"); !strings.Contains(log, attack.want) || strings.Contains(log, "in clear") {
				t.Errorf("mail_logs:\n%s", log)
			}
		})
	}
}

// injecting is the peer of one connection. It returns what we say behind STARTTLS.
func injecting(t *testing.T, l net.Listener, with, after string) string {
	t.Helper()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	lines := bufio.NewReader(conn)
	for _, reply := range []string{"220 mx.victim.example\r\n", "250-mx.victim.example\r\n250 STARTTLS\r\n", "220 go\r\n" + with} {
		io.WriteString(conn, reply)
		if strings.HasPrefix(reply, "220 go") {
			break
		}
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	var said strings.Builder
	first := make([]byte, 1)
	if n, err := io.ReadFull(lines, first); err == nil && after != "" {
		said.Write(first[:n])
		io.WriteString(conn, after)
	}
	io.Copy(&said, lines)
	return said.String()
}
