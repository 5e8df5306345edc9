package smtp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	gosmtp "github.com/emersion/go-smtp"
)

// scripted is a peer that follows a script: each step is what it expects to read (a prefix, "" for nothing) and what it
// says then. It hangs up at the end.
type scriptStep struct{ expect, say string }

func playScript(t *testing.T, steps []scriptStep) *Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		r := bufio.NewReader(conn)
		for _, s := range steps {
			if s.expect != "" {
				line, err := r.ReadString('\n')
				if err != nil || !strings.HasPrefix(line, s.expect) {
					t.Errorf("peer read %q, %v; want %q", line, err, s.expect)
					return
				}
			}
			io.WriteString(conn, s.say)
		}
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	limits := DefaultTimeouts()
	limits.Command, limits.Banner, limits.Data, limits.Final = 3*time.Second, 3*time.Second, 3*time.Second, 3*time.Second
	c := NewClient(t.Context(), conn, "mail.example.com", limits)
	t.Cleanup(func() {
		c.Close()
		l.Close()
		<-done
	})
	return c
}

func content(s string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
}

const offer = "250-peer\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"

func greet(t *testing.T, c *Client) {
	t.Helper()
	if r, err := c.Greeting(); err != nil || r.Code != 220 {
		t.Fatalf("greeting %v, %v", r, err)
	}
	if r, err := c.Hello(); err != nil || r.Code != 250 {
		t.Fatalf("hello %v, %v", r, err)
	}
}

func TestClientPipelines(t *testing.T) {
	c := playScript(t, []scriptStep{
		{"", "220 peer\r\n"}, {"EHLO mail.example.com", offer},
		// No answer comes before DATA has been read: only a client that pipelines gets on.
		{"MAIL FROM:<a@x.example> SIZE=9 BODY=8BITMIME SMTPUTF8\r\n", ""},
		{"RCPT TO:<b@y.example>\r\n", ""}, {"RCPT TO:<c@y.example>\r\n", ""}, {"DATA\r\n", ""},
		{"", "250 2.1.0 ok\r\n250 2.1.5 ok\r\n550-5.1.1 no\r\n550 5.1.1 such user\r\n354 go\r\n"},
		{"..dot\r\n", ""}, {"x\r\n", ""}, {".\r\n", "250 2.0.0 taken as 1\r\n"},
	})
	greet(t, c)
	tx := Transaction{From: "a@x.example", To: []string{"b@y.example", "c@y.example"}, Size: 9, Body8Bit: true, UTF8: true}
	receipt, err := c.Send(tx, content(".dot\r\nx\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if !receipt.Accepted(0) || receipt.Accepted(1) || receipt.Final.Text() != "taken as 1" {
		t.Errorf("receipt %+v", receipt)
	}
	if r := receipt.Rcpt[1]; r.Enhanced != "5.1.1" || r.Text() != "no such user" {
		t.Errorf("refusal %+v", r)
	}
}

func TestClientFallsBackToHELO(t *testing.T) {
	c := playScript(t, []scriptStep{
		{"", "220 peer\r\n"}, {"EHLO", "502 what?\r\n"}, {"HELO mail.example.com\r\n", "250 peer\r\n"},
		{"MAIL FROM:<>\r\n", "250 ok\r\n"}, {"RCPT TO:<b@y.example>\r\n", "250 ok\r\n"}, {"DATA\r\n", "354 go\r\n"},
		{"no line end\r\n", ""}, {".\r\n", "250 ok\r\n"}, {"QUIT\r\n", "221 bye\r\n"},
	})
	greet(t, c)
	if c.Extended() {
		t.Error("a peer that refused EHLO counts as extended")
	}
	receipt, err := c.Send(Transaction{To: []string{"b@y.example"}, Size: 5}, content("no line end"))
	if err != nil || !receipt.Accepted(0) {
		t.Errorf("receipt %+v, %v", receipt, err)
	}
	c.Quit()
}

// TestClientStages drops or refuses at each stage and looks at what the client makes of it.
func TestClientStages(t *testing.T) {
	hello := []scriptStep{{"", "220 peer\r\n"}, {"EHLO", "250 peer\r\n"}}
	mail := append(hello[:2:2], scriptStep{"MAIL", "250 ok\r\n"})
	rcpt := append(mail[:3:3], scriptStep{"RCPT", "250 ok\r\n"})
	data := append(rcpt[:4:4], scriptStep{"DATA", "354 go\r\n"}, scriptStep{"x", ""})
	tests := []struct {
		name  string
		steps []scriptStep
		stage Stage
		code  int // of the reply at that stage; 0: the connection was lost
	}{
		{"dropped at MAIL", append(hello[:2:2], scriptStep{"MAIL", ""}), StageMail, 0},
		{"MAIL refused", append(hello[:2:2], scriptStep{"MAIL", "451 4.3.0 later\r\n"}), StageMail, 451},
		{"dropped at RCPT", append(mail[:3:3], scriptStep{"RCPT", ""}), StageRcpt, 0},
		{"RCPT refused", append(mail[:3:3], scriptStep{"RCPT", "550 no\r\n"}, scriptStep{"RSET", "250 ok\r\n"}), StageRcpt, 550},
		{"RCPT says 421", append(mail[:3:3], scriptStep{"RCPT", "421 closing\r\n"}), StageRcpt, 421},
		{"dropped at DATA", append(rcpt[:4:4], scriptStep{"DATA", ""}), StageData, 0},
		{"DATA refused", append(rcpt[:4:4], scriptStep{"DATA", "554 no\r\n"}, scriptStep{"RSET", "250 ok\r\n"}), StageData, 554},
		{"dropped behind the dot", append(data[:6:6], scriptStep{".\r\n", ""}), StageFinal, 0},
		{"content refused", append(data[:6:6], scriptStep{".\r\n", "554 5.7.1 spam\r\n"}), StageFinal, 554},
		{"nonsense", append(hello[:2:2], scriptStep{"MAIL", "hello there\r\n"}), StageMail, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := playScript(t, test.steps)
			greet(t, c)
			receipt, err := c.Send(Transaction{From: "a@x.example", To: []string{"b@y.example"}}, content("x\r\n"))
			if receipt.Stage != test.stage {
				t.Errorf("stage %v, want %v", receipt.Stage, test.stage)
			}
			got := map[Stage]int{
				StageMail: receipt.Mail.Code, StageRcpt: receipt.Rcpt[0].Code, StageData: receipt.Data.Code, StageFinal: receipt.Final.Code,
			}[test.stage]
			if got != test.code || (err == nil) != (test.code != 0) {
				t.Errorf("code %d, error %v; want %d", got, err, test.code)
			}
			if (test.code == 0 || test.code == 421) != c.Broken() {
				t.Errorf("broken is %v", c.Broken())
			}
		})
	}
}

func TestClientPipelinedRefusals(t *testing.T) {
	c := playScript(t, []scriptStep{
		{"", "220 peer\r\n"}, {"EHLO", offer},
		{"MAIL", ""}, {"RCPT", ""}, {"DATA", "250 ok\r\n550 no\r\n354 go\r\n"}, {".\r\n", "554 no recipients\r\n"},
		{"MAIL", ""}, {"RCPT", ""}, {"DATA", "452 later\r\n503 MAIL first\r\n503 RCPT first\r\n"},
		{"MAIL", ""}, {"RCPT", ""}, {"DATA", "250 ok\r\n250 ok\r\n354 go\r\n"}, {"x\r\n", ""}, {".\r\n", "250 ok\r\n"},
	})
	greet(t, c)
	tx := Transaction{From: "a@x.example", To: []string{"b@y.example"}}
	one, err := c.Send(tx, content("x\r\n"))
	if err != nil || one.Rcpt[0].Code != 550 || one.Final.Code != 0 {
		t.Errorf("all recipients refused: %+v, %v", one, err)
	}
	two, err := c.Send(tx, content("x\r\n"))
	if err != nil || two.Mail.Code != 452 || two.Rcpt[0].Code != 0 {
		t.Errorf("MAIL refused: %+v, %v", two, err)
	}
	if three, err := c.Send(tx, content("x\r\n")); err != nil || !three.Accepted(0) {
		t.Errorf("the connection is not usable afterwards: %+v, %v", three, err)
	}
}

func TestClientNeverCompletesWhatItCannotRead(t *testing.T) {
	c := playScript(t, []scriptStep{
		{"", "220 peer\r\n"}, {"EHLO", "250 peer\r\n"}, {"MAIL", "250 ok\r\n"}, {"RCPT", "250 ok\r\n"}, {"DATA", "354 go\r\n"},
	})
	greet(t, c)
	broken := func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader("half a mess"), iotest.ErrReader(errors.New("bad sector")))), nil
	}
	receipt, err := c.Send(Transaction{To: []string{"b@y.example"}}, broken)
	if !errors.Is(err, ErrContent) || receipt.Stage != StageContent || !c.Broken() {
		t.Errorf("got %v at %v, broken %v", err, receipt.Stage, c.Broken())
	}
}

func TestClientRefusesAddressesThatBreakTheLine(t *testing.T) {
	for address, ok := range map[string]bool{
		"a@x.example": true, `"a b>c"@x.example`: true, "": true, "a\r\nRCPT TO:<z@z>": false, "a b@x": false, "a>@x": false,
	} {
		if err := CheckAddress(address); (err == nil) != ok {
			t.Errorf("CheckAddress(%q) = %v", address, err)
		}
	}
}

func TestDotStuffing(t *testing.T) {
	for in, want := range map[string]string{
		"": "", ".": "..", "a.b\r\n.c\r\n..d": "a.b\r\n..c\r\n...d", "\n.\n": "\n..\n", "\r.x": "\r.x",
	} {
		var out bytes.Buffer
		d := dotStuffer{last: crlfEnd}
		for i := range len(in) { // byte by byte: a block may end anywhere
			if err := d.write(&out, []byte(in[i:i+1])); err != nil {
				t.Fatal(err)
			}
		}
		if out.String() != want {
			t.Errorf("%q became %q, want %q", in, out.String(), want)
		}
	}
}

// clientTestCertificate makes a certificate for tests.
func clientTestCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestClientDropsTextBehindSTARTTLS(t *testing.T) {
	c := playScript(t, []scriptStep{
		{"", "220 peer\r\n"}, {"EHLO", "250-peer\r\n250 STARTTLS\r\n"}, {"STARTTLS", "220 go\r\n250 injected\r\n"},
	})
	greet(t, c)
	if _, err := c.StartTLS(); !errors.Is(err, ErrInjected) || !c.Broken() {
		t.Errorf("got %v, want ErrInjected", err)
	}
}

// sink is a backend of the independent peer that keeps what it gets.
type sink struct{ got chan string }

func (s *sink) NewSession(*gosmtp.Conn) (gosmtp.Session, error) { return &sinkSession{sink: s}, nil }

type sinkSession struct {
	*sink
	head string
}

func (s *sinkSession) Reset()        { s.head = "" }
func (s *sinkSession) Logout() error { return nil }
func (s *sinkSession) Mail(from string, o *gosmtp.MailOptions) error {
	s.head = fmt.Sprintf("from %s body %s utf8 %v size %d ret %s id %s", from, o.Body, o.UTF8, o.Size, o.Return, o.EnvelopeID)
	return nil
}
func (s *sinkSession) Rcpt(to string, o *gosmtp.RcptOptions) error {
	if strings.HasPrefix(to, "no") {
		return &gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	}
	s.head += fmt.Sprintf(" to %s notify %v for %s %s", to, o.Notify, o.OriginalRecipientType, o.OriginalRecipient)
	return nil
}
func (s *sinkSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err == nil {
		s.got <- s.head + "\n" + string(b)
	}
	return err
}

func TestClientAgainstAnotherImplementation(t *testing.T) {
	s := &sink{got: make(chan string, 10)}
	server := gosmtp.NewServer(s)
	server.Domain, server.EnableSMTPUTF8, server.EnableDSN = "peer.example", true, true
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{clientTestCertificate(t)}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(l) }()
	defer func() { server.Close(); <-done }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := NewClient(t.Context(), conn, "mail.example.com", DefaultTimeouts())
	greet(t, c)
	if r, err := c.StartTLS(); err != nil || r.Code != 220 {
		t.Fatalf("STARTTLS: %v, %v", r, err)
	}
	if _, err := c.Handshake(t.Context(), &tls.Config{InsecureSkipVerify: true}, nil); err != nil {
		t.Fatal(err)
	}
	if !c.JustEncrypted() {
		t.Error("not just encrypted behind the handshake")
	}
	if _, err := c.Hello(); err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat(".a line that begins with a dot\r\n", 5000)
	for i := range 3 {
		tx := Transaction{From: "ä@x.example", To: []string{"b@y.example", "no@y.example"}, Size: int64(len(big)), Body8Bit: true, UTF8: true,
			Ret: "FULL", EnvID: "1+1=2", Wishes: []Wishes{{Notify: "SUCCESS,DELAY", ORcpt: "utf-8;ü+1@y.example"}, {}}}
		receipt, err := c.Send(tx, content(big))
		if err != nil || !receipt.Accepted(0) || receipt.Rcpt[1].Enhanced != "5.1.1" {
			t.Fatalf("message %d: %+v, %v", i, receipt, err)
		}
		want := fmt.Sprintf("from ä@x.example body 8BITMIME utf8 true size %d ret FULL id 1+1=2 to b@y.example notify [SUCCESS DELAY] for UTF-8 ü+1@y.example\n", len(big)) + big
		if got := <-s.got; got != want {
			t.Fatalf("message %d arrived changed: %.200q", i, got)
		}
	}
	c.Quit()
}

func TestClientEndsWithItsContext(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	ctx, cancel := context.WithCancel(t.Context())
	c := NewClient(ctx, a, "mail.example.com", DefaultTimeouts())
	go cancel()
	if _, err := c.Greeting(); err == nil {
		t.Error("the greeting came from nowhere")
	}
	c.Close()
}
