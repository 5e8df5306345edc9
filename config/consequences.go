package config

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// ConsequenceKind tells consequences apart; the words are part of what programs read.
type ConsequenceKind string

// The kinds of consequences.
const (
	PortOpened        ConsequenceKind = "port_opened"
	PortClosed        ConsequenceKind = "port_closed"
	WeakerDelivery    ConsequenceKind = "weaker_delivery"    // a destination asks less of TLS than it did
	WeakerReceiving   ConsequenceKind = "weaker_receiving"   // a sender group or a listener does
	UnusedCertificate ConsequenceKind = "unused_certificate" // nobody uses a profile
	NoRecipients      ConsequenceKind = "no_recipients"      // a public listener rejects everybody
	OpenRelay         ConsequenceKind = "open_relay"         // a listener takes mail from everybody for everybody
	RightsLost        ConsequenceKind = "rights_lost"        // an account may do less, or is gone
	DeadRoute         ConsequenceKind = "dead_route"         // a route leads to nothing, or to ourselves
)

// Consequence is one thing that a configuration brings about.
type Consequence struct {
	Kind   ConsequenceKind
	Object string // the path of the object that it is about
	Text   string // a sentence
	Before bool   // it was so before: nothing that the change brings about
	Grave  bool   // a commit mentions it, not only commit check
}

// Consequences says what new brings about in the place of old, in the order of the rules below and then of the objects.
// Both are valid.
func Consequences(old, new *Config) []Consequence {
	var list []Consequence
	for _, rule := range []func(old, new *Config) []Consequence{
		portsOpened, portsClosed, weakerDelivery, weakerReceiving, openRelays, noRecipients, rightsLost, deadRoutes, unusedCertificates,
	} {
		list = append(list, rule(old, new)...)
	}
	return list
}

// relaysForAll says whether a listener takes mail from everybody for everybody, and how.
func (l *Listener) relaysForAll() string {
	if l.Type == Blackhole {
		return ""
	}
	behavior, label := Accept, "the default policy"
	for i := range l.HostAccess.Groups {
		g := &l.HostAccess.Groups[i]
		p := l.HostAccess.policy(g)
		if p == nil || p.Behavior == Continue || !slices.ContainsFunc(g.Members, everybody) {
			continue
		}
		if behavior, label = p.Behavior, "sender group "+groupLabels(l.HostAccess.Groups)[i]; g.Name == "" {
			label = "the entry " + groupLabels(l.HostAccess.Groups)[i]
		}
		break
	}
	all := l.RecipientAccess[RouteAll]
	switch {
	case behavior == Relay:
		return label + " relays for every host"
	case behavior == Accept && l.Type == Public && all != nil && all.Accept:
		return "its recipient access table accepts ALL"
	}
	return ""
}

// everybody says whether a member is every host.
func everybody(member string) bool {
	if strings.EqualFold(member, MemberAll) {
		return true
	}
	p, err := netip.ParsePrefix(member)
	return err == nil && p.Bits() == 0
}

func openRelays(old, new *Config) (list []Consequence) {
	for _, name := range slices.Sorted(maps.Keys(new.Listeners)) {
		how := new.Listeners[name].relaysForAll()
		if how == "" {
			continue
		}
		was := old.Listeners[name]
		list = append(list, Consequence{Kind: OpenRelay, Object: join("listeners", key(name)), Grave: true, Before: was != nil && was.relaysForAll() != "",
			Text: fmt.Sprintf("Listener %s is an open relay for whoever can reach it: %s.", name, how)})
	}
	return list
}

// rejectsAll says whether a public listener has no recipient that it accepts.
func (l *Listener) rejectsAll() bool {
	if l.Type != Public {
		return false
	}
	for _, rule := range l.RecipientAccess {
		if rule.Accept {
			return false
		}
	}
	return true
}

func noRecipients(old, new *Config) (list []Consequence) {
	for _, name := range slices.Sorted(maps.Keys(new.Listeners)) {
		l := new.Listeners[name]
		if !l.rejectsAll() {
			continue
		}
		was := old.Listeners[name]
		text := "Listener %s has no recipient access table: whoever may not relay is rejected."
		if len(l.RecipientAccess) > 0 {
			text = "The recipient access table of listener %s accepts nobody."
		}
		list = append(list, Consequence{Kind: NoRecipients, Object: join("listeners", key(name)), Grave: true,
			Before: was != nil && was.rejectsAll(), Text: fmt.Sprintf(text, name)})
	}
	return list
}

func rightsLost(old, new *Config) (list []Consequence) {
	for _, name := range slices.Sorted(maps.Keys(old.Users)) {
		text := ""
		switch was, is := old.Users[name], new.Users[name]; {
		case is == nil:
			text = fmt.Sprintf("The account %s is gone; its sessions end with their next command.", name)
		case was.Role != is.Role && !mightier(is.Role, was.Role):
			text = fmt.Sprintf("The account %s goes from role %s to role %s, from its next command on.", name, was.Role, is.Role)
		case is.Locked && !was.Locked:
			text = fmt.Sprintf("The account %s is locked: it is let in no more, by passphrase or key.", name)
		case lostKeys(was.Keys, is.Keys) > 0:
			text = fmt.Sprintf("The account %s loses %d of its %d public keys.", name, lostKeys(was.Keys, is.Keys), len(was.Keys))
		}
		if text != "" {
			list = append(list, Consequence{Kind: RightsLost, Object: join("users", key(name)), Text: text, Grave: true})
		}
	}
	return list
}

// mightier says whether a role may do more than another; one that is not in the list may do less than any.
func mightier(a, b string) bool {
	i, j := slices.Index(Roles(), a), slices.Index(Roles(), b)
	return i >= 0 && (j < 0 || i < j)
}

func lostKeys(was, is []string) int {
	return len(slices.DeleteFunc(slices.Clone(was), func(key string) bool { return slices.Contains(is, key) }))
}

// deadRoutes finds the routes that lead back to a public or private listener of ours, or that throw mail away.
func deadRoutes(old, new *Config) (list []Consequence) {
	for _, name := range slices.Sorted(maps.Keys(new.Routes)) {
		text := new.deadRoute(name)
		if text == "" {
			continue
		}
		list = append(list, Consequence{Kind: DeadRoute, Object: join("smtp_routes", key(name)), Text: text, Grave: true,
			Before: old.Routes[name] != nil && old.deadRoute(name) == text})
	}
	return list
}

func (c *Config) deadRoute(name string) string {
	for _, text := range c.Routes[name].Hops {
		h, err := ParseHop(text)
		switch {
		case err != nil:
		case h.Discard:
			return fmt.Sprintf("The SMTP route of %s throws every message away.", name)
		case h.Addr.IsValid() && c.listens(h.Addr, h.Port) != "":
			return fmt.Sprintf("The SMTP route of %s leads back to our own listener %s.", name, c.listens(h.Addr, h.Port))
		}
	}
	return ""
}

// listens returns the listener that answers at an address and port.
func (c *Config) listens(at netip.Addr, port int) string {
	for _, name := range slices.Sorted(maps.Keys(c.Listeners)) {
		l := c.Listeners[name]
		if i := c.Interfaces[l.Interface]; i != nil && l.Port == port && l.Type != Blackhole {
			if own, err := netip.ParseAddr(i.Address); err == nil && own == at {
				return name
			}
		}
	}
	return ""
}

func unusedCertificates(old, new *Config) (list []Consequence) {
	used, before := map[string]bool{}, map[string]bool{}
	for _, u := range new.CertificateUses() {
		used[u.Profile] = true
	}
	for _, u := range old.CertificateUses() {
		before[u.Profile] = true
	}
	for _, name := range slices.Sorted(maps.Keys(new.Certificates)) {
		if used[name] || name == DemoCertificate {
			continue
		}
		text := "Nobody uses certificate profile %s."
		if before[name] {
			text = "Nobody uses certificate profile %s any more."
		}
		list = append(list, Consequence{Kind: UnusedCertificate, Object: join("certificates", key(name)), Text: fmt.Sprintf(text, name),
			Before: old.Certificates[name] != nil && !before[name]})
	}
	return list
}
