package outbound

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/internal/eventlog"
	"posthouse/mta/mtasts"
	"posthouse/mta/tlspolicy"
)

// stop is one host on a journey, with what is known of it before a connection and what is therefore wanted.
type stop struct {
	host   host
	list   []netip.Addr // as they are tried
	facts  tlspolicy.Facts
	wanted tlspolicy.Wanted
}

// facts gathers what is known of a host before a connection. DANE is asked for where the host has a name, and MTA-STS
// where the DNS says who receives for the domain: an SMTP route is the operator's own word about that.
func (j *journey) facts(ctx context.Context, h host) tlspolicy.Facts {
	f := tlspolicy.Facts{
		Domain: j.domain, Host: h.label(), Routed: h.routed, MXSecure: h.secure, Control: j.control,
		RequireTLS: j.demands.require, Optional: j.demands.optional,
	}
	if h.name != "" && j.asksDANE() {
		f.DANE = tlspolicy.LookupDANE(ctx, j.world.Resolver, h.name, h.port)
	}
	if !h.routed && h.name != "" && j.asksPolicy() {
		f.STS = j.stsOf(ctx, h)
	}
	return f
}

// asksDANE says whether TLSA records have a say. An explicit "No" switches them off, but REQUIRETLS is weakened by nothing.
func (j *journey) asksDANE() bool {
	return j.control.DANE != "" && j.control.DANE != "none" && (!j.switchedOff() || j.demands.require)
}

// asksPolicy says whether an MTA-STS policy has a say. With REQUIRETLS it also proves who receives for the domain.
func (j *journey) asksPolicy() bool {
	return j.control.MTASTS && !j.switchedOff() || j.demands.require
}

func (j *journey) switchedOff() bool { return j.control.Explicit && j.control.Level == config.TLSNo }

// stsOf is what the domain's policy says of a host. The policy is asked for once a journey; that it could not be had is
// told before a connection, since what follows goes by an older one or by none.
func (j *journey) stsOf(ctx context.Context, h host) tlspolicy.STS {
	if j.policy == nil {
		p := j.d.opt.Policies(ctx, j.domain)
		j.policy = &p
		if ctx.Err() == nil {
			j.tellCause(0, p.Cause)
		}
	}
	p := j.policy
	return tlspolicy.STS{
		Mode: string(p.Mode), Match: p.Mode != "" && p.Mode != mtasts.None && p.Match(h.name), ID: p.ID, MX: p.MX, Expires: p.Expires,
		Cause: p.Cause, Report: p.Report, Words: p.Words, Text: p.Text,
	}
}

// record begins the record of a connection to a stop, or of none where the address is not valid, with the steps that led
// there.
func (j *journey) record(at *stop, addr netip.Addr, dcid uint64) *tlspolicy.Record {
	r := &tlspolicy.Record{At: time.Now(), DCID: dcid, Facts: at.facts, Wanted: at.wanted}
	if addr.IsValid() {
		r.Remote = netip.AddrPortFrom(addr, uint16(at.host.port))
	}
	r.Steps = append(r.Steps, j.lookups...)
	r.Add(tlspolicy.StepAddress, "", joinedAddresses(at.list))
	if d := at.facts.DANE; d.State != tlspolicy.DANENotAsked {
		r.Add(tlspolicy.StepTLSA, daneCause(at.facts), daneWords(d))
	}
	if s := at.facts.STS; s.Mode != "" || s.Cause != "" {
		id, words := stsStep(at.facts)
		r.Add(tlspolicy.StepMTASTS, id, words)
	}
	return r
}

// daneCause is what is wrong with the TLSA records, whatever comes of it. Where nothing is published, nothing is wrong
// unless records were mandatory.
func daneCause(f tlspolicy.Facts) cause.ID {
	mandatory := f.Control.DANE == "mandatory"
	switch {
	case f.DANE.State == tlspolicy.DANEFailed:
		return cause.D3
	case f.DANE.State == tlspolicy.DANEUnusable:
		return cause.D5
	case f.DANE.State == tlspolicy.DANEInsecure && mandatory:
		return cause.D2
	case f.DANE.State == tlspolicy.DANEAbsent && mandatory:
		return cause.D4
	}
	return ""
}

func daneWords(d tlspolicy.DANE) string {
	words := []string{d.Name + ": " + string(d.State)}
	for _, r := range d.Records {
		words = append(words, r.String())
	}
	if d.Words != "" {
		words = append(words, d.Words)
	}
	return strings.Join(words, ", ")
}

// stsStep is what the policy says of the host, in words.
func stsStep(f tlspolicy.Facts) (cause.ID, string) {
	s := f.STS
	id, words := s.Cause, s.Words
	if s.Mode != "" {
		about := "names " + f.Host
		if !s.Match && s.Mode != string(mtasts.None) {
			about = fmt.Sprintf("does not name %s but %s", f.Host, strings.Join(s.MX, ", "))
			id = cause.M1
		}
		about = fmt.Sprintf("mode %s, id %s, %s", s.Mode, s.ID, about)
		if words != "" {
			about += "; " + words
		}
		words = about
	}
	return id, words
}

// step notes a step that was taken, and tells whoever waits for it.
func (j *journey) step(r *tlspolicy.Record, name tlspolicy.StepName, id cause.ID, words string) {
	r.Add(name, id, eventlog.Escape(words))
	if j.progress != nil {
		j.progress(Event{Record: r, Step: r.Steps[len(r.Steps)-1]})
	}
}

// begin tells whoever waits for it that a step is being taken.
func (j *journey) begin(r *tlspolicy.Record, name tlspolicy.StepName) {
	if j.progress != nil {
		j.progress(Event{Record: r, Begun: name})
	}
}

// finish completes a record and hands it on.
func (j *journey) finish(r *tlspolicy.Record, o tlspolicy.Outcome, a tlspolicy.Action) {
	r.Outcome, r.Action = o, a
	j.last = r
	j.observe(r)
}
