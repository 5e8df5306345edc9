package tlsreport

import (
	"encoding/json"
	"fmt"
	"time"
)

// Report is one aggregate report, as RFC 8460 §4.4 writes it.
type Report struct {
	Organization string         `json:"organization-name" doc:"RFC 8460"`
	Range        Range          `json:"date-range" doc:"RFC 8460"`
	Contact      string         `json:"contact-info" doc:"RFC 8460"`
	ID           string         `json:"report-id" doc:"RFC 8460"`
	Policies     []PolicyReport `json:"policies" doc:"RFC 8460"`
}

// Range is the time that a report is about.
type Range struct {
	Start time.Time `json:"start-datetime" doc:"RFC 8460"`
	End   time.Time `json:"end-datetime" doc:"RFC 8460"`
}

// PolicyReport is what happened under one policy.
type PolicyReport struct {
	Policy   Policy    `json:"policy" doc:"RFC 8460"`
	Summary  Sessions  `json:"summary" doc:"RFC 8460"`
	Failures []Failure `json:"failure-details,omitempty" doc:"RFC 8460"`
}

// PolicyType says which kind of policy was applied (RFC 8460 §4.4).
type PolicyType string

// The kinds of policies.
const (
	PolicyTLSA PolicyType = "tlsa"
	PolicySTS  PolicyType = "sts"
	PolicyNone PolicyType = "no-policy-found"
)

// Policy is the policy that was applied.
type Policy struct {
	Type   PolicyType `json:"policy-type" doc:"RFC 8460"`
	Text   Words      `json:"policy-string,omitempty" doc:"RFC 8460"`
	Domain string     `json:"policy-domain" doc:"RFC 8460"`
	MX     Words      `json:"mx-host,omitempty" doc:"the patterns of an MTA-STS policy"`
}

// Sessions is how many sessions went well and how many did not.
type Sessions struct {
	Successful int64 `json:"total-successful-session-count" doc:"RFC 8460"`
	Failed     int64 `json:"total-failure-session-count" doc:"RFC 8460"`
}

// Failure is how often something failed in one way between two hosts.
type Failure struct {
	Type        string `json:"result-type" doc:"RFC 8460"`
	SendingIP   string `json:"sending-mta-ip,omitempty" doc:"RFC 8460"`
	Host        string `json:"receiving-mx-hostname,omitempty" doc:"RFC 8460"`
	Helo        string `json:"receiving-mx-helo,omitempty" doc:"RFC 8460"`
	ReceivingIP string `json:"receiving-ip,omitempty" doc:"RFC 8460"`
	Count       int64  `json:"failed-session-count" doc:"RFC 8460"`
	Information string `json:"additional-information,omitempty" doc:"RFC 8460"`
	Reason      string `json:"failure-reason-code,omitempty" doc:"RFC 8460"`
}

// Words is a list of strings. Senders of reports write a list of one as a plain string, too, as the RFC's own example
// does for mx-host; both are read and a list is written.
type Words []string

// UnmarshalJSON reads a string or a list of strings.
func (w *Words) UnmarshalJSON(data []byte) error {
	var one string
	if err := json.Unmarshal(data, &one); err == nil {
		*w = nil
		if one != "" {
			*w = Words{one}
		}
		return nil
	}
	var list []string
	if err := json.Unmarshal(data, &list); err != nil {
		return fmt.Errorf("neither a string nor a list of strings: %w", err)
	}
	*w = list
	return nil
}
