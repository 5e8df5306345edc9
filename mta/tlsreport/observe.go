package tlsreport

import (
	"fmt"
	"strings"

	"posthouse/internal/cause"
	"posthouse/mta/tlspolicy"
)

// Observe counts what came of TLS on one outgoing connection. Connections that were made by hand are no deliveries and
// must not be handed over (RFC 8460 §4: sessions of mail).
func (c *Collector) Observe(r *tlspolicy.Record) {
	if r == nil || r.Outcome.TrySmaller { // the second try with a smaller hello has a record of its own
		return
	}
	now := c.o.Now()
	c.turn(now)
	name := reportedDomain(r.Facts)
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Action.Do == tlspolicy.NextHost && given(r) != "" {
		c.failed(r.Facts.Domain, given(r), r.Outcome.Reason, now)
	}
	// A report of ours must not be the reason for the next one, for ever (RFC 8460 §3); and a message that does without
	// the domain's policy (RFC 8689 §3) says nothing of it.
	if name == "" || r.Facts.Optional {
		return
	}
	for _, s := range sessions(r) {
		c.open.add(name, s.policy, s.failure, s.whole)
	}
}

// given is why a connection was given up, where TLS was the reason.
func given(r *tlspolicy.Record) cause.ID {
	id := r.Action.Named()
	if strings.HasPrefix(string(id), "N") {
		return ""
	}
	return id
}

// reportedDomain is the domain whose record says where reports go: the recipients', or the host's where an operator's
// route decides (RFC 8460 §1.1: a smarthost). Empty: nobody's, for an address.
func reportedDomain(f tlspolicy.Facts) string {
	name := f.Domain
	if f.Routed {
		name = f.Host
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if !validDomain(name) {
		return ""
	}
	return name
}

// session is one connection as it counts under one policy.
type session struct {
	policy  Policy
	failure *Failure // nil: successful
	whole   bool     // false: a failure beside the session's own outcome, not counted in the sums
}

// sessions says under which policies a connection counts. DANE and MTA-STS count both where both are there, each with
// what came of it, whichever was in force.
func sessions(r *tlspolicy.Record) []session {
	var all []session
	if s, ok := daneSession(r); ok {
		all = append(all, s)
	}
	all = append(all, stsSessions(r)...)
	if len(all) > 0 {
		return all
	}
	if s, ok := plainSession(r); ok {
		all = append(all, s)
	}
	return all
}

// tried says that TLS was asked of the host, or that it was not used for its policy's sake.
func tried(r *tlspolicy.Record) bool {
	if r.Wanted.Blocked != "" {
		return true
	}
	if r.Wanted.Encrypt == tlspolicy.Never {
		return false
	}
	return r.Outcome.Encrypted || resultType(r.Outcome.Cause) != ""
}

func daneSession(r *tlspolicy.Record) (session, bool) {
	d := r.Facts.DANE
	host := d.Base
	if host == "" {
		host = r.Facts.Host
	}
	s := session{policy: Policy{Type: PolicyTLSA, Domain: host, Text: tlsaText(d.Records)}, whole: true}
	switch d.State {
	case tlspolicy.DANEUsable:
		if !tried(r) {
			return session{}, false
		}
		s.failure = proofFailure(r, tlspolicy.ProofDANE)
	case tlspolicy.DANEUnusable:
		if !tried(r) {
			return session{}, false
		}
		s.failure = failureOf(r, cause.D5, "")
	case tlspolicy.DANEFailed:
		if r.Wanted.Blocked != cause.D3 {
			return session{}, false
		}
		s.failure = failureOf(r, cause.D3, "")
	default:
		return session{}, false
	}
	return s, true
}

func stsSessions(r *tlspolicy.Record) []session {
	sts := r.Facts.STS
	if sts.Mode != "enforce" && sts.Mode != "testing" {
		return nil
	}
	policy := Policy{Type: PolicySTS, Domain: r.Facts.Domain, Text: sts.Text, MX: sts.MX}
	var all []session
	switch {
	case !sts.Match:
		all = append(all, session{policy, failureOf(r, cause.M1, ""), true})
	case tried(r) && (r.Wanted.Blocked == "" || r.Outcome.Encrypted):
		all = append(all, session{policy, proofFailure(r, tlspolicy.ProofSTS), true})
	}
	if sts.Cause != "" {
		all = append(all, session{policy, failureOf(r, sts.Cause, sts.Report), false})
	}
	return all
}

// plainSession is a connection to a domain without a policy. What our own settings ask beyond the handshake is not the
// domain's business unless the connection was given up for it.
func plainSession(r *tlspolicy.Record) (session, bool) {
	s := session{policy: Policy{Type: PolicyNone, Domain: reportedDomain(r.Facts)}, whole: true}
	switch sts := r.Facts.STS; {
	case sts.Cause != "":
		s.failure = failureOf(r, sts.Cause, sts.Report)
	case !tried(r):
		return session{}, false
	case r.Wanted.Blocked != "":
		s.failure = failureOf(r, r.Wanted.Blocked, "")
	case !r.Outcome.Encrypted, r.Action.Do == tlspolicy.NextHost && r.Outcome.Cause != "":
		s.failure = failureOf(r, r.Outcome.Cause, "")
	}
	return s, true
}

// proofFailure is nil where the peer was proven in that way over an encrypted connection.
func proofFailure(r *tlspolicy.Record, proof tlspolicy.Proof) *Failure {
	o := r.Outcome
	for _, p := range o.Proven {
		switch {
		case p.Proof != proof:
		case p.OK && o.Encrypted:
			return nil
		case !p.OK && p.Why != nil:
			return failureOf(r, p.Why.Cause, "")
		}
	}
	return failureOf(r, o.Cause, "")
}

// failureOf describes a failure by our cause; kind is its result type where the cause alone does not say it.
func failureOf(r *tlspolicy.Record, id cause.ID, kind string) *Failure {
	if kind == "" {
		kind = resultType(id)
	}
	if kind == "" {
		kind = "validation-failure" // RFC 8460 §4.3.3: the general word
	}
	f := &Failure{Type: kind, Host: r.Facts.Host}
	if known, ok := cause.Lookup(id); ok {
		f.Reason = fmt.Sprintf("%s: %s", id, known.Title)
	}
	if r.Local.IsValid() {
		f.SendingIP = r.Local.Unmap().WithZone("").String()
	}
	if r.Remote.IsValid() {
		f.ReceivingIP = r.Remote.Addr().Unmap().WithZone("").String()
	}
	return f
}

// resultType is the word of RFC 8460 §4.3 for a cause; empty where TLS reports have none.
func resultType(id cause.ID) string {
	known, _ := cause.Lookup(id)
	return known.Report
}

// tlsaText writes TLSA records as RFC 8460 §4.4 wants them: in the text form of a zone file.
func tlsaText(records []tlspolicy.TLSA) Words {
	const most = 20
	var text Words
	for _, t := range records[:min(len(records), most)] {
		text = append(text, fmt.Sprintf("%d %d %d %x", t.Usage, t.Selector, t.Matching, t.Data))
	}
	return text
}

// Protection is how a message went out.
type Protection string

// How a message goes out.
const (
	Verified  Protection = "verified"
	Encrypted Protection = "encrypted"
	Clear     Protection = "clear"
)

// Delivered counts n recipients of a domain who were delivered to. id is why the delivery was not better protected;
// empty where it was as wanted.
func (c *Collector) Delivered(domain string, p Protection, id cause.ID, n int) {
	now := c.o.Now()
	c.turn(now)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delivered(strings.TrimSuffix(strings.ToLower(domain), "."), p, id, int64(n), now)
}
