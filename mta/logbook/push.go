package logbook

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"posthouse/config"
	"posthouse/internal/eventlog"
	"posthouse/internal/syslog"
	"posthouse/mta/tlspolicy"
)

// pushedAs is what a connection depends on beside its own settings.
type pushedAs struct{ hostname, fingerprint string }

// push has a log's lines go to its server, if it has one. Nobody else knows e yet, or one commit at a time does.
func (b *Book) push(e *entry, conf *config.Logs, hostname string) {
	y := e.sub.Syslog
	if y == nil {
		e.log.SetPush(nil)
		b.setPusher(e, nil, pushedAs{})
		return
	}
	as := pushedAs{hostname, conf.HostKeys[y.Host]}
	var dial func(context.Context) (net.Conn, error)
	if y.Protocol == "tls" {
		dial = func(ctx context.Context) (net.Conn, error) { return b.secure(ctx, y, as.fingerprint) }
	}
	pusher := syslog.New(syslog.Options{
		Protocol: syslog.Protocol(y.Protocol), Address: addressOf(y),
		Lines: y.Framing == "lines", Old: y.Format == "rfc3164", Facility: facilityOf(y), Hostname: hostname, App: e.name,
		Dial: dial, Explain: func(err error) string { return explained(err, y.Host) }, Tell: func(text string) { b.tellOf(e.name, text) },
	})
	b.setPusher(e, pusher, as)
	e.log.SetPush(func(at time.Time, level eventlog.Level, text []byte) {
		line := text
		if e.sub.Type != config.DeliveryLogs {
			line = append(append(append(make([]byte, 0, len(text)+12), level.String()...), ": "...), text...)
		}
		pusher.Add(at, severityOf(level), line)
	})
}

// tellOf tells of a log's server: what is wrong in one line, and the advice below it in another.
func (b *Book) tellOf(log, text string) {
	what, advice, _ := strings.Cut(text, "\n")
	b.problem(what)
	if advice != "" {
		b.problem("Log " + log + ": " + advice)
	}
}

// addressOf is a server's host and port.
func addressOf(y *config.Syslog) string { return net.JoinHostPort(y.Host, strconv.Itoa(y.Port)) }

func (b *Book) setPusher(e *entry, pusher *syslog.Pusher, as pushedAs) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.pusher, e.pushed = pusher, as
}

// facilityOf is the number of a facility; that of mail where none is named.
func facilityOf(y *config.Syslog) int {
	if i := slices.Index(config.SyslogFacilities[:], y.Facility); i >= 0 {
		return i
	}
	return slices.Index(config.SyslogFacilities[:], "mail")
}

func severityOf(level eventlog.Level) int {
	switch level {
	case eventlog.Critical:
		return syslog.Critical
	case eventlog.Warning:
		return syslog.Warning
	case eventlog.Info:
		return syslog.Info
	}
	return syslog.Debug
}

// secure connects to a server that proves who it is: by its certificate's fingerprint where one is known (RFC 5425 §4.2.2), else
// by a chain to the authorities that are in force at that moment, and its name.
func (b *Book) secure(ctx context.Context, y *config.Syslog, fingerprint string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addressOf(y))
	if err != nil {
		return nil, err
	}
	trust, err := b.trustNow(ctx)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	secured, err := trust.Secure(ctx, conn, tlspolicy.Service{Host: y.Host, Fingerprint: fingerprint})
	if err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}

// trustNow is whom the appliance trusts at this moment. At its start that takes a little.
func (b *Book) trustNow(ctx context.Context) (*tlspolicy.Trust, error) {
	select {
	case <-b.trusted:
		return (*b.trust.Load())(), nil
	case <-ctx.Done():
		return nil, errors.New("the certificate authorities are not known yet")
	}
}
