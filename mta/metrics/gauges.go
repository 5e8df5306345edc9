package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Gauges is the state of the appliance at one moment.
type Gauges struct {
	Unattempted    int                  // recipients in the queue that were not tried yet
	Attempted      int                  // and that were
	Destinations   int                  // in the queue
	SpoolUsed      int64                // bytes
	SpoolFree      int64                // bytes
	ConnectionsIn  int                  // open
	ConnectionsOut int                  // open
	OldestMessage  time.Time            // in the queue; zero: there is none
	Certificates   map[string]time.Time // by profile, for those in use: when the first certificate of its chain ends
}

// Watch serves the gauges beside the counters; now is asked for each request and must not wait for long. It is called once.
func (m *Metrics) Watch(now func() Gauges) {
	m.registry.MustRegister(&watched{now: now})
}

// watched makes numbers of Gauges when they are asked for.
type watched struct{ now func() Gauges }

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

// What the gauges are called; never written to.
var (
	queueRecipients   = gauge("queue_recipients", "Recipients in the delivery queue, by whether they were tried.", "attempted")
	queueDestinations = gauge("queue_destinations", "Destinations in the delivery queue.")
	oldestMessage     = gauge("queue_oldest_message_seconds", "Age of the oldest message in the delivery queue; 0 where there is none.")
	spoolUsed         = gauge("spool_used_bytes", "Bytes that the spool takes.")
	spoolFree         = gauge("spool_free_bytes", "Bytes that are free for the spool.")
	openConnections   = gauge("open_connections", "Connections that are open, by direction.", "direction")
	certificateEnd    = gauge("certificate_expiry_seconds", "Seconds until the first certificate of a profile in use expires; negative when it has.", "profile")
)

// Describe is prometheus.Collector's.
func (w *watched) Describe(to chan<- *prometheus.Desc) {
	for _, d := range [...]*prometheus.Desc{queueRecipients, queueDestinations, oldestMessage, spoolUsed, spoolFree, openConnections, certificateEnd} {
		to <- d
	}
}

// Collect is prometheus.Collector's.
func (w *watched) Collect(to chan<- prometheus.Metric) {
	g := w.now()
	give := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	give(queueRecipients, float64(g.Unattempted), "no")
	give(queueRecipients, float64(g.Attempted), "yes")
	give(queueDestinations, float64(g.Destinations))
	age := 0.0
	if !g.OldestMessage.IsZero() {
		age = time.Since(g.OldestMessage).Seconds()
	}
	give(oldestMessage, age)
	give(spoolUsed, float64(g.SpoolUsed))
	give(spoolFree, float64(g.SpoolFree))
	give(openConnections, float64(g.ConnectionsIn), string(In))
	give(openConnections, float64(g.ConnectionsOut), string(Out))
	for profile, end := range g.Certificates {
		give(certificateEnd, time.Until(end).Seconds(), profile)
	}
}
