package mta

import (
	"context"

	"posthouse/mta/outbound"
	"posthouse/mta/tlspolicy"
)

// A verification by hand, under the engine's name.
type (
	VerifyRequest = outbound.VerifyRequest
	VerifyEvent   = outbound.Event
)

// ErrDiscarded says that mail for a domain goes nowhere, by an SMTP route.
var ErrDiscarded = outbound.ErrDiscarded

// VerifyTLS tries TLS with a domain's hosts by the code that deliveries run, up to where mail would be sent.
func (e *Engine) VerifyTLS(ctx context.Context, req VerifyRequest, progress func(VerifyEvent)) ([]*tlspolicy.Record, error) {
	return e.deliver.Verify(ctx, req, progress)
}
