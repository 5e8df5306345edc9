// Package queue owns what is due, for which destination, and when: it remembers every queued recipient, the state of each
// destination and its counters, and starts as many deliveries as the destination controls allow. It knows no SMTP and no
// DNS; a Deliverer carries the mail and a Bouncer writes the notices. What becomes of a recipient is given to the spool before
// anything else is done about it. Messages of one destination that want different things of TLS do not hold each other up
// (lane.go).
//
// There may be a million messages, so memory holds of each what scheduling needs (state.go); the rest is read from the spool
// when a delivery or an operator asks for it (load.go, look.go). The state is guarded by one mutex, under which nothing waits.
//
// Only mta and mta/outbound import it.
package queue
