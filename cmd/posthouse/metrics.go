package main

import (
	"context"

	"posthouse/config"
	"posthouse/mta/metrics"
)

// numbers makes the server of the metrics go by the configuration.
type numbers struct{ *metrics.Server }

// Prepare is config.Applier's: the address is bound.
func (n numbers) Prepare(_ context.Context, _, next *config.Config) (config.Prepared, error) {
	return n.Server.Prepare(next.Metrics.Address)
}

// openMetrics binds what the configuration at the start says. An address that cannot be had costs the metrics only.
func (h *house) openMetrics() {
	h.metrics = metrics.NewServer(h.engine.Metrics().Handler(), h.system.Problem)
	at, err := h.metrics.Prepare(h.store.Running().Config.Metrics.Address)
	if err != nil {
		h.system.Problem(err.Error())
		return
	}
	at.Commit()
}
