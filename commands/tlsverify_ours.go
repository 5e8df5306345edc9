package commands

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"posthouse/config"
	"posthouse/internal/cause"
	"posthouse/shell"
)

// remedy is whose fault a failure of one of our own listeners is and what helps: where the server is ourselves, the
// words of the catalogue, which speak of a partner, would send the operator to somebody else.
type remedy struct{ fault, helps string }

// explainOurs says what is wrong with our own listener, and where it is set right.
func explainOurs(s *shell.Session, l *config.Listener, from netip.Addr, id cause.ID, seen string) {
	c, ok := cause.Lookup(id)
	if !ok {
		return
	}
	s.Say("\nCause %s, %s%s.", c.ID, c.Title, seenBeside(c.Title, seen))
	r := ourRemedy(l, from, id)
	s.Say("Whose fault: ours: %s. What helps: %s.", r.fault, r.helps)
}

// ourRemedy is the remedy of one cause at a listener that was connected to from an address of ours.
func ourRemedy(l *config.Listener, from netip.Addr, id cause.ID) remedy {
	certificate := "certconfig -> CERTIFICATE"
	switch id {
	case cause.S2:
		return tlsIsOff(l, from)
	case cause.V1:
		return selfSigned(l)
	case cause.V2:
		return remedy{"the certificate profile of the listener lacks the certificate of its issuer", "add the intermediate certificate with " + certificate + " -> EDIT"}
	case cause.V4:
		return remedy{"a certificate of the listener's profile was not renewed in time", "store a new one with " + certificate + " -> EDIT, or let ACME renew it"}
	case cause.V5:
		return remedy{"the certificate is good, but for other names than the interface's host name",
			"have one issued with that name, or set the host name with interfaceconfig -> EDIT to what the certificate says"}
	case cause.V8:
		return remedy{"the certificate is of an authority that is not in force here, and perhaps not at our peers either",
			"import a private authority with certconfig -> CERTAUTHORITY -> CUSTOM; else choose a certificate of a public one"}
	}
	switch id[0] {
	case 'N':
		if _, _, behavior, _ := l.HostAccess.Compile().Lookup(config.Peer{Addr: from}); behavior != config.Accept && behavior != config.Relay {
			return remedy{fmt.Sprintf("the host access table says %s to our own address, %s", behavior, from), "peers with another policy may be served; to try from here, change it with listenerconfig -> EDIT -> HOSTACCESS"}
		}
		return remedy{"the listener does not answer at its own address", "see suspendlistener, resumelistener and system_logs"}
	case 'S', 'H':
		return remedy{"our listener and our delivery do not come to an agreement", "compare INBOUND and OUTBOUND in sslconfig, and see the line of the connection in mail_logs"}
	case 'D':
		return remedy{"the TLSA records that we publish do not fit the listener's certificate, or cannot be asked for", "publish the records of the present and of the next key; certconfig acme status names those"}
	case 'V':
		return remedy{"it is the certificate of our own listener", "store a better one with " + certificate + " and choose it with listenerconfig -> EDIT -> CERTIFICATE"}
	}
	return remedy{"it is our own listener", "see its line in mail_logs"}
}

// tlsIsOff names the policy that switches TLS off by the sender group and the address that it applies to.
func tlsIsOff(l *config.Listener, from netip.Addr) remedy {
	group, _, _, params := l.HostAccess.Compile().Lookup(config.Peer{Addr: from})
	whose := fmt.Sprintf("that applies to our own address, %s", from)
	if group != "None" {
		whose += fmt.Sprintf(" (sender group %s)", group)
	}
	if params.TLS != config.TLSOff {
		return remedy{"TLS is on in the policy " + whose + ", and yet it is not offered: the certificate or its key cannot be loaded", "see system_logs, and choose another with listenerconfig -> EDIT -> CERTIFICATE"}
	}
	return remedy{"TLS is off in the policy " + whose, "switch it on with listenerconfig -> EDIT -> HOSTACCESS; other peers may have another policy"}
}

// selfSigned tells the Demo certificate from one that the operator has made.
func selfSigned(l *config.Listener) remedy {
	helps := "use a certificate of an authority: certconfig -> CERTIFICATE -> NEW makes the request and EDIT takes the answer, or certconfig -> ACME obtains one; listenerconfig -> EDIT -> CERTIFICATE puts it in use"
	if slices.Contains(l.Certificates, config.DemoCertificate) {
		return remedy{"the Demo certificate encrypts and cannot be verified", helps}
	}
	return remedy{fmt.Sprintf("the certificate of profile %q is signed by nobody but itself, so it encrypts and cannot be verified", strings.Join(l.Certificates, ", ")), helps}
}

// seenBeside is what was seen, to stand behind a title; empty where it says no more than the title.
func seenBeside(title, seen string) string {
	seen = strings.TrimSuffix(strings.TrimPrefix(seen, "TLS failed: "), ".")
	if seen == "" || seen == title {
		return ""
	}
	return ": " + seen
}
