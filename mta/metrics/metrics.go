// Package metrics counts what mail does for programs, in the text format of Prometheus: connections and their TLS by result
// and cause, deliveries by protection, the queue, the days of certificates. The numbers are made from the records that
// delivery acts on; no name of a peer or a domain becomes a label. It serves them over HTTP and decides nothing. It imports
// mta/tlspolicy and leaves; main makes one and wires it.
package metrics

import (
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"posthouse/internal/cause"
	"posthouse/mta/tlspolicy"
)

// Metrics is the counters. All methods may be called from many goroutines at once.
type Metrics struct {
	registry    *prometheus.Registry
	connections *prometheus.CounterVec
	causes      *prometheus.CounterVec
	recipients  *prometheus.CounterVec
	sessions    *prometheus.CounterVec
	rules       *prometheus.CounterVec
}

// Direction is the way of a connection.
type Direction string

const (
	In  Direction = "in"
	Out Direction = "out"
)

// Result is what came of a connection's TLS.
type Result string

const (
	Clear     Result = "clear"     // used without TLS
	Encrypted Result = "encrypted" // the peer did not prove who it is, or was not asked to
	Verified  Result = "verified"
	Failed    Result = "failed" // TLS was begun or needed, and was not had
	Unused    Result = "unused" // it was of no use before TLS was spoken of
)

// New returns counters that begin at nothing; version is that of the appliance.
func New(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		connections: counter("connections_total", "Connections that ended, by direction and by what came of TLS: "+
			"clear, encrypted, verified, failed, unused.", "direction", "tls"),
		causes:     counter("tls_causes_total", "Connections with a cause, by its id in the catalogue.", "direction", "cause"),
		recipients: counter("recipients_total", "Recipients of delivery attempts, by outcome, and by protection where delivered.", "outcome", "protection"),
		sessions:   counter("tls_sessions_total", "Handshakes that succeeded, by protocol and cipher, and whether they resumed a session.", "direction", "protocol", "cipher", "resumed"),
		rules:      counter("tls_rules_total", "Outgoing connections by the kind of rule that was in force.", "rule"),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "1, with the version as a label.", ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	goroutines := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "goroutines", Help: "Goroutines of the process: they come and go with connections and sessions.",
	}, func() float64 { return float64(runtime.NumGoroutine()) })
	m.registry.MustRegister(info, goroutines, m.connections, m.causes, m.recipients, m.sessions, m.rules)
	return m
}

const namespace = "posthouse"

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

// Handler serves the numbers.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second}))
	return mux
}

// Observe counts an outgoing connection; it is called once for each that was tried.
func (m *Metrics) Observe(r *tlspolicy.Record) {
	if !r.Remote.IsValid() && r.DCID == 0 {
		m.because(Out, r.Action.Cause, r.Action.First, r.Outcome.Cause)
		return
	}
	m.connections.WithLabelValues(string(Out), string(resultOf(r))).Inc()
	m.because(Out, r.Action.Cause, r.Action.First, r.Outcome.Cause)
	m.session(Out, &r.Outcome)
	m.rules.WithLabelValues(ruleOf(r)).Inc()
}

// Incoming counts an incoming connection when it ends. o is what came of TLS; nil where it was never begun. used says that
// mail was taken on it or could have been.
func (m *Metrics) Incoming(o *tlspolicy.Outcome, used bool) {
	result := Unused
	switch {
	case o == nil && used:
		result = Clear
	case o == nil:
	case !o.Encrypted:
		result = Failed
	case o.Verified:
		result = Verified
	default:
		result = Encrypted
	}
	m.connections.WithLabelValues(string(In), string(result)).Inc()
	if o != nil {
		m.because(In, o.Cause)
		m.session(In, o)
	}
}

// Attempted counts recipients of one delivery attempt: outcome is "delivered", "delayed" or "bounced", protection "clear",
// "encrypted", "verified" or empty.
func (m *Metrics) Attempted(outcome, protection string, recipients int) {
	if outcome != "delivered" {
		protection = ""
	}
	m.recipients.WithLabelValues(outcome, protection).Add(float64(recipients))
}

// because counts each of the causes once; what the catalogue does not have is left out, so that labels stay few.
func (m *Metrics) because(d Direction, ids ...cause.ID) {
	for i, id := range ids {
		if _, known := cause.Lookup(id); known && !contains(ids[:i], id) {
			m.causes.WithLabelValues(string(d), string(id)).Inc()
		}
	}
}

func contains(ids []cause.ID, id cause.ID) bool {
	for _, other := range ids {
		if other == id {
			return true
		}
	}
	return false
}

func (m *Metrics) session(d Direction, o *tlspolicy.Outcome) {
	if !o.Encrypted {
		return
	}
	resumed := map[bool]string{true: "yes", false: "no"}[o.Resumed]
	m.sessions.WithLabelValues(string(d), o.Protocol, o.Cipher, resumed).Inc()
}

// resultOf is what an outgoing connection was good for.
func resultOf(r *tlspolicy.Record) Result {
	switch {
	case r.Outcome.Encrypted && r.Outcome.Verified:
		return Verified
	case r.Action.Do == tlspolicy.ProceedClear || r.Action.Do == tlspolicy.ReconnectClear:
		return Clear
	case r.Action.Do == tlspolicy.Proceed && r.Outcome.Encrypted:
		return Encrypted
	case strings.HasPrefix(string(r.Outcome.Cause), "N"):
		return Unused
	}
	return Failed
}

// ruleOf is the kind of the first rule in force, without the domain that it names.
func ruleOf(r *tlspolicy.Record) string {
	for _, rule := range r.Wanted.Rules {
		if rule.InForce {
			for _, kind := range []string{"destination control", "DANE", "MTA-STS", "REQUIRETLS", "TLS-Required: No"} {
				if strings.HasPrefix(rule.Source, kind) {
					return kind
				}
			}
			return "other"
		}
	}
	return "none"
}
