package inbound

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"posthouse/config"
)

// The attacks on STARTTLS that have been published come in four classes: commands injected before the handshake and
// obeyed after it, state of the clear part that goes on under TLS, and negotiation that leaves a client in clear. The
// fourth, responses that are injected, is against clients.

const evil = "MAIL FROM:<evil@b.example>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n.\r\n"

// untouched wants that nothing came of what an attacker sent.
func (r *rig) untouched(icid int) {
	r.t.Helper()
	if log := strings.Join(r.awaitLog(icid), "\n"); strings.Contains(log, "evil") || len(r.accepted) > 0 {
		r.t.Errorf("an injected command was obeyed:\n%s", log)
	}
}

// TestCommandInjection sends everything in one write: STARTTLS, and behind it commands that somebody on the way would
// have executed under TLS (CVE-2011-0411). Nothing is said to them, not even the 220.
func TestCommandInjection(t *testing.T) {
	for _, behind := range []string{evil, "NOOP\r\n", "X", "\x16\x03\x01\x02\x00\x01"} {
		r := newRig(t, offerTLS(config.TLSPreferred, false))
		c := r.connect()
		fmt.Fprint(c.conn, "STARTTLS\r\n"+behind)
		c.gone()
		r.untouched(1)
		r.wantLog(1, append(opening(1),
			"ICID 1 TLS failed: (0, 'error:00000000:posthouse:STARTTLS:text before the handshake') [S4]", "ICID 1 close")...)
	}
}

// TestPipelinedPlaintext sends commands in clear once the 220 is there. They reach the handshake, and no command loop.
func TestPipelinedPlaintext(t *testing.T) {
	r := newRig(t, offerTLS(config.TLSPreferred, false))
	c := r.connect()
	c.say("STARTTLS", "220")
	fmt.Fprint(c.conn, evil)
	said, _ := io.ReadAll(c.conn)
	c.conn.Close()
	if bytes.Contains(said, []byte("250")) {
		t.Errorf("said %q", said)
	}
	r.untouched(1)
	r.wantMatch(1, `ICID 1 TLS failed: \(\d+, 'error:[0-9A-F]{8}:SSL routines:.*'\) \[H3\]`)
}

// TestPlaintextWithinTLS sends commands in clear between the records of an established session.
func TestPlaintextWithinTLS(t *testing.T) {
	r := newRig(t, offerTLS(config.TLSPreferred, false))
	c := r.connect()
	raw := c.conn
	c.startTLS(&tls.Config{})
	c.say("EHLO client.example", "250 SIZE")
	fmt.Fprint(raw, evil)
	io.Copy(io.Discard, raw)
	r.untouched(1)
	r.hasLog(1, "ICID 1 lost")
}

// TestSecondSTARTTLS asks for TLS within TLS (RFC 3207 §4.2: it must not be offered).
func TestSecondSTARTTLS(t *testing.T) {
	r := newRig(t, offerTLS(config.TLSPreferred, false))
	c := r.connect()
	c.startTLS(&tls.Config{})
	if offer := c.say("EHLO client.example", "250 SIZE"); strings.Contains(offer, "STARTTLS") {
		t.Error(offer)
	}
	c.say("STARTTLS", "503 5.5.1 TLS is already in use")
	c.send("a@b.example", "a@example.com", "x\r\n", "250")
	c.quit()
}

// TestTampering holds RFC 3207 §4.2: whatever somebody on the way said in clear, a greeting or half a transaction, is
// forgotten, so that the client's own words under TLS are not added to it.
func TestTampering(t *testing.T) {
	r := newRig(t, offerTLS(config.TLSPreferred, false))
	c := r.connect()
	c.say("MAIL FROM:<evil@b.example>", "250")
	c.say("RCPT TO:<evil@example.com>", "250")
	c.startTLS(&tls.Config{})
	c.say("DATA", "503 5.5.1 MAIL first")
	c.say("MAIL FROM:<a@b.example>", "503 5.5.1 EHLO first")
	c.say("EHLO honest.example", "250 SIZE")
	c.say("RCPT TO:<a@example.com>", "503 5.5.1 MAIL first")
	c.send("a@b.example", "a@example.com", "x\r\n", "250")
	c.quit()
	r.hasLog(1, "Message aborted MID 1 Receiving aborted by sender")
	if body := r.spool.messages[2]; !strings.Contains(body, "from honest.example") || len(r.accepted) != 1 || len(r.accepted[0].Recipients) != 1 {
		t.Errorf("got %q of %d messages", body, len(r.accepted))
	}
}

// TestNegotiation lets a client go on in clear where TLS is required: no command of a transaction is obeyed, in whatever
// order, and no reply to one looks like success.
func TestNegotiation(t *testing.T) {
	r := newRig(t, offerTLS(config.TLSRequired, false))
	c := r.connect()
	for _, command := range []string{
		"MAIL FROM:<evil@b.example>", "RCPT TO:<a@example.com>", "DATA", "BDAT 3 LAST\r\nx", "MAIL FROM:<> REQUIRETLS",
		"mail from:<evil@b.example>",
	} {
		c.say(command, "530 5.7.0 Must issue a STARTTLS command first")
	}
	c.say("HELO client.example", "250")
	c.say("MAIL FROM:<evil@b.example>", "530 5.7.0")
	c.quit()
	r.untouched(1)
}

// dripping writes one byte at a time, each in a packet of its own.
type dripping struct{ net.Conn }

func (d dripping) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := d.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// TestRecordsByteByByte splits every record and every command at every place.
func TestRecordsByteByByte(t *testing.T) {
	r := newRig(t, offerTLS(config.TLSRequired, false))
	c := r.dial()
	c.conn.(*net.TCPConn).SetNoDelay(true)
	c.conn = dripping{c.conn}
	c.hear("220")
	c.say("EHLO client.example", "250 SIZE")
	c.startTLS(&tls.Config{})
	c.say("EHLO client.example", "250 SIZE")
	c.send("a@b.example", "a@example.com", "Subject: x\r\n\r\ny\r\n", "250")
	c.quit()
	if len(r.accepted) != 1 || r.accepted[0].Subject != "x" {
		t.Errorf("accepted %v", r.accepted)
	}
}

// TestLargeClientHello takes a ClientHello of nearly 64 kilobytes, in several records; one that says it is larger is not
// waited for.
func TestLargeClientHello(t *testing.T) {
	r := newRig(t, offerTLS(config.TLSPreferred, false))
	var protocols []string
	for i := range 245 {
		protocols = append(protocols, fmt.Sprintf("%0255d", i))
	}
	c := r.connect()
	c.startTLS(&tls.Config{NextProtos: protocols})
	c.say("EHLO client.example", "250 SIZE")
	c.quit()

	c = r.connect()
	c.say("STARTTLS", "220")
	record := []byte{22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff} // a handshake message of 16 MB begins
	record = append(record, make([]byte, 0x4000-4)...)
	for range 16 {
		if _, err := c.conn.Write(record); err != nil {
			break
		}
	}
	io.Copy(io.Discard, c.conn)
	c.conn.Close()
	r.wantMatch(2, `ICID 2 TLS failed: \(\d+, 'error:[0-9A-F]{8}:SSL routines:.*'\) \[H13\]`)
}

// TestRenegotiation lets OpenSSL ask for a second handshake within TLS 1.2, where the attacks on it begin (RFC 5746 §1).
// It is refused, and nothing is lost.
func TestRenegotiation(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("needs openssl")
	}
	r := newRig(t, implicit(config.TLSPreferred, false))
	cmd := exec.CommandContext(t.Context(), openssl, "s_client", "-connect", r.addr, "-tls1_2", "-crlf")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	lines := bufio.NewScanner(out)
	var said strings.Builder
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "220 ") {
			fmt.Fprint(in, "R\n") // by itself on a line it is s_client's, and not the server's
		}
	}
	if !strings.Contains(said.String(), "RENEGOTIATING") {
		t.Skipf("this openssl does not renegotiate:\n%s", said.String())
	}
	if log := strings.Join(r.awaitLog(1), "\n"); strings.Count(log, "TLS success") != 1 || !strings.HasSuffix(log, "ICID 1 lost\nICID 1 close") {
		t.Errorf("mail_logs:\n%s\nopenssl:\n%s", log, said.String())
	}
}

// firstFlight is the ClientHello of crypto/tls.
func firstFlight(t *testing.T, conf *tls.Config) []byte {
	conf.InsecureSkipVerify = true
	near, far := net.Pipe()
	defer far.Close()
	near.SetDeadline(time.Now().Add(20 * time.Second))
	go func() {
		tls.Client(near, conf).Handshake()
		near.Close()
	}()
	record := make([]byte, 5)
	if _, err := io.ReadFull(far, record); err != nil {
		t.Fatal(err)
	}
	record = append(record, make([]byte, binary.BigEndian.Uint16(record[3:]))...)
	if _, err := io.ReadFull(far, record[5:]); err != nil {
		t.Fatal(err)
	}
	return record
}

// TestEarlyData sends a ClientHello that announces early data (RFC 8446 §4.2.10), and commands as such. Tickets from here
// allow none, so that no honest client does.
func TestEarlyData(t *testing.T) {
	hello := append(firstFlight(t, &tls.Config{}), 0, 42, 0, 0) // the extension early_data, of no length
	at := 5 + 4 + 2 + 32
	at += 1 + int(hello[at])                           // the session id
	at += 2 + int(binary.BigEndian.Uint16(hello[at:])) // the suites
	at += 1 + int(hello[at])                           // the compressions
	for _, place := range []int{3, 7, at} {            // the lengths of the record, the message and the extensions
		binary.BigEndian.PutUint16(hello[place:], binary.BigEndian.Uint16(hello[place:])+4)
	}
	r := newRig(t, offerTLS(config.TLSPreferred, false))
	c := r.connect()
	c.say("STARTTLS", "220")
	early := append([]byte{23, 3, 3, 0, byte(len(evil))}, evil...)
	c.conn.Write(append(hello, early...))
	io.Copy(io.Discard, c.conn)
	c.conn.Close()
	r.untouched(1)
	r.wantMatch(1, `ICID 1 TLS failed: \(\d+, 'error:[0-9A-F]{8}:SSL routines:.*'\) \[H13\]`)

	// What a session ticket says of early data is what a client may send.
	cache := tls.NewLRUClientSessionCache(1)
	c = r.connect()
	c.startTLS(&tls.Config{ClientSessionCache: cache, ServerName: "mail.example.com"})
	c.say("EHLO client.example", "250 SIZE")
	c.quit()
	session, _ := cache.Get("mail.example.com")
	if session == nil {
		t.Fatal("no session ticket")
	}
	if _, state, err := session.ResumptionState(); err != nil || state.EarlyData {
		t.Errorf("early data is allowed: %v", err)
	}
}
