package alert

import (
	"fmt"
	"strings"
	"time"

	"posthouse/internal/cause"
)

// TLSFailed is the alert for a host of domain that was given up because the TLS that is required there could not be had
// from it. Another host may have taken the mail; else it waits. Words are what the log says of it.
func TLSFailed(domain, host string, id cause.ID, words string) Alert {
	var b strings.Builder
	fmt.Fprintf(&b, "Mail to %s requires TLS, and with one host that failed. Another host may have taken the mail; else it waits.\n\nDestination: %s\nHost:        %s\n", domain, domain, host)
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

// ListStale is the alert for a revocation list that is out of date. Words say why it could not be fetched; empty
// where that is not known. Since is when it went out of date; zero where none was ever had.
func ListStale(source, words string, since time.Time) Alert {
	if words == "" {
		words = "nothing newer is at hand"
	}
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
