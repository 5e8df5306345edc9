package testscripts

import (
	"bufio"
	"fmt"
	"net"
	"net/smtp"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	// prompt is what everything but the mail that needs the nameserver may take: the start of a process on a busy machine
	// included, and far below what waiting for the nameserver would take.
	prompt      = 8 * time.Second
	deadDomains = 300
	callers     = 6
	// patient is below what a caller waits for his name while it is not known yet that nobody answers.
	patient = 5 * time.Second
)

// TestDeadNameserver: a nameserver that never answers delays the mail that needs it and nothing else.
func TestDeadNameserver(t *testing.T) {
	t.Parallel()
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	sink := newSink(t)
	_, port, err := net.SplitHostPort(sink.addr)
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "mail")
	execute(t, strings.NewReader(password+"\n"), "init", "--data", data, "--hostname", "mail.example.com",
		"--ssh", "127.0.0.1:0", "--inbound", "127.0.0.1:0", "--outbound", "127.0.0.1:0", "--admin-password-stdin")
	server := startServer(t, data)
	defer server.kill()
	enter := func(want string, lines ...string) {
		t.Helper()
		began := time.Now()
		out := execute(t, strings.NewReader(strings.Join(lines, "\n")+"\n"), "console", "--data", data)
		if took := time.Since(began); took > prompt || !strings.Contains(out, want) {
			t.Errorf("%q took %v and printed\n%s", lines, took, out)
		}
	}
	enter("Changes committed", "dnsconfig new "+silent.LocalAddr().String(), "smtproutes new live.example [127.0.0.1]:"+port, "commit silence")

	// A table that decides by names waits for them a little; what is accepted goes on.
	enter("Changes committed", "listenerconfig edit OutboundMail hostaccess new sendergroup PARTNERS .partner.example policy RELAYED", "commit names")
	for i := range callers {
		began := time.Now()
		greet(t, fmt.Sprintf("127.0.0.%d", i+2), server.outbound)
		if took := time.Since(began); i >= 3 && took > patient {
			t.Errorf("caller %d waited %v for the banner", i, took)
		}
	}

	mail := func(to string) string {
		t.Helper()
		began := time.Now()
		mid := deliver(t, server.outbound, to)
		if took := time.Since(began); took > 2*prompt {
			t.Errorf("to accept mail for %s took %v", to, took)
		}
		return mid
	}
	for i := range deadDomains {
		mail(fmt.Sprintf("b@dead%d.example", i))
	}
	want := map[string]bool{}
	for range 5 {
		want[mail("b@live.example")] = true
	}
	began := time.Now()
	sink.wait(t, want)
	if took := time.Since(began); took > prompt {
		t.Errorf("mail that needs no nameserver took %v", took)
	}
	for _, line := range []string{"status", "status detail", "dnsstatus", "tophosts active 5", "topin", "showhosts live.example", "rate 1 1", "workqueue status"} {
		enter("", line)
	}
	enter("Changes committed", "sethostname other.example.com", "commit during")
	enter("DNS cache cleared", "dnsflush -y")
}

// greet connects from an address and waits for the banner.
func greet(t *testing.T, from, to string) {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	conn, err := dialer.DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(line, "220 ") {
		t.Fatalf("from %s: banner %q, %v", from, line, err)
	}
}

// deliver hands a message in and returns the number that it got.
func deliver(t *testing.T, at, to string) string {
	t.Helper()
	c, err := smtp.Dial(at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Hello("client.example"); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"MAIL FROM:<a@example.com>", "RCPT TO:<" + to + ">", "DATA"} {
		if err := c.Text.PrintfLine("%s", command); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Text.ReadResponse(0); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Text.PrintfLine("Subject: test\r\n\r\nbody\r\n."); err != nil {
		t.Fatal(err)
	}
	code, words, err := c.Text.ReadResponse(250)
	if err != nil {
		t.Fatal(err)
	}
	m := accepted.FindStringSubmatch(fmt.Sprintf("%d %s", code, words))
	if m == nil {
		t.Fatalf("%s: the answer to the final dot is %q", to, words)
	}
	return m[1]
}
