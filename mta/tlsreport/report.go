package tlsreport

import (
	"encoding/json"
	"fmt"
	"time"
)

// Report is one aggregate report, as RFC 8460 §4.4 writes it.
type Report struct {
	Organization string         `json:"organization-name"`
	Range        Range          `json:"date-range"`
	Contact      string         `json:"contact-info"`
	ID           string         `json:"report-id"`
	Policies     []PolicyReport `json:"policies"`
}

// Range is the time that a report is about.
type Range struct {
	Start time.Time `json:"start-datetime"`
	End   time.Time `json:"end-datetime"`
}

// PolicyReport is what happened under one policy.
type PolicyReport struct {
	Policy   Policy    `json:"policy"`
	Summary  Sessions  `json:"summary"`
	Failures []Failure `json:"failure-details,omitempty"`
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
	Type   PolicyType `json:"policy-type"`
	Text   Words      `json:"policy-string,omitempty"`
	Domain string     `json:"policy-domain"`
	MX     Words      `json:"mx-host,omitempty"` // the patterns of an MTA-STS policy
}

// Sessions is how many sessions went well and how many did not.
type Sessions struct {
	Successful int64 `json:"total-successful-session-count"`
	Failed     int64 `json:"total-failure-session-count"`
}

// Failure is how often something failed in one way between two hosts.
type Failure struct {
	Type        string `json:"result-type"`
	SendingIP   string `json:"sending-mta-ip,omitempty"`
	Host        string `json:"receiving-mx-hostname,omitempty"`
	Helo        string `json:"receiving-mx-helo,omitempty"`
	ReceivingIP string `json:"receiving-ip,omitempty"`
	Count       int64  `json:"failed-session-count"`
	Information string `json:"additional-information,omitempty"`
	Reason      string `json:"failure-reason-code,omitempty"`
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
