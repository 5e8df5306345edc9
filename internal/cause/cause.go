// Package cause is the catalogue of the reasons why mail over TLS did not go as the operator wanted: one id for one
// reason, the same in every log, report and command, so that a search for it finds everything.
// It owns the ids and their texts and decides nothing; anybody may import it, and it imports nothing of ours.
package cause

import "slices"

// ID names a cause: a letter for the step and a number. Ids are never renamed or reused; new ones are added.
type ID string

// The steps at which a cause is met.
const (
	StepConnect    = "connect"
	StepSTARTTLS   = "STARTTLS"
	StepHandshake  = "handshake"
	StepVerify     = "verify"
	StepDANE       = "DANE"
	StepMTASTS     = "MTA-STS"
	StepRequireTLS = "REQUIRETLS"
	StepPolicy     = "policy"
	StepOurSide    = "our side"
	StepQuarantine = "quarantine link"
)

// Cause is one entry of the catalogue. Every text but Title is one or more whole sentences.
type Cause struct {
	ID      ID
	Step    string // one of the steps above
	Title   string // without a full stop
	Fault   string // whose it most likely is
	Helps   string // what to do about it
	Example string // one case, as it looks
	Line    string // a line of mail_logs that names it, behind its level
	Report  string // the result type of RFC 8460 §4.3; empty where TLS reports have none for it
}

// Lookup returns the entry of an id, written exactly as in the catalogue, and whether there is one.
func Lookup(id ID) (Cause, bool) {
	for _, part := range catalogue {
		for _, c := range part {
			if c.ID == id {
				return c, true
			}
		}
	}
	return Cause{}, false
}

// All returns the whole catalogue in its order; the slice is the caller's.
func All() []Cause {
	return slices.Concat(catalogue[:]...)
}

// catalogue is never written to.
var catalogue = [...][]Cause{connect, starttls, handshake, verify, authentication, policy, quarantine}

// The result types of RFC 8460 §4.3.
const (
	reportNoSTARTTLS    = "starttls-not-supported"
	reportHostMismatch  = "certificate-host-mismatch"
	reportExpired       = "certificate-expired"
	reportNotTrusted    = "certificate-not-trusted"
	reportValidation    = "validation-failure"
	reportTLSAInvalid   = "tlsa-invalid"
	reportDNSSECInvalid = "dnssec-invalid"
	reportDANERequired  = "dane-required"
	reportSTSFetch      = "sts-policy-fetch-error"
	reportSTSInvalid    = "sts-policy-invalid"
	reportSTSWebPKI     = "sts-webpki-invalid"
)
