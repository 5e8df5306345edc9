package outbound

import (
	"strings"

	"posthouse/internal/cause"
	"posthouse/mta/smtp"
)

// saying is the subject and detail of RFC 3463 that say what a reply code does: in answer to MAIL, to RCPT, and to the
// content. Empty is nothing in particular.
type saying struct{ mail, rcpt, content string }

func always(detail string) saying { return saying{detail, detail, detail} }

// basic are the codes of replies that come without an enhanced one (RFC 5321 §4.2.3, §4.3.2).
var basic = map[int]saying{
	421: always("3.2"),                 // closing the channel
	450: {rcpt: "2.0", content: "7.1"}, // mailbox unavailable; of the content, policy
	451: always("3.0"),                 // local error
	452: always("3.1"),                 // no storage
	454: always("7.0"),                 // RFC 3207 §4
	455: always("3.3"),                 // parameters cannot be accommodated
	500: always("5.2"), 501: always("5.4"), 502: always("5.1"), 503: always("5.1"), 504: always("5.4"),
	521: always("3.2"), // RFC 7504 §3
	530: always("7.0"), 534: always("7.9"), 535: always("7.8"),
	550: {mail: "7.1", rcpt: "1.0", content: "7.1"}, // mailbox unavailable; elsewhere, policy
	551: {rcpt: "1.6"},                              // has moved
	552: {mail: "3.4", rcpt: "2.2", content: "3.4"}, // too large; of a mailbox, full
	553: {mail: "1.7", rcpt: "1.3"},                 // name not allowed
	555: always("5.4"),
	556: always("1.10"), // RFC 7504 §4
}

// statusOf is the enhanced code of a refusal: the peer's own, or the one that says the same as its reply code.
func statusOf(stage smtp.Stage, r smtp.Reply) string {
	if r.Enhanced != "" {
		return r.Enhanced
	}
	detail, other := "", "0.0"
	switch s := basic[r.Code]; stage {
	case smtp.StageRcpt:
		detail, other = s.rcpt, "1.0"
	case smtp.StageMail, smtp.StageHello:
		detail = s.mail
	default:
		detail = s.content
	}
	if detail == "" {
		detail = other
	}
	return severity(r.Code) + "." + detail
}

// causeStatus is the enhanced code of a failure that may pass, by its cause; what has none is a connection that was lost.
func causeStatus(id cause.ID) string {
	switch id {
	case cause.N3, cause.N4:
		return "4.4.1" // no answer from host
	case cause.N6:
		return "4.3.2" // system not accepting network messages
	case cause.N8:
		return "4.4.4" // unable to route
	case cause.N9:
		return "5.4.6" // routing loop
	}
	switch {
	case id == "" || strings.HasPrefix(string(id), "N"):
		return "4.4.2" // bad connection
	case strings.HasPrefix(string(id), "S"):
		return "4.7.4" // security features not supported
	}
	return "4.7.5" // cryptographic failure
}
