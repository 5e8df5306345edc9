// Package commands is what an operator can type: one file a command, one table that lists them all. It knows no SSH
// type and no protocol; it asks through the shell's primitives, edits the session's candidate and calls the engine.
package commands

import (
	"context"
	"io"
	"net/netip"
	"time"

	"posthouse/certstore"
	"posthouse/certstore/acme"
	"posthouse/config"
	"posthouse/internal/dns"
	"posthouse/internal/eventlog"
	"posthouse/mta"
	"posthouse/mta/logbook"
	"posthouse/mta/tlspolicy"
	"posthouse/shell"
)

// Appliance is everything that commands act on.
type Appliance struct {
	Config  *config.Store
	Certs   *certstore.Store
	Engine  Engine
	Alerts  AlertSource
	Reports TLSReports
	Logs    Logs
	Files   string      // the folder that operators call /configuration
	Codes   shell.Codes // judges the codes of second factors; nil: none can be set up
	About   About

	// Stop ends the service once the command that calls it is over: what is open gets so long, and with again the service
	// starts anew. It returns at once, with an error where it is ending already. Nil where there is no service to end.
	Stop func(by config.Author, grace time.Duration, again bool) error

	// Committed is told of every commit that is in force: system_logs has a line of each. It may be nil.
	Committed func(user, comment string)
}

// Logs are the log subscriptions of the running configuration, which a commit may change; *logbook.Book is one.
type Logs interface {
	Current() []*eventlog.Log // in the order of their names
	// Status says how a subscription stands: its syslog server, and whether a debug log is on; false: none of that name.
	Status(name string) (logbook.Status, bool)
	// Start switches a debug log on again. The error wraps logbook.ErrNoDebug.
	Start(name string) error
}

// About is what version prints of this build and machine.
type About struct {
	Version     string // "1.0.0-001"
	BuildDate   string // "2026-11-21"
	InstallDate time.Time
	Serial      string
}

// Engine is the part of the mail engine that commands use; *mta.Engine is one.
type Engine interface {
	Listeners() []mta.ListenerStatus // in order of name
	// SuspendListeners refuses new connections at once, waits up to grace for open ones and then closes them.
	// The state survives a restart. No names means all.
	SuspendListeners(ctx context.Context, names []string, grace time.Duration) error
	ResumeListeners(ctx context.Context, names []string) error

	// SuspendDelivery starts no new delivery to the domains, waits up to grace for those under way and then ends them.
	// No domains means all. The state survives a restart.
	SuspendDelivery(ctx context.Context, domains []string, grace time.Duration) error
	ResumeDelivery(ctx context.Context, domains []string) error

	// DeliverNow makes what is queued for domain ("" for everything) due at once.
	DeliverNow(domain string)

	Hosts() []mta.HostSummary
	Host(name string) (mta.HostStatus, bool) // false: never heard of
	// Recipients calls do for the chosen recipients in the order of MID and RID, until do fails or ctx ends.
	Recipients(ctx context.Context, f mta.Filter, do func(mta.RecipientInfo) error) error
	// Delete, Bounce and Redirect leave recipients alone whose delivery is under way. What they return is done, whatever ended them.
	Delete(ctx context.Context, f mta.Filter, p mta.Progress) (mta.Changed, error)
	Bounce(ctx context.Context, f mta.Filter, p mta.Progress) (mta.Changed, error)
	Redirect(ctx context.Context, to config.Hop, p mta.Progress) (mta.Changed, error)

	OldestMessage() (mid uint64, received time.Time)                  // 0: the queue is empty
	Message(ctx context.Context, mid uint64) (mta.MessageInfo, error) // mta.ErrNoMessage
	Content(mid uint64) (io.ReadCloser, error)                        // with CRLF line ends; mta.ErrNoMessage

	Counting
	Status() mta.Status
	Resolver() dns.Resolver // with the nameservers of the running configuration

	// VerifyTLS goes the way of a delivery as far as mail could be sent, and tells progress (which may be nil) of every
	// step; the records are in the order in which hosts were tried.
	VerifyTLS(ctx context.Context, req mta.VerifyRequest, progress func(mta.VerifyEvent)) ([]*tlspolicy.Record, error)

	CRLs() []certstore.CRLStatus                          // of the running configuration's sources, in order of name
	UpdateCRLs(ctx context.Context) []certstore.CRLStatus // fetches each now

	// Managed says how every profile that ACME manages in the running configuration stands.
	Managed() []acme.Status
	// RenewCertificate obtains a profile's certificate now and is back when it is in service. The error wraps
	// acme.ErrNotManaged or acme.ErrWaiting, or is the authority's.
	RenewCertificate(ctx context.Context, profile string) error

	// Mail queues a message of the appliance itself; an empty from is told of no failure.
	Mail(ctx context.Context, from string, to []string, message []byte) error

	// Dial connects from the delivery interface, or from the named one; for telnet.
	Dial(ctx context.Context, from string, to netip.AddrPort) (io.ReadWriteCloser, error)
}
