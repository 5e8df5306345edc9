package mta

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"posthouse/certstore"
	"posthouse/certstore/acme"
	"posthouse/certstore/crl"
	"posthouse/config"
	"posthouse/mta/alert"
	"posthouse/mta/deliverylog"
	"posthouse/mta/metrics"
	"posthouse/mta/mtasts"
	"posthouse/mta/tlsreport"
)

// parts are what works beside the mail: it learns what deliveries go by, and tells people and programs.
type parts struct {
	lists     *crl.Lists
	acme      *acme.Manager
	policies  *mtasts.Store
	reports   *tlsreport.Collector
	alerts    *alert.Alerts
	delivered *deliverylog.Log
	metrics   *metrics.Metrics
}

// openParts makes the parts that need no configuration yet.
func (e *Engine) openParts() (err error) {
	state := func(name string) string { return filepath.Join(e.opt.Dir, "state", name) }
	p := &e.parts
	p.delivered, p.metrics = deliverylog.New(e.opt.Deliveries), metrics.New(e.opt.Version)
	p.metrics.Watch(e.gauges)
	if p.lists, err = crl.New(crl.Options{Dir: state("crl"), Log: e.opt.System.Problem, Stale: e.tellStale}); err != nil {
		return fmt.Errorf("revocation lists: %w", err)
	}
	if p.alerts, err = alert.New(alert.Options{Config: e.config, Dir: state(""), Send: e.sendAlert, Log: e.opt.System}); err != nil {
		return fmt.Errorf("alerts: %w", err)
	}
	if p.policies, err = mtasts.New(mtasts.Options{
		Dir: state("mta-sts"), Resolver: func() mtasts.Resolver { return resolver{e} }, Roots: e.roots, Tell: e.opt.System.Problem,
	}); err != nil {
		return fmt.Errorf("MTA-STS: %w", err)
	}
	if p.reports, err = tlsreport.New(tlsreport.Options{
		Dir: state("tlsrpt"), Config: e.config, Key: e.reportKey, Resolver: func() tlsreport.Resolver { return resolver{e} },
		Roots: e.roots, Send: e.sendReport, Tell: e.opt.System.Problem,
	}); err != nil {
		return fmt.Errorf("TLS reports: %w", err)
	}
	if p.acme, err = acme.New(acme.Options{
		Dir: state(""), Keys: e.opt.NextKeys, Install: e.install, TLSA: resolver{e}.TLSA, Roots: e.roots,
		Log: e.opt.System.Problem, Alert: e.tellRenewal, Version: e.opt.Version,
	}); err != nil {
		return fmt.Errorf("ACME: %w", err)
	}
	return nil
}

// tellStale makes an alert of a revocation list that is out of date.
func (e *Engine) tellStale(s certstore.CRLStatus) {
	e.alerts.Raise(alert.ListStale(s.Name, s.Fault, s.NextUpdate))
}

// tellRenewal makes an alert of what ACME has to say.
func (e *Engine) tellRenewal(n acme.Notice) {
	e.alerts.Raise(alert.Alert{
		Class: alert.Certificates, Severity: string(n.Severity), Key: "acme/" + n.Profile + "/" + n.Subject, Subject: n.Subject, Text: n.Text,
	})
}

// runParts runs all of them until ctx ends.
func (e *Engine) runParts(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for what, run := range map[string]func(context.Context) error{
		"revocation lists": e.lists.Run, "ACME": e.acme.Run, "MTA-STS": e.policies.Run, "TLS reports": e.reports.Run,
		"alerts": e.alerts.Run, "the watch for expiry": e.watchExpiry,
	} {
		group.Go(func() error { return e.attend(ctx, what, run) })
	}
	return group.Wait()
}

// faultRest is how long a part rests that has failed for a fault of the program.
const faultRest = time.Minute

// attend runs one of them until ctx ends. What strangers publish reaches them all, and a fault that it provokes must not
// stop the mail.
func (e *Engine) attend(ctx context.Context, what string, run func(context.Context) error) error {
	for {
		err := e.guarded(ctx, what, run)
		switch {
		case errors.Is(err, context.Canceled), ctx.Err() != nil && errors.Is(err, errFault):
			return nil
		case !errors.Is(err, errFault):
			return err
		}
		select {
		case <-time.After(faultRest):
		case <-ctx.Done():
			return nil
		}
	}
}

var errFault = errors.New("fault of the program")

// guarded runs f and tells the operator of a panic in it, which is errFault.
func (e *Engine) guarded(ctx context.Context, what string, f func(context.Context) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			e.fault(what, fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
			err = errFault
		}
	}()
	return f(ctx)
}

// expiryInterval is how often the certificates in use are looked at.
const expiryInterval = 6 * time.Hour

// watchExpiry looks at the start, after each commit and every few hours. It tells in time of every certificate in use that
// ends, intermediates too, and of revocation lists that are out of date.
func (e *Engine) watchExpiry(ctx context.Context) error {
	tick := time.NewTicker(expiryInterval)
	defer tick.Stop()
	for {
		e.tellExpiring(time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-e.committed:
		}
	}
}

func (e *Engine) tellExpiring(now time.Time) {
	conf := e.config()
	var used []certstore.InUse
	for _, u := range conf.CertificatesInUse() {
		used = append(used, certstore.InUse(u))
	}
	custom, err := e.opt.Certs.GetAuthorities(conf.Refs[config.AuthoritiesRef])
	if err != nil || !conf.Authorities.Custom {
		custom = nil
	}
	for _, x := range e.opt.Certs.Expiring(used, custom, now) {
		if x.Threshold < 0 {
			continue
		}
		severity := alert.Warning
		if x.Threshold <= 3 {
			severity = alert.Critical
		}
		e.alerts.Raise(alert.Alert{
			Class: alert.Certificates, Severity: severity, Key: x.Key(), Subject: x.Subject(), Text: x.Text(), Once: true,
		})
	}
	for _, s := range e.lists.Status() {
		if s.Stale && !s.Tried.IsZero() { // before the first try there is nothing to complain of
			e.tellStale(s)
		}
	}
}

// Alerts are what people were told.
func (e *Engine) Alerts() *alert.Alerts { return e.alerts }

// Reports are the reports on TLS and the counts of what went in clear.
func (e *Engine) Reports() *tlsreport.Collector { return e.reports }

// CRLs says how the revocation lists of the configuration in force stand, in order of name.
func (e *Engine) CRLs() []certstore.CRLStatus { return e.lists.Status() }

// UpdateCRLs fetches each list now.
func (e *Engine) UpdateCRLs(ctx context.Context) []certstore.CRLStatus { return e.lists.Update(ctx) }

// Metrics are the numbers for programs.
func (e *Engine) Metrics() *metrics.Metrics { return e.metrics }

// gauges is the state of the appliance as programs are told it.
func (e *Engine) gauges() metrics.Gauges {
	t := e.queue.Totals()
	used, free := e.spool.Usage()
	g := metrics.Gauges{
		Unattempted: t.Unattempted, Attempted: t.Attempted, Destinations: t.Destinations, SpoolUsed: used << 10, SpoolFree: free << 10,
		ConnectionsIn: int(e.injected.Connections.Load()), ConnectionsOut: t.Connections, OldestMessage: t.Oldest,
		Certificates: map[string]time.Time{},
	}
	for _, u := range e.config().CertificatesInUse() {
		if p, err := e.opt.Certs.Get(u.Content); err == nil {
			g.Certificates[u.Profile] = p.Ends().NotAfter
		}
	}
	return g
}
