package smtp

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	smtpclient "github.com/emersion/go-smtp"
)

// visit is a session at the far end of a connection in memory.
type visit struct {
	t       *testing.T
	conn    net.Conn
	r       *bufio.Reader
	session *Session
	end     chan End
}

func newVisit(t *testing.T, o Options, b Backend) *visit {
	near, far := net.Pipe()
	v := &visit{t: t, conn: far, r: bufio.NewReader(far), session: NewSession(near, o, b), end: make(chan End, 1)}
	go func() { v.end <- v.session.Serve(context.Background()) }()
	t.Cleanup(func() { far.Close() })
	return v
}

// hear reads one reply and wants it to begin like this.
func (v *visit) hear(want string) {
	v.t.Helper()
	for {
		line, err := v.r.ReadString('\n')
		if err != nil {
			v.t.Fatalf("waiting for %q: %v", want, err)
		}
		if len(line) > 3 && line[3] == '-' {
			continue
		}
		if !strings.HasPrefix(line, want) {
			v.t.Fatalf("heard %q, want %q", line, want)
		}
		return
	}
}

// say sends a command and hears its reply.
func (v *visit) say(command, want string) {
	v.t.Helper()
	fmt.Fprintf(v.conn, "%s\r\n", command)
	v.hear(want)
}

// over wants the connection to be closed and the session to have ended so.
func (v *visit) over(want End) {
	v.t.Helper()
	if rest, err := io.ReadAll(v.r); len(rest) > 0 || err != nil {
		v.t.Errorf("heard %q at the end, %v", rest, err)
	}
	if end := <-v.end; end != want {
		v.t.Errorf("ended %d, want %d", end, want)
	}
}

func TestTimeouts(t *testing.T) {
	cases := []struct {
		name string
		play func(v *visit)
	}{
		{"silence", func(v *visit) {
			v.hear("220")
			v.hear("421 4.4.2 Timed out waiting for successful message injection, disconnecting.")
		}},
		{"dripping command", func(v *visit) {
			v.hear("220")
			go func() {
				for range 30 {
					if _, err := v.conn.Write([]byte("x")); err != nil {
						return
					}
					time.Sleep(10 * time.Second)
				}
			}()
			v.hear("421 4.4.2 Timed out")
		}},
		{"silence within DATA", func(v *visit) {
			v.hear("220")
			v.say("EHLO a", "250")
			v.say("MAIL FROM:<>", "250")
			v.say("RCPT TO:<a@b>", "250")
			v.say("DATA", "354")
			fmt.Fprint(v.conn, "abc\r\n")
			v.hear("421 4.4.2 Timed out")
		}},
		{"whole session", func(v *visit) {
			v.hear("220")
			for range 59 {
				time.Sleep(59 * time.Second)
				v.say("NOOP", "250")
			}
			v.say("NOOP", "250")
			time.Sleep(59 * time.Second)
			v.say("NOOP", "250")
			v.hear("421 4.4.2 Exceeded allowable connection time, disconnecting.")
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &recorder{tb: t}
				v := newVisit(t, testOptions, r)
				c.play(v)
				v.over(EndClosed)
				if r.open {
					t.Error("the transaction is left open")
				}
				v.conn.Close()
				time.Sleep(time.Minute) // in the bubble's time: whoever still writes notices
			})
		})
	}
}

// TestRollingData says that content may take as long as it likes, as long as it comes.
func TestRollingData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{tb: t}
		v := newVisit(t, testOptions, r)
		v.hear("220")
		v.say("EHLO a", "250")
		v.say("MAIL FROM:<>", "250")
		v.say("RCPT TO:<a@b>", "250")
		v.say("DATA", "354")
		for range 20 {
			time.Sleep(50 * time.Second)
			fmt.Fprint(v.conn, "abc\r\n")
		}
		v.say(".", "250")
		v.say("QUIT", "221")
		v.over(EndQuit)
	})
}

func TestStop(t *testing.T) {
	t.Run("idle", func(t *testing.T) {
		v := newVisit(t, testOptions, &recorder{tb: t})
		v.hear("220")
		v.say("EHLO a", "250")
		v.session.Stop()
		v.hear("421 4.3.2")
		v.over(EndClosed)
	})
	t.Run("before the banner", func(t *testing.T) {
		near, far := net.Pipe()
		s := NewSession(near, testOptions, &recorder{tb: t})
		s.Stop()
		done := make(chan End, 1)
		go func() { done <- s.Serve(context.Background()) }()
		got, err := io.ReadAll(far)
		if err != nil || !strings.Contains(string(got), "\r\n421 4.3.2") || <-done != EndClosed {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("within a transaction", func(t *testing.T) {
		r := &recorder{tb: t}
		v := newVisit(t, testOptions, r)
		v.hear("220")
		v.say("EHLO a", "250")
		v.say("MAIL FROM:<>", "250")
		v.session.Stop()
		v.say("RCPT TO:<a@b>", "250")
		v.say("DATA", "354")
		v.say("abc\r\n.", "250")
		v.hear("421 4.3.2")
		v.over(EndClosed)
		if len(r.messages) != 1 {
			t.Error("the message is lost")
		}
	})
}

// plainTLS is an Upgrade that watches nothing.
type plainTLS struct{ config *tls.Config }

func (p plainTLS) Config() *tls.Config          { return p.config }
func (p plainTLS) Watch(conn net.Conn) net.Conn { return conn }

// selfSigned makes a key pair that lives for the test.
func selfSigned(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"mail.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func tlsOptions(required bool) Options {
	o := testOptions
	o.OfferTLS, o.RequireTLS = true, required
	return o
}

func (v *visit) startTLS() {
	v.t.Helper()
	v.say("STARTTLS", "220 2.0.0 Go ahead with TLS")
	secured := tls.Client(v.conn, &tls.Config{InsecureSkipVerify: true})
	if err := secured.Handshake(); err != nil {
		v.t.Fatal(err)
	}
	v.conn, v.r = secured, bufio.NewReader(secured)
}

func TestSTARTTLS(t *testing.T) {
	r := &recorder{tb: t, upgrade: plainTLS{&tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}}}
	v := newVisit(t, tlsOptions(true), r)
	v.hear("220")
	v.say("EHLO a", "250")
	v.say("MAIL FROM:<a@b>", "530 5.7.0 Must issue a STARTTLS command first")
	v.say("RCPT TO:<a@b>", "530 5.7.0")
	v.say("DATA", "530 5.7.0")
	v.say("BDAT 4\r\nab", "530 5.7.0") // the line end that say adds is of the chunk
	v.say("NOOP", "250")
	v.startTLS()
	v.say("MAIL FROM:<a@b>", "503 5.5.1 EHLO first")
	v.say("STARTTLS", "503 5.5.1")
	v.say("EHLO a", "250 SIZE")
	v.say("MAIL FROM:<a@b>", "250")
	v.say("RCPT TO:<a@b>", "250")
	v.say("DATA", "354")
	v.say("x\r\n.", "250")
	v.say("QUIT", "221")
	v.over(EndQuit)
	want := "[hello a true tls missing tls missing tls missing tls missing handshake <nil> hello a true mail <a@b> 0 false  rcpt <a@b> commit 3]"
	if got := fmt.Sprint(r.events); got != want {
		t.Error(got)
	}
}

// TestStartTLSForgets holds RFC 3207 §4.2: what was said in clear is gone, a transaction included.
func TestStartTLSForgets(t *testing.T) {
	r := &recorder{tb: t, upgrade: plainTLS{&tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}}}
	v := newVisit(t, tlsOptions(false), r)
	v.hear("220")
	v.say("EHLO a", "250")
	v.say("MAIL FROM:<a@b>", "250")
	v.say("RCPT TO:<a@b>", "250")
	v.startTLS()
	v.say("DATA", "503 5.5.1 MAIL first")
	v.say("EHLO a", "250")
	v.say("DATA", "503 5.5.1 MAIL first")
	v.conn.Close()
	<-v.end
}

// TestEarlyText sends commands behind STARTTLS in clear: they must never be taken for something said under TLS.
func TestEarlyText(t *testing.T) {
	r := &recorder{tb: t, upgrade: plainTLS{&tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}}}
	out, end := play(tlsOptions(false), r, 1000, ehlo+"STARTTLS\r\nMAIL FROM:<a@b>\r\n")
	if end != EndClosed || strings.Contains(out, "2.0.0") || strings.Contains(out, "sender") {
		t.Errorf("end %d, said %q", end, out)
	}
	if got := fmt.Sprint(r.events); got != "[hello client.example true handshake text behind STARTTLS before the handshake]" {
		t.Error(got)
	}
}

func TestNoTLSNow(t *testing.T) {
	out, _ := play(tlsOptions(false), &recorder{tb: t}, 1000, ehlo+"STARTTLS\r\nMAIL FROM:<a@b>\r\n")
	if got := last(out, 2); got != "454 4.7.0 TLS not available due to a temporary reason|250 2.1.0 sender <a@b> ok|" {
		t.Error(got)
	}
}

func TestClientRefused(t *testing.T) {
	refusal := NewReply(554, "5.7.1", "TLS client certificate not accepted")
	r := &recorder{tb: t, upgrade: plainTLS{&tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}}, refuse: map[string]Reply{"TLS": refusal}}
	v := newVisit(t, tlsOptions(false), r)
	v.hear("220")
	v.startTLS()
	v.say("EHLO a", "554 5.7.1 TLS client certificate not accepted")
	v.say("MAIL FROM:<a@b>", "554 5.7.1")
	v.say("QUIT", "221")
	v.over(EndQuit)
}

// TestHandshakeFails sends something else than TLS; the session ends without another word in clear.
func TestHandshakeFails(t *testing.T) {
	r := &recorder{tb: t, upgrade: plainTLS{&tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}}}
	v := newVisit(t, tlsOptions(false), r)
	v.hear("220")
	v.say("STARTTLS", "220")
	fmt.Fprint(v.conn, "EHLO again\r\n")
	io.Copy(io.Discard, v.r)
	if end := <-v.end; end != EndClosed || len(r.events) != 1 || r.events[0] == "handshake <nil>" {
		t.Errorf("end %d, %q", end, r.events)
	}
}

// TestAgainstGoSMTP lets an independent client deliver, over TCP and over TLS.
func TestAgainstGoSMTP(t *testing.T) {
	for _, secure := range []bool{false, true} {
		r := &recorder{tb: t, upgrade: plainTLS{&tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}}}
		conn, end := overTCP(t, tlsOptions(secure), r)
		client := smtpclient.NewClient(conn)
		if secure {
			var err error
			if client, err = smtpclient.NewClientStartTLS(conn, &tls.Config{InsecureSkipVerify: true}); err != nil {
				t.Fatal(err)
			}
		}
		bodies := []string{"Subject: a\r\n\r\n.\r\n..\r\n.x\r\n", "\r\n", strings.Repeat("z", 900) + "\r\n"}
		for _, body := range bodies {
			if err := client.SendMail("a@b.example", []string{"c@d.example", `"o p"@d.example`}, strings.NewReader(body)); err != nil {
				t.Fatal(err)
			}
		}
		if err := client.SendMail("a@b.example", []string{"c@d.example"}, strings.NewReader(strings.Repeat("z", 1100))); err == nil || !strings.Contains(err.Error(), "size exceeds") {
			t.Error(err)
		}
		if err := client.Quit(); err != nil {
			t.Error(err)
		}
		if got := <-end; got != EndQuit || fmt.Sprint(r.messages) != fmt.Sprint(bodies) {
			t.Errorf("end %d, messages %q", got, r.messages)
		}
	}
}

// overTCP starts a session at the far end of a loopback connection.
func overTCP(t *testing.T, o Options, b Backend) (net.Conn, <-chan End) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	end := make(chan End, 1)
	go func() { end <- NewSession(near, o, b).Serve(context.Background()) }()
	t.Cleanup(func() { conn.Close() })
	return conn, end
}
