// Package queue owns what is due, for which destination, and when: one goroutine holds every queued recipient, the
// state of each destination and its counters, and starts as many deliveries as the destination controls allow. It
// knows no SMTP and no DNS; a Deliverer carries the mail and a Bouncer writes the notices. What becomes of a recipient
// is made durable in the spool before anything else is done about it. Messages of one destination that want different
// things of TLS do not hold each other up (lane.go).
//
// Only mta and mta/outbound import it.
package queue
