package tlspolicy

import (
	"net/netip"
	"time"

	"posthouse/internal/cause"
)

// Record is what was wanted of TLS on one outgoing connection, and what came of it, explained. Delivery acts on it;
// tlsverify, the logs, alerts, reports and metrics are made from it. It is not modified once it is handed on.
type Record struct {
	At     time.Time `json:"at" doc:"when"`
	DCID   uint64    `json:"dcid,omitempty" doc:"0 for a verification by hand"`
	Facts  Facts     `json:"facts" doc:"what the decision begins with"`
	Wanted Wanted    `json:"wanted" doc:"the decision"`

	Remote netip.AddrPort `json:"remote,omitzero" doc:"invalid where no address was found"`
	Local  netip.Addr     `json:"local,omitzero" doc:"our address"`
	Steps  []Step         `json:"steps" doc:"in order"`

	Outcome Outcome `json:"outcome" doc:"what was seen"`
	Action  Action  `json:"action" doc:"what follows"`
}

// Step is one step on the way to TLS.
type Step struct {
	Name  StepName `json:"step" doc:"its name"`
	OK    bool     `json:"ok" doc:"it went well"`
	Cause cause.ID `json:"cause,omitempty" doc:"of what is not OK, or of a warning"`
	Words string   `json:"words,omitempty" doc:"what was seen, the peer's own words where there are some; escaped"`
}

// StepName names a step.
type StepName string

// The steps in their order.
const (
	StepMX        StepName = "MX lookup"
	StepAddress   StepName = "address lookup"
	StepTLSA      StepName = "TLSA lookup"
	StepMTASTS    StepName = "MTA-STS"
	StepConnect   StepName = "connect"
	StepBanner    StepName = "banner"
	StepEHLO      StepName = "EHLO"
	StepSTARTTLS  StepName = "STARTTLS"
	StepHandshake StepName = "handshake"
	StepVerify    StepName = "verify"
	StepAfterTLS  StepName = "EHLO after TLS"
	StepRequire   StepName = "REQUIRETLS"
)

// Add notes a step.
func (r *Record) Add(name StepName, id cause.ID, words string) {
	r.Steps = append(r.Steps, Step{Name: name, OK: id == "", Cause: id, Words: words})
}

// Element is one certificate of a chain as the peer sent it.
type Element struct {
	Subject   string    `json:"subject" doc:"a distinguished name"`
	Issuer    string    `json:"issuer" doc:"a distinguished name"`
	Serial    string    `json:"serial" doc:"the serial number"`
	NotBefore time.Time `json:"not_before" doc:"when it begins"`
	NotAfter  time.Time `json:"not_after" doc:"when it ends"`
	Key       string    `json:"key" doc:"\"ECDSA P-256\", \"RSA 2048\""`
	SHA256    string    `json:"sha256" doc:"of the certificate, in hexadecimal digits"`
	Place     string    `json:"place" doc:"\"leaf\", \"intermediate\", \"root\", \"out of order\", \"duplicate\", \"not needed\", \"missing\""`
	Notes     []string  `json:"notes,omitempty" doc:"what is wrong with it"`
}
