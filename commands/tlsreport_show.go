package commands

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"posthouse/internal/cause"
	"posthouse/mta/tlsreport"
	"posthouse/shell"
)

type tlsReportsJSON struct {
	Since   time.Time                    `json:"since" doc:"from when on deliveries are counted"`
	Domains []tlsreport.DomainDeliveries `json:"domains" doc:"that mail went to"`
}

type receivedReportsJSON struct {
	Reports []tlsreport.Received `json:"reports" doc:"of others, the newest first"`
}

// list prints every domain, those that got mail in clear first.
func (t *tlsReporting) list() error {
	list := t.reports.Deliveries()
	if t.s.JSON {
		return t.s.PrintJSON(tlsReportsJSON{t.reports.Since(), append([]tlsreport.DomainDeliveries{}, list...)})
	}
	t.s.Printf("\nDeliveries since %s, in recipients:\n\n", stamp(t.reports.Since()))
	if len(list) == 0 {
		t.s.Say("Nothing was delivered.")
		return nil
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b tlsreport.DomainDeliveries) int {
		return cmp.Or(cmp.Compare(b.Clear, a.Clear), cmp.Compare(b.Failed, a.Failed), cmp.Compare(a.Domain, b.Domain))
	})
	table := shell.Table{Head: []string{"Domain", "Verified", "Encrypted", "In clear", "Failed", "Last cause"},
		Right: []bool{false, true, true, true, true}}
	var sum tlsreport.Deliveries
	for _, d := range list {
		table.Rows = append(table.Rows, append([]string{d.Domain}, append(deliveryCells(d.Deliveries), lastCause(d.Deliveries))...))
		sum.Verified, sum.Encrypted = sum.Verified+d.Verified, sum.Encrypted+d.Encrypted
		sum.Clear, sum.Failed = sum.Clear+d.Clear, sum.Failed+d.Failed
	}
	table.Rows = append(table.Rows, append([]string{"All"}, deliveryCells(sum)...))
	t.s.Table(table)
	t.s.Say("\nFailed counts connections that were given up because TLS was not as it had to be.")
	return nil
}

func deliveryCells(d tlsreport.Deliveries) []string {
	return []string{thousands(d.Verified), thousands(d.Encrypted), thousands(d.Clear), thousands(d.Failed)}
}

// lastCause is what last kept TLS from being as good as it could be.
func lastCause(d tlsreport.Deliveries) string {
	id, at := d.ClearCause, d.LastClear
	if d.LastFailure.After(at) {
		id, at = d.Cause, d.LastFailure
	}
	if d.LastWeak.After(at) {
		id = d.WeakCause
	}
	return causeWords(id)
}

// causeWords is "V4 expired certificate"; empty where there is no cause.
func causeWords(id cause.ID) string {
	known, ok := cause.Lookup(id)
	if !ok {
		return string(id)
	}
	return fmt.Sprintf("%s %s", id, known.Title)
}

// domain prints everything about one domain.
func (t *tlsReporting) domain(word string) error {
	if err := checkDomain(word); err != nil {
		return err
	}
	summary, known := t.reports.Summary(word)
	if t.s.JSON {
		return t.s.PrintJSON(summary)
	}
	if !known {
		return shell.Fail("Unknown domain %q: nothing was delivered there since %s, and nobody reported about it.", word, stamp(summary.Since))
	}
	t.printTotal(summary)
	t.printDays(summary.Days)
	for _, c := range summary.Counted {
		t.printCounted(c)
	}
	t.printReceived(summary.Received, summary.Domain)
	return nil
}

func (t *tlsReporting) printTotal(summary tlsreport.Summary) {
	total := summary.Total
	t.s.Printf("\nTLS of mail to %s since %s:\n", summary.Domain, stamp(summary.Since))
	t.s.Printf("  Verified:  %s\n", counted(total.Verified, "recipient"))
	t.s.Printf("  Encrypted: %s%s\n", counted(total.Encrypted, "recipient"), since(total.LastWeak, "the last not verified", causeWords(total.WeakCause)))
	t.s.Printf("  In clear:  %s%s\n", counted(total.Clear, "recipient"), since(total.LastClear, "the last", causeWords(total.ClearCause)))
	why := causeWords(total.Cause)
	if total.Reason != "" {
		why += " (" + printableLine(total.Reason) + ")"
	}
	t.s.Printf("  Failed:    %s%s\n", counted(total.Failed, "connection"), since(total.LastFailure, "the last", why))
}

// since is ", the last Fri Mar 13 06:09:18 2026 GMT: V4 expired certificate"; empty where there was none.
func since(at time.Time, what, why string) string {
	if at.IsZero() {
		return ""
	}
	text := fmt.Sprintf(", %s %s", what, stamp(at))
	if why != "" {
		text += ": " + why
	}
	return text
}

func (t *tlsReporting) printDays(days []tlsreport.DayCount) {
	if len(days) == 0 {
		return
	}
	table := shell.Table{Head: []string{"Day (UTC)", "Verified", "Encrypted", "In clear", "Failed", "Last cause"},
		Right: []bool{false, true, true, true, true}}
	for _, d := range days {
		table.Rows = append(table.Rows, append([]string{d.Date.UTC().Format(time.DateOnly)}, append(deliveryCells(d.Deliveries), lastCause(d.Deliveries))...))
	}
	t.s.Printf("\n")
	t.s.Table(table)
}

// printCounted prints what one of our reports says, or will say.
func (t *tlsReporting) printCounted(c tlsreport.Counted) {
	switch {
	case c.End.IsZero():
		t.s.Printf("\nCounted for the next report, since %s:\n", stamp(c.Start))
	case c.Done:
		t.s.Printf("\nReport from %s to %s:\n", stamp(c.Start), stamp(c.End))
	default:
		t.s.Printf("\nReport from %s to %s, due %s:\n", stamp(c.Start), stamp(c.End), stamp(c.Due))
	}
	t.printPolicies(c.Policies)
	for _, p := range c.Sent {
		t.s.Printf("  To %s, %s: %s\n", printableLine(p.To), stamp(p.At), postedWords(p))
	}
}

func (t *tlsReporting) printPolicies(policies []tlsreport.PolicyReport) {
	for _, p := range policies {
		t.s.Printf("  %s %s: %s sessions as they should be, %s not\n", p.Policy.Type, p.Policy.Domain,
			thousands(p.Summary.Successful), thousands(p.Summary.Failed))
		for _, f := range p.Failures {
			t.s.Printf("    %s  %s\n", thousands(f.Count), strings.Join(failureWords(f), ", "))
		}
	}
}

// failureWords is what a report says of one kind of failure.
func failureWords(f tlsreport.Failure) []string {
	words := []string{f.Type}
	if f.Host != "" {
		words = append(words, "at "+f.Host)
	}
	if f.ReceivingIP != "" {
		words = append(words, "["+f.ReceivingIP+"]")
	}
	if f.SendingIP != "" {
		words = append(words, "from ["+f.SendingIP+"]")
	}
	for _, more := range []string{f.Reason, f.Information} {
		if more != "" {
			words = append(words, more)
		}
	}
	return words
}

// received prints the last reports of others.
func (t *tlsReporting) received(rest []string) error {
	n := receivedShown
	if len(rest) == 1 {
		var err error
		if n, err = number("count", rest[0], 1, receivedMost); err != nil {
			return err
		}
	}
	list := t.reports.Received(n)
	if t.s.JSON {
		return t.s.PrintJSON(receivedReportsJSON{append([]tlsreport.Received{}, list...)})
	}
	if len(list) == 0 {
		t.s.Say("No report was received.")
		return nil
	}
	t.printReceived(list, "")
	return nil
}

// printReceived prints reports of others; about a domain only what they say of it.
func (t *tlsReporting) printReceived(list []tlsreport.Received, domain string) {
	for _, r := range list {
		t.s.Printf("\nReceived %s from %s (%s)%s:\n", stamp(r.At), r.Report.Organization, r.Report.ID, signedWords(r.Signed))
		t.s.Printf("  %s to %s\n", stamp(r.Report.Range.Start), stamp(r.Report.Range.End))
		policies := r.Report.Policies
		if domain != "" {
			policies = slices.DeleteFunc(slices.Clone(policies), func(p tlsreport.PolicyReport) bool { return !p.About(domain) })
		}
		t.printPolicies(policies)
	}
}

func signedWords(domains []string) string {
	if len(domains) == 0 {
		return ", not signed"
	}
	return ", signed by " + strings.Join(domains, ", ")
}
