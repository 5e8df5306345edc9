package tlspolicy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"posthouse/internal/dns"
)

// LookupDANE asks for the TLSA records of a host's port, where its addresses are proven by DNSSEC: without that proof
// an attacker chooses the host anyway, and zones without DNSSEC often answer TLSA questions badly (RFC 7672 §2.2). A host
// that is an alias has its records at the alias' end or, failing that, at its own name (§2.2.2).
func LookupDANE(ctx context.Context, r dns.Resolver, host string, port int) DANE {
	host = dns.Canonical(host)
	if _, err := netip.ParseAddr(host); err == nil || host == "" || host == dns.NullMX {
		return DANE{Words: "there is only an address"}
	}
	q := daneQuestion{r: r, host: host, port: port}
	bases, d := q.bases(ctx)
	for _, base := range bases {
		found := q.ask(ctx, base)
		if found.State == DANEUsable || found.State == DANEUnusable || found.State == DANEFailed {
			return found
		}
		// What is not proven weighs more than a proven absence under the other name.
		if d.State != DANEInsecure {
			d = found
		}
	}
	return d
}

// daneQuestion is one host's port.
type daneQuestion struct {
	r    dns.Resolver
	host string
	port int
}

func (q daneQuestion) name(base string) string { return fmt.Sprintf("_%d._tcp.%s", q.port, base) }

// bases are the names under which records may lie, the best first; where there is none, d says why.
func (q daneQuestion) bases(ctx context.Context) (bases []string, d DANE) {
	d = DANE{Name: q.name(q.host)}
	addrs, err := q.r.Addresses(ctx, q.host)
	switch {
	case dns.Absent(err):
		d.Words = "the host has no address"
		return nil, d
	case err != nil:
		d.State, d.Words = DANEFailed, plain(err.Error())
		return nil, d
	}
	secure, end := true, q.host
	for _, a := range addrs {
		secure = secure && a.Secure
		if a.Name != "" {
			end = a.Name
		}
	}
	if secure && end != q.host {
		return []string{end, q.host}, d
	}
	if secure {
		return []string{q.host}, d
	}
	if end != q.host {
		return q.aliasBase(ctx, end)
	}
	d.State, d.Words = DANEInsecure, fmt.Sprintf("the addresses of %s are not proven by DNSSEC", q.host)
	return nil, d
}

// aliasBase is for an alias that leads out of what is signed: where the alias itself is proven, its own name may have
// records (RFC 7672 §2.2.2).
func (q daneQuestion) aliasBase(ctx context.Context, end string) ([]string, DANE) {
	d := DANE{Name: q.name(q.host)}
	list, err := q.r.Query(ctx, q.host, "CNAME")
	if err != nil && !dns.Absent(err) {
		d.State, d.Words = DANEFailed, plain(err.Error())
		return nil, d
	}
	if len(list) > 0 && list[0].Secure {
		return []string{q.host}, d
	}
	d.State, d.Words = DANEInsecure, fmt.Sprintf("the addresses of %s, an alias of %s, are not proven by DNSSEC", q.host, end)
	return nil, d
}

// ask asks for the records under one name.
func (q daneQuestion) ask(ctx context.Context, base string) DANE {
	d := DANE{Name: q.name(base), Base: base}
	ans, err := q.r.TLSA(ctx, d.Name)
	switch {
	case dns.ProvenAbsent(err):
		d.State, d.Words = DANEAbsent, "DNSSEC proves that there is none"
	case dns.Absent(err), err == nil && !ans.Secure:
		d.State, d.Words = DANEInsecure, fmt.Sprintf("the answer for %s is not proven by DNSSEC", d.Name)
	case err != nil:
		d.State, d.Words = DANEFailed, lookupWords(err)
	default:
		d.take(ans.TLSA)
	}
	return d
}

// lookupWords is a resolver's error without the question, which stands beside it.
func lookupWords(err error) string {
	var e *dns.Error
	if errors.As(err, &e) && e.Err != nil {
		return plain(fmt.Sprintf("%v: %v", e.Kind, e.Err))
	}
	if e != nil {
		return e.Kind.String()
	}
	return plain(err.Error())
}

// take keeps proven records.
func (d *DANE) take(records []dns.TLSA) {
	for _, r := range records {
		d.Records = append(d.Records, TLSA(r))
	}
	d.State = DANEUsable
	if len(usable(d.Records)) == 0 {
		d.State, d.Words = DANEUnusable, fmt.Sprintf("none of %d records can be used", len(records))
	}
}
