package config

import (
	"reflect"
	"strings"
)

// noGroup stands for the sender group of a peer that matches none or an unnamed entry.
const noGroup = "None"

func (h *HostAccess) policy(g *SenderGroup) *Policy {
	if g.Inline != nil {
		return g.Inline
	}
	return h.Policies[g.Policy]
}

// Effective returns p with everything that it leaves unset taken from the table's default.
func (h *HostAccess) Effective(p PolicyParams) PolicyParams {
	builtin := publicHostAccess().Default
	fill(&p, &h.Default)
	fill(&p, &builtin)
	return p
}

// fill sets what is unset in *dst, a struct of pointers, strings and maps, to what it is in *src.
func fill[T any](dst, src *T) {
	d, s := reflect.ValueOf(dst).Elem(), reflect.ValueOf(src).Elem()
	for i := range d.NumField() {
		if d.Field(i).IsZero() {
			d.Field(i).Set(s.Field(i))
		}
	}
}

// Destination returns the destination control of a recipient's domain with everything set that is not "no limit", and
// the key that it stands under: the domain, the longest .domain that matches, or DefaultDestination. A machine that mail is
// redirected to has the control of its name.
func (c *Config) Destination(domain string) (d Destination, entry string) {
	if machine, ok := ParseRedirected(domain); ok {
		domain = machine.Machine()
	}
	entry = DefaultDestination
	for _, key := range suffixes(domain) {
		if own := c.Destinations[key]; own != nil && key != DefaultDestination {
			d, entry = *own, key
			break
		}
	}
	if def := c.Destinations[DefaultDestination]; def != nil {
		d.inherit(def)
	}
	d.inherit(builtin)
	if d.Certificate == "" {
		d.Certificate = c.Delivery.Certificate
	}
	if d.Recipients != nil && d.RecipientMinutes == nil {
		d.RecipientMinutes = new(60)
	}
	return d, entry
}

// builtin is never written to.
var builtin = builtinDestination()

// inherit is fill for a destination control, which every message asks for several times: without reflection.
func (d *Destination) inherit(from *Destination) {
	unlessSet(&d.Concurrency, from.Concurrency)
	unlessSet(&d.Messages, from.Messages)
	unlessSet(&d.Recipients, from.Recipients)
	unlessSet(&d.RecipientMinutes, from.RecipientMinutes)
	unlessSet(&d.LimitPer, from.LimitPer)
	unlessSet(&d.LimitApply, from.LimitApply)
	unlessSet(&d.TLS, from.TLS)
	unlessSet(&d.DANE, from.DANE)
	unlessSet(&d.MTASTS, from.MTASTS)
	unlessSet(&d.Alert, from.Alert)
	unlessSet(&d.Certificate, from.Certificate)
	unlessSet(&d.BounceProfile, from.BounceProfile)
	unlessSet(&d.IPSort, from.IPSort)
}

func unlessSet[T comparable](dst *T, value T) {
	if unset := *new(T); *dst == unset {
		*dst = value
	}
}

// Route returns the SMTP route for a recipient's domain, which may be an address literal, and the key that it stands
// under: the domain, the longest .domain that matches, or RouteAll.
func (c *Config) Route(domain string) (r *Route, key string, ok bool) {
	for _, key := range append(suffixes(domain), RouteAll) {
		if r := c.Routes[key]; r != nil {
			return r, key, true
		}
	}
	return nil, "", false
}

// Lookup returns the rule for a recipient, whose local part is given without quotes; false means that no entry matches
// and the recipient is rejected. The most exact entry wins: user@domain, user@, domain, the longest .domain, ALL.
//
// A postmaster without an entry of its own is accepted where any recipient of the domain is (RFC 5321 §4.5.1).
func (r RecipientAccess) Lookup(local, domain string) (rule *RecipientRule, ok bool) {
	local, domain = strings.ToLower(local), domainKey(domain)
	var space [maxAddress]byte // no message should cost a string for a key that is hardly ever there
	address := append(append(append(space[:0], local...), '@'), domain...)
	for _, key := range [][]byte{address, address[:len(local)+1]} {
		if rule := r[string(key)]; rule != nil {
			return rule, true
		}
	}
	for _, key := range append(suffixes(domain), RouteAll) {
		if found := r[key]; found != nil {
			rule = found
			break
		}
	}
	if local == "postmaster" && (rule == nil || !rule.Accept) && r.serves(domain) {
		return &RecipientRule{Accept: true}, true
	}
	return rule, rule != nil
}

// serves says whether a recipient of the domain may be accepted. An entry such as "abuse@" does not make a domain ours.
func (r RecipientAccess) serves(domain string) bool {
	for _, key := range append(suffixes(domain), RouteAll) {
		if rule := r[key]; rule != nil && rule.Accept {
			return true
		}
	}
	for key, rule := range r {
		if _, of, ok := cutAddress(key); ok && of == domain && of != "" && rule != nil && rule.Accept {
			return true
		}
	}
	return false
}

// maxAddress is what the addresses that SMTP permits fit into (RFC 5321 §4.5.3.1.3).
const maxAddress = 256

// cutAddress splits user@ or user@domain at its last @.
func cutAddress(key string) (local, domain string, ok bool) {
	i := strings.LastIndexByte(key, '@')
	if i < 0 {
		return "", key, false
	}
	return key[:i], key[i+1:], true
}
