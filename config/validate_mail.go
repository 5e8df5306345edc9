package config

import (
	"maps"
	"math"
	"slices"
	"strings"
)

func (f *faults) listeners(c *Config) {
	each(f, "listeners", c.Listeners, func(at, name string, l *Listener) {
		f.name(at, name)
		f.choice(join(at, "type"), string(l.Type), string(Public), string(Private), string(Blackhole))
		if c.Interfaces[l.Interface] == nil {
			f.add(join(at, "interface"), "there is no interface %q", l.Interface)
		}
		f.number(join(at, "port"), l.Port, 0, 65535)
		f.listenerCertificates(join(at, "certificate"), l.Certificates, c)
		for _, server := range slices.Sorted(maps.Keys(l.ServerNames)) {
			f.host(join(at, "server_names", key(server)), strings.TrimPrefix(server, "*."))
			f.listenerCertificates(join(at, "server_names", key(server)), l.ServerNames[server], c)
		}
		f.number(join(at, "max_connections"), l.MaxConnections, 1, 100000)
		f.number(join(at, "listen_queue"), l.ListenQueue, 1, 65535)
		if l.DefaultDomain != "" {
			f.host(join(at, "default_domain"), l.DefaultDomain)
		}
		f.bounceProfile(join(at, "bounce_profile"), l.BounceProfile, c)
		f.hostAccess(join(at, "host_access"), &l.HostAccess)
		f.recipientAccess(join(at, "recipient_access"), l)
	})
}

func (f *faults) listenerCertificates(path string, names []string, c *Config) {
	if len(names) == 0 || len(names) > 2 {
		f.add(path, "one certificate profile, or two with keys of different kinds, are accepted")
	}
	for i, name := range names {
		f.certificate(path, name, c)
		if slices.Contains(names[:i], name) {
			f.add(path, "%q is there twice", name)
		}
	}
}

func (f *faults) hostAccess(path string, h *HostAccess) {
	at := join(path, "default")
	d := &h.Default
	f.params(at, d)
	for _, unset := range []struct {
		name string
		is   bool
	}{
		{"max_message_size", d.MaxMessageSize == nil},
		{"max_concurrency", d.MaxConcurrency == nil},
		{"max_msgs_per_session", d.MaxMessages == nil},
		{"max_rcpts_per_msg", d.MaxRecipients == nil},
		{"max_rcpts_per_hour", d.MaxRecipientsPerHour == nil},
		{"tls", d.TLS == ""},
		{"tls_verify", d.TLSVerify == nil},
	} {
		if unset.is {
			f.add(join(at, unset.name), "the default needs a value")
		}
	}
	f.policiesAndGroups(path, h)
}

// policiesAndGroups checks what the text form of a table holds.
func (f *faults) policiesAndGroups(path string, h *HostAccess) {
	each(f, join(path, "policies"), h.Policies, func(at, name string, p *Policy) {
		if !validGroupName(name) || name != strings.ToUpper(name) {
			f.add(at, "%q is not a name of a policy: upper-case letters, digits, '_' and '-' are accepted", name)
		}
		f.policy(at, p)
	})
	seen := make(map[string]bool)
	for i, label := range groupLabels(h.Groups) {
		if f.over() {
			return
		}
		g := &h.Groups[i]
		at := join(path, "groups", key(label))
		switch lower := strings.ToLower(g.Name); {
		case g.Name == "" && len(g.Members) != 1:
			f.add(at, "an entry without a name needs exactly one member")
		case g.Name != "" && !validGroupName(g.Name):
			f.add(at, "%q is not a name of a sender group: at most 64 letters, digits, '_', '-' and '.' are accepted, a letter first", g.Name)
		case g.Name != "" && seen[lower]:
			f.add(at, "sender group %q is there twice", g.Name)
		case g.Name != "":
			seen[lower] = true
		}
		f.group(at, g, h)
	}
}

func (f *faults) group(at string, g *SenderGroup, h *HostAccess) {
	for _, text := range g.Members {
		if f.over() {
			return
		}
		if _, err := ParseMember(text); err != nil {
			f.add(join(at, "members"), "%v", err)
		}
	}
	switch {
	case g.Inline != nil && g.Policy != "":
		f.add(at, "either a policy's name or a policy of its own, not both")
	case g.Inline != nil:
		f.policy(join(at, "inline"), g.Inline)
	case g.Policy == "":
		f.add(join(at, "policy"), "%v", errNoAction)
	case h.Policies[g.Policy] == nil:
		f.add(join(at, "policy"), "there is no policy %q", g.Policy)
	}
}

func (f *faults) policy(at string, p *Policy) {
	if p.Behavior == "" || behaviorOf(string(p.Behavior)) != p.Behavior {
		f.add(join(at, "behavior"), "%q is not one of ACCEPT, RELAY, REJECT, TCPREFUSE, CONTINUE", p.Behavior)
	}
	f.params(join(at, "params"), &p.Params)
}

// params checks limits by the same functions that read them, so that what one accepts the other does.
func (f *faults) params(at string, p *PolicyParams) {
	var scratch PolicyParams
	for _, k := range p.Keys() {
		err := ParsePolicyKey(&scratch, k.Key, k.Value)
		if _, text, ok := strings.Cut(errorText(err), ": "); ok {
			f.add(join(at, k.Key), "%s", text)
		} else if err != nil {
			f.add(join(at, "extra"), "%v", err)
		}
		if k.Value == "default" {
			f.add(join(at, k.Key), "the word default stands for no value")
		}
	}
	f.choice(join(at, "tls"), string(p.TLS), "", string(TLSOff), string(TLSPreferred), string(TLSRequired))
	if p.BannerHost != "" {
		f.host(join(at, "banner_host"), p.BannerHost)
	}
	for k, v := range p.Extra {
		if v == "" || k != strings.ToLower(k) {
			f.add(join(at, "extra", key(k)), "a key in lower case and a value are needed")
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (f *faults) recipientAccess(path string, l *Listener) {
	if len(l.RecipientAccess) > 0 && l.Type != Public {
		f.add(path, "only a public listener has a recipient access table")
	}
	each(f, path, l.RecipientAccess, func(at, name string, r *RecipientRule) {
		if !validRecipientKey(name) {
			f.add(at, "%q is not a recipient: example.com, .example.com, user@, user@example.com, user@[192.0.2.1] and ALL are accepted", name)
		}
		if r.Accept && r.Code != 0 && r.Code != 250 {
			f.add(join(at, "code"), "%d does not accept: 250 is accepted here", r.Code)
		} else if !r.Accept && r.Code != 0 {
			f.number(join(at, "code"), r.Code, 400, 599)
		}
		if len(r.Text) > maxPolicyText {
			f.add(join(at, "text"), "longer than %d bytes", maxPolicyText)
		}
	})
}

// validRecipientKey says whether s is a key of a recipient access table.
func validRecipientKey(s string) bool {
	local, domain, ok := cutAddress(s)
	switch {
	case s == RouteAll:
		return true
	case !ok:
		return validDomainKey(s)
	case domain == "":
		return validLocal(local)
	case strings.HasPrefix(domain, "."):
		return false
	}
	return validLocal(local) && validDomainKey(domain)
}

// validLocal says whether s may stand before the @ of an address, without quotes (RFC 5321 §4.5.3.1.1, RFC 6531 §3.3).
func validLocal(s string) bool {
	return s != "" && len(s) <= 64 && strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r == 127 || strings.ContainsRune(`@"\,;:<>()[]`, r)
	}) < 0
}

func (f *faults) destinations(c *Config) {
	if d := c.Destinations[DefaultDestination]; d == nil {
		f.add(join("destination_controls", DefaultDestination), "cannot be deleted")
	} else if d.Concurrency == nil || d.LimitPer == "" || d.LimitApply == "" || d.TLS == "" || d.DANE == "" {
		f.add(join("destination_controls", DefaultDestination), "concurrency, limit_per, limit_apply, tls and dane need a value")
	}
	each(f, "destination_controls", c.Destinations, func(at, name string, d *Destination) {
		if name != DefaultDestination && (!validDomainKey(name) || name != domainKey(name)) {
			f.add(at, "%q is not a domain: example.com and .example.com, in lower case, are accepted", name)
		}
		f.optional(join(at, "concurrency"), d.Concurrency, 1, 1000)
		f.optional(join(at, "messages_per_connection"), d.Messages, 1, 1000)
		f.optional(join(at, "recipient_limit"), d.Recipients, 1, math.MaxInt32)
		f.optional(join(at, "recipient_minutes"), d.RecipientMinutes, 1, 60)
		f.choice(join(at, "limit_per"), d.LimitPer, "", "domain", "mx")
		f.choice(join(at, "limit_apply"), d.LimitApply, "", "system", "vg")
		f.choice(join(at, "ip_sort_preference"), d.IPSort, "", "prefer-v6", "require-v6", "prefer-v4", "require-v4")
		f.destinationTLS(at, d)
		if d.Certificate != "" {
			f.certificate(join(at, "certificate"), d.Certificate, c)
		}
		f.bounceProfile(join(at, "bounce_profile"), d.BounceProfile, c)
	})
}

func (f *faults) destinationTLS(at string, d *Destination) {
	f.choice(join(at, "tls"), string(d.TLS), "", string(TLSNo), string(TLSPrefer), string(TLSRequire),
		string(TLSPreferVerify), string(TLSRequireVerify), string(TLSRequireVerifyHosted))
	f.choice(join(at, "dane"), d.DANE, "", "none", "opportunistic", "mandatory")
	f.choice(join(at, "mta_sts"), d.MTASTS, "", "on", "off")
	f.choice(join(at, "alert"), d.Alert, "", "on", "off")
}

func (f *faults) routes(c *Config) {
	each(f, "smtp_routes", c.Routes, func(at, name string, r *Route) {
		if name != RouteAll && (!validDomainKey(name) || name != domainKey(name)) {
			f.add(at, "%q is not a domain: example.com, .example.com, both in lower case, and ALL are accepted", name)
		}
		if len(r.Hops) == 0 {
			f.add(join(at, "hops"), "at least one destination host is needed")
		}
		for _, text := range r.Hops {
			h, err := ParseHop(text)
			if err != nil {
				f.add(join(at, "hops"), "%v", err)
			} else if (h.Discard || h.UseDNS) && len(r.Hops) > 1 {
				f.add(join(at, "hops"), "%s stands alone", h)
			}
		}
	})
}

// validGroupName says whether s may be the label of a sender group or the name of a policy.
func validGroupName(s string) bool {
	if s == "" || len(s) > 64 || strings.EqualFold(s, MemberAll) || !(s[0] == '_' || s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z') {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == ""
}
