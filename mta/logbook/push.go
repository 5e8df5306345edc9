package logbook

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"posthouse/config"
	"posthouse/internal/eventlog"
	"posthouse/internal/syslog"
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
	pusher := syslog.New(syslog.Options{
		Protocol: syslog.Protocol(y.Protocol), Address: net.JoinHostPort(y.Host, strconv.Itoa(y.Port)),
		TLS: b.tlsFor(y.Host, as.fingerprint), Lines: y.Framing == "lines", Old: y.Format == "rfc3164",
		Facility: facilityOf(y), Hostname: hostname, App: e.name, Tell: b.problem,
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

// tlsFor is how a server proves who it is: by its certificate's fingerprint where one is known (RFC 5425 §4.2.2), else by a
// chain to the authorities that are in force at that moment, and its name.
func (b *Book) tlsFor(host, fingerprint string) *tls.Config {
	return &tls.Config{
		ServerName:         host,
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // verified below
		VerifyConnection: func(s tls.ConnectionState) error {
			leaf := s.PeerCertificates[0]
			if fingerprint != "" {
				sum := sha256.Sum256(leaf.Raw)
				if got := hex.EncodeToString(sum[:]); got != fingerprint {
					return fmt.Errorf("its certificate has the fingerprint %s, another one is known by HOSTKEYCONFIG", got)
				}
				return nil
			}
			roots, err := b.authorities()
			if err != nil {
				return err
			}
			opts := x509.VerifyOptions{DNSName: host, Intermediates: x509.NewCertPool(), Roots: roots}
			for _, c := range s.PeerCertificates[1:] {
				opts.Intermediates.AddCert(c)
			}
			_, err = leaf.Verify(opts)
			return err
		},
	}
}

// trustLimit is how long the appliance may take at its start to say whom it trusts.
const trustLimit = 8 * time.Second

// authorities are those in force.
func (b *Book) authorities() (*x509.CertPool, error) {
	timer := time.NewTimer(trustLimit)
	defer timer.Stop()
	select {
	case <-b.trusted:
		return (*b.roots.Load())(), nil
	case <-timer.C:
		return nil, errors.New("the certificate authorities are not known yet")
	}
}
