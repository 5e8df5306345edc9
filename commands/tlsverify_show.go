package commands

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"posthouse/internal/cause"
	"posthouse/mta/tlspolicy"
	"posthouse/shell"
)

// verdict is what came of one host, after all of its addresses.
type verdict struct {
	record *tlspolicy.Record // the last, which decides
}

// verdicts takes the records of each host together.
func verdicts(records []*tlspolicy.Record) []verdict {
	var list []verdict
	for _, r := range records {
		if n := len(list); n > 0 && hostOf(list[n-1].record) == hostOf(r) {
			list[n-1].record = r
			continue
		}
		list = append(list, verdict{r})
	}
	return list
}

// details prints everything that is known of a host.
func (v *verifying) details(d *verdict, named bool) {
	if named {
		v.s.Printf("\n%s:\n", hostOf(d.record))
	}
	v.chain(d.record)
	v.published(d.record)
	v.settings(d.record)
	v.rules(d.record)
	v.explain(d.record)
}

// chain prints the certificates as they were sent.
func (v *verifying) chain(r *tlspolicy.Record) {
	if len(r.Outcome.Chain) == 0 {
		return
	}
	t := shell.Table{Head: []string{"#", "Subject", "Issuer", "Days left", "Position"}, Right: []bool{true, false, false, true}}
	for i, e := range r.Outcome.Chain {
		days := ""
		if !e.NotAfter.IsZero() {
			days = thousands(int(e.NotAfter.Sub(r.At) / (24 * time.Hour)))
		}
		t.Rows = append(t.Rows, []string{fmt.Sprint(i + 1), e.Subject, e.Issuer, days, position(e)})
	}
	v.s.Print("\nCertificates as sent:\n")
	v.s.Table(t)
	for i, e := range r.Outcome.Chain {
		for _, note := range e.Notes {
			v.s.Say("%d: %s.", i+1, strings.TrimSuffix(note, "."))
		}
	}
}

// position says whether a certificate stands where it belongs.
func position(e tlspolicy.Element) string {
	text := "wrong: " + e.Place
	switch e.Place {
	case "leaf", "intermediate", "root":
		text = "right: " + e.Place
	case "missing":
		text = e.Place
	}
	return text
}

// published prints what the domain and its host publish about TLS.
func (v *verifying) published(r *tlspolicy.Record) {
	v.s.Printf("\nDANE:       %s\n", daneFound(r))
	v.s.Printf("MTA-STS:    %s\n", stsFound(r.Facts))
	if r.Outcome.Encrypted { // only what is said under TLS counts
		v.s.Printf("REQUIRETLS: %s\n", map[bool]string{true: "offered", false: "not offered"}[r.Outcome.Extends])
	}
}

// daneFound is what the DNS says of TLSA records, and whether the chain matches.
func daneFound(r *tlspolicy.Record) string {
	d := r.Facts.DANE
	if d.State == tlspolicy.DANENotAsked {
		if d.Words != "" {
			return "not asked for: " + d.Words
		}
		return "not asked for"
	}
	text := string(d.State)
	for _, p := range r.Outcome.Proven {
		if p.Proof != tlspolicy.ProofDANE {
			continue
		}
		switch {
		case p.OK:
			text += ", matches " + p.Name
		case p.Why != nil:
			text += ", no match: " + p.Why.Reason
		}
	}
	if d.Words != "" {
		text += ", " + d.Words
	}
	text += ", " + d.Name
	for _, record := range d.Records {
		text += "\n            " + record.String()
	}
	return text
}

// stsFound is the policy of the recipients' domain, where policies are to be obeyed.
func stsFound(f tlspolicy.Facts) string {
	p, text := f.STS, "none"
	if p.Mode == "" && !f.Control.MTASTS {
		text = "not asked for"
	}
	if p.Mode != "" {
		text = fmt.Sprintf("%s, id %s, hosts %s", p.Mode, p.ID, strings.Join(p.MX, " "))
		if !p.Match && p.Mode != "none" {
			text += ", which do not name this host (M1)"
		}
	}
	if p.Cause != "" {
		text += fmt.Sprintf(" (%s: %s)", p.Cause, p.Words)
	}
	return text
}

// settings prints what each setting would do with the host, and which one is in force.
func (v *verifying) settings(r *tlspolicy.Record) {
	t := shell.Table{Head: []string{"Setting", "Outcome now"}, Min: []int{33, 45}}
	for _, o := range outcomesNow(r) {
		t.Rows = append(t.Rows, []string{o.Setting, o.Outcome})
	}
	v.s.Println()
	v.s.Table(t)
	v.s.Printf("%-33s  %s\n", "In force for "+r.Facts.Domain, tlspolicy.Weigh(r.Facts).InForce)
}

// outcomeNow is what a setting would do with a host.
type outcomeNow struct {
	Setting   string   `json:"setting" doc:"a TLS setting"`
	Outcome   string   `json:"outcome" doc:"in words"`
	Delivered bool     `json:"delivered" doc:"mail goes"`
	Cause     cause.ID `json:"cause,omitempty" doc:"why not"`
}

// outcomesNow judges the one handshake by every level, as if it stood at the domain's own entry.
func outcomesNow(r *tlspolicy.Record) []outcomeNow {
	var list []outcomeNow
	for _, l := range tlsLevels {
		f := r.Facts
		f.Control.Level, f.Control.Explicit = l.level, true
		w := tlspolicy.Weigh(f)
		o := r.Outcome.Under(w)
		a := tlspolicy.Decide(w, o)
		if w.Blocked == "" && unreached(r) {
			a = tlspolicy.Action{Do: tlspolicy.NextHost, First: r.Action.First}
		}
		now := outcomeNow{Setting: l.title, Delivered: a.Do != tlspolicy.NextHost, Cause: a.Named()}
		now.Outcome = outcomeText(a, o)
		list = append(list, now)
	}
	return list
}

// unreached says that it never came to the question of TLS.
func unreached(r *tlspolicy.Record) bool {
	return r.Wanted.Blocked == "" && r.Action.Do == tlspolicy.NextHost && r.Action.Cause == ""
}

func outcomeText(a tlspolicy.Action, o tlspolicy.Outcome) string {
	id := a.Named()
	switch {
	case a.Do == tlspolicy.NextHost:
		return fmt.Sprintf("NOT delivered: %s", id)
	case a.Do != tlspolicy.Proceed && id != "":
		return fmt.Sprintf("delivered in clear: %s", id)
	case a.Do != tlspolicy.Proceed:
		return "delivered in clear"
	case a.Cause == cause.P2:
		return fmt.Sprintf("delivered, encrypted, NOT verified: %s", id)
	case o.Verified:
		return "delivered, encrypted, verified"
	}
	return "delivered, encrypted"
}

// rules prints every rule that has a say for the domain, and why it is in force or not.
func (v *verifying) rules(r *tlspolicy.Record) {
	t := shell.Table{Head: []string{"Rule", "Asks for", "In force"}, Min: []int{33}}
	for _, rule := range tlspolicy.Weigh(r.Facts).Rules {
		force := "no"
		if rule.InForce {
			force = "yes"
		}
		if rule.Why != "" {
			force += ": " + rule.Why
		}
		t.Rows = append(t.Rows, []string{rule.Source, rule.Asks, force})
	}
	v.s.Println()
	v.s.Table(t)
}

// explain says whose fault a failure of a partner's host is and what helps, and what else is worth a warning.
func (v *verifying) explain(r *tlspolicy.Record) {
	if !verified(r) {
		explainCause(v.s, r.Action.Named(), whatWasSeen(r))
	}
	v.warnings(r)
}

// warnings names what did not decide and is worth mending.
func (v *verifying) warnings(r *tlspolicy.Record) {
	for _, f := range r.Outcome.Findings {
		if !f.Fatal && f.Cause != r.Action.Named() {
			v.s.Say("\nWarning %s: %s.", f.Cause, seenText(f))
		}
	}
}

// explainCause prints an entry of the catalogue beside what was seen.
func explainCause(s *shell.Session, id cause.ID, seen string) {
	c, ok := cause.Lookup(id)
	if !ok {
		return
	}
	s.Say("\nCause %s, %s%s.", c.ID, c.Title, seenBeside(c.Title, seen))
	fault := beginLower(c.Fault)
	if whose, _, found := strings.Cut(fault, ":"); found && id == cause.V2 { // what was seen has said the rest
		fault = whose + "."
	}
	s.Say("Whose fault: %s What helps: %s", fault, beginLower(c.Helps))
}

// whatWasSeen is the finding behind a failure, or the words of the step that failed.
func whatWasSeen(r *tlspolicy.Record) string {
	id := r.Action.Named()
	var found []tlspolicy.Finding
	for _, p := range r.Outcome.Proven {
		if p.Why != nil {
			found = append(found, *p.Why)
		}
	}
	found = append(slices.Clone(r.Outcome.Findings), found...)
	if words := issuerNotSent(r.Outcome.Chain); id == cause.V2 && words != "" {
		if slices.ContainsFunc(found, func(f tlspolicy.Finding) bool { return strings.HasPrefix(f.Detail, "presumed") }) {
			words = "presumably " + words
		}
		return words
	}
	for _, wanted := range []cause.ID{id, r.Action.First} {
		for _, f := range found {
			if f.Cause == wanted {
				return seenText(f)
			}
		}
	}
	if r.Wanted.Words != "" {
		return r.Wanted.Words
	}
	for _, step := range slices.Backward(r.Steps) {
		if !step.OK {
			return step.Words
		}
	}
	return r.Outcome.Reason
}

// issuerNotSent names the certificate that a chain lacks, as people call it.
func issuerNotSent(chain []tlspolicy.Element) string {
	i := slices.IndexFunc(chain, func(e tlspolicy.Element) bool { return e.Place == "missing" })
	if i < 1 {
		return ""
	}
	if chain[i].Subject == chain[0].Issuer {
		return fmt.Sprintf("the server did not send the certificate of its issuer \"%s\"", commonName(chain[i].Subject))
	}
	return fmt.Sprintf("the server did not send the certificate of \"%s\", who issued another of the chain", commonName(chain[i].Subject))
}

// commonName is the CN at the end of a distinguished name, or all of the name where there is none.
func commonName(dn string) string {
	if _, name, found := strings.Cut(","+dn, ",CN="); found && name != "" {
		return name
	}
	return dn
}

func seenText(f tlspolicy.Finding) string {
	if f.Detail != "" {
		return f.Detail
	}
	return f.Reason
}

// beginLower is a sentence that goes on behind a colon.
func beginLower(text string) string {
	if len(text) < 2 || text[1] >= 'A' && text[1] <= 'Z' {
		return text
	}
	return strings.ToLower(text[:1]) + text[1:]
}

// verdictJSON is a host for programs.
type verdictJSON struct {
	Host     string            `json:"host" doc:"the mail exchanger"`
	Verified bool              `json:"verified" doc:"no fault was found"`
	Cause    cause.ID          `json:"cause,omitempty" doc:"of the failure"`
	Settings []outcomeNow      `json:"settings" doc:"what each TLS setting would do now"`
	InForce  string            `json:"in_force" doc:"what decides"`
	Rules    []tlspolicy.Rule  `json:"rules" doc:"each that says something"`
	Record   *tlspolicy.Record `json:"record" doc:"what was wanted and what came of it, step by step"`
}

func verdictsJSON(hosts []verdict) []verdictJSON {
	list := []verdictJSON{}
	for _, h := range hosts {
		w := tlspolicy.Weigh(h.record.Facts)
		list = append(list, verdictJSON{
			Host: hostOf(h.record), Verified: verified(h.record), Cause: h.record.Action.Named(),
			Settings: outcomesNow(h.record), InForce: w.InForce, Rules: w.Rules, Record: h.record,
		})
	}
	return list
}
