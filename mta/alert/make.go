package alert

import (
	"fmt"
	"strings"
	"time"

	"posthouse/internal/cause"
)

// TLSFailed is the alert for mail to domain that waits or was bounced because the TLS that is required there could not
// be had from host. Words are what the log says of it.
func TLSFailed(domain, host string, id cause.ID, words string) Alert {
	var b strings.Builder
	fmt.Fprintf(&b, "Mail to %s requires TLS, and that failed.\n\nDestination: %s\nHost:        %s\n", domain, domain, host)
	fmt.Fprintf(&b, "Failure:     %s\n", words)
	explain(&b, id)
	fmt.Fprintf(&b, "\n\"tlsverify %s\" shows every step; \"hoststatus %s\" shows what waits.", domain, domain)
	return Alert{
		Class: System, Severity: Warning, Key: "tls " + domain + " " + string(id), Cause: id, Domain: domain,
		Subject: fmt.Sprintf("TLS to %s (%s) failed: %s", domain, host, words), Text: b.String(),
	}
}

// explain writes what the catalogue says of a cause.
func explain(b *strings.Builder, id cause.ID) {
	c, ok := cause.Lookup(id)
	if !ok {
		return
	}
	fmt.Fprintf(b, "Cause:       %s, %s\n\n%s\n%s\n", c.ID, c.Title, c.Fault, c.Helps)
}

// expirySteps are the days before the end of a certificate at which somebody is told; 0 is the end itself.
var expirySteps = [...]int{0, 1, 3, 7, 14, 30}

// criticalDays is from when on the end of a certificate is critical.
const criticalDays = 3

// CertificateExpires is the alert for one certificate of a profile's chain that ends soon or has ended. It may be asked
// for and raised as often as one likes: each step of 30, 14, 7, 3 and 1 days and the end is told once. With more than 30
// days to go there is none. Element is the certificate ("leaf", "intermediate Example CA 2"), uses are the places where
// the profile is used.
func CertificateExpires(profile, element string, end, now time.Time, uses []string) (Alert, bool) {
	const day = 24 * time.Hour
	left := end.Sub(now)
	step := -1
	for _, days := range expirySteps {
		if left <= time.Duration(days)*day {
			step = days
			break
		}
	}
	if step < 0 {
		return Alert{}, false
	}
	a := Alert{
		Class: Certificates, Severity: Warning, Once: true,
		Key: fmt.Sprintf("expires %s %s %d %d", profile, element, end.Unix(), step),
	}
	if step <= criticalDays {
		a.Severity = Critical
	}
	when := inDays(int(left / day))
	if left <= 0 {
		when = "has expired"
	}
	a.Subject = fmt.Sprintf("Certificate profile %q: the %s %s", profile, element, when)
	a.Text = fmt.Sprintf("The %s of the certificate profile %q %s, on %s.\n\n", element, profile, when, end.UTC().Format("Mon Jan 2 15:04:05 2006 MST"))
	if len(uses) > 0 {
		a.Text += "It is used by:\n  " + strings.Join(uses, "\n  ") + "\n\n"
	}
	a.Text += "\"certconfig\" requests, takes and assigns a new certificate; peers that verify refuse an expired one."
	return a, true
}

func inDays(days int) string {
	switch days {
	case 0:
		return "expires within a day"
	case 1:
		return "expires in 1 day"
	}
	return fmt.Sprintf("expires in %d days", days)
}

// RenewalFailed is the alert for a certificate profile that could not be renewed by ACME. Next is the next try.
func RenewalFailed(profile, words string, next time.Time) Alert {
	return Alert{
		Class: Certificates, Severity: Warning, Key: "renewal " + profile,
		Subject: fmt.Sprintf("Certificate profile %q could not be renewed: %s", profile, words),
		Text: fmt.Sprintf("The certificate authority did not renew the certificate profile %q.\n\nReason:   %s\nNext try: %s\n\n"+
			"The present certificate stays in service until it expires. \"certconfig\" shows the account and the challenges.",
			profile, words, next.UTC().Format("Mon Jan 2 15:04:05 2006 MST")),
	}
}

// ListStale is the alert for a revocation list that is out of date. Since is when it went out of date; zero where none
// was ever had.
func ListStale(source, words string, since time.Time) Alert {
	text := fmt.Sprintf("The certificate revocation list of %s cannot be renewed.\n\nReason: %s\n", source, words)
	if since.IsZero() {
		text += "There is no earlier one.\n"
	} else {
		text += "The one at hand went out of date on " + since.UTC().Format("Mon Jan 2 15:04:05 2006 MST") + ".\n"
	}
	var b strings.Builder
	b.WriteString(text)
	explain(&b, cause.V14)
	return Alert{
		Class: Certificates, Severity: Warning, Key: "crl " + source, Cause: cause.V14,
		Subject: fmt.Sprintf("The revocation list of %s is stale: %s", source, words), Text: strings.TrimSuffix(b.String(), "\n"),
	}
}

// Problem is the alert for something of the appliance itself: a disk that fills up, a listener without a port. Key names
// the kind of problem, so that the same one is not told again and again.
func Problem(severity, key, subject, text string) Alert {
	return Alert{Class: System, Severity: severity, Key: "system " + key, Subject: subject, Text: text}
}
