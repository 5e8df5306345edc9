package outbound

import (
	"context"

	"posthouse/mta/tlspolicy"
)

// VerifyRequest says what Verify is to look at.
type VerifyRequest struct {
	Domain string // the recipients' domain
	Host   string // a name or an address; empty: every host to which the domain's mail goes
	Port   int    // with Host; 0: 25, or what the domain's SMTP route says
}

// Event is a step of a verification that is begun or done.
type Event struct {
	Record *tlspolicy.Record  // as far as it has come
	Begun  tlspolicy.StepName // what is being done now; empty where Step is done
	Step   tlspolicy.Step
}

// Verify stub.
func (d *Deliverer) Verify(ctx context.Context, req VerifyRequest, progress func(Event)) ([]*tlspolicy.Record, error) {
	return nil, nil
}
