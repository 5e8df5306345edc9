// Package alert tells people by mail what needs their attention: it chooses the recipients that the configuration
// names, holds duplicates back, collects where a digest is wished for, writes the message and keeps the last alerts on
// disk. It finds nothing out and delivers nothing: others raise alerts, and the message goes to whoever queues mail.
// The engine and the commands may import it.
package alert

import (
	"time"

	"posthouse/internal/cause"
)

// The classes that are raised here, of config.AlertClasses.
const (
	System       = "System"
	Certificates = "Certificates"
)

// The severities, those of config.AlertSeverities.
const (
	Critical    = "Critical"
	Warning     = "Warning"
	Information = "Information"
)

// Alert is something that people are to be told of.
type Alert struct {
	Class    string   `json:"class"`
	Severity string   `json:"severity"`
	Key      string   `json:"key"` // two alerts with the same one are duplicates
	Subject  string   `json:"subject"`
	Text     string   `json:"text"` // lines, each ended by a line feed but the last
	Cause    cause.ID `json:"cause,omitempty"`

	// Domain is the destination that an alert says cannot be reached. Recipients there are not told by mail: that mail
	// would fail for the same reason and be the next alert.
	Domain string `json:"domain,omitempty"`
	// Own says that the mail that failed is an alert itself. It is kept, and nobody is told by mail.
	Own bool `json:"own,omitempty"`
	// Once says that nobody wants to hear of it twice, however much later.
	Once bool `json:"once,omitempty"`
}

// Entry is an alert that is kept.
type Entry struct {
	At time.Time `json:"at"`
	Alert
	Mailed   []string  `json:"mailed,omitempty"`     // whom it went to; empty: nobody has subscribed, or not yet
	Repeated int       `json:"repeated,omitempty"`   // duplicates since, held back
	Last     time.Time `json:"repeated_at,omitzero"` // the last of them
}
