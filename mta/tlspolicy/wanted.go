package tlspolicy

import (
	"fmt"
	"slices"
	"time"

	"posthouse/config"
	"posthouse/internal/cause"
)

// Facts are what is known before a connection of one message (or of none, by hand), its domain and one host.
type Facts struct {
	Domain   string `json:"domain" doc:"the recipients', in lower case"`
	Host     string `json:"host" doc:"the MX or the route's host that is connected to; an address where there is no name"`
	Routed   bool   `json:"routed,omitempty" doc:"an SMTP route leads to the host"`
	MXSecure bool   `json:"mx_secure,omitempty" doc:"the host's name comes from an answer that DNSSEC proves, or is the domain itself"`

	Control Control `json:"control" doc:"what the destination control says"`
	DANE    DANE    `json:"dane" doc:"what was found of DANE"`
	STS     STS     `json:"mta_sts" doc:"what was found of MTA-STS"`

	RequireTLS bool `json:"require_tls,omitempty" doc:"the message was sent with REQUIRETLS (RFC 8689 §2)"`
	Optional   bool `json:"tls_optional,omitempty" doc:"its header says TLS-Required: No (§3), or it is a TLS report (RFC 8460 §3)"`
}

// Control is what the destination controls ask for a domain.
type Control struct {
	Entry    string          `json:"entry" doc:"the key in Destinations that decides"`
	Level    config.TLSLevel `json:"level" doc:"never TLSDefault"`
	Explicit bool            `json:"explicit" doc:"the level stands at the entry itself and the entry is not the default"`
	DANE     string          `json:"dane" doc:"none, opportunistic, mandatory"`
	MTASTS   bool            `json:"mta_sts" doc:"policies are asked for"`
	Alert    bool            `json:"alert" doc:"an alert when required TLS fails, globally or for this domain"`
}

// DANEState is what the DNS says of a host's TLSA records.
type DANEState string

const (
	DANENotAsked DANEState = ""         // not wanted, or no name to ask for
	DANEInsecure DANEState = "insecure" // the host's addresses or the answer are not proven: no DANE here (D2)
	DANEAbsent   DANEState = "absent"   // a proven denial (D4 where mandatory)
	DANEFailed   DANEState = "failed"   // no answer, or a bogus one: mail waits (D3)
	DANEUnusable DANEState = "unusable" // records, none of which we can use: encrypted, not authenticated (D5)
	DANEUsable   DANEState = "usable"   // records that the chain has to match
)

// DANE is what was found for one host (RFC 7672).
type DANE struct {
	State   DANEState `json:"state,omitempty" doc:"in a word"`
	Name    string    `json:"name,omitempty" doc:"\"_25._tcp.mx1.example.com\""`
	Base    string    `json:"base,omitempty" doc:"the host's name after secure CNAMEs, which is also SNI and a reference name (RFC 7672 §2.2.2)"`
	Records []TLSA    `json:"records,omitempty" doc:"all of them"`
	Words   string    `json:"words,omitempty" doc:"why, where the state is no good one"`
}

// STS is what a domain's MTA-STS policy says of one host (RFC 8461).
type STS struct {
	Mode    string    `json:"mode,omitempty" doc:"\"enforce\", \"testing\", \"none\"; empty: no policy, or not asked for"`
	Match   bool      `json:"match,omitempty" doc:"the host is one of the policy's"`
	ID      string    `json:"id,omitempty" doc:"of the policy"`
	MX      []string  `json:"mx,omitempty" doc:"the policy's patterns"`
	Expires time.Time `json:"expires,omitzero" doc:"when it is forgotten"`
	Cause   cause.ID  `json:"cause,omitempty" doc:"M2: it could not be fetched or renewed; the one above, if any, is still in force"`
	Report  string    `json:"report,omitempty" doc:"the result type of RFC 8460 §4.3.2.2 that goes with the cause: \"sts-policy-fetch-error\", \"sts-policy-invalid\", \"sts-webpki-invalid\""`
	Words   string    `json:"words,omitempty" doc:"what was wrong"`
	Text    []string  `json:"text,omitempty" doc:"the policy's lines, for reports"`
}

// Need is how much of something is wanted.
type Need int

const (
	Never Need = iota
	Prefer
	Require
)

// needWords is never written to.
var needWords = [...]string{"never", "prefer", "require"}

func (n Need) String() string {
	if n < 0 || int(n) >= len(needWords) {
		return fmt.Sprintf("Need(%d)", int(n))
	}
	return needWords[n]
}

// MarshalText is the word that stands for it in JSON.
func (n Need) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (n *Need) UnmarshalText(text []byte) error {
	i := slices.Index(needWords[:], string(text))
	if i < 0 {
		return fmt.Errorf("no need is called %q", text)
	}
	*n = Need(i)
	return nil
}

// Proof is one way to show who the peer is.
type Proof string

const (
	ProofNames  Proof = "names"        // a valid chain for the domain, the host directly below it, or a route's host
	ProofHosted Proof = "hosted names" // or for the MX host found in the DNS as well
	ProofSTS    Proof = "MTA-STS"      // a valid chain for the MX host, which the policy names
	ProofDANE   Proof = "DANE"         // a TLSA record that the chain matches
	ProofMX     Proof = "proven MX"    // for REQUIRETLS: the MX host itself, where its name is proven by DNSSEC or MTA-STS
)

// Wanted is what is asked of one connection for one message: the strictest of all rules, and how that came about.
type Wanted struct {
	Rules   []Rule   `json:"rules" doc:"every rule that says something, in force or not"`
	Encrypt Need     `json:"encrypt" doc:"whether the connection must be encrypted"`
	Verify  Need     `json:"verify" doc:"whether the certificate must be proven"`
	Proofs  []Proof  `json:"proofs,omitempty" doc:"every one of these must succeed where Verify is Require"`
	Blocked cause.ID `json:"blocked,omitempty" doc:"D2 to D5, M1 or R1: this host must not be used, whatever it offers"`
	Words   string   `json:"words,omitempty" doc:"why, with Blocked"`
	Extend  bool     `json:"extend,omitempty" doc:"the peer has to offer REQUIRETLS"`

	// Fallback says that mail may go in clear after a failed handshake too: TLS is tried for the sake of a report or of a
	// message that does not insist, and the destination control asks for none.
	Fallback bool `json:"fallback,omitempty" doc:"what TLS does not bring may go without"`

	InForce string `json:"in_force,omitempty" doc:"\"Required (Verify): destination control example.com\""`
}

// Rule is one rule that has a say.
type Rule struct {
	Source  string `json:"source" doc:"\"destination control example.com\", \"DANE\", \"MTA-STS\", \"REQUIRETLS\", \"TLS-Required: No\""`
	Asks    string `json:"asks" doc:"\"Required (Verify)\", \"authenticated by TLSA\", \"nothing\""`
	InForce bool   `json:"in_force" doc:"it decides"`
	Why     string `json:"why,omitempty" doc:"\"testing never blocks\", \"DANE stands before it\""`
}
