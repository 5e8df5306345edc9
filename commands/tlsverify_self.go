package commands

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/internal/dns"
	"posthouse/mta"
	"posthouse/mta/tlspolicy"
	"posthouse/shell"
)

// ourselves verifies our own listeners, all or the named one, from outside in.
func (v *verifying) ourselves(ctx context.Context, args []string) error {
	running := v.a.Config.Running().Config
	if len(args) > 1 {
		return shell.Usage("Invalid word %q: tlsverify self takes one listener.", args[1])
	}
	names := listenerNames(running)
	if len(args) == 1 {
		i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, args[0]) })
		if i < 0 {
			return shell.Fail("Unknown listener %q: there are %s.", args[0], strings.Join(names, ", "))
		}
		names = names[i : i+1]
	}
	var failed []string
	documents := []listenerJSON{}
	for _, name := range names {
		d, err := v.listener(ctx, running, name)
		if err != nil {
			return err
		}
		documents = append(documents, d)
		if !d.Verified && (d.Record != nil || len(args) == 1) { // one that is not open is no failure, unless it is meant
			failed = append(failed, name)
		}
	}
	if v.s.JSON {
		if err := v.s.PrintJSON(ourListenersJSON{documents}); err != nil {
			return err
		}
	}
	if len(failed) > 0 {
		return shell.Fail("Failed to verify our own %s: see the cause above.", strings.Join(failed, ", "))
	}
	return nil
}

type ourListenersJSON struct {
	Listeners []listenerJSON `json:"listeners" doc:"in order of name"`
}

// listenerJSON is one of our listeners for programs.
type listenerJSON struct {
	Listener string            `json:"listener" doc:"its name"`
	Address  string            `json:"address,omitempty" doc:"where it was called"`
	Verified bool              `json:"verified" doc:"no fault was found"`
	Names    []nameSeen        `json:"names" doc:"by which others look for us"`
	Record   *tlspolicy.Record `json:"record,omitempty" doc:"none where the listener is not open"`
}

// nameSeen is a name by which others look for us, and whether our certificate has it.
type nameSeen struct {
	Name    string `json:"name" doc:"a host name"`
	Whose   string `json:"whose" doc:"interface NAME, or MX of DOMAIN"`
	Covered bool   `json:"covered" doc:"the certificate has it"`
}

// listener verifies one listener.
func (v *verifying) listener(ctx context.Context, c *config.Config, name string) (listenerJSON, error) {
	d := listenerJSON{Listener: name, Names: []nameSeen{}}
	l := c.Listeners[name]
	at, open := v.openAt(name)
	if !v.s.JSON {
		v.s.Printf("\nListener %s:\n", name)
	}
	if !open || c.Interfaces[l.Interface] == nil {
		if !v.s.JSON {
			v.s.Say("Not open at present.")
		}
		return d, nil
	}
	host := dns.Canonical(c.Interfaces[l.Interface].Hostname)
	d.Address = at.String()
	records, err := v.verify(ctx, mta.VerifyRequest{Domain: host, Host: host, Address: at, Implicit: l.ImplicitTLS})
	if err != nil || len(records) == 0 {
		return d, err
	}
	d.Record = records[len(records)-1]
	d.Verified = verified(d.Record)
	d.Names = v.names(ctx, c, name, d.Record)
	if !v.s.JSON {
		v.verdict()
		v.host = ""
		v.s.Say("TLS verification completed.")
		v.ourDetails(&d)
	}
	return d, nil
}

// ourDetails prints what is known of one of our own certificates.
func (v *verifying) ourDetails(d *listenerJSON) {
	v.chain(d.Record)
	t := shell.Table{Head: []string{"Name", "Whose", "In the certificate"}}
	for _, n := range d.Names {
		t.Rows = append(t.Rows, []string{n.Name, n.Whose, coveredText(n, d.Record)})
	}
	v.s.Println()
	v.s.Table(t)
	v.s.Printf("\nDANE:       %s\n", daneFound(d.Record))
	if !d.Verified {
		l := v.a.Config.Running().Config.Listeners[d.Listener]
		explainOurs(v.s, l, ownAddress(d.Record), d.Record.Action.Named(), whatWasSeen(d.Record))
	}
	v.warnings(d.Record)
}

// coveredText says whether our certificate has a name; without TLS there was none to look at.
func coveredText(n nameSeen, r *tlspolicy.Record) string {
	switch {
	case len(r.Outcome.Chain) == 0 && len(r.Outcome.NamesFound) == 0:
		return "not seen"
	case n.Covered:
		return "yes"
	}
	return "NO"
}

// ownAddress is the address that the listener saw us come from.
func ownAddress(r *tlspolicy.Record) netip.Addr {
	if r.Local.IsValid() {
		return r.Local
	}
	return r.Remote.Addr()
}

// openAt is where a listener answers; one that is bound to every address answers on the loopback.
func (v *verifying) openAt(name string) (netip.AddrPort, bool) {
	for _, l := range v.a.Engine.Listeners() {
		if l.Name != name || l.Suspended {
			continue
		}
		for _, text := range l.Addresses {
			at, err := netip.ParseAddrPort(text)
			switch {
			case err != nil:
				continue
			case at.Addr() == netip.IPv6Unspecified():
				return netip.AddrPortFrom(netip.IPv6Loopback(), at.Port()), true
			case at.Addr().IsUnspecified():
				return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port()), true
			}
			return at, true
		}
	}
	return netip.AddrPort{}, false
}

// names are the names by which others look for the listener: its interface's, and those that the mail exchangers of its
// local domains have where they are ours.
func (v *verifying) names(ctx context.Context, c *config.Config, listener string, r *tlspolicy.Record) []nameSeen {
	l := c.Listeners[listener]
	ours := map[string]bool{}
	for _, i := range c.Interfaces {
		ours[dns.Canonical(i.Hostname)] = true
	}
	list := []nameSeen{{Name: dns.Canonical(c.Interfaces[l.Interface].Hostname), Whose: "interface " + l.Interface}}
	for _, domain := range localDomains(l) {
		records, err := v.a.Engine.Resolver().MX(ctx, domain)
		if err != nil {
			continue // a domain without MX is found by its own name, which a certificate need not have
		}
		for _, mx := range records {
			if ours[mx.Host] {
				list = append(list, nameSeen{Name: mx.Host, Whose: "MX of " + domain})
			}
		}
	}
	for i := range list {
		list[i].Covered = slices.ContainsFunc(r.Outcome.NamesFound, func(name string) bool {
			return certstore.MatchName(name, list[i].Name)
		})
	}
	return list
}

// localDomains are the domains of a listener's recipient access table that are written out.
func localDomains(l *config.Listener) []string {
	var list []string
	for _, form := range slices.Sorted(maps.Keys(l.RecipientAccess)) {
		_, domain, found := strings.Cut(form, "@")
		if !found {
			domain = form
		}
		domain = dns.Canonical(domain)
		if checkDomain(domain) == nil && strings.Contains(domain, ".") && !strings.HasPrefix(domain, ".") && !strings.HasPrefix(domain, "[") && !slices.Contains(list, domain) {
			list = append(list, domain)
		}
	}
	return list
}
