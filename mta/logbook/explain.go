package logbook

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"posthouse/internal/cause"
	"posthouse/internal/syslog"
	"posthouse/mta/tlspolicy"
)

// helps says what helps where the catalogue's words are about mail. HOST and PRINT stand for the server's name and the fingerprint of
// the certificate that it shows.
var helps = map[cause.ID]string{
	cause.N1: `Check the name of the host in logconfig, and whether the nameservers know it.`,
	cause.N3: `Check the host and the port in logconfig; ask whether the server is up and admits our address.`,
	cause.N4: `Check the host and the port in logconfig, and whether a firewall lets us through to them.`,
	cause.N8: `Check the host in logconfig and this machine's routes.`,
	cause.H9: `The server must not ask for a certificate: none is shown to syslog servers.`,
	cause.V1: `They install a certificate of an authority that is in force here; or, where this one is known to be theirs, it is taken after "logconfig hostkeyconfig new HOST PRINT" and "commit".`,
	cause.V2: `They add that certificate to their chain; or you import it with "certconfig authority custom import".`,
	cause.V5: `Name the host in logconfig as its certificate does; or they add HOST to the certificate.`,
	cause.V8: `Where you trust that authority, import it with "certconfig authority custom import" and "certconfig authority custom enable"; where only this certificate is known to be theirs, "logconfig hostkeyconfig new HOST PRINT". Then "commit".`,
}

// renewed is for a certificate that is not the one that is known, for which the catalogue has no entry.
const renewed = `Whose fault: Theirs, unless they have renewed it. What helps: Ask them; where the new one is theirs, it is taken after ` +
	`"logconfig hostkeyconfig delete HOST", "logconfig hostkeyconfig new HOST PRINT" and "commit".`

// explained is what is wrong with a server; in a second line, for logs keep no longer ones, whose fault that most likely is, and what helps.
func explained(err error, host string) string {
	var failed *tlspolicy.ServiceError
	if errors.As(err, &failed) {
		names := strings.NewReplacer("HOST", host, "PRINT", failed.Fingerprint)
		if failed.Cause == "" && failed.Fingerprint != "" {
			return failed.Reason + " by HOSTKEYCONFIG.\n" + names.Replace(renewed)
		}
		return advised("TLS failed: "+failed.Reason, failed.Detail, failed.Cause, names)
	}
	var lookup *net.DNSError
	switch {
	case errors.Is(err, syslog.ErrGone):
		return err.Error()
	case errors.As(err, &lookup):
		id := cause.N2
		if lookup.IsNotFound {
			id = cause.N1
		}
		return advised(lookup.Err, "", id, strings.NewReplacer("HOST", host))
	}
	id, words := tlspolicy.ClassifyConnect(err, tlspolicy.PhaseConnect)
	if id == "" {
		return err.Error()
	}
	return advised(words, "", id, strings.NewReplacer("HOST", host))
}

// advised is words with the cause's entry in the catalogue.
func advised(words, detail string, id cause.ID, names *strings.Replacer) string {
	c, known := cause.Lookup(id)
	if !known {
		return words
	}
	text := fmt.Sprintf("%s [%s], %s", words, id, c.Title)
	if detail != "" {
		text += ": " + detail
	}
	advice := c.Helps
	if own := helps[id]; own != "" {
		advice = names.Replace(own)
	}
	return fmt.Sprintf("%s.\nWhose fault: %s What helps: %s", text, c.Fault, advice)
}
