package smtp

import (
	"strconv"
	"strings"
)

// parseMail reads what follows MAIL. refusal is the zero Reply where all is well.
func parseMail(arg string) (m Mail, refusal Reply) {
	rest, ok := cutPrefixFold(arg, "FROM:")
	if !ok {
		return Mail{}, replySyntax("MAIL FROM:<address> is expected")
	}
	path, rest, err := ParsePath(strings.TrimLeft(rest, " "))
	if err != nil {
		return Mail{}, replySyntax(err.Error())
	}
	m.From = path
	refusal = eachParam(rest, m.set)
	return m, refusal
}

// parseRcpt reads what follows RCPT.
func parseRcpt(arg string) (r Rcpt, refusal Reply) {
	rest, ok := cutPrefixFold(arg, "TO:")
	if !ok {
		return Rcpt{}, replySyntax("RCPT TO:<address> is expected")
	}
	path, rest, err := ParsePath(strings.TrimLeft(rest, " "))
	if err != nil {
		return Rcpt{}, replySyntax(err.Error())
	}
	if path.Null() {
		return Rcpt{}, replySyntax(errPathLocal.Error())
	}
	r.To = path
	refusal = eachParam(rest, r.set)
	return r, refusal
}

// set stores one parameter of RCPT.
func (r *Rcpt) set(key, value string, _ bool) Reply {
	ok := false
	switch key {
	case "NOTIFY":
		r.Notify, ok = parseNotify(value)
	case "ORCPT":
		r.ORcpt, ok = parseORcpt(value)
	default:
		return replyParameter(key)
	}
	if !ok {
		return replySyntax("in parameter " + key)
	}
	return Reply{}
}

// set stores one parameter of MAIL.
func (m *Mail) set(key, value string, hasValue bool) Reply {
	switch key {
	case "SIZE": // RFC 1870 §3: 1*20DIGIT
		size, err := strconv.ParseUint(value, 10, 63)
		if err != nil || len(value) > 20 {
			return replySyntax("in parameter SIZE")
		}
		m.Size = int64(size)
	case "BODY": // RFC 6152
		m.Body = strings.ToUpper(value)
		if m.Body != "7BIT" && m.Body != "8BITMIME" {
			return replySyntax("in parameter BODY")
		}
	case "SMTPUTF8":
		if hasValue {
			return replySyntax("in parameter SMTPUTF8")
		}
		m.UTF8 = true
	case "REQUIRETLS":
		if hasValue { // RFC 8689 §2
			return replySyntax("in parameter REQUIRETLS")
		}
		m.RequireTLS = true
	case "RET", "ENVID":
		return m.setNotify(key, value)
	default:
		return replyParameter(key)
	}
	return Reply{}
}

// setNotify stores what a notification is to hold (RFC 3461 §4.3, §4.4).
func (m *Mail) setNotify(key, value string) Reply {
	ok := false
	if key == "RET" {
		m.Ret, ok = parseRet(value)
	} else {
		m.EnvID, ok = parseEnvID(value)
	}
	if !ok || value == "" {
		return replySyntax("in parameter " + key)
	}
	return Reply{}
}

// eachParam calls set for every parameter (RFC 5321 §4.1.2 esmtp-param), its key in capitals, until one is refused.
func eachParam(s string, set func(key, value string, hasValue bool) Reply) Reply {
	if s != "" && s[0] != ' ' {
		return replySyntax("behind the address")
	}
	var seen []string
	for word := range strings.FieldsSeq(s) {
		key, value, hasValue := strings.Cut(word, "=")
		key = strings.ToUpper(key)
		if !isKeyword(key) || hasValue && !isValue(value) {
			return replySyntax("in parameters")
		}
		for _, other := range seen {
			if other == key {
				return replySyntax("parameter " + key + " is given twice")
			}
		}
		seen = append(seen, key)
		if refusal := set(key, value, hasValue); refusal.Code != 0 {
			return refusal
		}
	}
	return Reply{}
}

func isKeyword(s string) bool {
	for i := 0; i < len(s); i++ {
		letter := 'A' <= s[i] && s[i] <= 'Z' || '0' <= s[i] && s[i] <= '9'
		if !letter && (s[i] != '-' || i == 0) {
			return false
		}
	}
	return s != ""
}

func isValue(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] == '=' || s[i] == 0x7f {
			return false
		}
	}
	return s != ""
}
