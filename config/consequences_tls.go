package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// strength is the order of the TLS levels by what they guarantee: Verify Hosted Domains believes a name out of the DNS.
var strength = map[TLSLevel]int{
	TLSNo: 0, TLSPrefer: 1, TLSPreferVerify: 2, TLSRequire: 3, TLSRequireVerifyHosted: 4, TLSRequireVerify: 5,
}

var (
	strengthDANE   = map[string]int{"none": 0, "opportunistic": 1, "mandatory": 2}
	strengthSwitch = map[string]int{"off": 0, "on": 1}
)

// weakens says what a level no longer guarantees.
func weakens(from, to TLSLevel) string {
	verified, required := strength[TLSRequireVerifyHosted], strength[TLSRequire]
	switch was, is := strength[from], strength[to]; {
	case to == TLSNo:
		return "mail goes in clear"
	case was >= verified && is >= verified:
		return "a name that only the DNS gives is believed"
	case was >= verified && is >= required:
		return "nothing is verified any more"
	case was >= verified:
		return "nothing is verified any more, and mail goes in clear where TLS is not offered"
	case was >= required:
		return "mail goes in clear where TLS is not offered"
	}
	return "what does not verify is not noted any more"
}

// weakerDelivery compares what each destination asks of TLS, whether it says so itself or inherits it.
func weakerDelivery(old, new *Config) (list []Consequence) {
	names := maps.Clone(old.Destinations)
	maps.Copy(names, new.Destinations)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		was, is := old.control(name), new.control(name)
		for _, step := range []struct{ setting, was, is, loses string }{
			{"TLS", string(was.TLS), string(is.TLS), weakens(was.TLS, is.TLS)},
			{"DANE", was.DANE, is.DANE, "less of it is proven"},
			{"MTA-STS", was.MTASTS, is.MTASTS, "the domain's policy is not obeyed any more"},
		} {
			from, to := level(step.was), level(step.is)
			if to >= from {
				continue
			}
			who := "Mail to " + name
			switch own := new.Destinations[name]; {
			case name == DefaultDestination:
				who = "Mail to every destination without an entry of its own"
			case own == nil:
				who += " (which has no entry of its own any more)"
			case inheritsTLS(own, step.setting):
				who += " (which inherits it)"
			}
			list = append(list, Consequence{Kind: WeakerDelivery, Object: join("destination_controls", key(name)), Grave: true,
				Text: fmt.Sprintf("%s: %s goes from %s to %s; %s.", who, step.setting, step.was, step.is, step.loses)})
		}
	}
	return list
}

// level is the place of a word in its order; the words of the three orders differ.
func level(word string) int {
	if n, ok := strength[TLSLevel(word)]; ok {
		return n
	}
	if n, ok := strengthDANE[word]; ok {
		return n
	}
	return strengthSwitch[word]
}

func inheritsTLS(d *Destination, setting string) bool {
	switch setting {
	case "TLS":
		return d.TLS == TLSDefault
	case "DANE":
		return d.DANE == ""
	}
	return d.MTASTS == ""
}

// control is the destination control of an entry: that of a domain, of what lies below it, or the default's.
func (c *Config) control(name string) Destination {
	if name == DefaultDestination {
		d := *c.Destinations[name]
		d.inherit(builtin)
		return d
	}
	if strings.HasPrefix(name, ".") {
		name = "any" + name
	}
	d, _ := c.Destination(name)
	return d
}

// receiving is what a listener asks of TLS from those under one policy.
type receiving struct {
	mode   TLSMode
	verify bool
	refuse bool // takes nothing from them anyway
}

func (h *HostAccess) receiving(p *Policy) receiving {
	params := h.Default
	refuse := false
	if p != nil {
		params = h.Effective(p.Params)
		refuse = p.Behavior == Reject || p.Behavior == TCPRefuse
	}
	return receiving{params.TLS, params.TLSVerify != nil && *params.TLSVerify, refuse}
}

// loses says what is no longer asked; empty when nothing is.
func (r receiving) loses(now receiving) string {
	order := []TLSMode{TLSOff, TLSPreferred, TLSRequired}
	switch was, is := slices.Index(order, r.mode), slices.Index(order, now.mode); {
	case r.refuse || now.refuse:
		return ""
	case was > is:
		return fmt.Sprintf("TLS goes from %s to %s", r.mode, now.mode)
	case r.verify && !now.verify:
		return "client certificates are not asked for any more"
	}
	return ""
}

func weakerReceiving(old, new *Config) (list []Consequence) {
	for _, name := range slices.Sorted(maps.Keys(new.Listeners)) {
		was, is := old.Listeners[name], new.Listeners[name]
		if was == nil {
			continue
		}
		at := join("listeners", key(name))
		add := func(object, text string) {
			list = append(list, Consequence{Kind: WeakerReceiving, Object: object, Text: text, Grave: true})
		}
		if was.ImplicitTLS && !is.ImplicitTLS {
			add(at, fmt.Sprintf("Listener %s: connections begin in clear; TLS is no longer implicit.", name))
		}
		if text := was.HostAccess.receiving(nil).loses(is.HostAccess.receiving(nil)); text != "" {
			add(join(at, "host_access", "default"), fmt.Sprintf("Listener %s: %s in the default policy.", name, text))
		}
		groups := groupsByLabel(was.HostAccess.Groups)
		for i, label := range groupLabels(is.HostAccess.Groups) {
			before := groups[label]
			if before == nil {
				continue
			}
			then := was.HostAccess.receiving(was.HostAccess.policy(before))
			now := is.HostAccess.receiving(is.HostAccess.policy(&is.HostAccess.Groups[i]))
			if text := then.loses(now); text != "" {
				add(join(at, "host_access", "groups", key(label)), fmt.Sprintf("Listener %s: %s for sender group %s.", name, text, label))
			}
		}
	}
	return list
}
