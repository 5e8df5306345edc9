package smtp

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func implicitOptions() Options {
	o := tlsOptions(true)
	o.ImplicitTLS = true
	return o
}

// handshake begins TLS at once, as a client of implicit TLS does.
func (v *visit) handshake() {
	v.t.Helper()
	secured := tls.Client(v.conn, &tls.Config{InsecureSkipVerify: true})
	if err := secured.Handshake(); err != nil {
		v.t.Fatal(err)
	}
	v.conn, v.r = secured, bufio.NewReader(secured)
}

// TestImplicitTLS holds RFC 8314 §3.3: nothing is said before the handshake, and STARTTLS is neither offered nor taken
// after it.
func TestImplicitTLS(t *testing.T) {
	r := &recorder{tb: t, upgrade: plainTLS{&tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}}}
	v := newVisit(t, implicitOptions(), r)
	v.handshake()
	v.hear("220 mail.example.com ESMTP")
	fmt.Fprint(v.conn, "EHLO a\r\n")
	if offer := v.lines(); strings.Contains(offer, "STARTTLS") || !strings.Contains(offer, "250-REQUIRETLS\r\n") {
		t.Error(offer)
	}
	v.say("STARTTLS", "503 5.5.1")
	v.say("MAIL FROM:<a@b>", "250")
	v.say("RCPT TO:<a@b>", "250")
	v.say("DATA", "354")
	v.say("x\r\n.", "250")
	v.say("QUIT", "221")
	v.over(EndQuit)
	want := "[handshake <nil> hello a true mail <a@b> 0 false  rcpt <a@b> commit 3]"
	if got := fmt.Sprint(r.events); got != want {
		t.Error(got)
	}
}

// lines reads one reply of several lines.
func (v *visit) lines() string {
	v.t.Helper()
	var all strings.Builder
	for {
		line, err := v.r.ReadString('\n')
		if err != nil {
			v.t.Fatal(err)
		}
		all.WriteString(line)
		if line[3] == ' ' {
			return all.String()
		}
	}
}

// TestImplicitTLSFails says that whoever gets no handshake gets no word in clear either.
func TestImplicitTLSFails(t *testing.T) {
	upgrade := plainTLS{&tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}}
	t.Run("no TLS now", func(t *testing.T) {
		v := newVisit(t, implicitOptions(), &recorder{tb: t})
		v.over(EndClosed)
	})
	t.Run("too many", func(t *testing.T) {
		v := newVisit(t, implicitOptions(), &recorder{tb: t, refuse: map[string]Reply{"STARTTLS": NewReply(421, "4.7.0", "no")}})
		v.over(EndClosed)
	})
	t.Run("plain text", func(t *testing.T) {
		r := &recorder{tb: t, upgrade: upgrade}
		v := newVisit(t, implicitOptions(), r)
		fmt.Fprint(v.conn, "EHLO a\r\n")
		if said, _ := io.ReadAll(v.r); strings.Contains(string(said), "220") {
			t.Errorf("said %q", said)
		}
		if end := <-v.end; end != EndClosed || len(r.events) != 1 {
			t.Errorf("end %d, %q", end, r.events)
		}
	})
	t.Run("silence", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v := newVisit(t, implicitOptions(), &recorder{tb: t, upgrade: upgrade})
			begun := time.Now()
			v.over(EndClosed)
			if took := time.Since(begun); took != maxHandshake {
				t.Errorf("took %v", took)
			}
			v.conn.Close()
		})
	})
	t.Run("leave", func(t *testing.T) {
		v := newVisit(t, implicitOptions(), &recorder{tb: t, upgrade: upgrade, ruling: Ruling{Leave: true}})
		v.handshake()
		v.over(EndClosed)
	})
}

// TestRulingInTheBanner refuses a client before it has been greeted.
func TestRulingInTheBanner(t *testing.T) {
	upgrade := plainTLS{&tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}}
	refused := &recorder{tb: t, upgrade: upgrade, refuse: map[string]Reply{"TLS": NewReply(554, "5.7.1", "not accepted")}}
	v := newVisit(t, implicitOptions(), refused)
	v.handshake()
	if banner := v.lines(); banner != "554-mail.example.com\r\n554 5.7.1 not accepted\r\n" {
		t.Error(banner)
	}
	v.say("EHLO a", "554 5.7.1 not accepted")
	v.say("QUIT", "221")
	v.over(EndQuit)

	o := implicitOptions()
	o.Rejected, o.RejectText = true, "call us"
	v = newVisit(t, implicitOptions(), &recorder{tb: t, upgrade: upgrade, ruling: Ruling{Options: &o}})
	v.handshake()
	v.hear("554 5.7.1 call us")
	v.say("EHLO a", "503 5.5.1")
	v.say("QUIT", "221")
	v.over(EndQuit)
}

// TestRulingAfterSTARTTLS puts other options in force when the client has shown who it is.
func TestRulingAfterSTARTTLS(t *testing.T) {
	upgrade := plainTLS{&tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}}
	o := tlsOptions(true)
	o.Host, o.MaxMessageSize = "other.example.com", 12345
	v := newVisit(t, tlsOptions(true), &recorder{tb: t, upgrade: upgrade, ruling: Ruling{Options: &o}})
	v.hear("220 mail.example.com")
	v.startTLS()
	fmt.Fprint(v.conn, "EHLO a\r\n")
	if offer := v.lines(); !strings.HasPrefix(offer, "250-other.example.com\r\n") || !strings.HasSuffix(offer, "250 SIZE 12345\r\n") {
		t.Error(offer)
	}
	v.say("QUIT", "221")
	v.over(EndQuit)

	o.Rejected = true
	v = newVisit(t, tlsOptions(true), &recorder{tb: t, upgrade: upgrade, ruling: Ruling{Options: &o}})
	v.hear("220")
	v.startTLS()
	v.say("EHLO a", "554 5.7.1 Your access to this mail system has been rejected.")
	v.say("QUIT", "221")
	v.over(EndQuit)
}

func TestTooManyHandshakes(t *testing.T) {
	r := &recorder{tb: t, refuse: map[string]Reply{"STARTTLS": NewReply(421, "4.7.0", "Too many TLS sessions at this time")}}
	out, end := play(tlsOptions(false), r, 1000, ehlo+"MAIL FROM:<a@b>\r\nSTARTTLS\r\nNOOP\r\n")
	if got := last(out, 2); got != "250 2.1.0 sender <a@b> ok|421 4.7.0 Too many TLS sessions at this time|" || end != EndClosed || r.open {
		t.Errorf("said %q, end %d, open %v", got, end, r.open)
	}
}

// TestRequireTLS holds RFC 8689 §2: the extension exists only under TLS, and its parameter has no value.
func TestRequireTLS(t *testing.T) {
	out, _ := play(tlsOptions(false), &recorder{tb: t}, 1000, ehlo+"MAIL FROM:<a@b> REQUIRETLS\r\nMAIL FROM:<a@b>\r\n")
	if strings.Contains(out, "-REQUIRETLS") || last(out, 2) != "555 5.5.4 parameter REQUIRETLS is not recognized|250 2.1.0 sender <a@b> ok|" {
		t.Error(out)
	}
	r := &recorder{tb: t, upgrade: plainTLS{&tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}}}
	v := newVisit(t, tlsOptions(false), r)
	v.hear("220")
	v.startTLS()
	fmt.Fprint(v.conn, "EHLO a\r\n")
	if offer := v.lines(); !strings.Contains(offer, "250-REQUIRETLS\r\n") {
		t.Error(offer)
	}
	v.say("MAIL FROM:<a@b> REQUIRETLS=YES", "501 5.5.2")
	v.say("MAIL FROM:<a@b> REQUIRETLS REQUIRETLS", "501 5.5.2")
	v.say("MAIL FROM:<a@b> requiretls SIZE=3", "250")
	v.say("QUIT", "221")
	v.over(EndQuit)
	if got := fmt.Sprint(r.events); !strings.Contains(got, "mail <a@b> 3 false  REQUIRETLS") {
		t.Error(got)
	}
}
