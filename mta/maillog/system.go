package maillog

import (
	"fmt"
	"time"

	"posthouse/internal/eventlog"
	"posthouse/internal/localtime"
)

// System writes the lines of system_logs.
type System struct {
	log *eventlog.Log
}

// NewSystem returns a System that writes to l, which stays the caller's to close.
func NewSystem(l *eventlog.Log) *System { return &System{log: l} }

func (s *System) line(level eventlog.Level, format string, args ...any) {
	s.log.Line(level, fmt.Sprintf(format, args...))
}

// ComingUp is the first line of every start.
func (s *System) ComingUp() { s.line(eventlog.Info, "System is coming up.") }

// Leaving says who ends the service, or with again starts it anew.
func (s *System) Leaving(user, from string, again bool) {
	what := "stops"
	if again {
		what = "restarts"
	}
	s.line(eventlog.Info, "User %s from %s %s the system.", esc(user), esc(from), what)
}

// GoingDown is the last line of an orderly stop.
func (s *System) GoingDown() { s.line(eventlog.Info, "System is going down.") }

// Committed says that a user's changes are in force.
func (s *System) Committed(user, comment string) {
	s.line(eventlog.Info, "User %s commit changes: %s", esc(user), esc(comment))
}

// Problem says what the operator should look at: a damaged file set aside, a disk that fails.
func (s *System) Problem(text string) { s.line(eventlog.Warning, "%s", esc(text)) }

// CertificateRenewed says that a profile has a new certificate, which is in service.
func (s *System) CertificateRenewed(profile string, until time.Time) {
	s.line(eventlog.Info, "Certificate profile %s renewed, valid until %s", esc(profile), moment(until))
}

// CertificateExpires says that a certificate in use ends soon, or has ended; what names it and its place of use.
func (s *System) CertificateExpires(profile, what string, until time.Time) {
	s.line(eventlog.Warning, "Certificate profile %s: %s is valid until %s only", esc(profile), esc(what), moment(until))
}

// ACMEFailed says that a profile could not be renewed, and when that is tried again.
func (s *System) ACMEFailed(profile, reason string, next time.Time) {
	s.line(eventlog.Warning, "ACME: certificate profile %s could not be renewed: %s; next try %s", esc(profile), esc(reason), moment(next))
}

// ACMEWaits says what a renewal waits for, such as a TLSA record that has to be in the DNS before the new key is.
func (s *System) ACMEWaits(profile, what string) {
	s.line(eventlog.Info, "ACME: certificate profile %s waits: %s", esc(profile), esc(what))
}

// CRLUpdated says that a revocation list was fetched: how many certificates it revokes, and until when it is good.
func (s *System) CRLUpdated(source string, revoked int, next time.Time) {
	s.line(eventlog.Info, "CRL source %s fetched: %d revoked, next update %s", esc(source), revoked, moment(next))
}

// CRLFailed says that a revocation list could not be had.
func (s *System) CRLFailed(source, reason string) {
	s.line(eventlog.Warning, "CRL source %s failed: %s", esc(source), esc(reason))
}

// AlertSent says that an alert went to so many recipients.
func (s *System) AlertSent(class, severity, subject string, recipients int) {
	s.line(eventlog.Info, "Alert sent to %d recipients: %s %s: %s", recipients, esc(class), esc(severity), esc(subject))
}

// AlertHeld says that an alert was held back as a duplicate, and until when further ones are.
func (s *System) AlertHeld(class, severity, subject string, until time.Time) {
	s.line(eventlog.Info, "Alert held until %s: %s %s: %s", moment(until), esc(class), esc(severity), esc(subject))
}

// AlertFailed says that an alert could not be handed to the queue.
func (s *System) AlertFailed(class, severity, subject, reason string) {
	s.line(eventlog.Warning, "Alert not sent: %s %s: %s: %s", esc(class), esc(severity), esc(subject), esc(reason))
}

// ReportSent says that a TLS report on a domain went to a place that its owner names.
func (s *System) ReportSent(domain, to string) {
	s.line(eventlog.Info, "TLS report on %s sent to %s", esc(domain), esc(to))
}

// ReportFailed says that a TLS report could not be sent there.
func (s *System) ReportFailed(domain, to, reason string) {
	s.line(eventlog.Warning, "TLS report on %s not sent to %s: %s", esc(domain), esc(to), esc(reason))
}

// ReportReceived says that somebody's TLS report on one of our domains was taken: sessions that succeeded and failed.
func (s *System) ReportReceived(from, domain string, succeeded, failed int64) {
	s.line(eventlog.Info, "TLS report of %s on %s received: %d succeeded, %d failed", esc(from), esc(domain), succeeded, failed)
}

// moment is a time as it stands in a line.
func moment(t time.Time) string { return localtime.In(t).Format(timeLayout) }

// systemLines are the lines of system_logs that tell of TLS, to read them back.
var systemLines = [...]form{
	{CertificateRenewed, "Certificate profile {profile*} renewed, valid until {until}"},
	{CertificateExpires, "Certificate profile {profile}: {what*} is valid until {until} only"},
	{ACMEFailed, "ACME: certificate profile {profile} could not be renewed: {reason*}; next try {next}"},
	{ACMEWaits, "ACME: certificate profile {profile} waits: {what}"},
	{CRLUpdated, "CRL source {source} fetched: {revoked#} revoked, next update {next}"},
	{CRLFailed, "CRL source {source} failed: {reason}"},
	{AlertSent, "Alert sent to {recipients#} recipients: {alert}"},
	{AlertHeld, "Alert held until {until}: {alert}"},
	{AlertFailed, "Alert not sent: {alert}"},
	{ReportFailed, "TLS report on {domain} not sent to {to}: {reason}"},
	{ReportSent, "TLS report on {domain} sent to {to}"},
	{ReportReceived, "TLS report of {from*} on {domain} received: {succeeded#} succeeded, {failed#} failed"},
}
