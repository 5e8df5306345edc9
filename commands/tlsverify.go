package commands

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"posthouse/internal/cause"
	"posthouse/internal/dns"
	"posthouse/mta"
	"posthouse/mta/tlspolicy"
	"posthouse/shell"
)

func tlsVerify(a *Appliance) *shell.Command {
	return &shell.Command{
		Name:    "tlsverify",
		Summary: "Try TLS with a domain's mail servers, and say what every setting would make of them.",
		Roles:   shell.Readers | shell.HelpDesk,
		Batch:   []string{"tlsverify DOMAIN [HOST[:PORT]]", "tlsverify self [LISTENER]", "tlsverify peer ADDRESS|HOST"},
		Help: `Connects as a delivery would, shakes hands, verifies as Required (Verify) asks, and leaves: no mail is sent and mail_logs
has no line of it. Without HOST every mail exchanger of the domain is tried. What follows is the chain as it was sent, DANE and
MTA-STS as they were found, and what each TLS setting would do with the host now.

tlsverify self looks at our own listeners from outside: the chain, the names that the interface and the mail exchangers of the
local domains have, and TLSA records.

tlsverify peer asks the other way round: which row of each listener's host access table decides for a peer that connects to
us, and what it says of TLS. Nothing is connected to.

A failure ends the command with status 1.`,
		Documents: []shell.Document{
			{For: "tlsverify DOMAIN", Value: verificationJSON{}},
			{For: "tlsverify self", Value: ourListenersJSON{}},
			{For: "tlsverify peer", Value: peerRowsJSON{}},
		},
		Run: func(ctx context.Context, s *shell.Session, args []string) error {
			if len(args) > 0 && strings.EqualFold(args[0], "peer") {
				return peerRows(ctx, a, s, args[1:])
			}
			v := &verifying{a: a, s: s}
			if len(args) > 0 && strings.EqualFold(args[0], "self") {
				return v.ourselves(ctx, args[1:])
			}
			req, err := tlsVerifyRequest(s, args)
			if err != nil {
				return err
			}
			return v.peers(ctx, req)
		},
		Complete: func(_ *shell.Session, args []string) []string {
			if len(args) == 2 && strings.EqualFold(args[0], "self") {
				return startingWith(args, listenerNames(a.Config.Running().Config))
			}
			return startingWith(args, append(hostNames(a), "peer", "self"))
		},
	}
}

// tlsVerifyRequest takes the words of the line, or asks.
func tlsVerifyRequest(s *shell.Session, args []string) (req mta.VerifyRequest, err error) {
	if len(args) > 2 {
		return req, shell.Usage("Invalid word %q: tlsverify takes a domain and a host.", args[2])
	}
	if len(args) == 0 {
		return askTLSVerify(s)
	}
	if req.Domain, err = domainWord(args[0]); err != nil || len(args) == 1 {
		return req, err
	}
	req.Host, req.Port, err = hostAndPort(args[1])
	return req, err
}

func askTLSVerify(s *shell.Session) (req mta.VerifyRequest, err error) {
	answer, err := s.Ask(shell.Question{
		Text: "Enter the TLS domain to verify against:", Required: true, Check: func(a string) error { _, err := domainWord(a); return err },
	})
	if err != nil {
		return req, err
	}
	req.Domain, _ = domainWord(answer)
	answer, err = s.Ask(shell.Question{
		Text:    "Enter the destination host to connect to.  Append the port (example.com:26) if you are not connecting on port 25:",
		Default: req.Domain, Check: func(a string) error { _, _, err := hostAndPort(a); return err },
	})
	if err != nil {
		return req, err
	}
	req.Host, req.Port, _ = hostAndPort(answer)
	s.Println()
	return req, nil
}

// domainWord is a recipients' domain in lower case.
func domainWord(word string) (string, error) {
	domain := dns.Canonical(word)
	return domain, checkDomain(domain)
}

// hostAndPort reads HOST, HOST:PORT, ADDRESS or [ADDRESS]:PORT; port 0 where none is said.
func hostAndPort(word string) (host string, port int, err error) {
	if addr, err := netip.ParseAddr(strings.Trim(word, "[]")); err == nil {
		return addr.String(), 0, nil
	}
	host = word
	if before, after, found := strings.Cut(word, "]:"); found {
		host = before + "]"
		port, err = portWord(after, word)
	} else if before, after, found := strings.Cut(word, ":"); found {
		host = before
		port, err = portWord(after, word)
	}
	if err != nil {
		return "", 0, err
	}
	if host, err = domainWord(host); err != nil {
		return "", 0, shell.Fail("Invalid host %q: HOST, HOST:PORT, an address or [ADDRESS]:PORT is accepted.", word)
	}
	return strings.Trim(host, "[]"), port, nil
}

func portWord(word, whole string) (int, error) {
	n, err := strconv.Atoi(word)
	if err != nil || n < 1 || n > 65535 {
		return 0, shell.Fail("Invalid port %q in %q: a number from 1 to 65535 is accepted.", word, whole)
	}
	return n, nil
}

// verifying is one run of the command.
type verifying struct {
	a *Appliance
	s *shell.Session

	host  string // of the lines on the screen; empty before the first
	lines bool   // something has been said of it
	last  *tlspolicy.Record
}

type verificationJSON struct {
	Domain string        `json:"domain" doc:"that was asked about"`
	Hosts  []verdictJSON `json:"hosts" doc:"in the order in which they were tried"`
}

// peers verifies a domain's hosts.
func (v *verifying) peers(ctx context.Context, req mta.VerifyRequest) error {
	records, err := v.verify(ctx, req)
	if err != nil {
		return err
	}
	hosts := verdicts(records)
	if v.s.JSON {
		if err := v.s.PrintJSON(verificationJSON{req.Domain, verdictsJSON(hosts)}); err != nil {
			return err
		}
		return failedHosts(req.Domain, hosts)
	}
	v.verdict()
	v.s.Say("TLS verification completed.")
	for i := range hosts {
		v.details(&hosts[i], len(hosts) > 1)
	}
	return failedHosts(req.Domain, hosts)
}

func (v *verifying) verify(ctx context.Context, req mta.VerifyRequest) ([]*tlspolicy.Record, error) {
	v.s.Unpaged() // what is seen is happening
	progress := v.event
	if v.s.JSON {
		progress = nil
	}
	records, err := v.a.Engine.VerifyTLS(ctx, req, progress)
	switch {
	case errors.Is(err, mta.ErrDiscarded):
		return nil, shell.Fail("Error: mail for %s goes nowhere: an SMTP route discards it.", req.Domain)
	case err != nil:
		return nil, err
	}
	return records, nil
}

// event prints what a verification does, as it happens.
func (v *verifying) event(e mta.VerifyEvent) {
	r := e.Record
	if name := hostOf(r); name != v.host {
		if v.last != nil {
			v.verdict()
			v.s.Println()
		}
		v.host = name
	}
	v.last = r
	addr := r.Remote.Addr()
	say := func(format string, a ...any) { v.lines = true; v.s.Printf(format+"\n", a...) }
	switch {
	case e.Begun == tlspolicy.StepConnect:
		say("Connecting to %s on port %d.", addr, r.Remote.Port())
	case e.Begun == tlspolicy.StepSTARTTLS:
		say("Checking TLS connection.")
	case e.Begun != "":
	case e.Step.Name == tlspolicy.StepMX, e.Step.Name == tlspolicy.StepAddress:
		say("Unable to look up %s: %s.", v.host, strings.TrimSuffix(e.Step.Words, "."))
	case e.Step.Name == tlspolicy.StepConnect && e.Step.OK:
		say("Connected to %s from interface %s.", addr, r.Local)
	case e.Step.Name == tlspolicy.StepHandshake && e.Step.OK:
		say("TLS connection established: protocol %s, cipher %s.", r.Outcome.Protocol, r.Outcome.Cipher)
	case e.Step.Name == tlspolicy.StepVerify:
		v.certificate(e.Step, say)
	case e.Step.Name == tlspolicy.StepAfterTLS && e.Step.OK && r.Outcome.Verified:
		say("TLS connection to %s succeeded.", addr)
	case !e.Step.OK:
		v.brokenOff(e.Step, say)
	}
}

// hostOf is the host of a record as it is named to people.
func hostOf(r *tlspolicy.Record) string {
	if r.Facts.Host == "" {
		return r.Facts.Domain
	}
	return r.Facts.Host
}

// certificate says what the verification of a certificate found.
func (v *verifying) certificate(step tlspolicy.Step, say func(string, ...any)) {
	o := v.last.Outcome
	say("Verifying peer certificate.")
	if name := shownName(o); name != "" && (step.OK || step.Cause == cause.V5) {
		say("Verifying certificate common name %s.", name)
	}
	if !step.OK {
		say("Certificate verification failed: %s.", step.Words)
		v.refused("verify error", say)
		return
	}
	say("TLS certificate match %s", o.PeerName)
	say("TLS certificate verified.")
}

// shownName is the name of a certificate that is spoken of: the one that matched, else its first.
func shownName(o tlspolicy.Outcome) string {
	if o.PeerName != "" && o.By != tlspolicy.ProofDANE || len(o.NamesFound) == 0 {
		return o.PeerName
	}
	return o.NamesFound[0]
}

// brokenOff says why there is no TLS.
func (v *verifying) brokenOff(step tlspolicy.Step, say func(string, ...any)) {
	switch step.Name {
	case tlspolicy.StepTLSA, tlspolicy.StepMTASTS:
		say("No connection is made to %s: %s.", v.host, strings.TrimSuffix(v.last.Wanted.Words, "."))
	case tlspolicy.StepConnect:
		say("Unable to connect to %s on port %d: %s.", v.last.Remote.Addr(), v.last.Remote.Port(), step.Words)
	case tlspolicy.StepBanner, tlspolicy.StepEHLO:
		say("Connection to %s failed: %s.", v.last.Remote.Addr(), step.Words)
	case tlspolicy.StepHandshake:
		if step.Cause == cause.H6 {
			say("Verifying peer certificate.")
			say("Certificate verification failed: no certificate from server.")
			v.refused("verify error", say)
			return
		}
		v.refused(step.Words, say)
	case tlspolicy.StepSTARTTLS:
		v.refused("STARTTLS unexpected response", say)
	case tlspolicy.StepAfterTLS:
		v.refused(strings.TrimPrefix(step.Words, "TLS failed: "), say)
	}
}

func (v *verifying) refused(why string, say func(string, ...any)) {
	say("TLS connection to %s failed: %s.", v.last.Remote.Addr(), why)
	say("TLS was required but could not be successfully negotiated.")
}

// verdict ends what is said of one host.
func (v *verifying) verdict() {
	if v.last == nil {
		return
	}
	if v.lines {
		v.s.Println()
	}
	if verified(v.last) {
		v.s.Say("TLS successfully connected to %s.", v.host)
	} else {
		v.s.Say("Failed to connect to [%s].", v.host)
	}
	v.last, v.lines = nil, false
}

// verified says that a host could be given mail under Required (Verify), as far as its record goes.
func verified(r *tlspolicy.Record) bool {
	return r.Outcome.Verified && r.Action.Do == tlspolicy.Proceed
}

// failedHosts is the error that ends the command, where a host failed.
func failedHosts(domain string, hosts []verdict) error {
	var failed []string
	for _, h := range hosts {
		if !verified(h.record) {
			failed = append(failed, fmt.Sprintf("%s (%s)", hostOf(h.record), h.record.Action.Named()))
		}
	}
	if len(hosts) == 0 {
		return shell.Fail("Failed to verify %s: there is no host to try.", domain)
	}
	if len(failed) == 0 {
		return nil
	}
	return shell.Fail("Failed to verify %s: %s.", domain, strings.Join(failed, ", "))
}
