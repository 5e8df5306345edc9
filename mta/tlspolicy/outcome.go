package tlspolicy

import (
	"crypto/x509"
	"fmt"
	"slices"

	"posthouse/internal/cause"
)

// Finding is one thing seen at the peer's certificates or at the handshake.
type Finding struct {
	Cause  cause.ID `json:"cause" doc:"an id of the catalogue of causes"`
	Fatal  bool     `json:"fatal,omitempty" doc:"else a warning"`
	Reason string   `json:"reason" doc:"OpenSSL's words"`
	Detail string   `json:"detail,omitempty" doc:"which element, since when, names tried and found; escaped, fit for a log"`

	// Presumed says that it rests on how far the peer's own certificates reach, and on nothing else: V2 may be V8.
	Presumed bool `json:"presumed,omitempty" doc:"it rests on the certificates that the peer sent, and on nothing else"`
}

// Outcome is what came of TLS on one connection. The caller sets the fields itself for what it saw before the
// handshake: Outcome{Cause: cause.S2}, with Closed where the peer closed the connection.
type Outcome struct {
	Begun     bool `json:"begun,omitempty" doc:"the peer answered 220 to STARTTLS"`
	Encrypted bool `json:"encrypted,omitempty" doc:"the handshake succeeded"`
	Verified  bool `json:"verified,omitempty" doc:"verification was asked for, and it succeeded"`
	Closed    bool `json:"closed,omitempty" doc:"the connection cannot be used any more"`
	Stopped   bool `json:"stopped,omitempty" doc:"we ended the handshake, and for nothing but a verification that failed"`
	Resumed   bool `json:"resumed,omitempty" doc:"an earlier session was resumed, and verified again"`
	Extends   bool `json:"requiretls,omitempty" doc:"EHLO after TLS offers REQUIRETLS; set by the caller"`

	Protocol string `json:"protocol,omitempty" doc:"\"TLSv1.3\""`
	Cipher   string `json:"cipher,omitempty" doc:"OpenSSL's name"`
	PeerName string `json:"peer_name,omitempty" doc:"the name that matched; of a verified client its subject"`
	By       Proof  `json:"by,omitempty" doc:"what verified the peer; DANE where a TLSA record stands in for the names"`

	Cause    cause.ID  `json:"cause,omitempty" doc:"the first cause; empty where all is as wanted, or where we gave up by ourselves"`
	Reason   string    `json:"reason,omitempty" doc:"for the log, behind \"TLS failed: \": 'verify error: WORDS' or '(NUMBER, 'error:...')'"`
	Number   int       `json:"number,omitempty" doc:"OpenSSL's number of a failed handshake, where Reason is no verify error"`
	Text     string    `json:"text,omitempty" doc:"and its text, \"error:1408F10B:...\""`
	Offers   string    `json:"offers,omitempty" doc:"what both sides offered where nothing matched: \"they: ...; we: ...\"; escaped"`
	Findings []Finding `json:"findings,omitempty" doc:"everything that is wrong with the certificates"`

	Chain      []Element `json:"chain,omitempty" doc:"as sent, and what is missing"`
	NamesTried []string  `json:"names_tried,omitempty" doc:"by the proof that decided"`
	NamesFound []string  `json:"names_found,omitempty" doc:"in the peer's certificate"`
	Proven     []Result  `json:"proven,omitempty" doc:"every proof that could be tried, whatever was wanted"`

	Client *ClientCertificate `json:"client,omitempty" doc:"of an incoming connection: what the client showed"`

	TrySmaller bool `json:"try_smaller,omitempty" doc:"the peer fell silent at our hello: try once more on a new connection with Query.Small (H12)"`
}

// Result is what came of one way to show who the peer is.
type Result struct {
	Proof Proof    `json:"proof" doc:"which way"`
	OK    bool     `json:"ok" doc:"it shows who the peer is"`
	By    Proof    `json:"by,omitempty" doc:"ProofDANE where a TLSA record stands in for the names"`
	Name  string   `json:"name,omitempty" doc:"that matched, or the TLSA record"`
	Tried []string `json:"tried,omitempty" doc:"names"`
	Why   *Finding `json:"why,omitempty" doc:"what stands against it first"`
}

// ClientCertificate is what a client showed of itself.
type ClientCertificate struct {
	Subject     string              `json:"subject" doc:"as in RFC 4514: \"CN=mta.partner.example,O=Partner\""`
	CommonName  string              `json:"common_name,omitempty" doc:"of its subject"`
	DNSNames    []string            `json:"dns_names,omitempty" doc:"its domain names"`
	Verified    bool                `json:"verified" doc:"up to an authority in force"`
	Authorities []string            `json:"authorities,omitempty" doc:"the subjects of those that vouch for it, up to the root; none unless verified"`
	Custom      bool                `json:"custom,omitempty" doc:"one of them is in the custom list"`
	Chain       []*x509.Certificate `json:"-"` // the leaf and those authorities
	CustomCAs   []*x509.Certificate `json:"-"` // those of the chain that are in the custom list
}

// say sets the words of a failed handshake.
func (o *Outcome) say(number int, text string) {
	o.Number, o.Text, o.Reason = number, text, fmt.Sprintf("(%d, '%s')", number, text)
}

// result returns what came of a proof; the zero one says that it was not tried.
func (o Outcome) result(p Proof) Result {
	for _, r := range o.Proven {
		if r.Proof == p {
			return r
		}
	}
	return Result{Proof: p}
}

// unproven returns the first of the proofs that did not succeed, nil where all did.
func (o Outcome) unproven(proofs []Proof) *Result {
	for _, p := range proofs {
		if r := o.result(p); !r.OK {
			return &r
		}
	}
	return nil
}

// Under is the outcome as another message with other wishes sees it: the same handshake, judged by w. A handshake that
// was stopped for its certificates alone counts as one that succeeds where w does not insist on them; Decide about a
// real message goes by the outcome itself, because the connection is lost.
func (o Outcome) Under(w Wanted) Outcome {
	if o.Stopped && w.Verify != Require {
		o.Encrypted, o.Stopped, o.Closed = true, false, false
	}
	if o.Encrypted || o.Stopped {
		o.judge(w)
	}
	return o
}

// judge sets what depends on the wishes: whether the peer counts as verified, and why not.
func (o *Outcome) judge(w Wanted) {
	o.Verified, o.By, o.PeerName, o.Cause, o.Reason, o.Number, o.Text = false, "", "", "", "", 0, ""
	o.Findings = slices.DeleteFunc(slices.Clone(o.Findings), Finding.ofProof)
	deciding := []Proof{ProofNames}
	if w.Verify != Never && len(w.Proofs) > 0 {
		deciding = w.Proofs
	}
	failed := o.unproven(deciding)
	first := o.result(deciding[0])
	if failed != nil {
		first = *failed
	}
	o.NamesTried = first.Tried
	if first.Why != nil && first.Why.ofProof() {
		o.Findings = append(o.Findings, *first.Why)
		sortFindings(o.Findings)
	}
	switch {
	case w.Verify == Never:
	case failed != nil:
		o.Cause, o.Reason = failed.cause(), "verify error: "+failed.words()
	default:
		o.Verified, o.By, o.PeerName = true, first.By, first.Name
		if first.By == ProofDANE { // what crypto/x509 would want of the chain does not matter then (RFC 7672 §3.1)
			for i := range o.Findings {
				o.Findings[i].Fatal = false
			}
		}
	}
}

// ofProof says that a finding belongs to one proof, and not to the chain.
func (f Finding) ofProof() bool {
	switch f.Cause {
	case cause.V5, cause.V13, cause.D1, cause.M1, cause.R1:
		return true
	}
	return false
}

func (r Result) cause() cause.ID {
	if r.Why != nil {
		return r.Why.Cause
	}
	return cause.V11
}

func (r Result) words() string {
	if r.Why != nil {
		return r.Why.Reason
	}
	return "no certificate from server"
}

// VerifyError is the handshake's error where the peer's certificate does not verify and somebody insists.
type VerifyError struct {
	Findings []Finding // in order of weight; the first is the one that is named
}

func (e *VerifyError) Error() string {
	return "verify error: " + e.Findings[0].Reason
}
