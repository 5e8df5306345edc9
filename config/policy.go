package config

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// PolicyKey is one parameter of a mail flow policy in the text form of a host access table.
type PolicyKey struct {
	Key    string
	Value  string // as ParsePolicyKey reads it
	Quoted bool   // whether the text form puts the value in quotes
}

// parameter reads and writes one key of the text form.
type parameter struct {
	key    string
	quoted bool
	set    func(p *PolicyParams, value string) error
	get    func(p *PolicyParams) string // empty: unset
}

// parameters are the keys that have an effect, in the order in which the text form has them.
var parameters = []parameter{
	intParameter("max_msgs_per_session", func(p *PolicyParams) **int { return &p.MaxMessages }, 1, math.MaxInt32),
	intParameter("max_concurrency", func(p *PolicyParams) **int { return &p.MaxConcurrency }, 1, math.MaxInt32),
	intParameter("max_rcpts_per_msg", func(p *PolicyParams) **int { return &p.MaxRecipients }, 1, math.MaxInt32),
	{key: "max_rcpts_per_hour", set: setRecipientsPerHour, get: func(p *PolicyParams) string { return intText(p.MaxRecipientsPerHour) }},
	{key: "max_message_size", set: setMessageSize, get: func(p *PolicyParams) string { return intText(p.MaxMessageSize) }},
	{key: "tls", quoted: true, set: setTLS, get: func(p *PolicyParams) string { return string(p.TLS) }},
	{key: "tls_verify", quoted: true, set: setTLSVerify, get: func(p *PolicyParams) string { return switchText(p.TLSVerify) }},
	textParameter("banner_host", func(p *PolicyParams) *string { return &p.BannerHost }),
	textParameter("accept_text", func(p *PolicyParams) *string { return &p.AcceptText }),
	textParameter("reject_text", func(p *PolicyParams) *string { return &p.RejectText }),
}

// inert are the keys that tables of other appliances hold and that have no effect here; their values are kept.
var inert = []string{
	"auth", "auth_required", "bounce_validation", "dhap_limit", "dhap_period", "dkim_signing", "dkim_verification",
	"dmarc_verification", "domain_key_signing", "envelope_sender_verification", "max_rcpts_per_hour_code",
	"max_rcpts_per_hour_text", "sender_verification", "smtp_auth", "smtp_banner_code", "smtp_banner_text", "spam_check",
	"spf_verification", "use_sb", "virus_check",
}

// PolicyKeyNames returns every key that ParsePolicyKey knows and that has an effect, in the order of the text form.
func PolicyKeyNames() []string {
	var names []string
	for _, q := range parameters {
		names = append(names, q.key)
	}
	return names
}

// ParsePolicyKey sets the parameter that the text form of a host access table calls key. Sizes may end in k, M or G;
// max_rcpts_per_hour is -1 or "unlimited" for no limit; the value "default" unsets the parameter. A key that is known
// and has no effect here is kept in Extra. The error names the value or the key and what is accepted.
func ParsePolicyKey(p *PolicyParams, key, value string) error {
	key = strings.ToLower(key)
	if i := slices.IndexFunc(parameters, func(q parameter) bool { return q.key == key }); i >= 0 {
		return parameters[i].set(p, value)
	}
	if !slices.Contains(inert, key) {
		return fmt.Errorf("unknown parameter %q: %s are accepted", key, strings.Join(PolicyKeyNames(), ", "))
	}
	return setExtra(p, key, value)
}

func setExtra(p *PolicyParams, key, value string) error {
	if !plainText(value) || len(value) > maxPolicyText {
		return fmt.Errorf("%s: %q is not a line of text", key, value)
	}
	if value == "default" || value == "" {
		delete(p.Extra, key)
		return nil
	}
	if p.Extra == nil {
		p.Extra = make(map[string]string)
	}
	p.Extra[key] = value
	return nil
}

// Keys returns the parameters that are set, in the order of the text form; those without effect come last.
func (p *PolicyParams) Keys() []PolicyKey {
	var keys []PolicyKey
	for _, q := range parameters {
		if value := q.get(p); value != "" {
			keys = append(keys, PolicyKey{q.key, value, q.quoted})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(p.Extra)) {
		_, err := strconv.Atoi(p.Extra[key])
		keys = append(keys, PolicyKey{key, p.Extra[key], err != nil})
	}
	return keys
}

const maxPolicyText = 500 // bytes: a reply line has room for 512 (RFC 5321 §4.5.3.1.5)

func intParameter(key string, field func(*PolicyParams) **int, low, high int) parameter {
	return parameter{
		key: key,
		get: func(p *PolicyParams) string { return intText(*field(p)) },
		set: func(p *PolicyParams, value string) error {
			if value == "default" {
				*field(p) = nil
				return nil
			}
			n, err := strconv.Atoi(value)
			if err != nil || n < low || n > high {
				return fmt.Errorf("%s: %q is not a number from %d to %d", key, value, low, high)
			}
			*field(p) = &n
			return nil
		},
	}
}

func textParameter(key string, field func(*PolicyParams) *string) parameter {
	return parameter{
		key: key, quoted: true,
		get: func(p *PolicyParams) string { return *field(p) },
		set: func(p *PolicyParams, value string) error {
			if !plainText(value) || len(value) > maxPolicyText {
				return fmt.Errorf("%s: %q is not a line of at most %d bytes of text", key, value, maxPolicyText)
			}
			if value == "default" {
				value = ""
			}
			*field(p) = value
			return nil
		},
	}
}

func setRecipientsPerHour(p *PolicyParams, value string) error {
	if value == "default" {
		p.MaxRecipientsPerHour = nil
		return nil
	}
	n, err := strconv.Atoi(value)
	if strings.EqualFold(value, "unlimited") {
		n, err = -1, nil
	}
	if err != nil || n < -1 || n == 0 || n > math.MaxInt32 {
		return fmt.Errorf("max_rcpts_per_hour: %q is not a number from 1 to %d, or -1 for no limit", value, math.MaxInt32)
	}
	p.MaxRecipientsPerHour = &n
	return nil
}

func setMessageSize(p *PolicyParams, value string) error {
	if value == "default" {
		p.MaxMessageSize = nil
		return nil
	}
	n, err := ParseSize(value)
	if err != nil {
		return fmt.Errorf("max_message_size: %w", err)
	}
	p.MaxMessageSize = &n
	return nil
}

func setTLS(p *PolicyParams, value string) error {
	switch strings.ToLower(value) {
	case "default":
		p.TLS = ""
	case "off", "no":
		p.TLS = TLSOff
	case "preferred", "on":
		p.TLS = TLSPreferred
	case "required":
		p.TLS = TLSRequired
	default:
		return fmt.Errorf("tls: %q is not one of off, preferred, required", value)
	}
	return nil
}

func setTLSVerify(p *PolicyParams, value string) error {
	switch strings.ToLower(value) {
	case "default":
		p.TLSVerify = nil
	case "on", "yes", "true":
		p.TLSVerify = new(true)
	case "off", "no", "false":
		p.TLSVerify = new(false)
	default:
		return fmt.Errorf("tls_verify: %q is neither on nor off", value)
	}
	return nil
}

// MaxSize is the largest message size that can be configured, in bytes.
const MaxSize = 1 << 40

// ParseSize reads a size in bytes, or in units of 1024 with a trailing k, M or G in either case. The size is 1 to MaxSize.
func ParseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "kKmMgG")
	shift := 0
	switch strings.ToLower(s[len(digits):]) {
	case "":
	case "k":
		shift = 10
	case "m":
		shift = 20
	case "g":
		shift = 30
	default:
		digits = ""
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 || n > MaxSize>>shift {
		return 0, fmt.Errorf("%q is not a size: bytes, or a number with k, M or G behind it, are accepted", s)
	}
	return n << shift, nil
}

// FormatSize returns a size as ParseSize reads it, in the largest unit that divides it.
func FormatSize(n int64) string {
	for _, unit := range []struct {
		shift int
		name  string
	}{{30, "G"}, {20, "M"}, {10, "k"}} {
		if n >= 1<<unit.shift && n&(1<<unit.shift-1) == 0 {
			return strconv.FormatInt(n>>unit.shift, 10) + unit.name
		}
	}
	return strconv.FormatInt(n, 10)
}

func intText[T int | int64](n *T) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(int64(*n), 10)
}

func switchText(b *bool) string {
	switch {
	case b == nil:
		return ""
	case *b:
		return "on"
	}
	return "off"
}

// behaviorOf reads an action word in any case; empty for anything else.
func behaviorOf(word string) Behavior {
	switch b := Behavior(strings.ToUpper(word)); b {
	case Accept, Relay, Reject, TCPRefuse, Continue:
		return b
	}
	return ""
}

// ParseBehavior reads an action word in any case.
func ParseBehavior(word string) (Behavior, error) {
	if b := behaviorOf(word); b != "" {
		return b, nil
	}
	return "", fmt.Errorf("%q is not an action: ACCEPT, RELAY, REJECT, TCPREFUSE and CONTINUE are accepted", word)
}

var errNoAction = errors.New("an entry needs a policy or an action")
