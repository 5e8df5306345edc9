package smtp

import (
	"strconv"
	"strings"
)

const textRejected = "Your access to this mail system has been rejected."

// Every fixed reply of the server. What depends on a policy's decision is the Backend's to say.
var (
	replyOK          = NewReply(250, "2.0.0", "ok")
	replyGoAhead     = NewReply(354, "", "go ahead")
	replyStartTLS    = NewReply(220, "2.0.0", "Go ahead with TLS")
	replyNoTLSNow    = NewReply(454, "4.7.0", "TLS not available due to a temporary reason")
	replyTLSActive   = NewReply(503, "5.5.1", "TLS is already in use")
	replyNoCommand   = NewReply(502, "5.5.1", "command not implemented")
	replyUnknown     = NewReply(500, "5.5.1", "command not recognized")
	replyTooManyBad  = NewReply(421, "4.7.0", "Exceeded bad SMTP command limit, disconnecting.")
	replyHelloFirst  = NewReply(503, "5.5.1", "EHLO first")
	replyMailFirst   = NewReply(503, "5.5.1", "MAIL first")
	replyRcptFirst   = NewReply(503, "5.5.1", "RCPT first")
	replyNested      = NewReply(503, "5.5.1", "sender already specified")
	replyChunking    = NewReply(503, "5.5.1", "BDAT first")
	replyNoWelcome   = NewReply(503, "5.5.1", "bad sequence of commands")
	replyRejected    = NewReply(554, "5.7.1", textRejected)
	replyNeedTLS     = NewReply(530, "5.7.0", "Must issue a STARTTLS command first")
	replyLongLine    = NewReply(500, "5.5.2", "syntax error line too long")
	replyBadLine     = NewReply(501, "5.5.2", "syntax error line must be text and end in CRLF")
	replyBadChunk    = NewReply(501, "5.5.2", "syntax error BDAT needs a size and perhaps LAST")
	replyVrfy        = NewReply(252, "2.5.2", "cannot verify the user, send some mail and see")
	replyTooBig      = NewReply(552, "5.3.4", "message size exceeds limit")
	replyBareLine    = NewReply(554, "5.6.0", "message body contains illegal bare CR/LF characters.")
	replyResources   = NewReply(452, "4.3.1", "server resources low - try again later")
	replyNeedUTF8    = NewReply(553, "5.6.7", "SMTPUTF8 is needed for this address")
	replyIdle        = NewReply(421, "4.4.2", "Timed out waiting for successful message injection, disconnecting.")
	replySessionTime = NewReply(421, "4.4.2", "Exceeded allowable connection time, disconnecting.")
	replyHelp        = Reply{Code: 214, Enhanced: "2.0.0", Lines: []string{
		"EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP STARTTLS QUIT",
		"see RFC 5321 for what they do",
	}}
)

func replyStopping(host string) Reply {
	return NewReply(421, "4.3.2", host+" is shutting down, try again later")
}

func replySyntax(detail string) Reply {
	return NewReply(501, "5.5.2", "syntax error "+detail)
}

func replyParameter(detail string) Reply {
	return NewReply(555, "5.5.4", "parameter "+detail+" is not recognized")
}

func replyHelloSyntax(verb string) Reply {
	return NewReply(501, "5.5.4", verb+" requires domain address")
}

func replyChunk(size int64) Reply {
	return NewReply(250, "2.0.0", strconv.FormatInt(size, 10)+" octets received")
}

// greeting is the banner, or the refusal in its place. It carries no enhanced code on its first line.
func (s *Session) greeting() Reply {
	if r := s.refused; r != nil {
		return Reply{Code: r.Code, Lines: []string{s.opts.Host, r.Enhanced + " " + r.Text()}}
	}
	if !s.opts.Rejected {
		return NewReply(220, "", strings.TrimSpace(s.opts.Host+" ESMTP "+oneLine(s.opts.Greeting)))
	}
	lines := []string{s.opts.Host, "5.7.1 " + textRejected}
	if text := oneLine(s.opts.RejectText); text != "" {
		lines = append(lines, "5.7.1 "+text)
	}
	return Reply{Code: 554, Lines: lines}
}

// oneLine makes one line of an operator's text of several.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// offer is the answer to EHLO.
func (s *Session) offer() Reply {
	lines := append(make([]string, 0, 9), s.opts.Host, "8BITMIME", "PIPELINING", "ENHANCEDSTATUSCODES", "CHUNKING", "SMTPUTF8")
	if s.opts.OfferTLS && !s.secure {
		lines = append(lines, "STARTTLS")
	}
	if s.secure { // Offered in clear, it could be a lie (RFC 8689 §2).
		lines = append(lines, "REQUIRETLS")
	}
	return Reply{Code: 250, Lines: append(lines, "DSN", "SIZE "+strconv.FormatInt(s.opts.MaxMessageSize, 10))}
}
