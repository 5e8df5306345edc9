package smtp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// recorder is a Backend that takes everything, notes what it was told, and can be told to refuse.
type recorder struct {
	events   []string
	messages []string // committed contents
	open     bool     // a transaction is open
	body     bytes.Buffer

	upgrade   Upgrade
	ruling    Ruling
	refuse    map[string]Reply // by the argument that is refused, or "DATA", "COMMIT", "TLS"
	failAfter int              // Write fails once so many bytes are there; 0: never
	writeErr  error
	tb        interface{ Errorf(string, ...any) }
}

func (r *recorder) note(format string, args ...any) {
	r.events = append(r.events, fmt.Sprintf(format, args...))
}

func (r *recorder) Hello(name string, extended bool) { r.note("hello %s %v", name, extended) }

func (r *recorder) TLS() (Upgrade, error) {
	if busy, ok := r.refuse["STARTTLS"]; ok {
		return nil, fmt.Errorf("no room: %w", busy)
	}
	if r.upgrade == nil {
		return nil, errors.New("no certificate")
	}
	return r.upgrade, nil
}

func (r *recorder) Handshake(h Handshake) Ruling {
	r.note("handshake %v", h.Err)
	ruling := r.ruling
	if refusal, ok := r.refuse["TLS"]; ok {
		ruling.Refused = &refusal
	}
	return ruling
}
func (r *recorder) TLSMissing() { r.note("tls missing") }
func (r *recorder) Oversized()  { r.note("oversized") }

func (r *recorder) Mail(_ context.Context, m Mail) Reply {
	if refusal, ok := r.refuse[m.From.String()]; ok {
		return refusal
	}
	if r.open {
		r.tb.Errorf("a transaction within a transaction")
	}
	r.open = true
	extras := m.Body
	if m.RequireTLS {
		extras += " REQUIRETLS"
	}
	extras += notifyParams(m.Ret, m.EnvID)
	r.note("mail <%s> %d %v %s", m.From, m.Size, m.UTF8, extras)
	return NewReply(250, "2.1.0", "sender <"+m.From.String()+"> ok")
}

func (r *recorder) Recipient(_ context.Context, rcpt Rcpt) Reply {
	to := rcpt.To.String()
	if refusal, ok := r.refuse[to]; ok {
		return refusal
	}
	if !r.open {
		r.tb.Errorf("a recipient outside of a transaction")
	}
	r.note("rcpt <%s>%s", to, rcpt.params())
	return NewReply(250, "2.1.5", "recipient <"+to+"> ok")
}

func (r *recorder) Data(context.Context) (Content, Reply) {
	if refusal, ok := r.refuse["DATA"]; ok {
		return nil, refusal
	}
	r.body.Reset()
	return r, Reply{}
}

func (r *recorder) Write(p []byte) (int, error) {
	if !r.open {
		r.tb.Errorf("content outside of a transaction")
	}
	if r.failAfter > 0 && r.body.Len()+len(p) > r.failAfter {
		return 0, r.writeErr
	}
	return r.body.Write(p)
}

func (r *recorder) Commit(context.Context) Reply {
	if !r.open {
		r.tb.Errorf("a commit outside of a transaction")
	}
	r.open = false
	if refusal, ok := r.refuse["COMMIT"]; ok {
		return refusal
	}
	r.messages = append(r.messages, r.body.String())
	r.note("commit %d", r.body.Len())
	return NewReply(250, "2.0.0", "ok:  Message 1 accepted")
}

func (r *recorder) Reset(why error) {
	if !r.open {
		r.tb.Errorf("reset without a transaction")
	}
	r.open = false
	r.note("reset %v", why)
}

// script is a connection whose peer has said everything already, in blocks of at most size bytes, and then is gone.
type script struct {
	net.Conn
	in     *strings.Reader
	size   int
	out    bytes.Buffer
	writes int
	closed bool
}

func (s *script) Read(p []byte) (int, error)     { return s.in.Read(p[:min(len(p), max(s.size, 1))]) }
func (s *script) Write(p []byte) (int, error)    { s.writes++; return s.out.Write(p) }
func (s *script) Close() error                   { s.closed = true; return nil }
func (*script) SetDeadline(time.Time) error      { return nil }
func (*script) SetReadDeadline(time.Time) error  { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }

var testOptions = Options{
	Host: "mail.example.com", MaxMessageSize: 1000, CommandTimeout: time.Minute, SessionTimeout: time.Hour, MaxBadCommands: 5,
}

// play runs a session over everything that the client says, and returns what it answered.
func play(o Options, r *recorder, size int, in string) (out string, end End) {
	conn := &script{in: strings.NewReader(in), size: size}
	end = NewSession(conn, o, r).Serve(context.Background())
	if !conn.closed {
		r.tb.Errorf("the connection is left open")
	}
	if r.open {
		r.tb.Errorf("a transaction is left open")
	}
	return conn.out.String(), end
}

const (
	ehlo   = "EHLO client.example\r\n"
	toRcpt = ehlo + "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"
)

// last returns the last n lines of what the server said.
func last(out string, n int) string {
	lines := strings.SplitAfter(out, "\r\n")
	lines = lines[:len(lines)-1]
	return strings.ReplaceAll(strings.Join(lines[max(0, len(lines)-n):], ""), "\r\n", "|")
}

func TestReplies(t *testing.T) {
	big := strings.Repeat("x", 1001) + "\r\n"
	cases := []struct {
		name, in string
		lines    int // of the end of what is said
		want     string
		end      End
	}{
		{"banner", "", 1, "220 mail.example.com ESMTP|", EndLost},
		{"quit", "QUIT\r\n", 2, "220 mail.example.com ESMTP|221 2.0.0 mail.example.com|", EndQuit},
		{"ehlo", ehlo, 8, "250-mail.example.com|250-8BITMIME|250-PIPELINING|250-ENHANCEDSTATUSCODES|250-CHUNKING|250-SMTPUTF8|250-DSN|250 SIZE 1000|", EndLost},
		{"helo", "helo x\r\n", 1, "250 mail.example.com|", EndLost},
		{"ehlo alone", "EHLO\r\n", 1, "501 5.5.4 EHLO requires domain address|", EndLost},
		{"ehlo with wishes", ehlo + "MAIL FROM:<a@b> RET=FULL\r\nRCPT TO:<c@d> ORCPT=utf-8;ü\r\nRCPT TO:<c@d> NOTIFY=A\r\nRCPT TO:<c@d> NOTIFY=DELAY\r\n", 4,
			"250 2.1.0 sender <a@b> ok|553 5.6.7 SMTPUTF8 is needed for this address|501 5.5.2 syntax error in parameter NOTIFY|250 2.1.5 recipient <c@d> ok|", EndLost},
		{"helo with two words", "HELO a b\r\n", 1, "501 5.5.4 HELO requires domain address|", EndLost},
		{"no hello", "MAIL FROM:<a@b>\r\n", 1, "503 5.5.1 EHLO first|", EndLost},
		{"mail", ehlo + "MAIL FROM:<a@b>\r\n", 1, "250 2.1.0 sender <a@b> ok|", EndLost},
		{"null sender", ehlo + "MAIL FROM:<>\r\n", 1, "250 2.1.0 sender <> ok|", EndLost},
		{"mail twice", toRcpt + "MAIL FROM:<a@b>\r\n", 1, "503 5.5.1 sender already specified|", EndLost},
		{"rcpt", toRcpt, 1, "250 2.1.5 recipient <c@d.example> ok|", EndLost},
		{"rcpt first", ehlo + "RCPT TO:<a@b>\r\n", 1, "503 5.5.1 MAIL first|", EndLost},
		{"data first", ehlo + "DATA\r\n", 1, "503 5.5.1 MAIL first|", EndLost},
		{"data without rcpt", ehlo + "MAIL FROM:<a@b>\r\nDATA\r\n", 1, "503 5.5.1 RCPT first|", EndLost},
		{"message", toRcpt + "DATA\r\na\r\n.\r\n", 2, "354 go ahead|250 2.0.0 ok:  Message 1 accepted|", EndLost},
		{"message, then another", toRcpt + "DATA\r\n.\r\nRCPT TO:<a@b>\r\n", 1, "503 5.5.1 MAIL first|", EndLost},
		{"refused sender", ehlo + "MAIL FROM:<no@b>\r\nRCPT TO:<a@b>\r\n", 2, "550 5.1.0 Address rejected.|503 5.5.1 MAIL first|", EndLost},
		{"refused rcpt", ehlo + "MAIL FROM:<a@b>\r\nRCPT TO:<no@b>\r\nDATA\r\n", 2, "550 5.1.0 Address rejected.|503 5.5.1 RCPT first|", EndLost},
		{"421 ends it", ehlo + "MAIL FROM:<busy@b>\r\nNOOP\r\n", 1, "421 4.7.0 Too many messages for this session|", EndClosed},
		{"declared size", ehlo + "MAIL FROM:<a@b> SIZE=1001\r\n", 1, "552 5.3.4 message size exceeds limit|", EndLost},
		{"real size", toRcpt + "DATA\r\n" + big + ".\r\nNOOP\r\n", 2, "552 5.3.4 message size exceeds limit|250 2.0.0 ok|", EndLost},
		{"endless message", toRcpt + "DATA\r\n" + strings.Repeat("x", 17<<20) + "\r\n.\r\nNOOP\r\n", 1, "552 5.3.4 message size exceeds limit|", EndClosed},
		{"bare LF", toRcpt + "DATA\r\na\nb\r\n.\r\nNOOP\r\n", 2, "554 5.6.0 message body contains illegal bare CR/LF characters.|250 2.0.0 ok|", EndLost},
		{"bare CR", toRcpt + "DATA\r\na\rb\r\n.\r\n", 1, "554 5.6.0 message body contains illegal bare CR/LF characters.|", EndLost},
		{"smuggling", toRcpt + "DATA\r\na\r\n.\nMAIL FROM:<x@y>\r\n.\r\nNOOP\r\n", 3, "354 go ahead|554 5.6.0 message body contains illegal bare CR/LF characters.|250 2.0.0 ok|", EndLost},
		{"data with argument", toRcpt + "DATA now\r\n", 1, "501 5.5.2 syntax error DATA takes no argument|", EndLost},
		{"utf8 undeclared", ehlo + "MAIL FROM:<ä@b>\r\n", 1, "553 5.6.7 SMTPUTF8 is needed for this address|", EndLost},
		{"utf8 rcpt undeclared", ehlo + "MAIL FROM:<a@b>\r\nRCPT TO:<ä@b>\r\n", 1, "553 5.6.7 SMTPUTF8 is needed for this address|", EndLost},
		{"utf8", ehlo + "MAIL FROM:<ä@b> SMTPUTF8\r\nRCPT TO:<ö@ü>\r\n", 1, "250 2.1.5 recipient <ö@ü> ok|", EndLost},
		{"bad utf8", ehlo + "MAIL FROM:<\xe4@b> SMTPUTF8\r\n", 1, "501 5.5.2 syntax error in local part of address|", EndLost},
		{"parameter", ehlo + "MAIL FROM:<a@b> AUTH=<>\r\n", 1, "555 5.5.4 parameter AUTH is not recognized|", EndLost},
		{"vrfy", "VRFY joe\r\n", 1, "252 2.5.2 cannot verify the user, send some mail and see|", EndLost},
		{"expn", "EXPN joe\r\n", 1, "502 5.5.1 command not implemented|", EndLost},
		{"noop with words", "NOOP a b\r\n", 1, "250 2.0.0 ok|", EndLost},
		{"help", "HELP\r\n", 1, "214 2.0.0 see RFC 5321 for what they do|", EndLost},
		{"rset", toRcpt + "RSET\r\nDATA\r\n", 2, "250 2.0.0 ok|503 5.5.1 MAIL first|", EndLost},
		{"ehlo resets", toRcpt + ehlo + "DATA\r\n", 1, "503 5.5.1 MAIL first|", EndLost},
		{"unknown", "FOO\r\n", 1, "500 5.5.1 command not recognized|", EndLost},
		{"empty line", "\r\n", 1, "500 5.5.1 command not recognized|", EndLost},
		{"too many", strings.Repeat("FOO\r\n", 6) + "QUIT\r\n", 2, "500 5.5.1 command not recognized|421 4.7.0 Exceeded bad SMTP command limit, disconnecting.|", EndClosed},
		{"five are borne", strings.Repeat("FOO\r\n", 5) + "QUIT\r\n", 2, "500 5.5.1 command not recognized|221 2.0.0 mail.example.com|", EndQuit},
		{"bare LF command", "NOOP\nNOOP\r\n", 2, "501 5.5.2 syntax error line must be text and end in CRLF|250 2.0.0 ok|", EndLost},
		{"NUL", "NO\x00OP\r\nNOOP\r\n", 2, "501 5.5.2 syntax error line must be text and end in CRLF|250 2.0.0 ok|", EndLost},
		{"long line", "NOOP " + strings.Repeat("x", 3000) + "\r\nNOOP\r\n", 2, "500 5.5.2 syntax error line too long|250 2.0.0 ok|", EndLost},
		{"1 MB line", strings.Repeat("x", 1<<20) + "\r\nNOOP\r\n", 2, "500 5.5.2 syntax error line too long|250 2.0.0 ok|", EndLost},
		{"endless line", strings.Repeat("x", 3<<20), 1, "421 4.7.0 Exceeded bad SMTP command limit, disconnecting.|", EndClosed},
		{"no starttls", "STARTTLS\r\n", 1, "502 5.5.1 command not implemented|", EndLost},
		{"auth", ehlo + "AUTH PLAIN\r\n", 1, "500 5.5.1 command not recognized|", EndLost},

		{"bdat", toRcpt + "BDAT 3 LAST\r\na\r\nNOOP\r\n", 2, "250 2.0.0 ok:  Message 1 accepted|250 2.0.0 ok|", EndLost},
		{"bdat in chunks", toRcpt + "BDAT 2\r\na\rBDAT 1\r\n\nBDAT 0 LAST\r\n", 3, "250 2.0.0 2 octets received|250 2.0.0 1 octets received|250 2.0.0 ok:  Message 1 accepted|", EndLost},
		{"bdat cut short", toRcpt + "BDAT 10 LAST\r\nabc", 1, "250 2.1.5 recipient <c@d.example> ok|", EndLost},
		{"bdat without LAST", toRcpt + "BDAT 3\r\na\r\nQUIT\r\n", 1, "221 2.0.0 mail.example.com|", EndQuit},
		{"bdat first", ehlo + "BDAT 6\r\nQUIT\r\nNOOP\r\n", 2, "503 5.5.1 MAIL first|250 2.0.0 ok|", EndLost},
		{"bdat without rcpt", ehlo + "MAIL FROM:<a@b>\r\nBDAT 6\r\nQUIT\r\nNOOP\r\n", 2, "503 5.5.1 RCPT first|250 2.0.0 ok|", EndLost},
		{"bdat bare LF", toRcpt + "BDAT 3 LAST\r\na\nbNOOP\r\n", 2, "554 5.6.0 message body contains illegal bare CR/LF characters.|250 2.0.0 ok|", EndLost},
		{"bdat bare CR at the end", toRcpt + "BDAT 2\r\na\rBDAT 0 LAST\r\n", 1, "554 5.6.0 message body contains illegal bare CR/LF characters.|", EndLost},
		{"bdat bare, the rest of it", toRcpt + "BDAT 3\r\na\nbBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", 3, "554 5.6.0 message body contains illegal bare CR/LF characters.|503 5.5.1 MAIL first|250 2.0.0 ok|", EndLost},
		{"bdat too big", toRcpt + "BDAT 900\r\n" + strings.Repeat("x", 900) + "BDAT 200 LAST\r\n" + strings.Repeat("x", 200) + "NOOP\r\n", 3, "250 2.0.0 900 octets received|552 5.3.4 message size exceeds limit|250 2.0.0 ok|", EndLost},
		{"bdat malformed", toRcpt + "BDAT 12 OR SO\r\nNOOP\r\n", 1, "501 5.5.2 syntax error BDAT needs a size and perhaps LAST|", EndClosed},
		{"bdat and data", toRcpt + "BDAT 2\r\na\rDATA\r\n", 1, "503 5.5.1 BDAT first|", EndLost},
		{"bdat and rcpt", toRcpt + "BDAT 2\r\na\rRCPT TO:<a@b>\r\n", 1, "503 5.5.1 BDAT first|", EndLost},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, size := range []int{1, 7, 1 << 20} {
				if size < 100 && len(c.in) > 1<<16 {
					continue
				}
				r := &recorder{tb: t, refuse: map[string]Reply{
					"no@b":   NewReply(550, "5.1.0", "Address rejected."),
					"busy@b": NewReply(421, "4.7.0", "Too many messages for this session"),
				}}
				out, end := play(testOptions, r, size, c.in)
				if got := last(out, c.lines); got != c.want || end != c.end {
					t.Errorf("by %d: said %q, end %d\nwant %q, end %d", size, got, end, c.want, c.end)
				}
			}
		})
	}
}

// TestNoMessage lists what must never come out as an accepted message.
func TestNoMessage(t *testing.T) {
	for _, in := range []string{
		"DATA\r\na\r\n", "DATA\r\na\r\n.", "DATA\r\na\r\n.\r", "DATA\r\na\r\n.\n", "DATA\r\na\n.\n", "DATA\r\na\r\n\n.\r\n.\r\n",
		"BDAT 3 LAST\r\nab", "BDAT 4\r\nabc\r\n", "BDAT 3\r\na\r\nRSET\r\n", "BDAT 9223372036854775807 LAST\r\nabc", "BDAT 3 LAST\r\n",
	} {
		for size := 1; size < 9; size++ {
			r := &recorder{tb: t}
			play(testOptions, r, size, toRcpt+in)
			if len(r.messages) > 0 {
				t.Errorf("%q by %d is accepted as %q", in, size, r.messages)
			}
		}
	}
}

func TestContentArrives(t *testing.T) {
	r := &recorder{tb: t}
	o := testOptions
	o.MaxMessageSize = 0
	body := strings.Repeat(strings.Repeat("y", 77)+"\r\n", 1000)
	play(o, r, 1000, toRcpt+"DATA\r\n..a\r\n.b\r\n.\r\n"+
		"MAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nBDAT 5\r\n..\r\nxBDAT 1 LAST\r\ny"+
		"MAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n"+body+".\r\n")
	want := []string{".a\r\nb\r\n", "..\r\nxy\r\n", body}
	if fmt.Sprint(r.messages) != fmt.Sprint(want) {
		t.Errorf("got %q", r.messages)
	}
}

func TestBackendRefusals(t *testing.T) {
	full := NewReply(452, "4.3.1", "queue full")
	cases := []struct {
		name string
		r    recorder
		in   string
		want string
	}{
		{"no room at DATA", recorder{refuse: map[string]Reply{"DATA": full}}, "DATA\r\nNOOP\r\n", "452 4.3.1 queue full|250 2.0.0 ok|"},
		{"no room at BDAT", recorder{refuse: map[string]Reply{"DATA": full}}, "BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n", "452 4.3.1 queue full|503 5.5.1 MAIL first|"},
		{"no room meanwhile", recorder{failAfter: 3, writeErr: fmt.Errorf("write: %w", full)}, "DATA\r\nabcdef\r\n.\r\nNOOP\r\n", "452 4.3.1 queue full|250 2.0.0 ok|"},
		{"failing disk", recorder{failAfter: 3, writeErr: io.ErrShortWrite}, "DATA\r\nabcdef\r\n.\r\nNOOP\r\n", "452 4.3.1 server resources low - try again later|250 2.0.0 ok|"},
		{"no room at the end", recorder{refuse: map[string]Reply{"COMMIT": full}}, "DATA\r\n.\r\nDATA\r\n", "452 4.3.1 queue full|503 5.5.1 MAIL first|"},
	}
	for _, c := range cases {
		c.r.tb = t
		out, _ := play(testOptions, &c.r, 100, toRcpt+c.in)
		if got := last(out, 2); got != c.want || len(c.r.messages) > 0 {
			t.Errorf("%s: %q, messages %q", c.name, got, c.r.messages)
		}
	}
}

// TestPipelining holds RFC 2920 §3.2: what is answered to commands that came together goes out together.
func TestPipelining(t *testing.T) {
	conn := &script{in: strings.NewReader(toRcpt + "RSET\r\nNOOP\r\n"), size: 1 << 20}
	NewSession(conn, testOptions, &recorder{tb: t}).Serve(context.Background())
	if conn.writes != 2 { // the banner, and all the rest
		t.Errorf("%d writes", conn.writes)
	}
}

func TestRejectedSession(t *testing.T) {
	o := testOptions
	o.Rejected, o.RejectText = true, "call\r\nus"
	out, end := play(o, &recorder{tb: t}, 100, ehlo+"MAIL FROM:<a@b>\r\nQUIT\r\n")
	want := "554-mail.example.com|554-5.7.1 Your access to this mail system has been rejected.|554 5.7.1 call us|" +
		"503 5.5.1 bad sequence of commands|503 5.5.1 bad sequence of commands|221 2.0.0 mail.example.com|"
	if got := last(out, 99); got != want || end != EndQuit {
		t.Errorf("said %q, end %d", got, end)
	}
	if out, end = play(o, &recorder{tb: t}, 100, strings.Repeat(ehlo, 9)); end != EndClosed || !strings.HasSuffix(out, replyTooManyBad.String()) {
		t.Errorf("said %q, end %d", out, end)
	}
}

func TestPanicEndsTransaction(t *testing.T) {
	for _, in := range []string{"DATA\r\nx\r\n.\r\n", "BDAT 3\r\na\r\n"} {
		r := &panicker{recorder{tb: t}}
		func() {
			defer func() { recover() }()
			conn := &script{in: strings.NewReader(toRcpt + in), size: 100}
			NewSession(conn, testOptions, r).Serve(context.Background())
		}()
		if r.open {
			t.Errorf("%q: the transaction is left open", in)
		}
	}
}

type panicker struct{ recorder }

func (p *panicker) Data(context.Context) (Content, Reply) { panic("bug") }

func FuzzSession(f *testing.F) {
	f.Add(toRcpt+"DATA\r\nabc\r\n.\r\nQUIT\r\n", 7)
	f.Add(toRcpt+"BDAT 3\r\nabcBDAT 0 LAST\r\nRSET\r\nVRFY x\r\nSTARTTLS\r\n", 1)
	f.Add(ehlo+"MAIL FROM:<a@b> REQUIRETLS\r\nSTARTTLS\r\nMAIL FROM:<a@b> REQUIRETLS=1\r\n", 2)
	f.Add("EHLO x\r\nMAIL FROM:<a@b> RET=FULL ENVID=a+20b\r\nRCPT TO:<c@d> NOTIFY=DELAY ORCPT=rfc822;e+40f\r\nRCPT TO:<c@d> NOTIFY=NO\r\n", 4)
	f.Add("HELO x\r\nMAIL FROM:<a@b> SIZE=3 BODY=8BITMIME SMTPUTF8\r\nRCPT TO:<@a:b@c>\r\nBDAT x\r\n", 3)
	f.Fuzz(func(t *testing.T, in string, size int) {
		size = 1 + int(uint(size)%100)
		r := &recorder{tb: t}
		out, _ := play(testOptions, r, size, in)
		for line := range strings.SplitSeq(strings.TrimSuffix(out, "\r\n"), "\r\n") {
			if len(line) < 4 || line[0] < '2' || line[0] > '5' || strings.ContainsAny(line, "\r\n\x00") {
				t.Fatalf("%q: bad reply line %q", in, line)
			}
		}
		// However the input is cut, the session is the same.
		whole := &recorder{tb: t}
		again, _ := play(testOptions, whole, 1<<20, in)
		if again != out || fmt.Sprint(whole.messages) != fmt.Sprint(r.messages) {
			t.Fatalf("%q by %d: %q, whole: %q", in, size, out, again)
		}
	})
}

func FuzzCommandLine(f *testing.F) {
	for _, s := range []string{"MAIL FROM:<a@b> SIZE=1", "RCPT TO:<\"a b\"@[192.0.2.1]>", "EHLO [IPv6:::1]", "BDAT 1 LAST", "NOOP\x00", "VRFY ä"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.Contains(line, "\n") {
			return
		}
		out, _ := play(testOptions, &recorder{tb: t}, 4096, ehlo+line+"\r\n")
		chunk := len(line) >= 4 && strings.EqualFold(line[:4], "BDAT") // waits for content that never comes
		if !chunk && strings.Count(out, "\r\n") < 10 {
			t.Fatalf("%q is not answered: %q", line, out)
		}
	})
}
