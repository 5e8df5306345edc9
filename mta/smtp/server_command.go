package smtp

import (
	"bytes"
	"context"
	"strings"
	"unicode/utf8"
)

// dispatch answers one command line.
func (s *Session) dispatch(ctx context.Context, line []byte) {
	verb, arg, _ := bytes.Cut(bytes.TrimRight(line, " \t"), []byte(" "))
	var scratch [12]byte
	name := upper(scratch[:0], verb)
	if s.inert(name) {
		return
	}
	switch string(name) {
	case "EHLO", "HELO":
		s.greet(string(name), text(arg))
	case "MAIL":
		s.mailFrom(ctx, text(arg))
	case "RCPT":
		s.rcptTo(ctx, text(arg))
	case "BDAT":
		s.bdat(ctx, text(arg))
	case "VRFY":
		s.vrfy(text(arg))
	case "NOOP":
		s.reply(replyOK)
	case "HELP":
		s.reply(replyHelp)
	case "DATA", "RSET", "QUIT", "STARTTLS":
		s.plain(ctx, string(name), arg)
	case "EXPN", "TURN", "ETRN":
		s.reply(replyNoCommand)
	default:
		s.replyBad(replyUnknown)
	}
}

// plain answers the commands that take no argument.
func (s *Session) plain(ctx context.Context, name string, arg []byte) {
	if len(arg) > 0 {
		s.replyBad(replySyntax(name + " takes no argument"))
		return
	}
	switch name {
	case "DATA":
		s.data(ctx)
	case "RSET":
		s.reset(ErrReset)
		s.reply(replyOK)
	case "QUIT":
		s.quit()
	case "STARTTLS":
		s.startTLS(ctx)
	}
}

// inert answers in a session that takes no mail at all: one that was rejected in the banner, or whose client
// certificate was. QUIT is waited for (RFC 5321 §3.1).
func (s *Session) inert(name []byte) bool {
	refusal := s.refused
	if refusal == nil && s.opts.Rejected {
		refusal = &replyNoWelcome
	}
	if refusal == nil || string(name) == "QUIT" {
		return false
	}
	if refusal.Code == 421 {
		s.hangUp(*refusal)
		return true
	}
	s.replyBad(*refusal)
	return true
}

func (s *Session) quit() {
	s.reset(ErrReset)
	s.reply(NewReply(221, "2.0.0", s.opts.Host))
	s.finish(EndQuit)
}

func (s *Session) greet(verb, name string) {
	if !isHelloName(name) {
		s.replyBad(replyHelloSyntax(verb))
		return
	}
	s.reset(ErrReset)
	s.hello = name
	extended := verb == "EHLO"
	s.backend.Hello(name, extended)
	if extended {
		s.reply(s.offer())
		return
	}
	s.reply(NewReply(250, "", s.opts.Host))
}

// isHelloName is lenient: clients say their names with underscores, and addresses without brackets. It must be one
// word, since it goes into the Received header.
func isHelloName(name string) bool {
	return name != "" && len(name) <= maxDomain && !strings.ContainsAny(name, " \t()<>\"\\;,") && utf8.ValidString(name)
}

func (s *Session) vrfy(arg string) {
	if arg == "" {
		s.replyBad(replySyntax("VRFY needs a name"))
		return
	}
	s.reply(replyVrfy)
}

// needsTLS refuses a command of a mail transaction where TLS is required and missing (RFC 3207 §4).
func (s *Session) needsTLS() bool {
	if !s.opts.RequireTLS || s.secure {
		return false
	}
	s.backend.TLSMissing()
	return true
}

func (s *Session) mailFrom(ctx context.Context, arg string) {
	switch {
	case s.needsTLS():
		s.reply(replyNeedTLS)
		return
	case s.hello == "":
		s.reply(replyHelloFirst)
		return
	case s.mail:
		s.reply(replyNested)
		return
	}
	m, refusal := parseMail(arg)
	if refusal.Code != 0 {
		s.replyBad(refusal)
		return
	}
	if m.RequireTLS && !s.secure { // It is not offered in clear (RFC 8689 §2).
		s.replyBad(replyParameter("REQUIRETLS"))
		return
	}
	s.begin(ctx, m)
}

// begin asks the Backend for the transaction that a well-formed MAIL command wants.
func (s *Session) begin(ctx context.Context, m Mail) {
	if s.opts.MaxMessageSize > 0 && m.Size > s.opts.MaxMessageSize {
		s.backend.Oversized()
		s.reply(replyTooBig)
		return
	}
	if !m.UTF8 && !m.From.ASCII() {
		s.reply(replyNeedUTF8)
		return
	}
	r := s.backend.Mail(ctx, m)
	s.mail, s.utf8 = r.Positive(), m.UTF8
	s.answer(r)
}

// answer sends a Backend's reply; 421 announces the end of the connection (RFC 5321 §3.8).
func (s *Session) answer(r Reply) {
	if r.Code == 421 {
		s.reset(ErrReset)
		s.hangUp(r)
		return
	}
	s.reply(r)
}

func (s *Session) rcptTo(ctx context.Context, arg string) {
	switch {
	case s.needsTLS():
		s.reply(replyNeedTLS)
		return
	case !s.mail:
		s.reply(replyMailFirst)
		return
	case s.intake != nil:
		s.reply(replyChunking)
		return
	}
	rcpt, refusal := parseRcpt(arg)
	if refusal.Code != 0 {
		s.replyBad(refusal)
		return
	}
	if !s.utf8 && !isASCII(arg) { // in ORCPT neither (RFC 6533 §3)
		s.reply(replyNeedUTF8)
		return
	}
	reply := s.backend.Recipient(ctx, rcpt)
	if reply.Positive() {
		s.recipients++
	}
	s.answer(reply)
}

// upper appends verb in capitals to b; what cannot be a command comes out as none.
func upper(b, verb []byte) []byte {
	if len(verb) > cap(b) {
		return b
	}
	for _, c := range verb {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// text is a command's argument. Invalid UTF-8 becomes something that no grammar accepts.
func text(arg []byte) string {
	return strings.ToValidUTF8(strings.Trim(string(arg), " \t"), "\uFFFD")
}
